"""A real Postgres is watched and restored: every row and sequence as before, without cutting anybody off."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.postgres import PostgresServer, postgres_programs
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.applications.postgres import PostgresDatabase, open_postgres, with_database

psycopg2 = pytest.importorskip(
    "psycopg2", reason="the Postgres driver is an extra: pip install 'wm_pipeline[postgres]'"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        postgres_programs() is None, reason="no Postgres here: `make third-party`, or install the system's postgresql"
    ),
]

TABLES = """
CREATE TABLE account (id bigserial PRIMARY KEY, owner text NOT NULL, credit numeric(10, 2), seen timestamptz,
                      picture bytea, tags text[], detail jsonb, shout text GENERATED ALWAYS AS (upper(owner)) STORED);
CREATE TABLE entry (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE, amount numeric(10, 2));
CREATE TABLE keyless (word text, number int);
CREATE TABLE visit (at timestamptz DEFAULT now());
INSERT INTO account (owner, credit, seen, picture, tags, detail) VALUES
  ('Harbor Mills', 900.50, '2024-03-04 09:00+00', '\\x00ff', '{a,"b c"}', '{"x": [1, 2.50]}'),
  ('Cedar Works', NULL, NULL, NULL, NULL, NULL);
INSERT INTO entry (account_id, amount) SELECT 1, n FROM generate_series(1, 50) n;
INSERT INTO keyless VALUES ('twice', 1), ('twice', 1), ('once', 2);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    run(server.url("postgres"), "CREATE DATABASE ledger")
    run(server.url("ledger"), TABLES)
    yield server
    server.close()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[PostgresDatabase]:
    database = open_postgres("ledger", server.url("ledger"), ["visit"], is_copied=True)
    yield database
    database.close()


def run(url: str, *statements: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def test_every_change_of_a_row_is_seen_once_and_those_of_ignored_tables_never(database: PostgresDatabase) -> None:
    position = database.position()

    run(
        database.url,
        "UPDATE account SET credit = 1500 WHERE id = 1",
        "UPDATE account SET credit = 1500 WHERE id = 1",
        "INSERT INTO entry (account_id, amount) VALUES (2, 7)",
        "DELETE FROM keyless WHERE word = 'once'",
        "INSERT INTO visit DEFAULT VALUES",
    )

    changes = database.changes_since(position)
    assert [(one.table, one.operation) for one in changes] == [
        ("account", ChangeOperation.UPDATED),
        ("entry", ChangeOperation.INSERTED),
        ("keyless", ChangeOperation.DELETED),
    ]
    assert (changes[0].before["credit"], changes[0].after["credit"]) == ("900.50", "1500.00")


STEPS = {
    "update": ["UPDATE account SET owner = 'X', credit = NULL, detail = '[]' WHERE id = 1"],
    "insert": ["INSERT INTO account (owner) VALUES ('New')", "INSERT INTO entry (account_id, amount) VALUES (3, 1)"],
    "cascade": ["DELETE FROM account WHERE id = 1"],
    "key": ["UPDATE account SET id = 77 WHERE id = 2"],
    "keyless": ["UPDATE keyless SET number = number + 1", "DELETE FROM keyless WHERE word = 'twice'"],
    "truncate": ["TRUNCATE entry RESTART IDENTITY"],
    "ignored": ["INSERT INTO visit DEFAULT VALUES"],
    "many": [f"UPDATE entry SET amount = amount + {n} WHERE id <= 20" for n in range(5)],
}


@pytest.mark.parametrize("statements", STEPS.values(), ids=STEPS)
def test_a_restored_database_equals_the_saved_one(database: PostgresDatabase, statements: list[str]) -> None:
    everything = (
        "SELECT (SELECT string_agg(t::text, ';' ORDER BY t::text) FROM account t), "
        "(SELECT string_agg(t::text, ';' ORDER BY t::text) FROM entry t), "
        "(SELECT string_agg(t::text, ';' ORDER BY t::text) FROM keyless t), (SELECT count(*) FROM visit)"
    )
    saved, digest, rows = database.save(), database.digest(), run(database.url, everything)

    run(database.url, *statements)
    changed = run(database.url, everything)
    database.restore(saved)

    assert changed != rows
    assert run(database.url, everything) == rows
    assert database.digest() == digest
    assert database.save() == saved


def test_a_restored_sequence_gives_the_same_key_again(database: PostgresDatabase) -> None:
    saved, insert = database.save(), "INSERT INTO account (owner) VALUES ('New') RETURNING id"

    first = run(database.url, insert)
    database.restore(saved)

    assert run(database.url, insert) == first


def test_a_connection_of_the_application_outlives_a_restore(database: PostgresDatabase) -> None:
    connection = psycopg2.connect(database.url)
    connection.autocommit = True
    saved = database.save()
    cursor = connection.cursor()
    cursor.execute("DELETE FROM account WHERE id = 1")

    database.restore(saved)

    cursor.execute("SELECT owner FROM account WHERE id = 1")
    assert cursor.fetchone() == ("Harbor Mills",)
    connection.close()


def test_going_back_by_undoing_is_faster_than_by_copying_a_template(
    server: PostgresServer, database: PostgresDatabase
) -> None:
    took: dict[str, list[float]] = {"undo": [], "template": []}
    for _ in range(5):
        saved = database.save()
        run(database.url, "UPDATE account SET credit = credit + 1", "DELETE FROM entry WHERE id < 10")
        started = time.perf_counter()
        database.restore(saved)
        took["undo"].append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        run(with_database(database.url, "postgres"), "CREATE DATABASE copied TEMPLATE ledger")
        took["template"].append((time.perf_counter() - started) * 1000)
        run(with_database(database.url, "postgres"), "DROP DATABASE copied")
    undo_ms, template_ms = (statistics.median(took[name]) for name in ("undo", "template"))

    print(f"undo {undo_ms:.1f} ms, template {template_ms:.1f} ms")
    assert undo_ms < template_ms


def test_the_original_is_untouched_and_the_copy_is_gone_after_closing(server: PostgresServer) -> None:
    before = run(server.url("ledger"), "SELECT string_agg(t::text, ';' ORDER BY id) FROM account t")
    database = open_postgres("ledger", server.url("ledger"), [], is_copied=True)
    run(database.url, "DELETE FROM account")

    database.close()

    names = {name for (name,) in run(server.url("postgres"), "SELECT datname FROM pg_database")}
    assert not any(name.startswith("wm_") for name in names)
    assert run(server.url("ledger"), "SELECT string_agg(t::text, ';' ORDER BY id) FROM account t") == before
    assert run(server.url("ledger"), "SELECT count(*) FROM pg_namespace WHERE nspname = 'wm'") == [(0,)]


def test_a_database_that_somebody_uses_cannot_be_copied_and_the_error_says_so(server: PostgresServer) -> None:
    somebody = psycopg2.connect(server.url("ledger"))

    with pytest.raises(InvalidInputError) as refused:
        open_postgres("ledger", server.url("ledger"), [], is_copied=True)

    somebody.close()
    assert str(refused.value) == (
        "ledger: 'ledger' cannot be copied (source database \"ledger\" is being accessed by other users); end what is "
        "connected to it, and give the role of database.url the right to create databases"
    )


def test_a_server_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^ledger: database\.url cannot be connected to \(.*\); start the server"
    ):
        open_postgres("ledger", "postgresql://wm@127.0.0.1:1/ledger", [], is_copied=True)
