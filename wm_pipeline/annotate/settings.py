"""Which teacher annotates."""

from dataclasses import dataclass

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.vocabulary import TeacherKind


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    __pydantic_config__ = STRICT

    kind: TeacherKind = TeacherKind.INSTRUMENTED
    model: str | None = None
    """Model that the LLM teacher asks at WM_LLM_URL. A change of model makes annotations out of date."""

    def __post_init__(self) -> None:
        if (self.kind is TeacherKind.LLM) != (self.model is not None):
            raise SettingsError(
                "teacher: llm needs a model and instrumented asks none; set WM_TEACHER, WM_LLM_URL and WM_LLM_MODEL"
            )
