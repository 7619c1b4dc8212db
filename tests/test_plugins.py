"""Plug-ins: loaded once in a process, named in what they decide, and told apart from our own."""

import builtins
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wm_pipeline import plugins
from wm_pipeline.domain import registrations
from wm_pipeline.domain.errors import PluginError
from wm_pipeline.domain.registrations import Kind, Plugin, of_plugins, plugins_behind, registering
from wm_pipeline.model.head_registry import SCORE_HEADS, ScoreHead, register_head
from wm_pipeline.policies.named import PolicyEntry, forget_policy, make_policy, register_policy
from wm_pipeline.policies.scripted import ScriptedPolicy
from wm_pipeline.rounds.graph import fingerprints
from wm_pipeline.rounds.profiles import tiny, with_plugins
from wm_pipeline.rounds.worlds import draw_round

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
SHOW = (
    "from wm_pipeline import plugins; from wm_pipeline.domain.registrations import Kind, of_plugins; "
    "print([p.name for p in plugins.load()], *(of_plugins(kind) for kind in Kind))"
)

REGISTERED = """
from wm_pipeline.policies.named import PolicyEntry, register_policy
from wm_pipeline.policies.scripted import ScriptedPolicy

def register():
    register_policy(PolicyEntry("waiting", lambda chat: ScriptedPolicy(), share=0.25))
"""


@pytest.fixture
def patient() -> Iterator[str]:
    """A policy of a plug-in's that asks for a quarter of a round's worlds."""
    with registrations.registering(Plugin("patience", "1.0")):
        register_policy(PolicyEntry("patient", lambda chat: ScriptedPolicy(), share=0.25))
    yield "patient"
    forget_policy("patient")


def load_in_a_process(names: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "WM_PLUGINS": names},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_files_are_loaded_and_what_they_register_is_theirs() -> None:
    names = ",".join(
        str(EXAMPLES / name) for name in ("site_library.py", "attack_banner.py", "head_leaks.py", "metric_margin.py")
    )

    done = load_in_a_process(names)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "['site_library', 'attack_banner', 'head_leaks', 'metric_margin'] "
        "('library',) ('false_alarm',) () ('leaks',) () ('risk.margin',)"
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def register():\n    raise ValueError('no such site')", "ValueError: no such site"),
        ("def broken(:", "SyntaxError"),
        ("STATE = 'imported'", "plug-in 'mine' has no function `register`; register there what it brings"),
        ("def register():\n    pass", "plug-in 'mine' registers nothing; let its function `register` do so"),
    ],
    ids=["import", "register", "syntax", "no function", "nothing"],
)
def test_a_plugin_that_fails_is_named(tmp_path: Path, code: str, told: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(code)

    with pytest.raises(PluginError) as refused:
        plugins.load_named(str(file))

    assert str(refused.value).startswith((f"plug-in {str(file)!r} cannot be loaded: ", "plug-in 'mine'"))
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"^WM_PLUGINS: there is no file '.*/none\.py'; give a \.py file or the name"):
        plugins.load_named(str(tmp_path / "none.py"))


def test_a_file_is_loaded_once(tmp_path: Path) -> None:
    file = tmp_path / "counted.py"
    file.write_text(REGISTERED + "import builtins\nbuiltins.counted = getattr(builtins, 'counted', 0) + 1\n")

    first, second = plugins.load_named(str(file)), plugins.load_named(str(file))

    assert first == second
    assert vars(builtins)["counted"] == 1
    forget_policy("waiting")


def test_a_file_named_from_the_present_folder_is_found_by_processes_that_run_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(REGISTERED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "mine.py")
    plugins.load.cache_clear()

    plugins.load()

    assert os.environ[plugins.VARIABLE] == str(tmp_path / "mine.py")
    forget_policy("waiting")


def test_a_policy_of_a_plugin_gets_its_share_of_worlds(patient: str) -> None:
    worlds = draw_round(tiny(), "2026-11-20", "payroll")

    acting = [world.policy for world in worlds]
    assert set(acting[2::4]) == {patient}
    assert acting.count(patient) == len(acting[2::4])
    assert isinstance(make_policy(patient), ScriptedPolicy)


def test_what_a_plugin_registers_decides_what_is_made_with_it(patient: str) -> None:
    with_it = fingerprints(tiny())
    forget_policy(patient)
    without = fingerprints(tiny())

    assert of_plugins(Kind.POLICY) == ()
    assert plugins_behind(Kind.POLICY) == ()
    assert with_it["raw_trajectories"] != without["raw_trajectories"]


def test_a_head_of_a_plugin_makes_the_models_again_and_no_rollout() -> None:
    without = fingerprints(tiny())
    head = ScoreHead("mood", 1, lambda row: None)
    with registering(Plugin("mood", "1")):
        register_head(head)
    try:
        with_it = fingerprints(tiny())
    finally:
        del SCORE_HEADS[head.name]

    # A checkpoint with other heads than the process is refused, so mid-training is made again too.
    assert [name for name in with_it if with_it[name] != without[name]] == [
        *("midtrain_checkpoint", "sft_checkpoint", "distilled_checkpoint", "eval_report", "model_version"),
        *("attack_curriculum", "reviewed_decisions"),
    ]


def test_our_own_sites_are_no_plugins() -> None:
    assert with_plugins(tiny()) == tiny()
    assert of_plugins(Kind.SITE) == ()
