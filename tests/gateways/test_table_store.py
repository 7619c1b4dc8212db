"""The table store: one contract over a local folder and a real S3 server."""

import io
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tests.builders import payment_state
from tests.builders_experience import DAY, Done, Visit, experience, states_table, trajectory, world
from tests.fakes.s3_server import BUCKET, s3_server
from wm_pipeline.datasets import scan
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.digests import files_in
from wm_pipeline.domain.errors import DamagedError, FormatVersionError, MissingUpstreamError, SettingsError, TableError
from wm_pipeline.domain.tables import StateSchema, TrajectorySchema
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.table_file import TableFile, content_of
from wm_pipeline.gateways.table_store import Partition, TableStore

NEXT_DAY = "2026-11-23"
LINEAGE = {"fingerprint": "abc", "seed": 3}


@cache
def states(*titles: str) -> pl.DataFrame:
    return states_table(*(payment_state(title=title) for title in titles))


def titles(frame: pl.DataFrame) -> list[str]:
    return sorted(frame["state"].struct.field("title").to_list())


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    """The same contract at both places; each test has a root of its own."""
    if request.param == "local":
        return TableStore(str(tmp_path / "data"))
    options: S3Options = request.getfixturevalue("s3")
    return TableStore(f"s3://{BUCKET}/{tmp_path.name}/data", options)


@pytest.fixture
def reached(store: TableStore, request: pytest.FixtureRequest) -> S3Options | None:
    """How `scan` reaches the store."""
    return request.getfixturevalue("s3") if store.is_remote else None


# --- tables, wherever they are ----------------------------------------------------------------------------------------


def test_what_is_written_is_read_with_its_types(store: TableStore) -> None:
    frame = states("Home", "Wires")

    address = store.write("states", frame, day=DAY, partition="payroll", lineage=LINEAGE)

    assert address == store.address_of(f"tables/states/round_day={DAY}/payroll.parquet")
    assert store.read(StateSchema).sort("state_id").equals(frame.sort("state_id"))
    assert store.read(StateSchema).schema == frame.schema


def test_a_rerun_replaces_its_partition_and_no_other(store: TableStore) -> None:
    store.write("states", states("Old", "Older"), day=DAY, partition="payroll", lineage=LINEAGE)
    store.write("states", states("Mail"), day=DAY, partition="webmail", lineage=LINEAGE)

    store.write("states", states("New"), day=DAY, partition="payroll", lineage=LINEAGE)

    assert titles(store.read(StateSchema)) == ["Mail", "New"]


def test_a_frame_that_does_not_fit_its_schema_leaves_the_partition_as_it_was(store: TableStore) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    doubled = pl.concat([states("New"), states("New")])

    with pytest.raises(TableError, match=rf"^states for {DAY}/payroll does not fit its schema: 1 rules failed"):
        store.write("states", doubled, day=DAY, partition="payroll", lineage=LINEAGE)

    assert titles(store.read(StateSchema)) == ["Home"]


def piece(*ids: str) -> pl.DataFrame:
    return states("Home").with_columns(pl.lit(list(ids)).alias("state_id")).explode("state_id")


def write_pieces(store: TableStore, *pieces: pl.DataFrame, then: Callable[[], None] = lambda: None) -> None:
    """Write a partition in pieces; `then` happens between the last of them and the commit."""
    with store.committing() as batch, batch.writing("states", day=DAY) as file:
        for rows in pieces:
            file.append(rows)
        file.finish(LINEAGE)
        then()


def test_a_partition_that_is_written_in_pieces_is_as_one_that_is_written_whole(store: TableStore) -> None:
    store.write("states", piece("a", "b", "c"), day=DAY, lineage=LINEAGE)
    whole = store.read(StateSchema)

    write_pieces(store, piece("a", "b"), piece("c"))

    assert store.read(StateSchema).equals(whole)
    assert store.scan(StateSchema).collect().equals(whole)
    note = {"format_version": FORMAT_VERSION, "table": "states", "content": content_of(whole), **LINEAGE}
    assert store.lineage_of("states", day=DAY) == note


