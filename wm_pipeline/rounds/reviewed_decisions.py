"""reviewed_decisions: what guards decided, and what people said of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.decision import Decision
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import state_id_of
from wm_pipeline.domain.question import question_of, read_state
from wm_pipeline.domain.records import to_row
from wm_pipeline.domain.secrets import Redactor, key_kept_in
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import DecisionSchema
from wm_pipeline.rounds.workspace import StageOutput, Workspace, lineage_of


def ingest_decisions(workspace: Workspace, day: str) -> StageOutput:
    """reviewed_decisions of a day: guard decisions that a person has judged, from the service's log of that day."""
    paths = [path for path in workspace.store.list_files(f"decision_log/day={day}") if path.endswith(".json")]
    rows = [_logged(workspace, path) for path in paths]
    schema = DecisionSchema.create_empty().schema
    frame = pl.DataFrame(rows, schema=schema, strict=False) if rows else DecisionSchema.create_empty()
    reviewed = frame.filter(pl.col("reviewer_verdict").is_not_null())
    address = workspace.store.write(
        "decisions", reviewed, day=day, lineage=lineage_of(workspace, "reviewed_decisions", day)
    )
    return StageOutput(address, reviewed.height, {"decisions": frame.height, "reviewed": reviewed.height})


def _logged(workspace: Workspace, path: str) -> dict[str, Any]:
    """A decision from its file, in which people write. Raises InvalidInputError with the file's name."""
    try:
        row = json.loads(workspace.store.read_bytes(path))
        return {**row, "decided_at": datetime.fromisoformat(row["decided_at"])}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{workspace.store.address_of(path)} is no decision as `wm serve` writes them ({error!r}); "
            "correct it, or move it away, then run again"
        ) from error


def decision_log(workspace: Workspace) -> Callable[[State, Action, Decision], None]:
    """A function that stores each decision of a service in its own file, so that none is lost and none needs a lock.

    Secrets that a client has not redacted are, under the key of this state folder.
    """
    key = key_kept_in(workspace.work)

    def record(state: State, action: Action, decision: Decision) -> None:
        now = datetime.now(UTC)
        redactor = Redactor(key)
        executed = None if decision.executed is None else redactor.action(state, decision.executed)
        action, state = redactor.action(state, action), redactor.state(state)
        outcome = decision.outcome
        row = {
            "decision_id": uuid4().hex,
            "decided_at": now.isoformat(),
            "state_id": state_id_of(state),
            "state": to_row(state),
            "action": to_row(action),
            "action_text": question_of(read_state(state), action).text,
            "model_version": None if outcome is None else outcome.model_version,
            "risk_label": None if outcome is None else outcome.risk_label.value,
            "risk_score": None if outcome is None else outcome.risk_score,
            "verdict": decision.verdict.value,
            "reason": redactor.text(decision.reason),
            "executed": None if executed is None else to_row(executed),
            "latency_ms": decision.latency_ms,
            "reviewer_verdict": None,
            "reviewer": None,
        }
        path = f"decision_log/day={now.date().isoformat()}/{row['decision_id']}.json"
        workspace.store.write_bytes(path, json.dumps(row).encode())

    return record
