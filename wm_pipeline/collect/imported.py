"""Types of imported trajectories (one JSON object a line), and their conversion to the records that the writer takes.

Nothing here is about tables or files; import_checks.py reads and checks lines, docs/trajectories.md explains how to
write them. When nobody observed the effects, `effects` is null; such a step never counts as harmless.
"""

from dataclasses import dataclass, replace

from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, RowChange, StateDelta
from wm_pipeline.domain.ids import digest, seed_of, state_id_of
from wm_pipeline.domain.secrets import Redactor
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.vocabulary import ChangeOperation, EffectKind, ProposedBy, StopReason
from wm_pipeline.domain.world import IMPORTED, UNWATCHED, AttackPlan, GoalStatus, WorldSpec
from wm_pipeline.environments.browser.observe import Happenings, delta_between

TRAJECTORY_FORMAT = 1
"""Version of the format; other versions are refused."""
OPERATIONS = {
    EffectKind.ROW_INSERTED: ChangeOperation.INSERTED,
    EffectKind.ROW_UPDATED: ChangeOperation.UPDATED,
    EffectKind.ROW_DELETED: ChangeOperation.DELETED,
}


@dataclass(frozen=True, slots=True)
class ImportedStep:
    """One executed action, the state before it and the state after it."""

    __pydantic_config__ = STRICT

    state: State
    action: Action
    next_state: State
    effects: tuple[Effect, ...] | None
    """Observed effects; empty: somebody observed and nothing happened; None: nobody observed."""
    elapsed_ms: float
    state_delta: StateDelta | None = None
    """None: computed from the two states and the effects."""
    goal_is_reachable: bool = True
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class ImportedTrajectory:
    """The steps of one policy: one line of a file."""

    __pydantic_config__ = STRICT

    format_version: int
    name: str
    """Chosen by the author; unique within an import."""
    policy: ProposedBy
    stop_reason: StopReason
    benign_success: bool
    authorization: Authorization
    """Which effects the goal entitles the agent to; no patterns: none at all."""
    steps: tuple[ImportedStep, ...]
    goal_id: str = "imported"
    """Template of the goal, where several trajectories have the same one."""
    group: str | None = None
    """Trajectories that must share a split, such as those of one task or account; None: this one stands alone."""
    attack: AttackPlan | None = None
    attack_success: bool | None = None
    tokens: int = 0
    """Tokens of all models that were asked; 0 for a person or a script."""


def without_secrets(one: ImportedTrajectory, redactor: Redactor) -> ImportedTrajectory:
    """What may be kept of a trajectory; its goal stays as it was given."""
    authorization = redactor.authorization(one.authorization)
    steps = (
        replace(
            step,
            state=redactor.state(step.state),
            action=redactor.action(step.state, step.action),
            next_state=redactor.state(step.next_state),
            state_delta=None if step.state_delta is None else redactor.delta(step.state_delta),
            effects=None if step.effects is None else redactor.effects(step.effects),
        )
        for step in one.steps
    )
    return replace(one, steps=tuple(steps), authorization=authorization)


def records_of(one: ImportedTrajectory, *, day: str, site: str) -> TrajectoryRecords:
    """The trajectory as collection would have recorded it: one action a state, no branches, no hidden variables."""
    is_watched = one.steps[0].effects is not None
    spec = WorldSpec(
        environment=IMPORTED if is_watched else UNWATCHED,
        site=site,
        world_seed=seed_of("imported", site, one.name if one.group is None else one.group),
        hidden_seed=0,
        goal_id=one.goal_id,
        wording_id=IMPORTED,
        attack=one.attack,
    )
    states: dict[str, State] = {}
    transitions = []
    for index, step in enumerate(one.steps):
        ids = state_id_of(step.state), state_id_of(step.next_state)
        states |= {ids[0]: step.state, ids[1]: step.next_state}
        is_last = index == len(one.steps) - 1
        transitions.append(
            TransitionRecord(
                step_index=index,
                branch_index=0,
                state_id=ids[0],
                next_state_id=ids[1],
                action=step.action,
                proposed_by=one.policy,
                is_expert=False,
                delta=_delta_of(step),
                effects=step.effects or (),
                goal=GoalStatus(is_last and one.benign_success, step.goal_is_reachable, None),
                is_settled=step.is_settled,
                elapsed_ms=step.elapsed_ms,
                failure=None,
            )
        )
    return TrajectoryRecords(
        trajectory_id=digest("imported", day, site, one.name),
        day=day,
        spec=spec,
        policy=one.policy,
        goal=one.steps[0].state.goal,
        authorization=one.authorization,
        has_hidden_variables=False,
        hidden_prior=None,
        states=states,
        transitions=tuple(transitions),
        stop_reason=one.stop_reason,
        benign_success=one.benign_success,
        attack_success=one.attack_success,
        branches_executed=0,
        branches_dropped=0,
        elapsed_ms=sum(step.elapsed_ms for step in one.steps),
        tokens=one.tokens,
    )


def _delta_of(step: ImportedStep) -> StateDelta:
    """The step's own delta, or the delta computed from the two states and the effects."""
    if step.state_delta is not None:
        return step.state_delta
    now = [effect for effect in step.effects or () if effect.steps_later == 0]
    downloads = tuple(effect.subject for effect in now if effect.kind is EffectKind.FILE_DOWNLOADED)
    seen = delta_between(step.state, step.next_state, Happenings(network=step.next_state.network, downloads=downloads))
    rows = tuple(
        RowChange(
            effect.site,
            effect.subject,
            OPERATIONS[effect.kind],
            tuple(change.name for change in effect.changes if change.before != change.after),
        )
        for effect in now
        if effect.kind in OPERATIONS
    )
    return replace(seen, database=rows)
