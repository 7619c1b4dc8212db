"""The code location: what it holds, that it loads without weight, and that its schedule and sensor tick."""

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.vocabulary import TeacherKind
from wm_pipeline.rounds import plan
from wm_pipeline.rounds.days import today
from wm_pipeline.rounds.graph import ASSETS, ROUND_ASSETS, Asset, code_version_of

with warnings.catch_warnings():
    # Dagster announces at import which of its parameters may still change or go: pinned, so nothing changes unseen.
    warnings.filterwarnings("ignore", message="Parameter `(backfill_policy|pool|partitions_def)` of function")
    from wm_pipeline.definitions import defs
    from wm_pipeline.defs import automation
    from wm_pipeline.defs.partitions import days, days_and_sites
    from wm_pipeline.defs.resources import check_round_day, environment_profile, workspace_from_environment
    from wm_pipeline.defs.rounds import failed_check

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = environment_profile().round.partitions

HEAVY = ("torch", "transformers", "deepspeed", "mlflow", "sklearn", "pandas")

LOADING = f"""
import json, sys, time
started = time.monotonic()
from wm_pipeline.definitions import defs
seconds = time.monotonic() - started
print(json.dumps({{
    "seconds": seconds,
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "assets": len(list(defs.resolve_asset_graph().get_all_asset_keys())),
}}))
"""


GRAPH = defs.resolve_asset_graph()


# --- what it holds ----------------------------------------------------------------------------------------------------


def test_dagsters_graph_is_the_table_of_assets() -> None:
    found = {
        key.to_user_string(): {
            "group": GRAPH.get(key).group_name,
            "upstream": {parent.to_user_string() for parent in GRAPH.get(key).parent_keys},
            "partitions": GRAPH.get(key).partitions_def,
            "code_version": GRAPH.get(key).code_version,
        }
        for key in GRAPH.get_all_asset_keys()
    }

    profile = environment_profile()
    assert found == {
        row.name: {
            "group": row.group,
            "upstream": set(row.upstream),
            "partitions": days_and_sites if row.is_by_site else days,
            "code_version": code_version_of(row.name, profile),
        }
        for row in ASSETS
    }


def test_no_asset_is_external() -> None:
    # A dependency that no asset makes would load silently as one.
    assert GRAPH.external_asset_keys == set()


@pytest.mark.parametrize("row", ASSETS, ids=lambda row: row.name)
def test_an_asset_says_what_it_is_and_what_it_is_made_with(row: Asset) -> None:
    asset = GRAPH.get(dg.AssetKey(row.name))

    assert asset.description
    assert len(asset.description.splitlines()[0]) > 30
    assert asset.kinds
    assert asset.owners


def test_what_would_be_wrong_downstream_is_blocked() -> None:
    blocking = {
        f"{key.asset_key.to_user_string()}.{key.name}"
        for key in GRAPH.asset_check_keys
        if GRAPH.get_check_spec(key).blocking
    }

    assert blocking == {
        "raw_trajectories.restores_hold",
        "socratic_annotations.teacher_agrees",
        "midtrain_dataset.no_leakage",
        "midtrain_dataset.no_contamination",
        "sft_dataset.no_leakage",
        "sft_dataset.no_contamination",
        "sft_dataset.splits_are_filled",
        "sft_dataset.labels_are_balanced",
        "midtrain_checkpoint.loss_fell",
        "midtrain_checkpoint.reload_is_exact",
        "sft_checkpoint.loss_fell",
        "sft_checkpoint.reload_is_exact",
        "distilled_checkpoint.reload_is_exact",
    }


def test_stages_that_fight_for_one_thing_share_a_pool() -> None:
    pools = {key.to_user_string(): GRAPH.get(key).pools for key in GRAPH.get_all_asset_keys()}

    assert {name: sorted(found)[0] for name, found in pools.items() if found} == {
        "raw_trajectories": "browser",
        "socratic_annotations": "teacher_api",
        "midtrain_checkpoint": "gpu",
        "sft_checkpoint": "gpu",
        "distilled_checkpoint": "gpu",
        "eval_report": "gpu",
    }


# --- it loads ---------------------------------------------------------------------------------------------------------


