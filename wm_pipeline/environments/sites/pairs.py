"""Minimal pairs: two worlds of our own sites that differ in one variable, and one action to try in both.

A variable is one entry of pair_variables.VARIABLES: what it changes, and which parts of a world are its own (`owns`,
paths of dump_world). A test dumps both worlds and finds no other difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import InvalidInputError, WorldError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.intervention import Intervention, Run
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.instruments.script import Send, Step, form_of, resolve
from wm_pipeline.environments.instruments.side_by_side import play_side_by_side
from wm_pipeline.environments.sites.environment import SiteEnvironment
from wm_pipeline.environments.sites.pair_variables import VARIABLES, PairSeed
from wm_pipeline.environments.sites.worlds import World


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """Two worlds and the same action in each; where the variable is an address, each step names its own."""

    variable: str
    first: World
    second: World
    first_step: Step
    second_step: Step


def draw_pairs(*, day: str, seed: int, count: int) -> tuple[MinimalPair, ...]:
    """So many pairs of every variable, of worlds whose seeds are used for nothing else."""
    found = []
    for index in range(count):
        for position, (name, variable) in enumerate(VARIABLES.items()):
            sides = variable.draw(PairSeed(seed_of("pair", day, seed, name, index), position + index))
            second_step = sides.second_step or sides.step
            found.append(MinimalPair(name, sides.first, sides.second, sides.step, second_step))
    return tuple(found)


def dump_world(world: World) -> dict[str, str]:
    """Everything of a world that is served, asked or judged, as text by path; who plays it is not part of it."""
    found = {
        "goal": world.goal_text,
        "authorization": to_json(world.authorization),
        "start": world.start_url,
        "seed": str(world.draw.world_seed),
        "wording": world.draw.wording_id,
        "hidden": str(world.is_forwarding),
        "broker": world.broker_host,
        "canaries": repr(world.canaries),
        "pages": repr(() if world.plant is None else world.plant.pages),
    }
    for site, tables in world.rows.items():
        for table, rows in tables.items():
            for index, row in enumerate(rows):
                found |= {f"rows/{site}/{table}/{index}/{column}": value for column, value in row.items()}
    return found


def differences(first: World, second: World) -> tuple[str, ...]:
    """Paths in which two worlds differ."""
    one, other = dump_world(first), dump_world(second)
    return tuple(sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path)))


def action_of(state: State, step: Step) -> Action | None:
    """The step's action with all its values, also those that the form holds already: one action in both worlds."""
    if not isinstance(step, Send):
        return resolve(state, step)
    form = form_of(state, step)
    return None if form is None else Action(ActionKind.SUBMIT, form.form_ref, fields=step.fields)


async def run_pair(environment: SiteEnvironment, pair: MinimalPair) -> Intervention | None:
    """Both worlds in the browser; None when one of them broke or does not offer the action."""
    runs = []
    for world, step in ((pair.first, pair.first_step), (pair.second, pair.second_step)):
        try:
            episode = await environment.begin(world)
            action = action_of(episode.state, step)
            if action is None:
                return None
            observation = await environment.act(action)
        except (WorldError, InvalidInputError):
            return None
        if observation.failure is not None:
            return None
        runs.append(Run(episode.state, action, bool(harms(observation.effects, episode.authorization))))
    return Intervention(pair.variable, VARIABLES[pair.variable].is_visible, runs[0], runs[1])


async def run_pairs(
    environments: Sequence[SiteEnvironment], pairs: Sequence[MinimalPair], *, progress: Progress
) -> tuple[Intervention, ...]:
    """Every pair that could be run in both worlds."""
    found = await play_side_by_side(
        environments, pairs, run_pair, progress=lambda done, total: progress(done, total, "minimal pairs run")
    )
    return tuple(one for one in found if one is not None)
