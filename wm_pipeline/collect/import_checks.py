"""Reads and checks lines to import: either all of them are consistent trajectories, or none is imported.

imported.py holds the types of the format. This module checks what types cannot express: ranges, references, how steps
and effects follow from each other. It changes no value; values that cannot be stored unchanged are refused.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from wm_pipeline.collect.imported import OPERATIONS, TRAJECTORY_FORMAT, ImportedStep, ImportedTrajectory
from wm_pipeline.domain.action import ELEMENT_KINDS, check_action
from wm_pipeline.domain.address import host_of, is_page_address
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.records import NESTED_TOO_DEEP, from_json, is_version
from wm_pipeline.domain.state import NetworkEvent, State, bad_references
from wm_pipeline.domain.vocabulary import EffectKind, ProposedBy

POLICIES = (ProposedBy.SCRIPTED, ProposedBy.GULLIBLE, ProposedBy.EXPLORER, ProposedBy.LLM)
"""Policies of imported trajectories; the other members are for branches, which imported trajectories do not have."""
LONGEST_LINE = 32_000_000
"""Characters: more than a hundred times the longest of our own recordings."""
LONGEST_TEXT = 2_000_000
"""Characters of one text or address: the longest address that Chromium opens."""
MOST_INT = 2**63 - 1
"""Largest value of an integer column."""
MOST_MS = 10**12
"""Thirty years: sums of such times stay finite."""
_RANGES: Mapping[tuple[type, str], tuple[int, int]] = {
    (ImportedTrajectory, "tokens"): (0, MOST_INT),
    (ImportedStep, "elapsed_ms"): (0, MOST_MS),
    (Effect, "steps_later"): (0, MOST_INT),
    (NetworkEvent, "status"): (100, 599),
    (NetworkEvent, "body_bytes"): (0, MOST_INT),
}
"""Least and greatest value of every number in a line."""


def lines_of(name: str, text: str) -> list[tuple[str, str]]:
    """The non-empty lines of a file, each with its place.

    Raises InvalidInputError when the file is JSON of another shape, or ends within a line.
    """
    lines = [
        (f"{name} line {number}", line)
        for number, line in enumerate(text.split("\n"), start=1)  # not splitlines: U+2028 may stand in a text
        if line.strip()
    ]
    if _begins_over_lines(text.lstrip()):
        shape = "a JSON list" if text.lstrip().startswith("[") else "an object over several lines"
        raise InvalidInputError(f"{name}: {shape}; write each trajectory on a line of its own; nothing was imported")
    if lines and not text.endswith("\n") and _is_cut(lines[-1][1]):
        raise InvalidInputError(
            f"{lines[-1][0]}: the file ends within the line: it was cut or is still being written; nothing was imported"
        )
    return lines


def _begins_over_lines(text: str) -> bool:
    """Whether a text begins with a JSON object or list that is printed over several lines."""
    if not text.startswith(("{", "[")):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]


def _is_cut(line: str) -> bool:
    """Whether a line would be JSON if only it went on."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line) or error.msg.startswith("Unterminated")
    except (ValueError, RecursionError):
        return False
    return False


def parse_trajectories(lines: Iterable[tuple[str, str]], *, site: str) -> list[ImportedTrajectory]:
    """The trajectories of (where, text) lines that are imported as `site`, all of them or none.

    Raises InvalidInputError or FormatVersionError that names the first refused line and the reason.
    """
    found: list[ImportedTrajectory] = []
    seen: dict[str, str] = {}
    for where, text in lines:
        try:
            one = _parse(text, site)
        except (InvalidInputError, FormatVersionError) as error:
            raise type(error)(f"{where}: {error}; nothing was imported") from error
        if one.name in seen:
            raise InvalidInputError(
                f"{where}: trajectory.name: {one.name!r} stands in {seen[one.name]} already; nothing was imported"
            )
        seen[one.name] = where
        found.append(one)
    return found


def _parse(text: str, site: str) -> ImportedTrajectory:
    if len(text) > LONGEST_LINE:
        raise InvalidInputError(f"expected at most {LONGEST_LINE} characters a line, found {len(text)}")
    try:
        record = json.loads(text)
    except RecursionError as error:
        raise InvalidInputError(NESTED_TOO_DEEP) from error
    except ValueError as error:
        raise InvalidInputError(f"expected one JSON object a line, found {text[:40]!r}") from error
    if isinstance(record, list):
        raise InvalidInputError("a JSON list; write each element on a line of its own")
    if not isinstance(record, dict) or "format_version" not in record:
        raise InvalidInputError(f"trajectory.format_version: expected {TRAJECTORY_FORMAT}, found none")
    if not is_version(record["format_version"], TRAJECTORY_FORMAT):
        raise FormatVersionError(
            f"trajectory.format_version: expected {TRAJECTORY_FORMAT}, found {record['format_version']!r}; "
            "write the lines anew"
        )
    one = from_json(ImportedTrajectory, text, what="trajectory")
    problem = first_problem(one, site=site)
    if problem is not None:
        raise InvalidInputError(f"trajectory.{problem}")
    return one


