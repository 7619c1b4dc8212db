"""The deployment's files: linted, and held to what the code and the set-up script say. No container is started."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from tests.fakes.s3_server import BUCKET, s3_server
from wm_pipeline.gateways.files import S3Options

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
TOOLS = Path(sys.executable).parent
YAML_FILES = [
    INFRA / "compose.yaml",
    INFRA / "dagster.yaml",
    INFRA / "workspace.yaml",
    ROOT / "dagster.yaml",
    ROOT / "workspace.yaml",
    ROOT / "mkdocs.yml",
    ROOT / ".pre-commit-config.yaml",
    ROOT / ".github" / "workflows" / "ci.yml",
]


def run(*command: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((INFRA / "compose.yaml").read_text()))


SERVICES = compose()["services"]
services = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


# --- linters ----------------------------------------------------------------------------------------------------------


def test_the_containerfile_passes_hadolint() -> None:
    done = run(str(TOOLS / "hadolint"), "--no-color", "infra/Containerfile")

    assert (done.returncode, done.stdout) == (0, "")


def test_yaml_files_pass_yamllint() -> None:
    names = [str(path.relative_to(ROOT)) for path in YAML_FILES]

    done = run(str(TOOLS / "yamllint"), "--strict", "-c", "infra/.yamllint", *names)

    assert (done.returncode, done.stdout) == (0, "")


# --- the image --------------------------------------------------------------------------------------------------------


def pip_installs(text: str) -> list[str]:
    """The pip commands of a script, on one line each, without what only quiets them or saves time and space."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"pip install ([^\n&]+)", joined)
    return [
        " ".join(
            word
            for word in command.split()
            if word not in {"-q", "--disable-pip-version-check", "--no-cache-dir", "--no-compile"}
        )
        for command in found
    ]


def test_the_image_installs_what_set_up_installs_with_the_same_pins() -> None:
    every_pin, *set_up = pip_installs((ROOT / "scripts" / "setup.sh").read_text())
    image = pip_installs((INFRA / "Containerfile").read_text())

    # Set-up installs every pin first, to spare pip its search; an image holds nothing that it does not need.
    assert every_pin == "--no-deps -r .venv/pins.txt"
    # What only tests and notebooks need stays out.
    assert [command.replace("train,ui,notebooks,postgres,dev", "train,ui,postgres") for command in set_up] == image
    assert all("-c constraints.txt" in command for command in image)


def test_the_image_installs_the_system_packages_of_set_up() -> None:
    wanted = set(re.findall(r"missing\+=\(([a-z0-9+-]+)\)", (ROOT / "scripts" / "setup.sh").read_text()))
    match = re.search(r"--no-install-recommends ([^\\\n]+)", (INFRA / "Containerfile").read_text())

    assert match is not None
    # Python's image has its headers and venv.
    assert set(match.group(1).split()) == wanted - {"python3-dev", "python3-venv"}


def test_the_image_runs_as_nobody_special_and_holds_no_secret() -> None:
    recipe = (INFRA / "Containerfile").read_text()

    users = re.findall(r"^USER (\S+)$", recipe, flags=re.MULTILINE)
    assert users == ["10001:10001"]
    assert re.search(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY", recipe) is None
    assert "HEALTHCHECK" in recipe


def test_every_file_the_image_copies_is_there_and_is_sent_to_the_builder() -> None:
    recipe = (INFRA / "Containerfile").read_text()
    rules = (INFRA / "Containerfile.dockerignore").read_text().splitlines()
    sent = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}

    lines = re.findall(r"^COPY --chown=\S+ (.+)$", recipe, re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}

    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


# --- the services -----------------------------------------------------------------------------------------------------


def test_the_services_are_those_a_round_needs() -> None:
    assert set(SERVICES) == {"postgres", "s3", "bucket", "mlflow", "code", "webserver", "daemon"}


@services
def test_a_service_has_a_recipe_or_a_pinned_image(service: dict[str, Any]) -> None:
    assert "build" in service or re.search(r":\d+\.\d+", service["image"])


@services
def test_ports_are_published_on_loopback_only(service: dict[str, Any]) -> None:
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@services
def test_a_service_that_stays_says_whether_it_is_well(service: dict[str, Any]) -> None:
    # The code location's check is in the image, for whose command it is made.
    is_own = service.get("image") == "wm_pipeline" and "command" not in service
    assert is_own or "healthcheck" in service


@services
def test_what_a_service_waits_for_is_a_service(service: dict[str, Any]) -> None:
    assert set(service.get("depends_on", {})) <= set(SERVICES)


