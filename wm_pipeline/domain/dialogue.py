"""One question of the Socratic dialogue about a transition, what was handed over with it, and the answer."""

from dataclasses import dataclass

from wm_pipeline.domain.state import STRICT


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    __pydantic_config__ = STRICT

    question: str
    evidence: tuple[str, ...]
    """What was handed over with this question, a fact a line; never empty."""
    answer: str
    grounded_in: tuple[str, ...]
    """The lines that the answer rests on: evidence of this turn or of an earlier one, or the page as it was shown."""
