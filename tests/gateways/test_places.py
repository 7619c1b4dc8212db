"""One rule for where things are kept, and addresses that lead to a folder whatever it is called."""

from pathlib import Path

import pytest

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.gateways.places import PROJECT, data_place, folder_uri, sqlite_file, sqlite_uri, state_folder

ODD = ("my state", "50% #1", "run[1]", "a%20b", "what?", "{x}", "données", "*", "~", "a:b", "back\\slash", "a" * 200)
"""Names that are a pattern to some library, or mean something in an address."""


@pytest.mark.parametrize(
    ("variables", "data", "reason"),
    [
        ({}, f"{PROJECT}/.wm/data", "neither WM_DATA nor WM_STATE is set"),
        ({"WM_STATE": "", "WM_DATA": ""}, f"{PROJECT}/.wm/data", "neither WM_DATA nor WM_STATE is set"),
        ({"WM_STATE": "/far"}, "/far/data", "WM_STATE names the folder above it"),
        ({"WM_STATE": "/far", "WM_DATA": "/lake"}, "/lake", "WM_DATA names it"),
        ({"WM_DATA": "s3://bucket/run[1]"}, "s3://bucket/run[1]", "WM_DATA names it"),
    ],
    ids=["nothing set", "empty", "state", "data", "S3"],
)
def test_data_is_where_the_settings_say(variables: dict[str, str], data: str, reason: str) -> None:
    assert data_place(variables) == (data, reason)


def test_a_relative_folder_is_one_of_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert state_folder({"WM_STATE": "here"}) == f"{tmp_path}/here"
    assert data_place({"WM_DATA": "lake"}).address == f"{tmp_path}/lake"


@pytest.mark.parametrize("name", ODD)
def test_the_address_of_a_database_leads_back_to_its_file(name: str) -> None:
    assert sqlite_file(sqlite_uri(f"/far/{name}/mlflow.db")) == Path(f"/far/{name}/mlflow.db")


def test_other_addresses_are_left_alone() -> None:
    assert sqlite_file("http://127.0.0.1:5000") is None
    assert sqlite_uri("/far/mlflow.db") == "sqlite:////far/mlflow.db"
    assert folder_uri("s3://bucket/prefix") == "s3://bucket/prefix"
    assert folder_uri("") == ""  # a server keeps them
    assert folder_uri("/far/a%20b") == "file:///far/a%2520b"


def test_an_address_with_one_slash_is_no_folder() -> None:
    with pytest.raises(SettingsError, match="WM_DATA: expected a folder or s3://bucket/prefix, found 's3:/lake'"):
        data_place({"WM_DATA": "s3:/lake"})