@services
def test_a_service_of_ours_has_no_privileges(service: dict[str, Any]) -> None:
    if "build" in service:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@services
def test_named_volumes_are_declared_and_mounted_files_are_there(service: dict[str, Any]) -> None:
    for mount in service.get("volumes", []):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (INFRA / source).is_file()
        else:
            assert source in compose()["volumes"]


def test_every_variable_is_in_the_example_and_none_there_is_unused() -> None:
    text = (INFRA / "compose.yaml").read_text()
    # `$$NAME` is left to the container's shell.
    used = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text))

    assert used == set(example_environment())


def test_no_secret_has_a_default() -> None:
    text = (INFRA / "compose.yaml").read_text()

    for name in ("POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert re.findall(rf"\$\{{{name}:-", text) == []
        assert re.search(rf"\$\{{{name}:\?set it in infra/.env\}}", text)
        assert example_environment()[name].startswith("change-me")


def example_environment() -> dict[str, str]:
    lines = (INFRA / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_local_copy_of_the_settings_stays_out_of_git() -> None:
    assert run("git", "check-ignore", "infra/.env").stdout == "infra/.env\n"


def test_the_workspace_names_the_code_location_and_its_port() -> None:
    (location,) = yaml.safe_load((INFRA / "workspace.yaml").read_text())["load_from"]
    (local,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]

    server = location["grpc_server"]
    assert server["host"] in SERVICES
    assert (
        f'"-p", "{server["port"]}", "-m", "{local["python_module"]["module_name"]}"'
        in (INFRA / "Containerfile").read_text()
    )
    assert server["location_name"] == local["python_module"]["location_name"]


# --- Dagster's instance -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [INFRA, ROOT], ids=["deployment", "laptop"])
def test_dagsters_own_schema_accepts_the_instance(folder: Path) -> None:
    config, custom_class = dagster_instance_config(str(folder))

    assert custom_class is None
    assert config["concurrency"]["pools"]["default_limit"] == 1
    assert config["telemetry"]["enabled"] is False


@pytest.mark.slow
def test_the_deployments_classes_take_their_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dagster._core.instance.ref import InstanceRef
    from dagster_aws.s3 import S3ComputeLogManager

    for name, value in {
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_USER": "wm",
        "POSTGRES_PASSWORD": "a-password",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_REGION": "us-east-1",
        "WM_BUCKET": BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    shutil.copy(INFRA / "dagster.yaml", tmp_path)

    ref = InstanceRef.from_dir(str(tmp_path))

    logs = ref.compute_logs_data.rehydrate(as_type=S3ComputeLogManager)
    assert isinstance(logs, S3ComputeLogManager)
    storage = ref.storage_data
    assert storage is not None
    assert storage.module_name == "dagster_postgres"
    # Without a scheme SQLAlchemy asks for a driver that is not installed.
    assert "postgresql+psycopg2" in storage.config_yaml


def test_every_variable_of_the_instance_is_given_to_every_service_that_reads_it() -> None:
    needed = set(re.findall(r"env: ([A-Z0-9_]+)", (INFRA / "dagster.yaml").read_text()))

    for name in ("code", "webserver", "daemon"):
        assert needed <= set(SERVICES[name]["environment"])


def test_every_variable_the_workspace_reads_is_known_to_it() -> None:
    source = (ROOT / "wm_pipeline" / "defs" / "resources.py").read_text()
    read = set(re.findall(r'"(WM_[A-Z_]+)"', source))
    set_in_image = {"WM_STATE"}
    left_to_their_defaults = {"WM_CHROMIUM"}

    assert read - set_in_image - left_to_their_defaults <= set(SERVICES["code"]["environment"])


# --- the bucket -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


def make_bucket(s3: S3Options, name: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": s3.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": s3.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key or "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "WM_BUCKET": name,
        **changes,
    }
    return run(sys.executable, "infra/make_bucket.py", environment=environment)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.slow
def test_the_bucket_is_made_once(s3: S3Options, region: str) -> None:
    first, again = (make_bucket(s3, f"round-{region}", AWS_DEFAULT_REGION=region) for _ in range(2))

    assert (first.returncode, first.stderr) == (0, f"bucket round-{region}: made\n")
    assert (again.returncode, again.stderr) == (0, f"bucket round-{region}: was there\n")


@pytest.mark.slow
def test_a_server_that_is_away_is_told_in_one_line(s3: S3Options) -> None:
    done = make_bucket(s3, "round", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert done.returncode == 1
    assert done.stderr == 'bucket round: Could not connect to the endpoint URL: "http://127.0.0.1:9/"\n'
