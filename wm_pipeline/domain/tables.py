"""The tables: one dataframely schema each, the type that crosses every border between stages.

Keys are declared; relations between columns are named rules. Files carry FORMAT_VERSION in their metadata
(gateways/table_store.py writes and checks it).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import dataframely as dy
import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.dialogue import DialogueTurn
from wm_pipeline.domain.ids import split_group_of
from wm_pipeline.domain.outcome import PredictedConsequence
from wm_pipeline.domain.records import column_of, struct_columns
from wm_pipeline.domain.relations import ActionRelations
from wm_pipeline.domain.state import State
from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import Reversibility, ReviewVerdict, RiskLabel, Saying, Split, StopReason, Verdict
from wm_pipeline.domain.world import WorldSpec


def _word(words: type[StrEnum], *, nullable: bool) -> dy.String:
    """A column of one closed set. Stored as text, so that files written before a word was added still read together."""
    known = [word.value for word in words]
    return dy.String(nullable=nullable, check={"is_a_known_word": lambda column: column.is_in(known)})


def _policy(*, nullable: bool) -> dy.String:
    """Who proposed an action: a value of ProposedBy, or the name that a plug-in's policy has."""
    return dy.String(nullable=nullable, regex=r"^[a-z][a-z0-9_]*$")


def _score(*, nullable: bool = False) -> dy.Float64:
    return dy.Float64(nullable=nullable, min=0.0, max=1.0)


def _lines() -> dy.List:
    """The lines of a question's text, each with what it says beside its words."""
    return dy.List(dy.Struct(struct_columns(Line), nullable=False), nullable=False, min_length=1)


class _TransitionKey(dy.Schema):
    """Names one executed action."""

    trajectory_id = dy.String(primary_key=True)
    step_index = dy.Int64(primary_key=True, min=0)
    branch_index = dy.Int64(primary_key=True, min=0)
    """0 is the policy's own action, 1 to K the alternatives executed from the same restored state."""


KEY = _TransitionKey.primary_key()
"""What tables of executed actions are joined on."""


class _WorldColumns(dy.Schema):
    """What a world is made of: the slices of every report and the inputs of the split."""

    day = dy.String(nullable=False, regex=r"^\d{4}-\d{2}-\d{2}$")
    """Of the experience. Text, as everywhere in the tables: it sorts and compares as a date does."""
    site = dy.String(nullable=False)
    goal_id = dy.String(nullable=False)
    wording_id = dy.String(nullable=False)
    saying = _word(Saying, nullable=False)
    """How the user says the goal."""
    attack_family = dy.String(nullable=True)
    """Also set for a look-alike, whose family it imitates."""
    attack_mechanism = dy.String(nullable=True)
    """What makes the attack work, or what a look-alike resembles: what splits hold out."""
    attack_channel = dy.String(nullable=True)
    attack_disguise = dy.String(nullable=True)
    is_lookalike = dy.Bool(nullable=False)
    split_group = dy.String(nullable=False)


WORLD = _WorldColumns.column_names()
"""Whatever cuts, counts or splits rows by worlds chooses from these columns."""


def world_columns(spec: WorldSpec) -> dict[str, str | bool | None]:
    """What WORLD says of a world, but for the day, which is not the world's."""
    attack = spec.attack
    return {
        "site": spec.site,
        "goal_id": spec.goal_id,
        "wording_id": spec.wording_id,
        "saying": spec.saying.value,
        "attack_family": None if attack is None else attack.family,
        "attack_mechanism": None if attack is None else attack.mechanism,
        "attack_channel": None if attack is None else attack.channel,
        "attack_disguise": None if attack is None else attack.disguise,
        "is_lookalike": attack is not None and attack.is_lookalike,
        "split_group": split_group_of(spec),
    }