def load(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", LOADING],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_the_code_location_loads_without_torch_or_mlflow(tmp_path: Path) -> None:
    done = load(WM_STATE=str(tmp_path / "never_made"))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(f"the code location loads in {found['seconds']:.1f} s")
    assert found["heavy"] == []
    assert found["assets"] == len(ASSETS)
    assert list(tmp_path.iterdir()) == []  # it computes nothing and writes nothing


@pytest.mark.slow
def test_an_unknown_profile_is_told_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "wm"), "run", "--profile", "huge", "--dry-run"],
        env={**os.environ, "WM_STATE": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "wm: unknown profile 'huge'; there are tiny, laptop, release, gpu\n"


# --- it ticks ---------------------------------------------------------------------------------------------------------


def test_the_schedule_asks_for_one_run_over_all_sites_of_its_day() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 22, 2, 0))

    request = automation.nightly(context)

    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "experience-2026-11-22"
    assert request.tags == {
        "dagster/asset_partition_range_start": f"2026-11-22|{PARTITIONS[0]}",
        "dagster/asset_partition_range_end": f"2026-11-22|{PARTITIONS[-1]}",
        "dagster/max_retries": "1",
        "wm/day": "2026-11-22",
    }


def test_the_range_of_the_schedule_is_every_site_of_the_day_and_nothing_else() -> None:
    tags = automation.range_tags("2026-11-22", PARTITIONS)

    found = days_and_sites.get_partition_keys_in_range(
        dg.PartitionKeyRange(tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
    )

    assert sorted(found) == sorted(f"2026-11-22|{site}" for site in PARTITIONS)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"wm/day": "2026-11-22"}, "model-2026-11-22"),
        ({}, "the run was started by hand, for some partitions only"),
    ],
    ids=["a night", "by hand"],
)
def test_the_sensor_starts_the_model_once_a_nights_experience_is_there(tags: dict[str, str], expected: str) -> None:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job(name="nightly_experience", tags=tags)
    def experience() -> None:
        nothing()

    with dg.DagsterInstance.ephemeral() as instance:
        result = experience.execute_in_process(instance=instance)
        context = dg.build_run_status_sensor_context(
            sensor_name="after_experience",
            dagster_event=result.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        )

        found = automation.after_experience(context)

    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    told = found.run_key if isinstance(found, dg.RunRequest) else found.skip_message
    assert told == expected


@pytest.mark.parametrize(("wanted", "is_on"), [("", False), ("off", False), ("on", True)])
def test_nights_are_switched_by_a_variable(monkeypatch: pytest.MonkeyPatch, wanted: str, is_on: bool) -> None:
    monkeypatch.setenv("WM_NIGHTLY", wanted)

    assert (automation._status() is dg.DefaultScheduleStatus.RUNNING) is is_on


def test_a_word_that_is_no_switch_of_nights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_NIGHTLY", "yes")

    with pytest.raises(SettingsError, match=r"^WM_NIGHTLY: expected on or off, found 'yes'$"):
        automation._is_nightly()


@pytest.mark.parametrize(
    ("name", "spared"),
    [
        ("raw_trajectories", set()),
        ("sft_dataset", {*ROUND_ASSETS[:4], "midtrain_checkpoint"}),
        ("attack_curriculum", set(ROUND_ASSETS) - {"attack_curriculum"}),
    ],
)
def test_what_is_made_again_from_an_asset_on_is_what_is_made_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, spared: set[str]
) -> None:
    monkeypatch.setenv("WM_STATE", str(tmp_path))
    monkeypatch.setattr(plan, "stale_assets", lambda *given, **named: {})

    planned = plan.plan_round(workspace_from_environment().workspace(), "2026-11-20", redo_from=name)

    assert list(planned) == [asset for asset in ROUND_ASSETS if asset not in spared]
    assert set(planned.values()) == {f"asked for from {name} on"}


