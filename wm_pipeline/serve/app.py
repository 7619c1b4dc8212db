"""The HTTP service: predict_outcome and the guard for agents that do not run in this process."""

import secrets
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import InvalidInputError, WmError
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.ports import Guard, Predictor
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.guard.step import guarded_step
from wm_pipeline.model.head_registry import check_head

MAX_ACTIONS = 32


@dataclass(frozen=True, slots=True)
class AppSettings:
    token: str | None = None
    """Bearer token that callers must send; None accepts every caller, for loopback only."""
    max_body_bytes: int = 1_000_000
    """A page of the built-in sites is a few ten thousand bytes."""


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


class Health(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: str
    model_version: str


def build_app(
    predictor: Predictor,
    guard: Guard,
    settings: AppSettings,
    *,
    on_decision: Callable[[State, Action, Decision], None] | None = None,
) -> FastAPI:
    """The service over a loaded predictor. `on_decision` sees every decision, to log it."""
    app = FastAPI(
        title="wm_pipeline",
        version="1",
        description="What will this browser action lead to, and is that all right?",
    )
    # One model, one question at a time: handlers run in threads.
    turn = threading.Lock()

    def authorize(authorization: Annotated[str | None, Header()] = None) -> None:
        if settings.token is None:
            return
        expected = f"Bearer {settings.token}"
        if authorization is None or not secrets.compare_digest(authorization.encode(), expected.encode()):
            raise HTTPException(401, "expected the header `Authorization: Bearer <token>` with this service's token")

    @app.middleware("http")
    async def limit_size(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length")
        if request.method == "POST" and (length is None or not length.isdigit()):
            return JSONResponse({"detail": "expected a content-length header"}, status_code=411)
        if length is not None and int(length) > settings.max_body_bytes:
            detail = f"expected at most {settings.max_body_bytes} bytes, found {length}"
            return JSONResponse({"detail": detail}, status_code=413)
        return await call_next(request)

    @app.exception_handler(InvalidInputError)
    async def refuse(request: Request, error: InvalidInputError) -> JSONResponse:
        del request
        field, _, problem = str(error).partition(": ")
        return JSONResponse(
            {"detail": [{"type": "invalid_input", "loc": ["body", *field.split(".")], "msg": problem or field}]},
            status_code=422,
        )

    @app.exception_handler(WmError)
    async def fail(request: Request, error: WmError) -> JSONResponse:
        del request
        return JSONResponse({"detail": str(error)}, status_code=503)

    protected: Any = [Depends(authorize)]

    @app.get("/health")
    def health() -> Health:
        """Whether the service answers, and with which model."""
        return Health(status="ok", model_version=predictor.model_version)

    @app.post("/predict_outcome", dependencies=protected)
    def predict_outcome(request: OutcomeRequest) -> Outcome:
        """What one action will lead to in a state."""
        with turn:
            return predictor.predict_outcomes(request.state, [request.action], heads=request.heads)[0]

    @app.post("/predict_outcomes", dependencies=protected)
    def predict_outcomes(request: OutcomesRequest) -> tuple[Outcome, ...]:
        """What each of several actions will lead to; the state is read once."""
        with turn:
            return predictor.predict_outcomes(request.state, request.actions, heads=request.heads)

    @app.post("/decide", dependencies=protected)
    def decide(request: DecideRequest) -> Decision:
        """Execute, switch or escalate. A failing or late model escalates, and so does a log that cannot be written."""
        check_action(request.state, request.action)
        with turn:
            decision = guarded_step(guard, request.state, request.action).decision
        if on_decision is not None:
            try:
                on_decision(request.state, request.action, decision)
            except WmError as error:
                reason = f"the decision cannot be recorded: {error}"
                return replace(decision, verdict=Verdict.ESCALATE, reason=reason, executed=None)
        return decision

    return app
