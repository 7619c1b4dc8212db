"""Dagster's watch over the processes that mirror a step's output, which on Ctrl-C would end with a traceback.

A program: Dagster starts it in place of its own once `heed_no_interrupt` was called.
"""

import runpy
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

_DAGSTERS = "_core/execution/scripts/watch_orphans.py"


def heed_no_interrupt() -> None:
    """For all steps of this process. It is Dagster that ends the watch, when its step has ended."""
    from dagster._core.execution import compute_logs

    compute_logs.watch_orphans = sys.modules[__name__]  # type: ignore[attr-defined] # it gives no setting for it


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    found = find_spec("dagster")
    assert found is not None
    for folder in found.submodule_search_locations or ():
        runpy.run_path(str(Path(folder, _DAGSTERS)), run_name="__main__")
