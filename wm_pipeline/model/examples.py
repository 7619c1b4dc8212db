"""Dataset rows as training examples: which column is which head's target, grouped into trees by state."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import dataframely as dy
import polars as pl

from wm_pipeline.domain.errors import InvalidInputError, MissingUpstreamError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.tables import MidtrainSchema, SchemaT, SftSchema
from wm_pipeline.domain.text import Line, text_of
from wm_pipeline.domain.vocabulary import ActionKind, Head, LineKind, Provenance, Split
from wm_pipeline.model.head_registry import labels_of, texts_of
from wm_pipeline.model.links import QuestionGraph
from wm_pipeline.model.prompt import ActionNode, PromptRenderer, StateTree


@dataclass(frozen=True, slots=True)
class Example:
    """One (state, action) with all its targets."""

    row_key: str
    state_id: str
    state_lines: tuple[Line, ...]
    action_lines: tuple[Line, ...]
    kind: ActionKind | None
    """None where it is not told, as in mid-training."""
    labels: Mapping[str, tuple[float, ...]]
    """Targets of the score heads, a probability for each output."""
    texts: Mapping[str, str]
    weight: float

    @property
    def state_text(self) -> str:
        return text_of(self.state_lines)

    @property
    def action_text(self) -> str:
        return text_of(self.action_lines)


def read_dataset(paths: Sequence[str], schema: type[SchemaT]) -> dy.DataFrame[SchemaT]:
    """All rows of the files, validated. Raises MissingUpstreamError without files, InvalidInputError for wrong rows."""
    missing = [path for path in paths if "://" not in path and not Path(path).exists()]
    if missing or not paths:
        raise MissingUpstreamError(f"expected parquet files of the dataset, found none at {missing!r}; build it first")
    frame = pl.concat([pl.read_parquet(path) for path in paths])
    try:
        return schema.validate(frame, cast=True)
    except (dy.exc.SchemaError, dy.exc.ValidationError) as error:
        problem = " ".join(str(error).split("Resolved plan")[0].split())
        raise InvalidInputError(
            f"the rows of {', '.join(paths)} do not have the form of {schema.__name__}: {problem}; "
            "build the dataset again"
        ) from error


def midtrain_examples(frame: dy.DataFrame[MidtrainSchema], split: Split) -> list[Example]:
    """Examples of what an action does to the page."""
    return [_example(row, is_midtraining=True) for row in _rows(frame, split)]


def sft_examples(frame: dy.DataFrame[SftSchema], split: Split) -> list[Example]:
    """Examples of everything that predict_outcome answers about an action."""
    return [_example(row, is_midtraining=False) for row in _rows(frame, split)]


def _rows(frame: pl.DataFrame, split: Split) -> Iterable[Mapping[str, Any]]:
    return frame.filter(pl.col("split") == split.value).iter_rows(named=True)


def _example(row: Mapping[str, Any], *, is_midtraining: bool) -> Example:
    return Example(
        row_key=_key(row),
        state_id=row["state_id"],
        # Nothing is judged in mid-training, so its rows have no lines, only their text.
        state_lines=_whole(row["state_text"]) if is_midtraining else _lines(row["state_lines"]),
        action_lines=_whole(row["action_text"]) if is_midtraining else _lines(row["action_lines"]),
        kind=None if is_midtraining else ActionKind(row["action"]["kind"]),
        labels={} if is_midtraining else labels_of(row),
        texts=texts_of(row, is_midtraining=is_midtraining),
        weight=row["weight"],
    )


def _whole(text: str) -> tuple[Line, ...]:
    return (Line(LineKind.OWN_TEXT, text),)


def _lines(stored: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Lines of a validated table."""
    return tuple(
        Line(
            **{
                **line,
                "kind": LineKind(line["kind"]),
                "provenance": None if line["provenance"] is None else Provenance(line["provenance"]),
            }
        )
        for line in stored
    )