def test_nights_are_off_unless_a_deployment_turns_them_on() -> None:
    assert automation.nightly.default_status is dg.DefaultScheduleStatus.STOPPED
    assert automation.after_experience.default_status is dg.DefaultSensorStatus.STOPPED


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("yesterday", "unknown day 'yesterday'; write it as YYYY-MM-DD"),
        ("2026-02-30", "unknown day '2026-02-30'; write it as YYYY-MM-DD"),
        (
            "2020-01-01",
            "day 2020-01-01 is before 2024-01-01, the first day of rounds; set WM_FIRST_DAY to an earlier one",
        ),
        ("2999-01-01", f"day 2999-01-01 is in the future: days are counted in UTC, where it is {today()}"),
    ],
)
def test_a_day_that_is_no_round_is_refused(day: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_round_day(day)

    assert str(refused.value) == told


def test_what_failed_a_blocking_check_is_not_built_upon_until_it_is_made_again() -> None:
    days = dg.StaticPartitionsDefinition(["2030-01-01", "2030-01-02"])
    verdicts = {"2030-01-01": False, "2030-01-02": True}
    specs = [dg.AssetCheckSpec(name, asset="sft_dataset", blocking=True) for name in ("is_sound", "only_warns")]

    @dg.asset(partitions_def=days, check_specs=specs)
    def sft_dataset(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        yield dg.Output(None)
        yield dg.AssetCheckResult(check_name="is_sound", passed=verdicts[context.partition_key])
        yield dg.AssetCheckResult(check_name="only_warns", passed=False, severity=dg.AssetCheckSeverity.WARN)

    definitions = dg.Definitions([sft_dataset])
    with dg.DagsterInstance.ephemeral() as instance:
        for day in verdicts:
            dg.materialize([sft_dataset], instance=instance, partition_key=day, raise_on_error=False)

        failed = failed_check(instance, definitions, "2030-01-01", of=["sft_dataset"])
        assert failed is not None
        told = r"sft_dataset of 2030-01-01 failed its check is_sound .* --day 2030-01-01 --redo-from sft_dataset"
        assert re.search(told, str(failed))
        assert failed_check(instance, definitions, "2030-01-01", of=[]) is None
        assert failed_check(instance, definitions, "2030-01-02", of=["sft_dataset"]) is None

        verdicts["2030-01-01"] = True
        dg.materialize([sft_dataset], instance=instance, partition_key="2030-01-01", raise_on_error=False)
        assert failed_check(instance, definitions, "2030-01-01", of=["sft_dataset"]) is None


def test_a_check_that_its_run_never_came_to_failed_nothing() -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("is_sound", asset="sft_dataset", blocking=True)])
    def sft_dataset() -> Iterator[dg.Output[None]]:
        raise RuntimeError("killed")
        yield dg.Output(None)

    definitions = dg.Definitions([sft_dataset])
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.materialize([sft_dataset], instance=instance, raise_on_error=False, tags={"wm/day": "2030-01-01"})
        planned = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("sft_dataset"), "is_sound"), limit=1
        )

        assert (made.success, len(planned)) == (False, 1)
        assert failed_check(instance, definitions, "2030-01-01", of=["sft_dataset"]) is None


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("WM_LLM_MAX_TOKENS", "many", "a valid integer"),
        ("WM_LLM_MAX_TOKENS", "0", "greater than 0"),
        ("WM_LLM_PRICE_IN", "cheap", "a valid number"),
        ("WM_LLM_PRICE_OUT", "-1", "greater than or equal to 0"),
        ("WM_LLM_SHARE", "1.5", "less than or equal to 1"),
        ("WM_TEACHER", "oracle", "'instrumented' or 'llm'"),
    ],
)
def test_a_setting_that_its_field_cannot_hold_is_told_by_its_variable(
    variable: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as refused:
        workspace_from_environment()

    assert str(refused.value) == f"{variable}: expected {expected}, found {value!r}"


def test_settings_reach_the_workspace_in_their_types(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = {"WM_STATE": str(tmp_path), "WM_LLM_URL": "http://127.0.0.1:1", "WM_LLM_MODEL": "judge-1"}
    settings |= {"WM_LLM_MAX_TOKENS": "5", "WM_LLM_PRICE_IN": "0.5", "WM_LLM_SHARE": "0.2", "WM_TEACHER": "llm"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    workspace = workspace_from_environment().workspace()

    assert workspace.storage.llm is not None
    assert (workspace.storage.llm.max_tokens, workspace.storage.llm.price_per_million_in) == (5, 0.5)
    assert (workspace.profile.round.llm_share, workspace.profile.teacher.kind) == (0.2, TeacherKind.LLM)


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = workspace_from_environment()
    for name in ("WM_PROFILE", "WM_LLM_URL", "WM_LLM_MAX_TOKENS", "WM_LLM_PRICE_IN", "WM_LLM_SHARE", "WM_TEACHER"):
        monkeypatch.setenv(name, "")

    assert workspace_from_environment() == before