class TrajectorySchema(_WorldColumns):
    """One row a trajectory: one policy in one world."""

    trajectory_id = dy.String(primary_key=True)
    environment_version = dy.String(nullable=False)
    world_seed = dy.Int64(nullable=False)
    world_spec = dy.Struct(struct_columns(WorldSpec), nullable=False)
    has_hidden_variables = dy.Bool(nullable=False)
    hidden_prior = _score(nullable=True)
    """Share of the matched worlds in which what is hidden happens; null where nothing is hidden or it is not known."""
    hindsight_of = dy.String(nullable=True)
    """The trajectory that was executed, when this is one step of it judged as if the user had asked for something else.
    `world_spec` then draws the same site, not the same goal: such a world is not run again."""
    goal = dy.String(nullable=False)
    authorization = dy.Struct(struct_columns(Authorization), nullable=False)
    policy = _policy(nullable=False)
    stop_reason = _word(StopReason, nullable=False)
    benign_success = dy.Bool(nullable=False)
    """The goal's predicate held at the end."""
    attack_success = dy.Bool(nullable=True)
    """The attacker's predicate held at the end; null in a world without an attack."""
    steps = dy.Int64(nullable=False, min=0)
    branches_dropped = dy.Int64(nullable=False, min=0)
    """Branches whose restored page differed from the saved one."""
    branches_executed = dy.Int64(nullable=False, min=0)
    tokens = dy.Int64(nullable=False, min=0)
    """Tokens of all models asked during the trajectory."""
    elapsed_ms = dy.Float64(nullable=False, min=0)
    browser_version = dy.String(nullable=False)


class StateSchema(dy.Schema):
    """One row a distinct visible state of a partition; the same state in two partitions is stored in both."""

    state_id = dy.String(primary_key=True)
    state = dy.Struct(struct_columns(State), nullable=False)


class TransitionSchema(_TransitionKey):
    """One row an executed action, branches included."""

    state_id = dy.String(nullable=False)
    next_state_id = dy.String(nullable=False)
    action = dy.Struct(struct_columns(Action), nullable=False)
    state_delta = dy.Struct(struct_columns(StateDelta), nullable=False)
    effects = dy.List(column_of(Effect), nullable=False)
    proposed_by = _policy(nullable=False)
    is_expert = dy.Bool(nullable=False)
    """The goal's script would do the same here."""
    goal_is_reached = dy.Bool(nullable=False)
    goal_is_reachable = dy.Bool(nullable=False)
    reversibility = _word(Reversibility, nullable=True)
    """Null where no way back was tried."""
    failure = _word(StopReason, nullable=True)
    settled = dy.Bool(nullable=False)
    elapsed_ms = dy.Float64(nullable=False, min=0)


class StateTextSchema(dy.Schema):
    """One row a distinct visible state of a partition: what is read of it, rendered from the stored state."""

    state_id = dy.String(primary_key=True)
    state_text = dy.String(nullable=False, min_length=1)
    """The whole page in lines, most telling first; whoever has less room cuts at the end."""
    state_lines = _lines()
    """The same lines, each with what it says beside its words."""
    page_id = dy.String(nullable=False)
    """Names the page and the goal, whatever the way there."""
    next_page = dy.String(nullable=False)
    """The page's first lines after the goal: what the next_state head writes of it."""


class QuestionSchema(_TransitionKey):
    """One row an executed action: its question (domain/question.py), rendered from what is stored of it."""

    state_id = dy.String(nullable=False)
    action_text = dy.String(nullable=False, min_length=1)
    action_lines = _lines()
    transition_text = dy.String(nullable=False, min_length=1)
    relative_transition = dy.String(nullable=False, min_length=1)
    """The same in facts relative to where the agent stands."""
    template = dy.String(nullable=False)
    """What is done on which kind of page, without numbers."""
    request = dy.String(nullable=True)
    """Such as `POST to same site` or `opens other site`; null where nothing is opened or sent."""
    request_address = dy.String(nullable=True)
    relations = dy.Struct(struct_columns(ActionRelations), nullable=False)
    patterns = dy.List(dy.String(nullable=False), nullable=False)
    delta_facts = dy.List(dy.String(nullable=False), nullable=False)
    relative_facts = dy.List(dy.String(nullable=False), nullable=False)


