"""A coroutine that is interrupted ends, wherever in the event loop the signal comes."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

_BEGIN = """
import asyncio, sys, time
from dagster import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as
from wm_pipeline.gateways.interrupts import run_heeding_interrupts

def busy(loop):
    if sys.argv[1] == "callback":
        time.sleep(0.01)
        loop.call_soon(busy, loop)

async def work():
    print("ready", flush=True)
    try:
        busy(asyncio.get_running_loop())
        while sys.argv[1] == "computing":
            sum(range(1000))
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.5)
        print("cleaned up", flush=True)

with raise_interrupts_as(DagsterExecutionInterruptedError):
    try:
        run_heeding_interrupts(work())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    while True:
        time.sleep(0.1)
"""
"""Dagster's handler around it, as in a step; afterwards it is in force again."""


def ended_by(process: "subprocess.Popen[str]", number: signal.Signals) -> str:
    """What it says on stderr. Python swallows what a handler raises while an object is finalized: it is sent again."""
    for _ in range(30):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=2)[1]
    process.kill()
    return process.communicate()[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy_with", ["callback", "computing", "nothing"])
def test_a_signal_ends_the_work_which_cleans_up_though_the_signal_comes_twice(
    busy_with: str, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGIN, busy_with], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(2):
        time.sleep(0.1)
        process.send_signal(number)
    told = [process.stdout.readline() for _ in range(2)]
    errors = ended_by(process, number)

    assert told == ["cleaned up\n", "interrupted\n"]
    assert errors.splitlines()[-1].startswith("dagster._core.errors.DagsterExecutionInterruptedError")
