"""A stored trajectory as a strip of screenshots: draws its world again, repeats its actions and takes pictures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wm_pipeline.annotate.dialogue import describe_effect
from wm_pipeline.collect.parts import picture_name, pictures_folder
from wm_pipeline.datasets.questions import render_questions
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, harms
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import InvalidInputError, MissingUpstreamError, WorldError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.ports import Environment, Progress
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import KEY, StateSchema, TrajectorySchema, TransitionSchema
from wm_pipeline.domain.world import IMPORTED, UNWATCHED, Observation, WorldSpec
from wm_pipeline.environments.episodes import replay
from wm_pipeline.gateways.table_store import TableStore

LISTED = (
    *("trajectory_id", "day", "site", "goal_id", "policy", "attack_family", "is_lookalike", "stop_reason", "steps"),
    *("benign_success", "attack_success"),
)


@dataclass(frozen=True, slots=True)
class Executed:
    """One executed action and its result; the trajectory's own action, or a branch."""

    action: Action
    branch_index: int
    """0: the trajectory's own."""
    words: str
    proposed_by: str
    changed: str
    effects: tuple[str, ...]
    is_harmful: bool
    failure: str | None
    picture: bytes | None
    """PNG picture of the page that the action failed on."""

    @property
    def picture_base64(self) -> str:
        return base64.b64encode(self.picture or b"").decode()


