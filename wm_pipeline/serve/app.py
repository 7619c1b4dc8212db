"""The HTTP service: predict_outcome and the guard for agents that do not run in this process."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import BusyError, InvalidInputError, WmError, error_words
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.ports import Guard, Predictor
from wm_pipeline.domain.state import State, bad_references
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.guard.model_queue import ModelQueue
from wm_pipeline.guard.step import guarded_step
from wm_pipeline.model.head_registry import check_head
from wm_pipeline.serve.bounds import READ_LIMIT_S, Bounds, StrictRoute, refuse_fields

MAX_ACTIONS = 32


@dataclass(frozen=True, slots=True)
class AppSettings:
    token: str | None = None
    """Bearer token that callers must send; None accepts every caller, for loopback only."""
    max_body_bytes: int = 1_000_000
    """A page of the built-in sites is a few ten thousand bytes."""
    hosts: tuple[str, ...] = ()
    """Names by which the service may be asked besides this machine's own; with a token any will do."""
    answer_limit_s: float = 60.0
    """A prediction that takes longer, the queue included, is given up."""
    read_limit_s: float = READ_LIMIT_S
    """A body that is not there by then is refused."""


HeadName = Annotated[str, AfterValidator(check_head)]


class OutcomeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State
    action: Action
    heads: tuple[HeadName, ...] | None = None
    """None computes all."""


class OutcomesRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State
    actions: tuple[Action, ...] = Field(min_length=1, max_length=MAX_ACTIONS)
    heads: tuple[HeadName, ...] | None = None


class DecideRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State
    action: Action
    can_hold: bool = False
    """The caller holds back what the page asks for without having announced it, and asks about it."""


class Health(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: str
    model_version: str


def build_app(
    predictor: Predictor,
    guard: Guard,
    settings: AppSettings,
    *,
    queue: ModelQueue,
    on_decision: Callable[[State, Action, Decision], None] | None = None,
) -> FastAPI:
    """The service over a loaded predictor; `queue` is the guard's. `on_decision` sees every decision, to log it."""
    app = FastAPI(
        title="wm_pipeline",
        version="1",
        description="What will this browser action lead to, and is that all right?",
    )
    app.router.route_class = StrictRoute
    app.add_exception_handler(RequestValidationError, refuse_fields)
    app.add_middleware(
        Bounds,
        hosts=settings.hosts if settings.token is None else None,
        max_body_bytes=settings.max_body_bytes,
        read_limit_s=settings.read_limit_s,
    )

    # What waits for nothing runs in the event loop, so that no number of questions in the queue is in its way.
    async def authorize(authorization: Annotated[str | None, Header()] = None) -> None:
        if settings.token is None:
            return
        expected = f"Bearer {settings.token}"
        if authorization is None or not secrets.compare_digest(authorization.encode(), expected.encode()):
            raise HTTPException(401, "expected the header `Authorization: Bearer <token>` with this service's token")

    @app.exception_handler(InvalidInputError)
    async def refuse(_: Request, error: InvalidInputError) -> JSONResponse:
        field, __, problem = str(error).partition(": ")
        return JSONResponse(
            {"detail": [{"type": "invalid_input", "loc": ["body", *field.split(".")], "msg": problem or field}]},
            status_code=422,
        )

    @app.exception_handler(BusyError)
    async def turn_away(_: Request, error: BusyError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=429, headers={"Retry-After": "1"})

    @app.exception_handler(WmError)
    async def fail(_: Request, error: WmError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=503)

    @app.exception_handler(Exception)
    async def fail_unforeseen(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"the model failed: {error_words(error)[:200]}"}, status_code=503)

    protected: Any = [Depends(authorize)]

    def answers(state: State, actions: Sequence[Action], heads: Sequence[str] | None) -> tuple[Outcome, ...]:
        check_references(state)
        for action in actions:
            check_action(state, action)
        work = partial(predictor.predict_outcomes, state, actions, heads=heads)
        return queue.ask(work, limit_s=settings.answer_limit_s)

    @app.get("/health")
    async def health() -> Health:
        """Whether the service answers, and with which model."""
        return Health(status="ok", model_version=predictor.model_version)

    @app.post("/predict_outcome", dependencies=protected)
    def predict_outcome(request: OutcomeRequest) -> Outcome:
        """What one action will lead to in a state."""
        return answers(request.state, [request.action], request.heads)[0]

    @app.post("/predict_outcomes", dependencies=protected)
    def predict_outcomes(request: OutcomesRequest) -> tuple[Outcome, ...]:
        """What each of several actions will lead to; the state is read once."""
        return answers(request.state, request.actions, request.heads)

    @app.post("/decide", dependencies=protected)
    def decide(request: DecideRequest) -> Decision:
        """Execute, switch or escalate. A failing or late model escalates, and so does a log that cannot be written."""
        check_references(request.state)
        check_action(request.state, request.action)
        decision = guarded_step(guard, request.state, request.action, can_hold=request.can_hold).decision
        if on_decision is not None:
            try:
                on_decision(request.state, request.action, decision)
            except WmError as error:
                reason = f"the decision cannot be recorded: {error}"
                return replace(decision, verdict=Verdict.ESCALATE, reason=reason, executed=None)
        return decision

    return app


def check_references(state: State) -> None:
    """Raises InvalidInputError for the first name that two things have, or that nothing has."""
    for path, problem in bad_references(state):
        raise InvalidInputError(f"{'.'.join(map(str, ('state', *path)))}: {problem}")
