"""Our commits of tables beside Delta Lake's (deltalake, through Polars), on tables of the size of our rounds.

    make benchmark-stores
    python -m benchmarks.stores --days 3 --turns 5          # a try, in seconds

A store holds `--days` days of seven sites, a partition each, of some 600 states. Measured: replacing one partition,
reading one day and all days, the same after `--turns` replacements, two processes that replace different partitions and
the same one, a reader while a writer replaces, one replacement on S3, and of 200 flipped bits those that are read
without a word. Delta Lake stores its partitions by day and site and replaces one with a predicate.
"""

import argparse
import multiprocessing
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from botocore.exceptions import BotoCoreError

from benchmarks.datasets_synthetic import _state_texts
from benchmarks.reporting import machine, publish, spread
from tests.fakes.s3_server import BUCKET, make_bucket, options_at
from wm_pipeline.domain.tables import StateTextSchema
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.settings import SITES

TABLE, STATES = "state_texts", 600
NOTE = {"fingerprint": "benchmark", "code_version": "1"}


class Store(Protocol):
    def replace(self, frame: pl.DataFrame, day: str, site: str) -> None: ...

    def read(self, days: Sequence[str] | None) -> pl.LazyFrame: ...

    def files(self) -> list[Path]:
        """What holds rows."""
        ...


class Ours:
    def __init__(self, root: str, s3: S3Options | None = None) -> None:
        self._store = TableStore(root, s3)

    def replace(self, frame: pl.DataFrame, day: str, site: str) -> None:
        self._store.write(TABLE, frame, day=day, partition=site, lineage=NOTE)

    def read(self, days: Sequence[str] | None) -> pl.LazyFrame:
        return self._store.scan(StateTextSchema, days=days)

    def files(self) -> list[Path]:
        return sorted(Path(self._store.root, "tables").rglob("*.parquet"))


class Delta:
    def __init__(self, root: str, s3: S3Options | None = None) -> None:
        self._root = f"{root}/delta"
        self._options = (
            {}
            if s3 is None
            else {
                **s3.for_polars(),
                "aws_conditional_put": "etag",
                "timeout": "20s",
                "max_retries": "1",
                "retry_timeout": "20s",
            }
        )

    def replace(self, frame: pl.DataFrame, day: str, site: str) -> None:
        rows = frame.with_columns(pl.lit(day).alias("round_day"), pl.lit(site).alias("partition"))
        where = f"round_day = '{day}' AND partition = '{site}'"
        from deltalake import DeltaTable

        if DeltaTable.is_deltatable(self._root, storage_options=self._options):
            options: dict[str, Any] = {"predicate": where}
        else:
            options = {"partition_by": ["round_day", "partition"]}
        rows.write_delta(self._root, mode="overwrite", delta_write_options=options, storage_options=self._options)

    def read(self, days: Sequence[str] | None) -> pl.LazyFrame:
        rows = pl.scan_delta(self._root, storage_options=self._options)
        return rows if days is None else rows.filter(pl.col("round_day").is_in(list(days)))

    def files(self) -> list[Path]:
        from deltalake import DeltaTable

        return [Path(uri.removeprefix("file://")) for uri in DeltaTable(self._root).file_uris()]


STORES: dict[str, type[Ours] | type[Delta]] = {"ours": Ours, "delta": Delta}


def rows_of(seed: int) -> pl.DataFrame:
    frame = _state_texts(np.random.default_rng(seed), "2026-11-20", np.arange(STATES))
    return StateTextSchema.validate(frame, cast=True)


