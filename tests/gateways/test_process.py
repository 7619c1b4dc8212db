"""How processes end: interrupted, and killed when they do not heed it."""

import signal
import socket
import subprocess
import sys

import pytest

from wm_pipeline.gateways.process import heed_interrupts, say_when_they_answer, stop_processes


@pytest.mark.slow
def test_what_a_shell_started_in_the_background_heeds_interrupts_again() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        heed_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server(port: int) -> "subprocess.Popen[bytes]":
    arguments = ["http.server", str(port), "--bind", "127.0.0.1"]
    serve = f"sys.argv = {arguments}; runpy.run_module('http.server', None, '__main__')"
    code = f"import runpy, sys, time; time.sleep(1); {serve}"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_an_address_is_said_once_its_page_answers() -> None:
    said: list[str] = []
    port = _free_port()
    server = _server(port)
    try:
        say_when_they_answer({"Files": f"http://127.0.0.1:{port}"}, [server], say=said.append, patience_s=60)
        with socket.create_connection(("127.0.0.1", port)):
            pass
    finally:
        stop_processes([server])

    assert said == [f"Files: http://127.0.0.1:{port}"]


def test_nothing_is_said_of_pages_whose_process_has_ended() -> None:
    said: list[str] = []
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    say_when_they_answer({"Files": f"http://127.0.0.1:{_free_port()}"}, [ended], say=said.append)

    assert said == []


def test_pages_that_never_answer_are_named_in_the_end() -> None:
    said: list[str] = []
    address = f"http://127.0.0.1:{_free_port()}"

    say_when_they_answer({"Files": address}, [], say=said.append, patience_s=0.1)

    assert said == [f"no answer after 0 s from {address}; the lines above may say why"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_a_tool_is_interrupted_when_its_starter_is_killed() -> None:
    starts = (
        "import subprocess, sys, time\n"
        "from wm_pipeline.gateways.process import interrupted_with_starter\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1]], preexec_fn=interrupted_with_starter)\n"
        "time.sleep(60)\n"
    )
    tool = (
        "import time\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    with subprocess.Popen([sys.executable, "-c", starts, tool], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
        starter.kill()

        assert starter.stdout.read() == "interrupted\n"  # the pipe closes when the tool, too, has ended
