"""Resources: where things are kept and which profile runs, read from the environment here and in cli/ only."""

import os
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster_aws.s3 import S3Resource

from wm_pipeline import plugins
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.places import data_place, folder_uri, sqlite_uri, state_folder
from wm_pipeline.gateways.progress import PrintedProgress
from wm_pipeline.gateways.proxies import ask_this_machine_directly
from wm_pipeline.gateways.table_store import S3Options, TableStore
from wm_pipeline.rounds.days import check_day
from wm_pipeline.rounds.profiles import profile_named, with_agent, with_applications, with_plugins, with_teacher
from wm_pipeline.rounds.settings import Profile, StorageSettings
from wm_pipeline.rounds.workspace import Workspace

DEFAULT_PROFILE = "laptop"
FIRST_DAY = "2024-01-01"
"""Old enough for trajectories that somebody brings, few enough days for Dagster's pages of partitions."""


class WorkspaceResource(dg.ConfigurableResource[Workspace]):
    """Data, checkpoints, reports and MLflow of this deployment, and the profile of its rounds."""

    profile: str
    data: str
    state_folder: str
    mlflow_uri: str
    mlflow_artifacts: str
    mlflow_ui_url: str
    chromium: str
    llm_url: str
    llm_model: str
    llm_max_tokens: str
    llm_price_in: str
    llm_price_out: str
    llm_share: str
    teacher: str
    applications: list[str]
    s3: dg.ResourceDependency[S3Resource]

    def create_resource(self, context: dg.InitResourceContext) -> Workspace:
        """The Workspace that steps take."""
        return self.workspace()

    def workspace(self) -> Workspace:
        profile, llm = self.named_profile(), self._llm()
        storage = StorageSettings(
            data_root=self.data,
            work_folder=f"{self.state_folder}/work",
            cache_folder=f"{self.state_folder}/cache",
            chromium=self.chromium or None,
            llm=llm,
            # Not a field: the UI shows those.
            llm_key=os.environ.get("WM_LLM_KEY", ""),
            applications=tuple(self.applications),
        )
        options = S3Options(
            endpoint_url=self.s3.endpoint_url,
            access_key_id=self.s3.aws_access_key_id,
            secret_access_key=self.s3.aws_secret_access_key,
            region=self.s3.region_name,
        )
        registry = ModelRegistry(
            self.mlflow_uri, artifact_root=self.mlflow_artifacts or None, ui_url=self.mlflow_ui_url or None
        )
        return Workspace(storage, TableStore(self.data, options), registry, profile)

    def named_profile(self) -> Profile:
        """The profile of this deployment's rounds, with its applications, teacher and agent. Opens nothing."""
        plugins.load()
        llm = self._llm()
        names = [Path(file).stem for file in self.applications]
        profile = with_applications(with_plugins(profile_named(self.profile)), names)
        if self.teacher:
            profile = with_teacher(profile, self.teacher, llm)
        if self.llm_share:
            profile = with_agent(profile, self.llm_share, llm)
        return profile

    def _llm(self) -> LlmSettings | None:
        if not self.llm_url:
            return None
        if not self.llm_model:
            raise SettingsError("WM_LLM_URL is set without WM_LLM_MODEL; name the model that the endpoint should use")
        if not self.llm_max_tokens.isdigit():
            raise SettingsError(f"WM_LLM_MAX_TOKENS: expected a number of tokens, found {self.llm_max_tokens!r}")
        return LlmSettings(
            self.llm_url,
            self.llm_model,
            max_tokens=int(self.llm_max_tokens),
            price_per_million_in=_price("WM_LLM_PRICE_IN", self.llm_price_in),
            price_per_million_out=_price("WM_LLM_PRICE_OUT", self.llm_price_out),
            cache_folder=f"{self.state_folder}/cache/llm",
        )


def _price(variable: str, text: str) -> float | None:
    """A price in any currency a million tokens; None when it is not told."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{variable}: expected a price a million tokens such as 0.15, found {text!r}") from error


def application_files(default: str = "") -> tuple[str, ...]:
    """The files of applications that take part: all TOML files of the folder WM_APPLICATIONS, none when it is unset.

    `default`: the folder to look into instead then.
    """
    folder = os.environ.get("WM_APPLICATIONS") or default
    return tuple(str(file.absolute()) for file in sorted(Path(folder).glob("*.toml"))) if folder else ()


def first_day() -> str:
    """The first day that a round may be made for, WM_FIRST_DAY: Dagster lists every day from it on."""
    day = os.environ.get("WM_FIRST_DAY", FIRST_DAY)
    try:
        return check_day(day)
    except SettingsError as error:
        raise SettingsError(f"WM_FIRST_DAY: {error}") from error


def workspace_from_environment(profile: str | None = None) -> WorkspaceResource:
    """The workspace that environment variables describe; everything under `.wm/` beside the code by default.

    WM_PROFILE, WM_DATA (folder or s3://bucket/prefix), WM_STATE, WM_MLFLOW_URI, WM_MLFLOW_ARTIFACTS, WM_MLFLOW_UI,
    WM_CHROMIUM, WM_APPLICATIONS (folder of applications of one's own), WM_LLM_URL, WM_LLM_MODEL, WM_LLM_KEY,
    WM_LLM_MAX_TOKENS, WM_LLM_PRICE_IN and WM_LLM_PRICE_OUT (of a million tokens), WM_LLM_SHARE (of worlds for an agent
    that asks it), WM_TEACHER (instrumented or llm; the profile's own when unset), WM_FIRST_DAY (YYYY-MM-DD), and AWS's
    own AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
    """
    ask_this_machine_directly(os.environ)
    state = state_folder(os.environ)
    return WorkspaceResource(
        profile=profile or os.environ.get("WM_PROFILE", DEFAULT_PROFILE),
        data=data_place(os.environ).address,
        state_folder=state,
        mlflow_uri=os.environ.get("WM_MLFLOW_URI") or sqlite_uri(f"{state}/mlflow.db"),
        mlflow_artifacts=folder_uri(os.environ.get("WM_MLFLOW_ARTIFACTS", f"{state}/mlartifacts")),
        mlflow_ui_url=os.environ.get("WM_MLFLOW_UI", "http://127.0.0.1:5000"),
        chromium=os.environ.get("WM_CHROMIUM", ""),
        llm_url=os.environ.get("WM_LLM_URL", ""),
        llm_model=os.environ.get("WM_LLM_MODEL", ""),
        llm_max_tokens=os.environ.get("WM_LLM_MAX_TOKENS", "1000000"),
        llm_price_in=os.environ.get("WM_LLM_PRICE_IN", ""),
        llm_price_out=os.environ.get("WM_LLM_PRICE_OUT", ""),
        llm_share=os.environ.get("WM_LLM_SHARE", ""),
        teacher=os.environ.get("WM_TEACHER", ""),
        applications=list(application_files()),
        s3=S3Resource(
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL"),
            aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY"),
            region_name=os.environ.get("AWS_REGION"),
        ),
    )


def environment_profile() -> Profile:
    """The profile that environment variables describe."""
    return workspace_from_environment().named_profile()


def progress_to(write: Callable[[str], None]) -> PrintedProgress:
    """Counted lines into a log."""
    return PrintedProgress(write)