def _key(row: Mapping[str, object]) -> str:
    return f"{row['trajectory_id']}/{row['step_index']}/{row['branch_index']}"


def kinds_of_judged(examples: Iterable[Example], *, at_least: int = 10) -> tuple[ActionKind, ...]:
    """Kinds of actions whose harm is labelled in that many examples."""
    counts = Counter(example.kind for example in examples if Head.RISK in example.labels)
    return tuple(kind for kind in ActionKind if counts[kind] >= at_least)


def group_by_state(examples: Iterable[Example], *, actions_per_tree: int, seed: int) -> list[tuple[Example, ...]]:
    """Groups of examples of one state, at most `actions_per_tree` in a group; `seed` determines the order.

    The same action in the same state (matched worlds, several policies) becomes one example with the mean of the
    labels and the sum of the weights; its texts are those of the first.
    """
    by_state: dict[str, dict[str, list[Example]]] = {}
    for example in examples:
        if example.weight > 0:
            by_state.setdefault(example.state_id, {}).setdefault(example.action_text, []).append(example)
    groups: list[tuple[Example, ...]] = []
    for state_id, by_action in sorted(by_state.items()):
        merged = [_merge(same) for same in by_action.values()]
        Random(seed_of("actions", state_id, seed)).shuffle(merged)
        # Equal shares: five actions at four a tree are three and two, not four and one.
        parts = -(-len(merged) // actions_per_tree)
        groups += [tuple(merged[part::parts]) for part in range(parts)]
    return groups


def _merge(same: Sequence[Example]) -> Example:
    weight = sum(example.weight for example in same)

    labels: dict[str, tuple[float, ...]] = {}
    for head in dict.fromkeys(head for example in same for head in example.labels):
        known = [example for example in same if head in example.labels]
        total = sum(example.weight for example in known)
        outputs = zip(*(tuple(value * one.weight for value in one.labels[head]) for one in known), strict=True)
        labels[head] = tuple(sum(values) / total for values in outputs)
    return replace(same[0], labels=labels, weight=weight)


@dataclass(frozen=True, slots=True)
class TextChoice:
    """Which text heads of which actions are trained."""

    share: float
    max_tokens: int
    seed: int
    delta_share: float | None = None
    """Share of actions whose delta is trained; None: `share`."""

    def heads_of(self, example: Example) -> list[str]:
        """Drawn by row and seed; the larger share includes every row of the smaller one."""
        drawn = Random(seed_of("texts", example.row_key, self.seed)).random()
        delta_share = self.share if self.delta_share is None else self.delta_share
        return [head for head in example.texts if drawn < (delta_share if head == Head.STATE_DELTA else self.share)]


def build_tree(group: Sequence[Example], renderer: PromptRenderer, choice: TextChoice) -> StateTree:
    """A group as a tree with targets; a text longer than the limit is left out, never cut."""
    state_ids, is_truncated = renderer.state(group[0].state_text)
    asked = [(example.state_lines, example.action_lines) for example in group]
    graphs = renderer.graphs(asked) if any(example.labels for example in group) else [None] * len(group)
    actions = (_action(example, graph, renderer, choice) for example, graph in zip(group, graphs, strict=True))
    return StateTree(state_ids, tuple(actions), is_truncated)


def ask_about(group: Sequence[Example], renderer: PromptRenderer) -> StateTree:
    """A group as a tree without targets: the question alone."""
    return renderer.question(group[0].state_lines, [example.action_lines for example in group])


def _action(example: Example, graph: QuestionGraph | None, renderer: PromptRenderer, choice: TextChoice) -> ActionNode:
    candidates = (renderer.text(head, example.texts[head]) for head in choice.heads_of(example))
    nodes = tuple(node for node in candidates if len(node.target_ids) <= choice.max_tokens)
    return ActionNode(
        renderer.action(example.action_text), nodes, graph, example.labels, example.weight, example.row_key
    )