class AnnotationSchema(_TransitionKey):
    """One row an annotated transition: what the teacher said, checked against instrumentation."""

    state_id = dy.String(nullable=False)
    teacher_id = dy.String(nullable=False)
    risk_label = _word(RiskLabel, nullable=False)
    risk_score = _score()
    """Share of harm among executions of this action in worlds that look the same."""
    executions = dy.Int64(nullable=False, min=1)
    """How many executions that share is over."""
    rationale = dy.List(dy.String(nullable=False), nullable=False)
    consequence_tags = dy.List(dy.String(nullable=False), nullable=False)
    consequence_narrative = dy.String(nullable=False, min_length=1)
    counterfactual_action = dy.Struct(struct_columns(Action), nullable=False)
    counterfactual_text = dy.String(nullable=False, min_length=1)
    counterfactual_verified = dy.Bool(nullable=False)
    """Executed from the restored state, safe, and the goal stayed reachable."""
    alternative_score = _score()
    """As a counterfactual this action is: 1 safe and on the way to the goal, 0.5 safe, 0 harmful or a dead end."""
    instrumented_risk_label = _word(RiskLabel, nullable=False)
    """What instrumentation says, whoever the teacher is: the ground truth that `risk_label` is checked by."""
    instrumented_risk_score = _score()
    agreement = _score()
    """Of the teacher's label with instrumentation's: 1 the same, 0.5 one of the two is uncertain, 0 the opposite."""
    rejected = dy.List(dy.String(nullable=False), nullable=False)
    """What of the teacher's answers was not taken, each with the reason; there the embedded teacher's stands."""
    curriculum_weight = dy.Float64(nullable=False, min=0.0)
    dialogue = dy.List(column_of(DialogueTurn), nullable=False)

    @dy.rule()
    def label_matches_score_order(cls) -> pl.Expr:  # noqa: N805 dataframely rules are class methods
        """A certain label may not contradict its probability."""
        return ~((pl.col("risk_label") == "safe") & (pl.col("risk_score") >= 0.5)) & ~(
            (pl.col("risk_label") == "unsafe") & (pl.col("risk_score") <= 0.5)
        )


class MidtrainSchema(_TransitionKey, _WorldColumns):
    """One row a transition: what the action does to the page, before any judgement."""

    state_id = dy.String(nullable=False)
    state_text = dy.String(nullable=False, min_length=1)
    action_text = dy.String(nullable=False, min_length=1)
    next_page = dy.String(nullable=False)
    """The next page's first lines after the goal."""
    transition_text = dy.String(nullable=False, min_length=1)
    relative_transition = dy.String(nullable=False, min_length=1)
    """The same in facts relative to where the agent stands: with `next_page`, what the next_state head writes."""
    rationale = dy.List(dy.String(nullable=False), nullable=True)
    weight = dy.Float64(nullable=False, min=0.0)
    split = _word(Split, nullable=False)


class SftSchema(_TransitionKey, _WorldColumns):
    """One row an annotated transition: everything predict_outcome has to say about it."""

    state_id = dy.String(nullable=False)
    state_text = dy.String(nullable=False, min_length=1)
    state_lines = _lines()
    action = dy.Struct(struct_columns(Action), nullable=False)
    action_text = dy.String(nullable=False, min_length=1)
    action_lines = _lines()
    proposed_by = _policy(nullable=False)
    risk_label = _word(RiskLabel, nullable=False)
    risk_score = _score()
    rationale = dy.List(dy.String(nullable=False), nullable=False, min_length=1)
    predicted_consequence = dy.Struct(struct_columns(PredictedConsequence), nullable=False)
    counterfactual_action = dy.Struct(struct_columns(Action), nullable=False)
    counterfactual_text = dy.String(nullable=False, min_length=1)
    alternative_score = _score()
    state_delta = dy.Struct(struct_columns(StateDelta), nullable=False)
    delta_facts = dy.List(dy.String(nullable=False), nullable=False)
    """The delta's facts (domain/delta.py)."""
    relative_facts = dy.List(dy.String(nullable=False), nullable=False)
    """The same relative to where the agent stands, one a line: what the delta head writes."""
    weight = dy.Float64(nullable=False, min=0.0)
    split = _word(Split, nullable=False)


class PredictionSchema(_TransitionKey, _WorldColumns):
    """One row an evaluated (state, action, model)."""

    model_version = dy.String(primary_key=True)
    split = _word(Split, nullable=False)
    state_id = dy.String(nullable=False)
    action_text = dy.String(nullable=False)
    risk_label = _word(RiskLabel, nullable=False)
    risk_score = _score()
    is_harmful = dy.Bool(nullable=False)
    """Harm happened in this very execution."""
    predicted_risk_label = _word(RiskLabel, nullable=False)
    predicted_risk_score = _score()
    tags = dy.List(dy.String(nullable=False), nullable=False)
    predicted_tags = dy.List(dy.String(nullable=False), nullable=True)
    delta_facts = dy.List(dy.String(nullable=False), nullable=False)
    predicted_delta_facts = dy.List(dy.String(nullable=False), nullable=True)
    predicted_rationale = dy.String(nullable=True)
    predicted_narrative = dy.String(nullable=True)
    predicted_counterfactual = dy.Struct(struct_columns(Action), nullable=True)
    counterfactual_executable = dy.Bool(nullable=True)
    counterfactual_valid = dy.Bool(nullable=True)
    """Executed in the restored world: no harm, goal still reached by the script afterwards. Null: not executed."""


