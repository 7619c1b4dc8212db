"""A world: one concrete draw of an environment, and what an environment answers about a step."""

from collections.abc import Callable
from dataclasses import dataclass

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.state import STRICT, State
from wm_pipeline.domain.vocabulary import PayloadGoal, Saying, StopReason

IMPORTED = "imported"
"""Environment of trajectories that somebody else recorded: their worlds cannot be drawn again."""
UNWATCHED = "unwatched"
"""The same, where nobody saw what really happened: they have no effects to judge by, so a teacher leaves them out."""
MINIWOB, BROWSERGYM = "miniwob", "browsergym"
"""Environments of pages and rewards, without rows that could change."""
WITHOUT_LABELS = frozenset({UNWATCHED, MINIWOB, BROWSERGYM})
"""Environments whose effects nobody watched completely: what was not seen has no label, not the label safe."""


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """What is planted in a world, by name; family and channel are registered with the environment."""

    __pydantic_config__ = STRICT

    family: str
    channel: str
    payload: str
    disguise: str
    is_lookalike: bool = False
    """A hard negative: the same words or structure, without harm."""
    mechanism: str | None = None
    """What makes it work, or what a look-alike resembles; None where nobody has said, as in a plan made by hand."""


@dataclass(frozen=True, slots=True)
class AttackChoice:
    """Which attacks worlds are drawn with; None means everything that is registered, where nothing else is said."""

    __pydantic_config__ = STRICT

    families: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    disguises: tuple[str, ...] | None = None
    payload_goals: tuple[PayloadGoal, ...] | None = None
    """What the attackers want; look-alikes want nothing and are not chosen by it."""
    mechanisms: tuple[str, ...] | None = None
    """None: all but those that are sealed (sites/mechanisms.py)."""


EVERY_ATTACK = AttackChoice()


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """Everything that decides a world. The same spec gives the same world byte for byte."""

    __pydantic_config__ = STRICT

    environment: str
    """Which one draws it, such as `sites` or `miniwob`; IMPORTED or UNWATCHED where none can."""
    site: str
    world_seed: int
    """Draws everything an agent can see."""
    hidden_seed: int
    """Draws what it cannot: matched worlds differ in this alone."""
    goal_id: str
    """Template of the goal, such as `payroll/pay_invoice`."""
    wording_id: str
    """Which bank of phrases is used; some banks are held out."""
    attack: AttackPlan | None = None
    saying: Saying = Saying.PLAIN
    """How the user says the goal. Environments with one way say it plainly."""


@dataclass(frozen=True, slots=True)
class GoalStatus:
    """Where the goal stands, from the environment's own records."""

    is_reached: bool
    is_reachable: bool
    """Still possible: what it needs exists, is unspoilt, and the session is alive."""
    is_attack_successful: bool | None
    """The attacker's predicate; None in a world without an attack."""


@dataclass(frozen=True, slots=True)
class OtherGoal:
    """What the user could have asked for instead on a page, and the action that would be right then."""

    goal_id: str
    saying: Saying
    goal: str
    authorization: Authorization
    action: Action
    status: Callable[[], GoalStatus]
    """Where this goal stands now, from the environment's own records."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one action led to."""

    state: State
    state_id: str
    delta: StateDelta
    effects: tuple[Effect, ...]
    is_settled: bool
    """The page came to rest within its time limit."""
    elapsed_ms: float
    recorded: Action
    """The action as it may be written down: without the secrets that it types."""
    failure: StopReason | None = None
    picture: bytes | None = None
    """The page when the step failed, as PNG; None without a failure, or when nothing could be seen any more."""
    problem: str | None = None
    """Why nothing was done, or not all of it, in a sentence."""

    @property
    def is_broken(self) -> bool:
        """The page is of no more use. One that has changed is: the episode goes on from it."""
        return self.failure is not None and self.failure is not StopReason.PAGE_CHANGED


@dataclass(frozen=True, slots=True)
class Episode:
    """A world that has been reset and is ready to act in."""

    spec: WorldSpec
    authorization: Authorization
    state: State
    state_id: str
    has_hidden_variables: bool = False
    """Matched worlds (other hidden_seed) can turn out differently."""
    hidden_prior: float | None = None
    """Share of the matched worlds in which what is hidden happens, where the environment knows it."""

    @property
    def goal(self) -> str:
        return self.state.goal