def test_pieces_are_not_seen_before_the_last_of_them(store: TableStore) -> None:
    store.write("states", piece("old"), day=DAY, lineage=LINEAGE)

    seen: list[str] = []
    write_pieces(store, piece("a"), then=lambda: seen.extend(store.read(StateSchema)["state_id"]))

    assert seen == ["old"]
    assert store.read(StateSchema)["state_id"].to_list() == ["a"]


def interrupted() -> None:
    raise KeyboardInterrupt


def test_pieces_that_were_not_finished_leave_the_partition_as_it_was(store: TableStore) -> None:
    store.write("states", piece("old"), day=DAY, lineage=LINEAGE)

    with store.committing() as batch, batch.writing("states", day=DAY) as file:
        file.append(piece("a"))
    with pytest.raises(KeyboardInterrupt):
        write_pieces(store, piece("a"), then=interrupted)

    assert store.read(StateSchema)["state_id"].to_list() == ["old"]
    assert store.list_files("tables") == [f"tables/states/round_day={DAY}/all.parquet"]


@pytest.mark.parametrize(
    "pieces",
    [[["a", "b"], ["b"]], [["b"], ["a"]], [["b", "a"]]],
    ids=["a key that stands twice", "pieces in another order", "rows in another order"],
)
def test_pieces_whose_keys_do_not_rise_are_refused(store: TableStore, pieces: list[list[str]]) -> None:
    with pytest.raises(TableError) as refused:
        write_pieces(store, *(piece(*ids) for ids in pieces))

    assert str(refused.value) == (
        f"states for {DAY}/all is written in pieces whose keys do not rise (state_id); "
        "sort the rows, and remove duplicate rows"
    )
    assert store.partitions("states") == []


def test_a_piece_that_does_not_fit_its_schema_is_refused(store: TableStore) -> None:
    with pytest.raises(TableError, match=rf"^states for {DAY}/all does not fit its schema: 1 rules failed"):
        write_pieces(store, piece("a").with_columns(state_id=pl.lit(None, pl.String)))

    assert store.partitions("states") == []


def test_lineage_is_what_was_noted_when_writing(store: TableStore) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)

    found = store.lineage_of("states", day=DAY, partition="payroll")

    content = content_of(states("Home"))
    note = {"format_version": FORMAT_VERSION, "table": "states", "content": content, "fingerprint": "abc", "seed": 3}
    assert found == note


@pytest.mark.parametrize("version", [99, float(FORMAT_VERSION), str(FORMAT_VERSION)])
def test_another_format_version_is_refused_with_what_to_do(store: TableStore, version: object) -> None:
    # Lineage may hold any key, and so stands in for a file that another release wrote.
    address = store.write("states", states("Home"), day=DAY, lineage={"format_version": version})

    with pytest.raises(FormatVersionError) as refused:
        store.read(StateSchema)

    assert str(refused.value) == (
        f"{address} has format version {version}, this code reads {FORMAT_VERSION}; "
        "use the release that wrote it, or point WM_DATA to a new folder"
    )


def plant(store: TableStore, path: str, content: bytes) -> None:
    """Put a file there that nobody committed."""
    store._files.write(path, content)


def test_a_file_that_nobody_committed_is_named_with_what_to_do(store: TableStore) -> None:
    path = f"tables/states/round_day={DAY}/payroll.parquet"
    plant(store, path, parquet_of_somebody_else())

    for read in store.scan, store.read:
        with pytest.raises(DamagedError) as refused:
            read(StateSchema)
        assert str(refused.value) == (
            f"{store.address_of(path)} has no record of what was committed: an earlier release wrote it, or somebody "
            "by hand; use the release that wrote it, or move it away and make it again"
        )


