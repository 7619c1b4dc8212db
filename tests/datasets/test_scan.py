"""`scan` without a root reads where a round writes, from any working folder."""

from pathlib import Path

import pytest

from tests.builders import payment_state
from tests.builders_experience import DAY, Done, Visit, experience, trajectory, world
from tests.gateways.test_places import ODD
from wm_pipeline.datasets import scan
from wm_pipeline.domain.action import NOOP
from wm_pipeline.domain.errors import MissingUpstreamError
from wm_pipeline.gateways.table_store import TableStore


def fill(root: Path) -> None:
    frames = experience(trajectory(world(), [Visit(payment_state(), [Done(NOOP)])]))
    for table, frame in frames._asdict().items():
        TableStore(str(root)).write(table, frame, day=DAY, partition="payroll", lineage={"fingerprint": "f"})


@pytest.mark.parametrize(
    "variables", [{"WM_STATE": "state"}, {"WM_STATE": "elsewhere", "WM_DATA": "state/data"}], ids=["state", "data"]
)
def test_without_a_root_the_settings_say_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    fill(tmp_path / "state" / "data")
    monkeypatch.delenv("WM_DATA", raising=False)
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")

    assert scan("transitions").collect().height == 1


def test_what_is_not_there_is_told_with_the_folder_and_how_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WM_DATA", raising=False)
    monkeypatch.setenv("WM_STATE", str(tmp_path))

    with pytest.raises(MissingUpstreamError) as refused:
        scan("transitions")

    assert str(refused.value) == (
        f"no transitions in {tmp_path}/data; materialize it first (`wm run`); "
        "that folder because WM_STATE names the folder above it"
    )


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_is_written_and_read(tmp_path: Path, name: str) -> None:
    fill(tmp_path / name)

    assert scan("transitions", root=str(tmp_path / name)).collect().height == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
