"""Trajectories that somebody else recorded: one JSON object a line, checked, as records that the writer takes.

The format's types and what must hold between their parts, nothing about tables or files; docs/trajectories.md is for
who writes such lines. What nobody watched says so (`effects` is null) and is never taken for harmless.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord
from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, RowChange, StateDelta
from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.ids import digest, seed_of, state_id_of
from wm_pipeline.domain.records import from_json
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.vocabulary import ChangeOperation, EffectKind, ProposedBy, StopReason
from wm_pipeline.domain.world import IMPORTED, UNWATCHED, AttackPlan, GoalStatus, WorldSpec
from wm_pipeline.environments.browser.observe import Happenings, delta_between

TRAJECTORY_FORMAT = 1
"""Version of the lines; another one is refused."""
POLICIES = (ProposedBy.SCRIPTED, ProposedBy.GULLIBLE, ProposedBy.EXPLORER, ProposedBy.LLM)
"""Who may have acted; the other words are for branches, which imported trajectories do not have."""
OPERATIONS = {
    EffectKind.ROW_INSERTED: ChangeOperation.INSERTED,
    EffectKind.ROW_UPDATED: ChangeOperation.UPDATED,
    EffectKind.ROW_DELETED: ChangeOperation.DELETED,
}


@dataclass(frozen=True, slots=True)
class ImportedStep:
    """One executed action, the state it was done in and the state after it."""

    __pydantic_config__ = STRICT

    state: State
    action: Action
    next_state: State
    effects: tuple[Effect, ...] | None
    """What really happened; empty: it was watched and nothing did; None: nobody watched."""
    elapsed_ms: float
    state_delta: StateDelta | None = None
    """None: worked out from the two states and the effects."""
    goal_is_reachable: bool = True
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class ImportedTrajectory:
    """What one policy did, step by step: one line."""

    __pydantic_config__ = STRICT

    format_version: int
    name: str
    """Yours; unique within an import."""
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
    """Of all models asked on the way; a person or a script asks none."""


def parse_trajectories(lines: Iterable[tuple[str, str]]) -> list[ImportedTrajectory]:
    """The trajectories of (where, text) lines, all of them or none.

    Raises InvalidInputError or FormatVersionError with the first line that is refused and why.
    """
    found: list[ImportedTrajectory] = []
    seen: dict[str, str] = {}
    for where, text in lines:
        try:
            one = _parse(text)
        except (InvalidInputError, FormatVersionError) as error:
            raise type(error)(f"{where}: {error}; nothing was imported") from error
        if one.name in seen:
            raise InvalidInputError(
                f"{where}: trajectory.name: {one.name!r} stands in {seen[one.name]} already; nothing was imported"
            )
        seen[one.name] = where
        found.append(one)
    return found


def _parse(text: str) -> ImportedTrajectory:
    try:
        version = json.loads(text)["format_version"]
    except ValueError as error:
        raise InvalidInputError(f"expected one JSON object a line, found {text[:40]!r}") from error
    except (KeyError, TypeError) as error:
        raise InvalidInputError(f"trajectory.format_version: expected {TRAJECTORY_FORMAT}, found none") from error
    if version != TRAJECTORY_FORMAT:
        raise FormatVersionError(
            f"trajectory.format_version: expected {TRAJECTORY_FORMAT}, found {version!r}; write the lines anew"
        )
    one = from_json(ImportedTrajectory, text, what="trajectory")
    problem = _problem(one)
    if problem is not None:
        raise InvalidInputError(f"trajectory.{problem}")
    return one


def _problem(one: ImportedTrajectory) -> str | None:
    """What does not fit together in a trajectory whose parts are well formed."""
    if not one.name.strip():
        return f"name: expected a name, found {one.name!r}"
    if not one.steps:
        return "steps: expected at least one, found none"
    if one.policy not in POLICIES:
        return f"policy: expected one of {', '.join(POLICIES)}, found {one.policy.value!r}"
    if (one.attack is None) != (one.attack_success is None):
        return "attack_success: expected true or false with an attack, and null without one"
    if one.tokens < 0:
        return f"tokens: expected 0 or more, found {one.tokens}"
    goal, is_watched = one.steps[0].state.goal, one.steps[0].effects is not None
    for index, step in enumerate(one.steps):
        at = f"steps.{index}"
        for name, state in (("state", step.state), ("next_state", step.next_state)):
            if state.goal != goal:
                return f"{at}.{name}.goal: expected the trajectory's goal {goal!r}, found {state.goal!r}"
        if (step.effects is not None) != is_watched:
            return f"{at}.effects: expected effects in every step or in none, found both"
        if not 0 <= step.elapsed_ms < math.inf:
            return f"{at}.elapsed_ms: expected 0 or more, found {step.elapsed_ms}"
        try:
            check_action(step.state, step.action)
        except InvalidInputError as error:
            return f"{at}.{error}"
        problem = None if step.state_delta is None else contradiction(step, step.state_delta)
        if problem is not None:
            return f"{at}.{problem}"
    return None


def contradiction(step: ImportedStep, delta: StateDelta) -> str | None:
    """What a delta says that the states or the effects deny; None: nothing.

    All of it holds in every transition that our own environments record. Effects of later steps are not in a delta.
    """
    before, after = step.state, step.next_state
    told = {"url": (before.url, after.url), "title": (before.title, after.title), "auth": (before.auth, after.auth)}
    says = {"url": delta.url, "title": delta.title, "auth": delta.auth}
    for name, (was, became) in told.items():
        if (says[name] if says[name] is not None else was) != became:
            return f"state_delta.{name}: says {says[name]!r}, the states go from {was!r} to {became!r}"
    if step.effects is None:
        return None
    effects = [effect for effect in step.effects if effect.steps_later == 0]
    changed = {(row.site, row.table, row.operation) for row in delta.database}
    for effect in effects:
        operation = OPERATIONS.get(effect.kind)
        if operation is not None and (effect.site, effect.subject, operation) not in changed:
            return (
                f"effects: a row of {effect.site}/{effect.subject} was {operation.value}, state_delta.database has none"
            )
    touched = {(effect.site, effect.subject) for effect in effects}
    for row in delta.database:
        if (row.site, row.table) not in touched:
            return f"state_delta.database: {row.site}/{row.table} was {row.operation.value}, no effect says so"
    if bool(delta.downloads) != any(effect.kind is EffectKind.FILE_DOWNLOADED for effect in effects):
        return f"state_delta.downloads: says {list(delta.downloads)!r}, the effects say otherwise"
    kept = {change.key for change in delta.storage}
    for effect in effects:
        is_kept = effect.kind in {EffectKind.STORAGE_WRITTEN, EffectKind.SERVICE_WORKER_REGISTERED}
        if is_kept and effect.subject not in kept:
            return f"effects: {effect.kind.value} of {effect.subject!r}, state_delta.storage has no such key"
    return None


def records_of(one: ImportedTrajectory, *, day: str, site: str) -> TrajectoryRecords:
    """The trajectory as collection would have left it: one action a state, no branches, no hidden variables."""
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
    """The step's own delta, or what the two states and the effects say."""
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
