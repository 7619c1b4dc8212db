"""The tiny profile from end to end: Chromium, DeepSpeed processes and MLflow, all data on a local S3 server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from wm_pipeline.datasets import scan
from wm_pipeline.domain.ids import is_sealed_site
from wm_pipeline.gateways.files import S3Options
from wm_pipeline.gateways.table_store import TableStore

WM = Path(sys.executable).parent / "wm"
ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 900
DAY = os.environ.get("ROUND_DAY", "2026-11-29")
"""What a round draws depends on its day, and whether a change is right does not: `make test-today` draws today's."""
PLUGINS = ("site_library", "attack_banner", "head_leaks", "head_reach")
"""The documented plug-ins take part in the whole round: its workers, its training processes, its registered model."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def environment(s3_address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A clean state folder and home, and a bucket for everything that is kept."""
    state = tmp_path_factory.mktemp("state")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    boto3.client(
        "s3",
        endpoint_url=s3_address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket="lake")
    home = state / "dagster"
    home.mkdir()
    return {
        **os.environ,
        **keys,
        "AWS_ENDPOINT_URL": s3_address,
        "WM_STATE": str(state),
        "WM_DATA": "s3://lake/wm",
        "WM_PROFILE": "tiny",
        "WM_PLUGINS": ",".join(str(ROOT / "docs" / "examples" / f"{name}.py") for name in PLUGINS),
        "DAGSTER_HOME": str(home),
    }


def wm(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(WM), *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.fixture(scope="module")
def finished(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    done = wm(environment, "run", "--day", DAY, "--json")
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def test_a_round_ends_with_a_report_of_every_promised_number(
    finished: "subprocess.CompletedProcess[str]", environment: dict[str, str]
) -> None:
    report = json.loads(wm(environment, "report", "--json").stdout)

    assert report == json.loads(finished.stdout)
    assert set(report) >= {"model_version", "splits", "baselines", "loop", "gate", "timings"}
    assert set(report["baselines"]) == {
        *("majority", "relations_rule", "phrases_only", "linear_text", "boosted_trees"),
        *("zero_shot_backbone", "sft_without_midtraining", "page_shuffled", "no_page"),
    }
    assert report["causal"]["intervention"]["world_model"]["pairs"] >= 12
    assert set(report["loop"]) == {"gullible", "scripted", "explorer"}
    assert report["loop"]["gullible"]["guard_off"]["episodes"] == 3
    assert set(report["gate"]) == {"promoted", "reason"}
    assert set(report["timings"]) >= {"raw_trajectories", "sft_checkpoint", "eval_report"}


def test_a_second_run_makes_nothing_again(
    finished: "subprocess.CompletedProcess[str]", environment: dict[str, str]
) -> None:
    again = wm(environment, "run", "--dry-run", "--json")

    assert json.loads(again.stdout)["to_make"] == []


@pytest.fixture(scope="module")
def answering(finished: "subprocess.CompletedProcess[str]", environment: dict[str, str]) -> dict[str, str]:
    """The environment of the round with its version in use, whatever the gate said of so small a model."""
    if not json.loads(finished.stdout)["gate"]["promoted"]:
        refused = wm(environment, "predict", "--transition", "x/0/0")
        assert refused.returncode == 1
        promoted = wm(environment, "model", "promote", "--day", DAY, "--reason", "The test asks it.")
        assert promoted.returncode == 0, promoted.stderr
    return environment


def test_a_stored_transition_is_answered(
    finished: "subprocess.CompletedProcess[str]", answering: dict[str, str], s3_address: str
) -> None:
    options = S3Options(s3_address, "test", "test", "us-east-1")
    row = scan("sft_dataset", root="s3://lake/wm", s3=options).head(1).collect().row(0, named=True)
    transition = f"{row['trajectory_id']}/{row['step_index']}/{row['branch_index']}"

    outcome = json.loads(wm(answering, "predict", "--transition", transition).stdout)

    assert 0.0 <= outcome["risk_score"] <= 1.0
    assert outcome["counterfactual_action"] is not None


def test_plugins_take_part_in_every_process_of_a_round(
    finished: "subprocess.CompletedProcess[str]", answering: dict[str, str], s3_address: str
) -> None:
    options = S3Options(s3_address, "test", "test", "us-east-1")
    scanned = scan("trajectories", root="s3://lake/wm", s3=options).select("site", "attack_family").collect()
    row = scan("sft_dataset", root="s3://lake/wm", s3=options).head(1).collect().row(0, named=True)
    transition = f"{row['trajectory_id']}/{row['step_index']}/{row['branch_index']}"

    outcome = json.loads(wm(answering, "predict", "--transition", transition, "--heads", "risk,reach").stdout)
    store = TableStore("s3://lake/wm", options)
    manifest = json.loads(store.read_bytes(f"checkpoints/distilled/{DAY}/checkpoint/manifest.json"))

    assert "library" in scanned["site"].to_list()
    assert "false_alarm" in scanned["attack_family"].to_list()
    assert [name.partition(" ")[0] for name in manifest["plugins"]] == sorted(PLUGINS)
    assert 0.0 <= outcome["scores"]["leaks"][0] <= 1.0
    assert "reach" in outcome["texts"]


def test_the_new_model_is_attacked_where_it_overlooks_most(
    finished: "subprocess.CompletedProcess[str]", environment: dict[str, str]
) -> None:
    done = wm(environment, "attack", "--grounds", "1", "--tries", "2", "--json")

    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["model_version"] == json.loads(finished.stdout)["model_version"]
    for attacker in ("adaptive", "static"):
        assert found[attacker]["grounds"] == 1
        assert 1 <= found[attacker]["tries_used"] <= 2


def test_the_new_model_is_played_in_sealed_sites_beside_guards_without_a_model(
    finished: "subprocess.CompletedProcess[str]", environment: dict[str, str]
) -> None:
    done = wm(environment, "report", "--sealed", "5", "--worlds", "2", "--sites", "2", "--json")

    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["model_version"] == json.loads(finished.stdout)["model_version"]
    assert len(found["sites"]) == 2
    assert all(map(is_sealed_site, found["sites"]))
    assert set(found["loop"]) >= {"guard_off", "guard_on", "refuse_first", "block_everything"}
    assert found["loop"]["guard_on"]["episodes"] == 2


def test_ctrl_c_stops_a_round_with_one_sentence(tmp_path: Path) -> None:
    state = tmp_path / "state"
    home = state / "dagster"
    home.mkdir(parents=True)
    local = {**os.environ, "WM_STATE": str(state), "WM_PROFILE": "tiny", "DAGSTER_HOME": str(home)}
    with subprocess.Popen(
        [str(WM), "run", "--day", DAY], env=local, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        said = [line for line, _ in zip(_until_collecting(process.stderr), range(200), strict=False)]
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)

    assert "world collected" in said[-1]
    assert process.returncode == 1
    assert rest.strip().splitlines()[-1].startswith("wm: stopped; what was finished is kept")
    assert list((state / "work" / "staging").rglob("*.zip"))


def _until_collecting(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if "world collected" in line:
            return


def test_every_branch_came_from_a_page_that_was_restored_exactly(
    finished: "subprocess.CompletedProcess[str]", s3_address: str
) -> None:
    options = S3Options(s3_address, "test", "test", "us-east-1")

    totals = (
        scan("trajectories", root="s3://lake/wm", s3=options)
        .select(pl.col("branches_dropped").sum(), pl.col("branches_executed").sum())
        .collect()
    )

    assert totals["branches_executed"].item() > 50
    assert totals["branches_dropped"].item() == 0
