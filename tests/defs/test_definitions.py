"""The code location: what it holds, that it loads without weight, and that its schedule and sensor tick."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from wm_pipeline.domain.errors import CheckFailedError, SettingsError
from wm_pipeline.rounds.graph import ROUND_ASSETS
from wm_pipeline.rounds.settings import SITES

with warnings.catch_warnings():
    # Dagster announces at import which of its parameters may still change or go: pinned, so nothing changes unseen.
    warnings.filterwarnings("ignore", message="Parameter `(backfill_policy|pool|partitions_def)` of function")
    from wm_pipeline.definitions import defs
    from wm_pipeline.defs import automation
    from wm_pipeline.defs.partitions import days, days_and_sites
    from wm_pipeline.defs.rounds import _check_kept, check_day

ROOT = Path(__file__).resolve().parents[2]

GROUPS = {
    "raw_trajectories": "early_experience",
    "socratic_annotations": "socratic",
    "midtrain_dataset": "datasets",
    "sft_dataset": "datasets",
    "midtrain_checkpoint": "training",
    "sft_checkpoint": "training",
    "distilled_checkpoint": "training",
    "eval_report": "evaluation",
    "model_version": "registry",
    "attack_curriculum": "curriculum",
    "reviewed_decisions": "serving",
}
"""The asset graph as the design page lists it."""

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


def test_assets_and_groups_are_those_of_the_design() -> None:
    found = {key.to_user_string(): GRAPH.get(key).group_name for key in GRAPH.get_all_asset_keys()}

    assert found == GROUPS


def test_no_asset_is_external() -> None:
    # A dependency named by a mistyped string would load silently as one.
    assert GRAPH.external_asset_keys == set()


@pytest.mark.parametrize("name", GROUPS)
def test_an_asset_says_what_it_is_and_what_it_is_made_with(name: str) -> None:
    asset = GRAPH.get(dg.AssetKey(name))

    assert asset.description
    assert len(asset.description.splitlines()[0]) > 30
    assert asset.kinds


@pytest.mark.parametrize("name", GROUPS)
def test_experience_is_made_a_site_and_the_rest_a_day(name: str) -> None:
    partitions = GRAPH.get(dg.AssetKey(name)).partitions_def

    by_site = name in {"raw_trajectories", "socratic_annotations"}
    assert partitions == (days_and_sites if by_site else days)


def test_upstream_comes_before_downstream_in_a_round() -> None:
    for position, name in enumerate(ROUND_ASSETS):
        upstream = {key.to_user_string() for key in GRAPH.get(dg.AssetKey(name)).parent_keys}
        assert upstream <= set(ROUND_ASSETS[:position])


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
        # Distillation does not minimise one loss: what must hold is that the published weights are not worse.
        "distilled_checkpoint.never_worse",
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
    assert found["assets"] == len(GROUPS)
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
    assert done.stderr == "wm: unknown profile 'huge'; there are tiny, laptop, gpu\n"


# --- it ticks ---------------------------------------------------------------------------------------------------------


def test_the_schedule_asks_for_one_run_over_all_sites_of_its_day() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 22, 2, 0))

    request = automation.nightly(context)

    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "experience-2026-11-22"
    assert request.tags == {
        "dagster/asset_partition_range_start": f"2026-11-22|{SITES[0]}",
        "dagster/asset_partition_range_end": f"2026-11-22|{SITES[-1]}",
        "dagster/max_retries": "1",
        "wm/day": "2026-11-22",
    }


def test_the_range_of_the_schedule_is_every_site_of_the_day_and_nothing_else() -> None:
    tags = automation.range_tags("2026-11-22")

    found = days_and_sites.get_partition_keys_in_range(
        dg.PartitionKeyRange(tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
    )

    assert sorted(found) == sorted(f"2026-11-22|{site}" for site in SITES)


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

    told = found.run_key if isinstance(found, dg.RunRequest) else found.skip_message
    assert told == expected


def test_nights_are_off_unless_a_deployment_turns_them_on() -> None:
    assert automation.nightly.default_status is dg.DefaultScheduleStatus.STOPPED
    assert automation.after_experience.default_status is dg.DefaultSensorStatus.STOPPED


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("yesterday", "unknown day 'yesterday'; write it as YYYY-MM-DD"),
        ("2026-02-30", "unknown day '2026-02-30'; write it as YYYY-MM-DD"),
        ("2020-01-01", "day 2020-01-01 is out of range; rounds go from 2026-11-01 to today"),
        ("2999-01-01", "day 2999-01-01 is out of range; rounds go from 2026-11-01 to today"),
    ],
)
def test_a_day_that_is_no_round_is_refused(day: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_day(day)

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

        told = r"sft_dataset of 2030-01-01 failed its check is_sound .* --day 2030-01-01 --redo-from sft_dataset"
        with pytest.raises(CheckFailedError, match=told):
            _check_kept(instance, definitions, "2030-01-01", kept=["sft_dataset"])
        _check_kept(instance, definitions, "2030-01-01", kept=[])
        _check_kept(instance, definitions, "2030-01-02", kept=["sft_dataset"])

        verdicts["2030-01-01"] = True
        dg.materialize([sft_dataset], instance=instance, partition_key="2030-01-01", raise_on_error=False)
        _check_kept(instance, definitions, "2030-01-01", kept=["sft_dataset"])