@contextmanager
def s3_process() -> Iterator[S3Options]:
    """A real S3 server (moto) with one bucket, in a process of its own: deltalake waits for it without letting go."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # it prints a line a request
    options = options_at(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                make_bucket(options)
                break
            except BotoCoreError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield options
    finally:
        server.kill()
        server.wait()


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def repeated(name: str, root: str, day: str, site: str, turns: int, told: Any) -> None:
    """A process that replaces one partition again and again; tells how often each kind of error met it."""
    store, errors = STORES[name](root), Counter[str]()
    for turn in range(turns):
        try:
            store.replace(rows_of(turn), day, site)
        except Exception as error:  # noqa: BLE001 whatever a store raises is what is counted
            errors[type(error).__name__] += 1
    told.put(dict(errors))


def two_writers(name: str, root: str, places: Sequence[tuple[str, str]], turns: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    writers = [
        context.Process(target=repeated, args=(name, root, day, site, turns, told), daemon=True) for day, site in places
    ]
    started = time.perf_counter()
    for writer in writers:
        writer.start()
    reads: Counter[str] = Counter()
    store = STORES[name](root)
    while any(writer.is_alive() for writer in writers):
        try:
            found = store.read([places[0][0]]).select(pl.len()).collect().item()
            reads["whole" if found % STATES == 0 else "part"] += 1
        except Exception as error:  # noqa: BLE001 as above
            reads[type(error).__name__] += 1
    errors: Counter[str] = Counter()
    for _ in writers:
        errors.update(told.get(timeout=60))
    for writer in writers:
        writer.join()
    return {"seconds": time.perf_counter() - started, "errors_of_writers": dict(errors), "reads": dict(reads)}


def flipped(store: Store, root: str, name: str, count: int) -> dict[str, int]:
    """What reading everything says after one flipped bit in a file of rows, `count` times."""
    expected = store.read(None).select("state_id", "state_text").sort("state_id").collect()
    draw, found = random.Random(0), Counter[str]()
    for _ in range(count):
        file = draw.choice(store.files())
        whole = file.read_bytes()
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
        try:
            read = STORES[name](root).read(None).select("state_id", "state_text").sort("state_id").collect()
            found["equal" if read.equals(expected) else "other rows without a word"] += 1
        except Exception as error:  # noqa: BLE001 as above
            found["refused" if isinstance(error, OSError | pl.exceptions.PolarsError) else type(error).__name__] += 1
        except pl.exceptions.PanicException:
            found["panic"] += 1
        file.write_bytes(whole)
    return dict(found)


def measure(name: str, *, days: int, turns: int, flips: int) -> dict[str, Any]:
    folder = tempfile.mkdtemp()
    store = STORES[name](folder)
    dates = [f"2026-10-{day + 1:02}" for day in range(days)]
    frames = [rows_of(seed) for seed in range(8)]
    filled = [
        timed(partial(store.replace, frames[at % 8], day, site)) for day in dates for at, site in enumerate(SITES)
    ]

    def reads() -> dict[str, Any]:
        return {
            "one_day_s": spread([timed(store.read(dates[-1:]).select(pl.len()).collect) for _ in range(5)]),
            "all_days_s": spread([timed(store.read(None).select("state_text").collect) for _ in range(3)]),
        }

    result: dict[str, Any] = {"fill_s": spread(filled), "read": reads()}
    again = [timed(partial(store.replace, frames[turn % 8], dates[0], SITES[0])) for turn in range(turns)]
    result |= {"replace_s": spread(again), "read_after": reads()}
    result["two_partitions"] = two_writers(name, folder, [(dates[0], SITES[0]), (dates[0], SITES[1])], turns)
    result["one_partition"] = two_writers(name, folder, [(dates[0], SITES[0])] * 2, turns)
    result["flips"] = flipped(store, folder, name, flips)
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    result["mib_for_one_mib_of_rows"] = size / sum(file.stat().st_size for file in store.files())
    shutil.rmtree(folder)
    with s3_process() as s3:
        remote = STORES[name](f"s3://{BUCKET}/{name}", s3)
        try:
            remote.replace(frames[0], dates[0], SITES[0])
            taken = [timed(partial(remote.replace, frames[1], dates[0], SITES[0])) for _ in range(5)]
            result["s3_replace_s"] = spread(taken)
        except OSError as error:  # told beside the other numbers, which took minutes
            result["s3_replace_s"] = f"failed: {str(error).splitlines()[0]}"
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    found = {}
    for name in STORES:
        print(f"{name} ...", file=sys.stderr)
        found[name] = measure(name, days=options.days, turns=options.turns, flips=options.flips)
    result = {"machine": machine("polars", "pyarrow", "deltalake"), "states_in_a_partition": STATES, **found}
    publish(result, options.results, lambda file: None)


if __name__ == "__main__":
    main()