def parquet_of_somebody_else() -> bytes:
    buffer = io.BytesIO()
    states("Home").write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda whole: whole[:4] + b"\0" * 400 + whole[404:], r"expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}$"),
        (lambda whole: whole[:9] + b"?" + whole[10:], r"expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}$"),
        (lambda whole: whole[:-9], r"expected \d+ bytes, found \d+$"),
        (lambda whole: b"", r"expected \d+ bytes, found 0$"),
        (lambda whole: parquet_of_somebody_else(), r"expected \d+ bytes, found \d+$"),
    ],
    ids=["zeros", "one byte", "cut", "empty", "another table"],
)
def test_what_is_not_as_it_was_committed_is_never_read(
    store: TableStore, damage: Callable[[bytes], bytes], told: str
) -> None:
    path = f"tables/states/round_day={DAY}/payroll.parquet"
    store.write("states", states("Home", "Wires"), day=DAY, partition="payroll", lineage=LINEAGE)
    plant(store, path, damage(store.read_bytes(path)))

    for read in store.scan, store.read:
        with pytest.raises(DamagedError, match=rf"^{store.address_of(path)} is damaged: {told}"):
            read(StateSchema)


def test_a_bit_that_flips_below_the_file_system_reaches_no_training(tmp_path: Path) -> None:
    memory = tmp_path / "checked.jsonl"
    TableStore(str(tmp_path / "data"), memory=memory).write("states", states("one"), day=DAY, lineage=LINEAGE)
    path = tmp_path / "data" / "tables" / "states" / f"round_day={DAY}" / "all.parquet"
    os.utime(path, ns=(10**18, 10**18))  # long ago: it is remembered that it was checked
    before = TableStore(str(tmp_path / "data"), memory=memory)
    assert before.problem(f"tables/states/round_day={DAY}/all.parquet") is None
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))

    for work in (before, TableStore(str(tmp_path / "data"), memory=memory)):
        with pytest.raises(DamagedError, match="expected SHA-256"):
            work.scan(StateSchema)
        with pytest.raises(DamagedError, match="expected SHA-256"):
            work.local_file(f"tables/states/round_day={DAY}/all.parquet", cache=tmp_path)


def test_a_file_that_is_gone_is_missed(store: TableStore) -> None:
    path = f"tables/states/round_day={DAY}/payroll.parquet"
    for name in "payroll", "webmail":
        store.write("states", states("Home"), day=DAY, partition=name, lineage=LINEAGE)
    store._files.delete(path)

    for read in store.scan, store.read:
        with pytest.raises(DamagedError, match=rf"^{store.address_of(path)} is missing$"):
            read(StateSchema)
    assert store.problem(path) == f"{store.address_of(path)} is missing"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null"])
def test_a_record_that_is_damaged_is_named(store: TableStore, content: bytes) -> None:
    path = f"tables/states/round_day={DAY}/payroll.parquet"
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    plant(store, f"records/{path}.json", content)

    with pytest.raises(DamagedError, match=rf"^{store.address_of(f'records/{path}.json')} is damaged \("):
        store.read(StateSchema)


def test_a_flipped_bit_of_a_record_is_noticed_wherever_it_is(store: TableStore) -> None:
    path = f"tables/states/round_day={DAY}/payroll.parquet"
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    whole = store._files.read(f"records/{path}.json")

    for at in range(0, 8 * len(whole), 1 if not store.is_remote else 499):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        plant(store, f"records/{path}.json", bytes(content))
        with pytest.raises(DamagedError, match="is damaged"):
            store.note_of(path)


def test_reading_opens_no_file_of_another_day(store: TableStore) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    plant(store, f"tables/states/round_day={NEXT_DAY}/payroll.parquet", b"not a table")

    found = store.read(StateSchema, days=[DAY])

    assert titles(found) == ["Home"]


def test_reading_opens_no_file_of_another_site(store: TableStore) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    plant(store, f"tables/states/round_day={DAY}/webmail.parquet", b"not a table")

    found = store.read(StateSchema, sites=["payroll"])

    assert titles(found) == ["Home"]


@pytest.mark.parametrize(
    ("chosen", "damaged"),
    [
        ({"days": [DAY]}, (NEXT_DAY, "payroll")),
        ({"sites": ["payroll"]}, (DAY, "webmail")),
        ({"days": [DAY], "sites": ["payroll"]}, (NEXT_DAY, "payroll")),
    ],
    ids=["a day", "a site", "both"],
)
def test_scanning_opens_no_other_file(
    store: TableStore, reached: S3Options | None, chosen: dict[str, list[str]], damaged: tuple[str, str]
) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    plant(store, f"tables/states/round_day={damaged[0]}/{damaged[1]}.parquet", b"not a table")

    found = scan("states", **chosen, root=store.root, s3=reached).collect()

    assert titles(found) == ["Home"]


