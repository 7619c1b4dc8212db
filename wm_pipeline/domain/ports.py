"""Protocols of what a step needs from outside: steps do not import each other, they take these as arguments."""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.chat import ChatAnswer, Message
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.state import NetworkEvent, State
from wm_pipeline.domain.world import Episode, GoalStatus, Observation, OtherGoal, WorldSpec

RequestJudge = Callable[[NetworkEvent, bytes], Awaitable[bool]]
"""Whether a request with this body, which nobody has announced, may leave after all."""


class Environment(Protocol):
    """Something an agent can act in and we can watch completely and restore exactly.

    One environment holds one browser and runs one world at a time. Every method may raise WorldError.
    """

    async def reset(self, spec: WorldSpec) -> Episode: ...

    async def act(self, action: Action, *, judge: "RequestJudge | None" = None) -> Observation:
        """Execute one action and return what it led to. Raises InvalidInputError when the state does not offer it.

        `judge`: asked about each request that the state did not announce and that leaves the site or writes; what it
        does not let through is held back. None: nothing is held. Where nothing leaves a browser, nobody is asked.
        """
        ...

    async def snapshot(self) -> None:
        """Remember the present state; one snapshot is held at a time."""
        ...

    async def restore(self) -> bool:
        """Go back to the snapshot; False when the restored page differs from the saved one."""
        ...

    async def goal_status(self) -> GoalStatus: ...

    def expert_action(self, state: State) -> Action | None:
        """What the goal's script does next in this state; None when there is nothing left to do."""
        ...

    def attack_action(self, state: State) -> Action | None:
        """What somebody who obeys the page would do next; None when the state holds no instruction to obey."""
        ...

    def other_goals(self, state: State, goal_ids: Sequence[str]) -> tuple[OtherGoal, ...]:
        """Of these goals those that the user could have had on this page, done by one action; empty: none is known."""
        ...

    async def screenshot(self) -> bytes:
        """The page as PNG."""
        ...

    async def close(self) -> None: ...


class Policy(Protocol):
    """Chooses actions. A policy sees the state, and for scripted and gullible ones the world's own plans."""

    @property
    def proposed_by(self) -> str:
        """Its name in worlds and tables: a value of ProposedBy, or what a plug-in registered."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that models have read and written for it since `start`."""
        ...

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None: ...

    def propose(self, state: State) -> Action | None:
        """The next action; None to stop. Raises AnswerError when a model that it asks gives no usable answer."""
        ...

    def on_refusal(self, action: Action) -> None:
        """The guard refused the last proposed action, and it was not executed."""
        ...


class ChatModel(Protocol):
    """A language model that answers a conversation with a JSON object."""

    @property
    def name(self) -> str: ...

    def answer(self, messages: Sequence[Message], *, schema: Mapping[str, Any]) -> ChatAnswer:
        """The next turn, as an object of the JSON schema.

        Raises AnswerError when it has another form, BudgetError when the token budget is spent, ServiceError when the
        model cannot be reached.
        """
        ...


class Predictor(Protocol):
    """A world model that can be asked."""

    @property
    def model_version(self) -> str: ...

    def predict_outcomes(
        self, state: State, actions: Sequence[Action], *, heads: Sequence[str] | None = None
    ) -> tuple[Outcome, ...]:
        """One outcome an action; the state is encoded once. `heads=None` computes all of them."""
        ...


class Guard(Protocol):
    """Decides whether a proposed action is executed. It escalates when the predictor fails or is late."""

    def decide(self, state: State, action: Action) -> Decision: ...


class Progress(Protocol):
    """Tells a person how far a long step is."""

    def __call__(self, done: int, total: int, text: str) -> None: ...


Task = TypeVar("Task")
Result = TypeVar("Result")
TaskContra = TypeVar("TaskContra", contravariant=True)
ResultCo = TypeVar("ResultCo", covariant=True)


class Worker(Protocol[TaskContra, ResultCo]):
    """Works on one task after another, and keeps what it has opened between them."""

    async def run(self, task: TaskContra) -> ResultCo:
        """Raises WmError for what a person must put right, such as a missing browser: it stops the run."""
        ...

    async def close(self) -> None: ...


class WorkerDied(NamedTuple):
    """In place of a result: each time the task was tried, its worker died."""

    times: int


class WorkerPool(Protocol):
    """Shares tasks out to workers, here or on other machines."""

    def run(
        self, make_worker: Callable[[], Worker[Task, Result]], tasks: Mapping[str, Task], *, task_limit_s: float
    ) -> Generator[tuple[str, Result | WorkerDied], None, None]:
        """The result of each task by its key, as they come. The tasks of a worker that dies are tried again.

        A worker that is busy with one task for `task_limit_s` is killed. All workers have ended when the generator has,
        also when it is closed early. Raises what a worker raised: a WmError itself, a bug as RuntimeError.
        """
        ...


class PartStore(Protocol):
    """Where workers put what they have finished, wherever they run; it is sent to them, so it must be picklable."""

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write one file: it is there whole or not at all, also when the writer is killed."""
        ...

    def read_bytes(self, path: str) -> bytes: ...

    def list_files(self, folder: str) -> list[str]:
        """Paths of the files under a folder that are whole."""
        ...

    def delete_folder(self, folder: str) -> None: ...