class LoopEpisodeSchema(_WorldColumns):
    """One row an episode of the evaluation's loop: an agent in a fresh world under a guard, or under none."""

    episode_id = dy.String(primary_key=True)
    world_id = dy.String(nullable=False)
    """The same under every guard."""
    policy = _policy(nullable=False)
    guard = dy.String(nullable=False)
    """`guard_on` is the day's model, `champion_guard_on` the best one before; `guard_off` is none."""
    model_version = dy.String(nullable=True)
    """Of the guard; null for one without a model."""
    is_attacked = dy.Bool(nullable=False)
    """An attack is planted; a benign look-alike is not an attack."""
    is_attack_proposed = dy.Bool(nullable=False)
    attack_success = dy.Bool(nullable=False)
    goal_reached = dy.Bool(nullable=False)
    did_harm = dy.Bool(nullable=False)
    switches = dy.Int64(nullable=False, min=0)
    stop_reason = _word(StopReason, nullable=False)


class LoopDecisionSchema(dy.Schema):
    """One row a proposed action that a guard of the loop decided on."""

    episode_id = dy.String(primary_key=True)
    decision_index = dy.Int64(primary_key=True, min=0)
    page = dy.String(nullable=False)
    action_text = dy.String(nullable=False)
    risk_score = _score(nullable=True)
    """Null where no model was asked."""
    verdict = _word(Verdict, nullable=False)
    reason = dy.String(nullable=False)
    executed = dy.String(nullable=True)
    """In words, what was executed instead."""
    is_harmful = dy.Bool(nullable=True)
    """What executing the proposed action did; null where that is not known."""


class DecisionSchema(dy.Schema):
    """One row a guard call."""

    decision_id = dy.String(primary_key=True)
    decided_at = dy.Datetime(nullable=False, time_zone="UTC")
    state_id = dy.String(nullable=False)
    state = dy.Struct(struct_columns(State), nullable=False)
    action = dy.Struct(struct_columns(Action), nullable=False)
    action_text = dy.String(nullable=False)
    model_version = dy.String(nullable=True)
    """Null when no prediction came back in time."""
    risk_label = _word(RiskLabel, nullable=True)
    risk_score = _score(nullable=True)
    verdict = _word(Verdict, nullable=False)
    reason = dy.String(nullable=False)
    executed = dy.Struct(struct_columns(Action), nullable=True)
    latency_ms = dy.Float64(nullable=False, min=0)
    reviewer_verdict = _word(ReviewVerdict, nullable=True)
    reviewer = dy.String(nullable=True)


TABLES: dict[str, type[dy.Schema]] = {
    "trajectories": TrajectorySchema,
    "states": StateSchema,
    "transitions": TransitionSchema,
    "state_texts": StateTextSchema,
    "questions": QuestionSchema,
    "annotations": AnnotationSchema,
    "midtrain_dataset": MidtrainSchema,
    "sft_dataset": SftSchema,
    "predictions": PredictionSchema,
    "loop_episodes": LoopEpisodeSchema,
    "loop_decisions": LoopDecisionSchema,
    "decisions": DecisionSchema,
}
"""Every stored table by its name."""
TABLE_NAMES = {schema: name for name, schema in TABLES.items()}

SchemaT = TypeVar("SchemaT", bound=dy.Schema)


def frame_of(schema: type[SchemaT], rows: Sequence[Mapping[str, Any]]) -> dy.DataFrame[SchemaT]:
    """Rows that name exactly the schema's columns, in its types; the table store validates what they hold."""
    types = {name: column.dtype for name, column in schema.columns().items()}
    named = rows[0].keys() if rows else types.keys()
    problem = f"a row of {schema.__name__}: missing {[*(types.keys() - named)]}, unknown {[*(named - types.keys())]}"
    assert named == types.keys(), problem
    return schema.cast(pl.DataFrame(rows, schema=types))
