"""The pool of processes: results of all tasks, whatever becomes of the workers."""

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.counting_worker import CountingWorker
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.ports import WorkerDied
from wm_pipeline.gateways.worker_pool import ProcessPool

Results = dict[str, "tuple[str, int] | WorkerDied"]


def run(tasks: Mapping[str, str], folder: Path, *, task_limit_s: float = 60) -> Results:
    return dict(ProcessPool(1).run(partial(CountingWorker, str(folder)), tasks, task_limit_s=task_limit_s))


def events(folder: Path) -> list[str]:
    return (folder / "events").read_text().splitlines()


@pytest.mark.slow
def test_a_worker_does_one_task_after_another_and_is_closed(tmp_path: Path) -> None:
    found = run({"a": "x", "b": "y"}, tmp_path)

    assert found == {"a": ("x", 1), "b": ("y", 2)}
    assert events(tmp_path) == ["start x", "start y", "close"]


@pytest.mark.slow
def test_a_task_is_given_up_when_its_worker_died_twice_and_the_others_are_done(tmp_path: Path) -> None:
    found = run({"a": "die", "b": "y"}, tmp_path)

    assert found == {"a": WorkerDied(2), "b": ("y", 1)}
    assert events(tmp_path).count("start die") == 2


@pytest.mark.slow
def test_a_worker_that_is_busy_for_too_long_is_killed(tmp_path: Path) -> None:
    assert run({"a": "hang"}, tmp_path, task_limit_s=0.1) == {"a": WorkerDied(2)}


@pytest.mark.slow
def test_an_error_for_a_person_is_raised_as_it_is_and_ends_the_workers(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^the worker refuses$"):
        run({"a": "refuse", "b": "y"}, tmp_path)

    assert events(tmp_path) == ["start refuse", "close"]


@pytest.mark.slow
def test_a_bug_is_raised_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)^a worker failed:\nTraceback .*ZeroDivisionError"):
        run({"a": "fail"}, tmp_path)


@pytest.mark.slow
def test_who_stops_reading_results_ends_the_workers(tmp_path: Path) -> None:
    make_worker = partial(CountingWorker, str(tmp_path))

    with closing(ProcessPool(1).run(make_worker, {"a": "x", "b": "y"}, task_limit_s=60)) as results:
        first = next(results)

    assert first == ("a", ("x", 1))
    assert events(tmp_path) == ["start x", "close"]


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^workers must be at least 1, found 0$"):
        ProcessPool(0)