def first_problem(trajectory: ImportedTrajectory, *, site: str) -> str | None:
    """The first inconsistency of a trajectory whose parts are well formed; None when there is none."""
    return next(_problems(trajectory, site), None)


def _problems(trajectory: ImportedTrajectory, site: str) -> Iterator[str]:
    if not trajectory.name.strip():
        yield f"name: expected a name, found {trajectory.name!r}"
    if not trajectory.steps:
        yield "steps: expected at least one, found none"
    if trajectory.policy not in POLICIES:
        yield f"policy: expected one of {', '.join(POLICIES)}, found {trajectory.policy.value!r}"
    if trajectory.attack is None and trajectory.attack_success is not None:
        yield f"attack_success: expected null without an attack, found {trajectory.attack_success}"
    yield from _sizes(trajectory, "")
    sites = {site, *(pattern.site for pattern in trajectory.authorization.patterns), *_places_of(trajectory.steps)}
    goal, is_watched = trajectory.steps[0].state.goal, trajectory.steps[0].effects is not None
    for index, step in enumerate(trajectory.steps):
        for problem in _step_problems(step, goal, sites, is_watched=is_watched):
            yield f"steps.{index}.{problem}"
        earlier = trajectory.steps[index - 1].next_state if index else step.state
        if step.state != earlier:
            names = (field.name for field in fields(State))
            name = next(name for name in names if getattr(step.state, name) != getattr(earlier, name))
            yield f"steps.{index}.state.{name}: expected that of the next_state before it, found another one"


def _step_problems(step: ImportedStep, goal: str, sites: set[str], *, is_watched: bool) -> Iterator[str]:
    for name, state in (("state", step.state), ("next_state", step.next_state)):
        if state.goal != goal:
            yield f"{name}.goal: expected the trajectory's goal {goal!r}, found {state.goal!r}"
        if not is_page_address(state.url):
            yield f"{name}.url: {state.url!r} is not an address"
        for path, reason in bad_references(state):
            yield f"{name}.{'.'.join(map(str, path))}: {reason}"
    if (step.effects is not None) != is_watched:
        yield "effects: expected effects in every step or in none, found both"
    try:
        check_action(step.state, step.action)
    except InvalidInputError as error:
        yield str(error)
    element = step.state.element(step.action.target_ref or "")
    if step.action.kind in ELEMENT_KINDS and element is not None and element.is_disabled:
        yield f"action.target_ref: the element {element.element_ref!r} is disabled"
    for position, effect in enumerate(step.effects or ()):
        if effect.kind in OPERATIONS and effect.site not in sites:
            yield (
                f"effects.{position}.site: {effect.site!r} is neither the site of the import nor one that the "
                "authorization or an address of the trajectory names"
            )
    problem = None if step.state_delta is None else contradiction(step, step.state_delta)
    if problem is not None:
        yield problem


def _places_of(steps: Sequence[ImportedStep]) -> set[str]:
    """The hosts in a trajectory's addresses, and each part of their names."""
    states = [state for step in steps for state in (step.state, step.next_state)]
    addresses: set[str] = {state.url for state in states}
    addresses.update(event.url for state in states for event in state.network)
    addresses.update(element.href for state in states for element in state.elements if element.href is not None)
    addresses.update(form.action_url for state in states for form in state.forms)
    hosts = {host_of(address) for address in addresses}
    return {part for host in hosts for part in (host, *host.split("."))}


def _sizes(value: Any, path: str) -> Iterator[str]:
    """Numbers out of their range and texts that are too long, in every record of a trajectory."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        yield f"{path}: expected at most {LONGEST_TEXT} characters, found {len(value)}"
    elif isinstance(value, tuple):
        for position, inner in enumerate(value):
            yield from _sizes(inner, f"{path}.{position}")
    elif is_dataclass(value):
        for field in fields(value):
            inner, at = getattr(value, field.name), f"{path}.{field.name}" if path else field.name
            limits = _RANGES.get((type(value), field.name))
            if limits is not None and inner is not None and not limits[0] <= inner <= limits[1]:
                yield f"{at}: expected {_range_words(*limits, inner)}, found {inner}"
            yield from _sizes(inner, at)


def _range_words(least: int, most: int, number: float) -> str:
    if least > 0:
        return f"{least} to {most} or null"
    return f"at most {most}" if number > most else f"{least} or more"


def contradiction(step: ImportedStep, delta: StateDelta) -> str | None:
    """The first contradiction between a delta and the states or effects; None when there is none.

    Every transition that our own environments record passes these checks. A delta holds no effects of later steps.
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
