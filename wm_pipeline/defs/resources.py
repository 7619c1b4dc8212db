"""Resources: where things are kept and which profile runs, read from the environment here and in cli/ only."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from wm_pipeline import plugins
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.vocabulary import TeacherKind
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.places import data_place, folder_uri, sqlite_uri, state_folder
from wm_pipeline.gateways.proxies import ask_this_machine_directly
from wm_pipeline.gateways.table_store import TableStore, memory_in
from wm_pipeline.rounds.days import check_day
from wm_pipeline.rounds.profiles import profile_named, with_agent, with_applications, with_plugins, with_teacher
from wm_pipeline.rounds.settings import Profile, StorageSettings
from wm_pipeline.rounds.workspace import Workspace

FIRST_DAY = "2024-01-01"
"""Old enough for trajectories that somebody brings, few enough days for Dagster's pages of partitions."""


class WorkspaceResource(dg.ConfigurableResource[Workspace]):
    """Data, checkpoints, reports and MLflow of this deployment, and the profile of its rounds.

    How `s3://` is reached, and the key of the language model, are no fields: the UI shows those.
    """

    profile: str = "laptop"
    data: str
    state_folder: str
    mlflow_uri: str
    mlflow_artifacts: str = ""
    """Empty: MLflow's server decides."""
    mlflow_ui_url: str | None = None
    chromium: str | None = None
    llm_url: str | None = None
    llm_model: str | None = None
    llm_max_tokens: int = Field(default=1_000_000, gt=0)
    llm_price_in: float | None = Field(default=None, ge=0)
    llm_price_out: float | None = Field(default=None, ge=0)
    llm_share: float | None = Field(default=None, ge=0, le=1)
    teacher: TeacherKind | None = None
    """None: the profile's own."""
    applications: list[str] = Field(default_factory=list)

    def create_resource(self, context: dg.InitResourceContext) -> Workspace:
        """The Workspace that steps take."""
        return self.workspace()

    def workspace(self) -> Workspace:
        storage = StorageSettings(
            data_root=self.data,
            work_folder=f"{self.state_folder}/work",
            cache_folder=f"{self.state_folder}/cache",
            chromium=self.chromium,
            llm=self._llm(),
            llm_key=os.environ.get("WM_LLM_KEY", ""),
            applications=tuple(self.applications),
        )
        store = TableStore(self.data, memory=memory_in(self.state_folder))
        registry = ModelRegistry(
            self.mlflow_uri, artifact_root=self.mlflow_artifacts or None, ui_url=self.mlflow_ui_url
        )
        return Workspace(storage, store, registry, self.named_profile())

    def named_profile(self) -> Profile:
        """The profile of this deployment's rounds, with its applications, teacher and agent. Opens nothing."""
        plugins.load()
        llm = self._llm()
        names = [Path(file).stem for file in self.applications]
        profile = with_applications(with_plugins(profile_named(self.profile)), names)
        if self.teacher is not None:
            profile = with_teacher(profile, self.teacher, llm)
        return profile if self.llm_share is None else with_agent(profile, self.llm_share, llm)

    def _llm(self) -> LlmSettings | None:
        if self.llm_url is None:
            return None
        if self.llm_model is None:
            raise SettingsError("WM_LLM_URL is set without WM_LLM_MODEL; name the model that the endpoint should use")
        return LlmSettings(
            self.llm_url,
            self.llm_model,
            max_tokens=self.llm_max_tokens,
            price_per_million_in=self.llm_price_in,
            price_per_million_out=self.llm_price_out,
            cache_folder=f"{self.state_folder}/cache/llm",
        )


def application_files(default: str = "") -> tuple[str, ...]:
    """The files of applications that take part: all TOML files of the folder WM_APPLICATIONS, none when it is unset.

    `default`: the folder to look into instead then. Raises SettingsError for a folder without any.
    """
    folder = os.environ.get("WM_APPLICATIONS") or default
    files = tuple(str(file.absolute()) for file in sorted(Path(folder).glob("*.toml"))) if folder else ()
    if not files and folder and folder != default:
        raise SettingsError(f"WM_APPLICATIONS: expected a folder with .toml files of applications, found {folder!r}")
    return files


def first_day() -> str:
    """The first day that a round may be made for, WM_FIRST_DAY: Dagster lists every day from it on."""
    day = os.environ.get("WM_FIRST_DAY", FIRST_DAY)
    try:
        return check_day(day)
    except SettingsError as error:
        raise SettingsError(f"WM_FIRST_DAY: {error}") from error


def check_round_day(day: str) -> str:
    """The day, if a round may be made for it. Raises SettingsError."""
    found = check_day(day)
    first = first_day()
    if found < first:
        raise SettingsError(
            f"day {found} is before {first}, the first day of rounds; set WM_FIRST_DAY to an earlier one"
        )
    return found


_VARIABLES = {
    "profile": "WM_PROFILE",
    "mlflow_uri": "WM_MLFLOW_URI",
    "mlflow_ui_url": "WM_MLFLOW_UI",
    "chromium": "WM_CHROMIUM",
    "llm_url": "WM_LLM_URL",
    "llm_model": "WM_LLM_MODEL",
    "llm_max_tokens": "WM_LLM_MAX_TOKENS",
    "llm_price_in": "WM_LLM_PRICE_IN",
    "llm_price_out": "WM_LLM_PRICE_OUT",
    "llm_share": "WM_LLM_SHARE",
    "teacher": "WM_TEACHER",
}
"""Which variable fills which field as it is; an empty one is none."""


def workspace_from_environment() -> WorkspaceResource:
    """The workspace that environment variables describe; everything under `.wm/` beside the code by default.

    Values are read now, not when a run starts: partitions and versions of assets follow from them. Raises SettingsError
    for one that its field cannot hold.
    """
    ask_this_machine_directly(os.environ)
    state = state_folder(os.environ)
    found = {field: dg.EnvVar(variable).get_value() or None for field, variable in _VARIABLES.items()}
    fields: dict[str, Any] = {
        "mlflow_uri": sqlite_uri(f"{state}/mlflow.db"),
        "mlflow_ui_url": "http://127.0.0.1:5000",
        **{field: value for field, value in found.items() if value is not None},
        "data": data_place(os.environ).address,
        "state_folder": state,
        "mlflow_artifacts": folder_uri(os.environ.get("WM_MLFLOW_ARTIFACTS", f"{state}/mlartifacts")),
        "applications": list(application_files()),
    }
    try:
        return WorkspaceResource(**fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        expected = wrong["msg"].removeprefix("Input should be ").partition(", unable")[0]
        raise SettingsError(
            f"{_VARIABLES[str(wrong['loc'][0])]}: expected {expected}, found {wrong['input']!r}"
        ) from error


def environment_profile() -> Profile:
    """The profile that environment variables describe."""
    return workspace_from_environment().named_profile()