@dataclass(frozen=True, slots=True)
class StripStep:
    step_index: int
    state_id: str
    page: str
    main: Executed
    branches: tuple[Executed, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    trajectory_id: str
    spec: WorldSpec
    facts: Mapping[str, Any]
    """Columns of the trajectories table that a person wants to see."""
    steps: tuple[StripStep, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    png: bytes
    is_recorded: bool
    """Whether the page is the recorded one."""


def list_trajectories(store: TableStore, *, site: str | None = None, limit: int = 20) -> pl.DataFrame:
    """The newest trajectories, attacked ones first. Raises InvalidInputError when the site has none."""
    found = store.scan(TrajectorySchema).filter(pl.col("hindsight_of").is_null())
    if site is not None:
        known = sorted(found.select("site").unique().collect()["site"])
        if site not in known:
            raise InvalidInputError(f"site: no trajectory of {site!r} is stored, only of {', '.join(known)}")
        found = found.filter(pl.col("site") == site)
    ordered = found.sort("day", pl.col("attack_family").is_not_null(), "trajectory_id", descending=[True, True, False])
    return ordered.select(LISTED).head(limit).collect()


def read_strip(store: TableStore, trajectory_id: str) -> Strip:
    """A trajectory and its branches. Raises MissingUpstreamError when it is not stored."""
    row = store.scan(TrajectorySchema).filter(pl.col("trajectory_id") == trajectory_id).collect()
    if not row.height:
        raise MissingUpstreamError(
            f"no trajectory {trajectory_id!r} in {store.root}; `wm data browse` lists those there are"
        )
    facts = row.row(0, named=True)
    if facts["hindsight_of"] is not None:
        raise InvalidInputError(
            f"trajectory {trajectory_id} is a step of {facts['hindsight_of']} judged by another goal; browse that one"
        )
    authorization = from_row(Authorization, facts["authorization"])
    transitions = (
        store.scan(TransitionSchema)
        .filter(pl.col("trajectory_id") == trajectory_id)
        .sort("step_index", "branch_index")
        .pipe(TransitionSchema.cast)
        .collect()
    )
    states = (
        store.scan(StateSchema)
        .filter(pl.col("state_id").is_in(transitions["state_id"].implode()))
        .unique("state_id")
        .pipe(StateSchema.cast)
        .collect()
    )
    page_of = dict(states.select("state_id", pl.col("state").struct.field("url")).iter_rows())
    words = render_questions(states, transitions).questions.select(*KEY, "action_text", "transition_text")
    folder = pictures_folder(trajectory_id)
    pictures = {path: store.read_bytes(path) for path in store.list_files(folder)}
    steps: dict[int, list[tuple[str, Executed]]] = {}
    for one in transitions.join(words, on=KEY, maintain_order="left").iter_rows(named=True):
        picture = pictures.get(f"{folder}/{picture_name(one['step_index'], one['branch_index'])}")
        steps.setdefault(one["step_index"], []).append((one["state_id"], _executed(one, authorization, picture)))
    return Strip(
        trajectory_id=trajectory_id,
        spec=from_row(WorldSpec, facts["world_spec"]),
        facts={name: facts[name] for name in (*LISTED, "goal", "benign_success", "attack_success", "attack_channel")},
        steps=tuple(
            StripStep(step_index, rows[0][0], page_of[rows[0][0]], rows[0][1], tuple(branch for _, branch in rows[1:]))
            for step_index, rows in sorted(steps.items())
        ),
    )


def check_repeatable(strip: Strip) -> None:
    """Raise InvalidInputError when there is no world to draw again: the trajectory was imported."""
    if strip.spec.environment in {IMPORTED, UNWATCHED}:
        raise InvalidInputError(
            f"{strip.trajectory_id} was imported, so there is no world to take pictures of; "
            f"`wm data export` writes what is known of {strip.spec.site}"
        )


def _executed(row: Mapping[str, Any], authorization: Authorization, picture: bytes | None) -> Executed:
    effects = [from_row(Effect, effect) for effect in row["effects"]]
    return Executed(
        action=from_row(Action, row["action"]),
        branch_index=row["branch_index"],
        words=row["action_text"],
        proposed_by=row["proposed_by"],
        changed=row["transition_text"],
        effects=tuple(describe_effect(effect) for effect in effects),
        is_harmful=bool(harms(effects, authorization)),
        failure=row["failure"],
        picture=picture,
    )


async def take_pictures(environment: Environment, strip: Strip, *, progress: Progress) -> tuple[Picture, ...]:
    """One picture a state, the last one included.

    Raises InvalidInputError when the world no longer leads to these states, WorldError when the browser fails.
    """
    pictures: list[Picture] = []

    async def picture_and_act(state: State, action: Action) -> Observation:
        is_recorded = state_id_of(state) == strip.steps[len(pictures)].state_id
        pictures.append(Picture(await environment.screenshot(), is_recorded))
        progress(len(pictures), len(strip.steps) + 1, "pictures taken")
        return await environment.act(action)

    try:
        repeated = await replay(
            environment, strip.spec, [step.main.action for step in strip.steps], execute=picture_and_act
        )
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{strip.trajectory_id} cannot be repeated from step {len(pictures)}: {error}; its world was drawn by "
            f"another version ({strip.facts['day']})"
        ) from error
    if len(pictures) < len(strip.steps):
        raise WorldError(
            f"{strip.trajectory_id} cannot be repeated: step {len(pictures)} failed ({repeated.play.stop_reason.value})"
        )
    pictures.append(Picture(await environment.screenshot(), is_recorded=all(one.is_recorded for one in pictures)))
    progress(len(pictures), len(pictures), "pictures taken")
    return tuple(pictures)


def strip_page(strip: Strip, pictures: Sequence[Picture], *, chosen: tuple[int, int] | None = None) -> str:
    """The strip as one self-contained HTML page; `chosen` (step and branch) is marked and not folded away."""
    from wm_pipeline.evaluate.report import render_strip

    return render_strip(strip, [(picture.png, picture.is_recorded) for picture in pictures], chosen=chosen)


def anchor_of(strip: Strip, chosen: tuple[int, int]) -> str:
    """Where a step stands in the strip's page. Raises MissingUpstreamError when nothing was executed there."""
    for step in strip.steps:
        if step.step_index == chosen[0] and chosen[1] in {one.branch_index for one in (step.main, *step.branches)}:
            return f"#step-{step.step_index}"
    raise MissingUpstreamError(
        f"trajectory {strip.trajectory_id} has no step {chosen[0]} with a branch {chosen[1]}; "
        f"`wm data browse {strip.trajectory_id}` shows those there are"
    )
