"""`wm` in this process, as a function: starting one of its own costs seconds. The fixture is in conftest.py."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from wm_pipeline.cli.main import main


class Done(NamedTuple):
    status: int
    out: str
    err: str


Wm = Callable[..., Done]


def wm_in(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Wm:
    """`wm` with a state folder of its own and none of this machine's settings."""
    for name in list(os.environ):
        if name.startswith(("WM_", "AWS_")):
            monkeypatch.delenv(name)
    for name, value in {
        "WM_STATE": str(state),
        "WM_PROFILE": "tiny",
        "DAGSTER_HOME": str(state.parent),
        "TQDM_DISABLE": "1",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["wm", *arguments])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
        told = capsys.readouterr()
        return Done(status, told.out, told.err)

    return run