def trajectories_of(*sites: str) -> pl.DataFrame:
    """A table that has a site column, in one frame as a dataset of a day is."""
    return experience(*(trajectory(world(site=site), [Visit(payment_state(), [Done(NOOP)])]) for site in sites))[0]


def test_a_site_is_picked_out_of_a_days_one_file(store: TableStore, reached: S3Options | None) -> None:
    store.write("trajectories", trajectories_of("payroll", "webmail"), day=DAY, lineage=LINEAGE)

    found = scan("trajectories", sites=["webmail"], root=store.root, s3=reached)

    assert found.collect()["site"].to_list() == ["webmail"]
    assert store.read(TrajectorySchema, sites=["webmail"])["site"].to_list() == ["webmail"]


def test_filters_and_columns_are_pushed_down_into_the_files(store: TableStore, reached: S3Options | None) -> None:
    store.write("trajectories", trajectories_of("payroll", "webmail"), day=DAY, lineage=LINEAGE)

    found = scan("trajectories", sites=["webmail"], root=store.root, s3=reached)
    plan = found.filter(pl.col("steps") > 0).select("goal").explain()

    width = len(store.read(TrajectorySchema).columns)
    assert plan.count("\n") < 5
    assert f"PROJECT 3/{width} COLUMNS" in plan  # goal, and the two that are filtered by
    assert "SELECTION: " in plan
    assert "FILTER" not in plan


def test_partitions_come_oldest_day_first(store: TableStore) -> None:
    for day, name in ((NEXT_DAY, "payroll"), (DAY, "webmail"), (DAY, "payroll")):
        store.write("states", states("Home"), day=day, partition=name, lineage=LINEAGE)
    store.write_bytes("tables/states/notes.txt", b"somebody's notes")

    found = store.partitions("states")

    assert found == [
        Partition("states", DAY, "payroll"),
        Partition("states", DAY, "webmail"),
        Partition("states", NEXT_DAY, "payroll"),
    ]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, "no states in {root}; materialize it first (`wm run`)"),
        ({"days": [NEXT_DAY]}, "no states for days 2026-11-23 in {root}; materialize it first (`wm run`)"),
        ({"sites": ["shop"]}, "no states for sites shop in {root}; materialize it first (`wm run`)"),
    ],
    ids=["empty store", "other day", "other site"],
)
def test_a_missing_partition_says_how_to_make_it(store: TableStore, chosen: dict[str, list[str]], told: str) -> None:
    if chosen:
        store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)

    with pytest.raises(MissingUpstreamError) as refused:
        store.scan(StateSchema, **chosen)

    assert str(refused.value) == told.format(root=store.root)


def test_lineage_of_a_missing_partition_says_what_is_missing(store: TableStore) -> None:
    with pytest.raises(MissingUpstreamError) as refused:
        store.lineage_of("states", day=DAY, partition="payroll")

    address = store.address_of(f"tables/states/round_day={DAY}/payroll.parquet")
    assert str(refused.value) == f"there is no {address}; materialize it first"


# --- artifacts, wherever they are -------------------------------------------------------------------------------------


