"""How processes end: interrupted, and killed when they do not heed it."""

import signal
import subprocess
import sys

from wm_pipeline.gateways.process import heed_interrupts, stop_processes


def test_what_a_shell_started_in_the_background_heeds_interrupts_again() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        heed_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_is_interrupted_and_one_that_does_not_heed_it_is_killed() -> None:
    heeds = "import time; print('ready', flush=True); time.sleep(60)"
    ignores = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {heeds}"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for code in (heeds, ignores)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()

    stop_processes(processes, patience_s=1)

    assert [process.returncode for process in processes] == [-signal.SIGINT, -signal.SIGKILL]
