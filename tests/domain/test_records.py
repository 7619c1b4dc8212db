"""Types, their columns and their JSON never differ."""

import json

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import payment_state
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization
from wm_pipeline.domain.delta import Effect, StateDelta
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.outcome import Outcome
from wm_pipeline.domain.records import adapter_of, from_json, from_row, struct_columns, to_json, to_row
from wm_pipeline.domain.state import State
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.domain.world import WorldSpec

RECORDS = [State, Action, StateDelta, Effect, Authorization, Outcome, WorldSpec]


@pytest.mark.parametrize("record_type", RECORDS, ids=lambda t: t.__name__)
@given(data=st.data())
def test_a_record_survives_json(record_type: type, data: st.DataObject) -> None:
    record = data.draw(st.from_type(record_type).filter(_is_finite))

    assert from_json(record_type, to_json(record), what="record") == record


@pytest.mark.parametrize("record_type", [State, Action, StateDelta, Effect, Authorization], ids=lambda t: t.__name__)
@given(data=st.data())
def test_a_record_survives_a_parquet_column(record_type: type, data: st.DataObject) -> None:
    record = data.draw(st.from_type(record_type))
    column = dy.Struct(struct_columns(record_type))

    frame = pl.DataFrame({"record": [to_row(record)]}, schema={"record": column.dtype})

    assert from_row(record_type, frame["record"][0]) == record


def _is_finite(record: object) -> bool:
    if not isinstance(record, Outcome):
        return True
    plugged = (score for scores in record.scores.values() for score in scores)
    return all(abs(number) < 1e300 for number in (record.risk_score, record.latency_ms, *plugged))


def test_a_malformed_state_names_its_field() -> None:
    state = json.loads(to_json(payment_state()))
    state["elements"][0]["visibility"] = "glowing"

    with pytest.raises(InvalidInputError) as error:
        from_json(State, json.dumps(state), what="state")

    assert str(error.value) == (
        "state.elements.0.visibility: input should be 'visible', 'hidden', 'transparent', 'tiny', 'offscreen' "
        "or 'closed', found 'glowing'"
    )


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match=r"^action\.colour: unexpected keyword argument, found 'red'$"):
        from_json(Action, '{"kind": "noop", "colour": "red"}', what="action")


@pytest.mark.parametrize("record_type", [State, Action, Outcome], ids=lambda t: t.__name__)
def test_users_get_a_json_schema_that_refuses_unknown_keys(record_type: type) -> None:
    schema = adapter_of(record_type).json_schema()

    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) >= set(schema.get("required", []))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_writes_and_reads_an_empty_partition(table: str) -> None:
    empty = TABLES[table].create_empty()

    assert TABLES[table].validate(empty).height == 0