def made_folder(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_published_folder_comes_back_as_it_was(store: TableStore, tmp_path: Path) -> None:
    folder = made_folder(tmp_path / "made", weights="1 2 3", heads__risk="0.5")

    address = store.write_folder(f"checkpoints/sft/{DAY}", files_in(folder), note=LINEAGE)
    found = store.local_folder(f"checkpoints/sft/{DAY}", cache=tmp_path / "cache")

    assert address == store.address_of(f"checkpoints/sft/{DAY}")
    files = {path.relative_to(found).as_posix(): path.read_text() for path in found.rglob("*") if path.is_file()}
    assert files == {"weights": "1 2 3", "heads/risk": "0.5"}


def test_publishing_again_leaves_nothing_of_the_former_folder(store: TableStore, tmp_path: Path) -> None:
    path = f"checkpoints/sft/{DAY}"
    store.write_folder(path, files_in(made_folder(tmp_path / "first", weights="1", optimizer="2")), note=LINEAGE)

    store.write_folder(path, files_in(made_folder(tmp_path / "second", weights="3")), note=LINEAGE)

    assert store.list_files("checkpoints") == [f"{path}/weights"]
    assert (store.local_folder(path, cache=tmp_path / "cache") / "weights").read_text() == "3"


def test_a_local_copy_is_made_anew_when_the_folder_has_changed(store: TableStore, tmp_path: Path) -> None:
    path = f"checkpoints/sft/{DAY}"
    store.write_folder(path, files_in(made_folder(tmp_path / "first", weights="1", optimizer="2")), note=LINEAGE)
    store.local_folder(path, cache=tmp_path / "cache")
    store.write_folder(path, files_in(made_folder(tmp_path / "second", weights="3")), note=LINEAGE)

    found = store.local_folder(path, cache=tmp_path / "cache")

    assert [file.name for file in found.iterdir()] == ["weights"]


def test_a_folder_that_was_never_published_is_missing(store: TableStore, tmp_path: Path) -> None:
    with pytest.raises(MissingUpstreamError) as refused:
        store.local_folder("checkpoints/sft/none", cache=tmp_path)

    assert str(refused.value) == f"there is no {store.address_of('checkpoints/sft/none')}; materialize it first"


def test_a_deleted_folder_is_gone_and_its_neighbours_stay(store: TableStore) -> None:
    for path in ("staging/a/1", "staging/a/b/2", "staging/ab/3"):
        store.write_bytes(path, b"part")

    store.delete_folder("staging/a")
    store.delete_folder("staging/none")

    assert store.list_files("staging") == ["staging/ab/3"]


def test_a_store_that_was_sent_to_a_worker_reads_and_writes_the_same_files(store: TableStore) -> None:
    sent: TableStore = pickle.loads(pickle.dumps(store))

    sent.write_bytes("staging/part", b"part")

    assert store.read_bytes("staging/part") == b"part"


def test_bytes_are_replaced_and_missing_ones_are_named(store: TableStore) -> None:
    store.write_bytes("reports/a.json", b"one")
    store.write_bytes("reports/a.json", b"two")

    assert store.read_bytes("reports/a.json") == b"two"
    with pytest.raises(MissingUpstreamError) as refused:
        store.read_bytes("reports/b.json")
    assert str(refused.value) == f"there is no {store.address_of('reports/b.json')}; materialize it first"


def test_the_data_scientists_scan_reads_what_the_store_wrote(store: TableStore, reached: S3Options | None) -> None:
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    store.write("states", states("Mail"), day=NEXT_DAY, partition="webmail", lineage=LINEAGE)

    found = scan("states", days=[DAY], root=store.root, s3=reached).collect()

    assert titles(found) == ["Home"]


# --- a local folder ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reader_sees_the_old_table_or_the_new_one(tmp_path: Path) -> None:
    store = TableStore(str(tmp_path))
    versions = [states("A1", "A2"), states("B1", "B2", "B3")]
    store.write("states", versions[0], day=DAY, partition="payroll", lineage=LINEAGE)
    is_over = threading.Event()

    def rewrite() -> None:
        for turn in range(15):
            store.write("states", versions[turn % 2], day=DAY, partition="payroll", lineage=LINEAGE)
        is_over.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not is_over.is_set():
        seen.add(tuple(titles(store.read(StateSchema))))
    writer.join()

    assert seen <= {("A1", "A2"), ("B1", "B2", "B3")}
    assert [path.name for path in (tmp_path / f"tables/states/round_day={DAY}").iterdir()] == ["payroll.parquet"]


def test_half_a_file_that_a_killed_writer_left_is_no_partition(tmp_path: Path) -> None:
    store = TableStore(str(tmp_path))
    store.write("states", states("Home"), day=DAY, partition="payroll", lineage=LINEAGE)
    (tmp_path / f"tables/states/round_day={DAY}/.webmail.parquet.0f.part").write_bytes(b"PAR1")

    assert store.partitions("states") == [Partition("states", DAY, "payroll")]


def test_half_a_folder_that_a_killed_publisher_left_is_no_artifact(tmp_path: Path) -> None:
    store = TableStore(str(tmp_path / "data"))
    made_folder(tmp_path / f"data/checkpoints/sft/.{DAY}.part", weights="1")

    assert store.list_files("checkpoints") == []
    store.write_folder(f"checkpoints/sft/{DAY}", files_in(made_folder(tmp_path / "made", weights="2")), note=LINEAGE)
    assert [path.name for path in (tmp_path / "data/checkpoints/sft").iterdir() if path.name[0] != "."] == [DAY]


def test_a_write_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = TableStore(str(tmp_path))
    (tmp_path / "reports" / "report.json").mkdir(parents=True)

    with pytest.raises(TableError) as refused:
        store.write_bytes("reports/report.json", b"{}")

    assert str(refused.value).startswith(f"cannot write {tmp_path}/reports/report.json: ")
    assert str(refused.value).endswith("; check the disk or the bucket, then run again")
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["report.json"]


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        TableStore(str(tmp_path)).write("states", states("Home"), day=DAY, lineage=LINEAGE)
    finally:
        os.umask(before)

    mode = (tmp_path / f"tables/states/round_day={DAY}/all.parquet").stat().st_mode & 0o777

    assert mode == 0o644


def test_a_folder_under_a_local_root_is_used_in_place(tmp_path: Path) -> None:
    store = TableStore(str(tmp_path / "data"))
    store.write_folder(f"checkpoints/{DAY}", files_in(made_folder(tmp_path / "made", weights="1")), note=LINEAGE)

    found = store.local_folder(f"checkpoints/{DAY}", cache=tmp_path / "cache")

    assert found == tmp_path / f"data/checkpoints/{DAY}"
    assert not (tmp_path / "cache").exists()


def test_a_root_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        TableStore("gs://lake/data")

    assert str(refused.value) == "cannot store tables in 'gs://lake/data'; give a folder or s3://bucket/prefix"


def test_a_disk_that_takes_no_piece_is_an_error_of_ours(tmp_path: Path) -> None:
    file = TableFile(tmp_path / "no such folder" / "x.parquet", "states", place=f"for {DAY}/all")

    with pytest.raises(TableError, match=rf"^cannot write states for {DAY}/all: .*; check the disk, then run again$"):
        file.append(piece("a"))


# --- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_bucket_that_does_not_exist_is_an_error_of_ours(s3: S3Options, tmp_path: Path) -> None:
    store = TableStore("s3://no-such-bucket/data", s3)

    with pytest.raises(TableError, match=r"^cannot write s3://no-such-bucket/data/a: .*; check the disk or the bucket"):
        store.write_bytes("a", b"1")
    with pytest.raises(TableError, match=r"^cannot write s3://no-such-bucket/data/.*/weights: .*; check the disk or"):
        store.write_folder(f"b/{DAY}", files_in(made_folder(tmp_path / "made", weights="1")), note=LINEAGE)


@pytest.mark.slow
def test_a_file_of_many_megabytes_arrives_whole_and_leaves_nothing_behind(
    s3: S3Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = TableStore(f"s3://{BUCKET}/{tmp_path.name}/data", s3)
    content = os.urandom(2**20) * 25  # an upload of three parts

    store.write_bytes("weights", content)

    assert store.read_bytes("weights") == content
    assert list(tmp_path.iterdir()) == []


def test_an_s3_server_that_is_away_is_an_error_of_ours() -> None:
    store = TableStore(f"s3://{BUCKET}/data", S3Options("http://127.0.0.1:9", "a-key", "a-secret", "us-east-1"))

    with pytest.raises(TableError, match=rf"^cannot list s3://{BUCKET}/data/records/tables/states: .*NETWORK"):
        store.partitions("states")


@pytest.mark.slow
def test_s3_is_reached_through_the_usual_environment(s3: S3Options, monkeypatch: pytest.MonkeyPatch) -> None:
    assert s3.endpoint_url is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key or "")
    monkeypatch.setenv("AWS_REGION", s3.region or "")
    root = f"s3://{BUCKET}/environment/data"
    TableStore(root, s3).write("states", states("Home"), day=DAY, lineage=LINEAGE)

    found = scan("states", root=root).collect()

    assert titles(found) == ["Home"]
