"""What stored outputs depend on, beside the version that tells them apart: a change of one without the other fails.

Each expectation is (version, digest of what it stands for). Raise the version first, then note both here.
"""

from pathlib import Path

from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.domain.vocabulary import FORMAT_VERSION
from wm_pipeline.model.checkpoint import CHECKPOINT_FORMAT
from wm_pipeline.model.head_registry import every_head
from wm_pipeline.rounds.graph import ASSET

GOLDEN = Path(__file__).parents[1] / "golden"


def test_other_words_of_the_renderer_have_another_code_version_of_questions() -> None:
    words = (GOLDEN / "state_and_actions.txt").read_text()

    assert (ASSET["questions"].code_version, digest(words, size=5)) == ("4", "111f9f4ffd")


def test_other_columns_have_another_format_version() -> None:
    columns = [
        f"{table}.{name}: {column.dtype}"
        for table, schema in TABLES.items()
        for name, column in schema.columns().items()
    ]

    assert (FORMAT_VERSION, digest(*columns, size=5)) == (8, "04fa1e1b83")


def test_other_heads_have_another_code_version_of_the_first_training() -> None:
    heads = ("risk", "tags", "counterfactual", "rationale", "consequence", "state_delta", "next_state")

    assert (ASSET["midtrain_checkpoint"].code_version, every_head()) == ("8", heads)


def test_other_words_of_the_prompt_have_another_checkpoint_format() -> None:
    words = (GOLDEN / "prompt.txt").read_text()

    assert (CHECKPOINT_FORMAT, digest(words, size=5)) == (9, "26626adfea")
