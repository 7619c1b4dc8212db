# ruff: noqa: N815 arrays end in their dimensions
"""A question as a graph: its lines, and what links each two of them.

A value that an action sends is linked to the lines that hold it, those to the lines that name their author, and all to
what the goal says in the same words. Links are facts about two texts, so they hold on any page (relation-aware
attention over such links: Wang et al. 2020, arXiv 1911.04942, section 4).

Dimensions: N lines, F marks of a line, L kinds of links.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import LineKind, Provenance
from wm_pipeline.model.sentences import RAREST, SentenceEncoder

Floats = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+(?:[.@-][^\W_]+)*")
_PARTS = re.compile(r"[.@-]")
_PHRASE_WORD = re.compile(r"[^\s\"(),;]+")
_SENTENCE = re.compile(r"(?<=[.?!:]) ")
_SHORTEST_VALUE = 2
_ANCHORS = frozenset(
    {LineKind.PAGE, LineKind.SIGNED_IN, LineKind.WRITTEN, LineKind.UNSEEN, LineKind.DONE, LineKind.HEADING}
)
"""Kinds of lines that matter whatever words they share with the action."""
_RARE_FROM = 5.0
"""From this weight on a word is rare: two lines that share it are about the same thing."""

PHRASE_BUCKETS = 1 << 14
LONGEST_PHRASE = 3
"""Words; `to other site` has three."""
KINDS = tuple(LineKind)
ACTION_KINDS = KINDS[KINDS.index(LineKind.ACTION) :]
MARKS = 8 + len(Provenance)
LINKS = 11


@dataclass(frozen=True, slots=True)
class QuestionGraph:
    """What the reader reads of one question: lines of the goal, of the state and of the action, in this order."""

    texts: tuple[str, ...]
    kind_N: NDArray[np.int64]
    """Index into KINDS."""
    mark_NF: Floats
    link_NNL: NDArray[np.float16]
    """[i, j] is about line i beside line j; all in [0, 1] or a little above."""
    line_N: NDArray[np.int64]
    """Index of the line in the state's lines; -1 for lines of the goal and of the action."""
    vector_NE: NDArray[np.float16]
    """Of the sentence encoder."""
    phrase_Q: NDArray[np.int64]
    """Buckets of the phrases of the action's lines."""
    left_out: int
    """Lines of the state for which there was no room."""


def graph_of(
    encoder: SentenceEncoder, state_lines: Sequence[Line], action_lines: Sequence[Line], *, max_tokens: int
) -> QuestionGraph:
    """The question's graph: the goal and the action whole, of the page what tells most about the action."""
    goal = sentences_of(state_lines[0])
    asked = list(action_lines)
    page = state_lines[1:]
    room = max_tokens - sum(encoder.tokens(line.text) for line in (*goal, *asked))
    kept = _most_telling(encoder, page, goal, asked, room)
    lines = [*goal, *(page[at] for at in kept), *asked]
    texts = tuple(line.text for line in lines)
    return QuestionGraph(
        texts=texts,
        kind_N=np.array([KINDS.index(line.kind) for line in lines], dtype=np.int64),
        mark_NF=np.array([_marks(line) for line in lines], dtype=np.float32),
        link_NNL=_links(encoder, lines).astype(np.float16),
        line_N=np.array([*[-1] * len(goal), *(at + 1 for at in kept), *[-1] * len(asked)], dtype=np.int64),
        vector_NE=encoder.vectors(texts).numpy().astype(np.float16),
        phrase_Q=np.array(sorted({bucket for line in asked for bucket in phrases_of(line.text)}), dtype=np.int64),
        left_out=len(page) - len(kept),
    )


def sentences_of(goal: Line) -> list[Line]:
    """The goal's line as one line a sentence."""
    return [Line(LineKind.GOAL, part) for part in _SENTENCE.split(goal.text.removeprefix("goal: ")) if part]


@lru_cache(maxsize=100_000)
def phrases_of(text: str) -> frozenset[int]:
    """Buckets of a line's phrases of one to LONGEST_PHRASE words (Weinberger et al. 2009, arXiv 0902.2206)."""
    words = _PHRASE_WORD.findall(text.lower())
    runs = (
        " ".join(words[start : start + length])
        for length in range(1, LONGEST_PHRASE + 1)
        for start in range(len(words) - length + 1)
    )
    return frozenset(zlib.crc32(run.encode()) % PHRASE_BUCKETS for run in runs)


def _most_telling(
    encoder: SentenceEncoder, page: Sequence[Line], goal: Sequence[Line], asked: Sequence[Line], room: int
) -> list[int]:
    """Indices of the lines that are read, in the page's order: those that share most with the action and the goal."""
    in_goal = frozenset[str]().union(*(words_of(line.text) for line in goal))
    in_action = frozenset[str]().union(*(words_of(line.text) for line in asked))
    scored = []
    for at, line in enumerate(page):
        words = words_of(line.text)
        score = sum(map(encoder.rarity, words & in_action)) + 0.7 * sum(map(encoder.rarity, words & in_goal))
        scored.append((score + (RAREST if line.kind in _ANCHORS else 0.0) - 0.1 * at, at))
    kept: list[int] = []
    for _, at in sorted(scored, reverse=True):
        tokens = encoder.tokens(page[at].text)
        if tokens <= room:
            kept.append(at)
            room -= tokens
    return sorted(kept)


@lru_cache(maxsize=100_000)
def words_of(text: str) -> frozenset[str]:
    """The words of a line; of an address or a name of several parts its parts, too."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        found.add(word)
        if not word.isalnum():
            found.update(part for part in _PARTS.split(word) if part)
    return frozenset(found)


def _marks(line: Line) -> tuple[float, ...]:
    words = len(words_of(line.text))
    return (
        1.0,
        min(words, 40) / 40,
        float(line.author is not None),
        float(line.author is not None and "@" in line.author),
        float(line.value is not None),
        float(line.label is not None),
        float(line.is_hidden),
        float(line.is_over_goal),
        *(float(line.provenance is one) for one in Provenance),
    )


def _links(encoder: SentenceEncoder, lines: Sequence[Line]) -> Floats:
    count = len(lines)
    words = [words_of(line.text) for line in lines]
    index = {word: at for at, word in enumerate(sorted(frozenset[str]().union(*words)))}
    weight_W = np.array([encoder.rarity(word) for word in index] or [0.0], dtype=np.float32)
    holds_NW = np.zeros((count, max(1, len(index))), np.float32)
    for at, own in enumerate(words):
        holds_NW[at, [index[word] for word in own]] = 1.0
    shared_NN = (holds_NW * weight_W) @ holds_NW.T
    total_N = np.maximum(1.0, (holds_NW * weight_W).sum(axis=1))
    rare_NW = holds_NW * (weight_W >= _RARE_FROM)
    link_NNL = np.zeros((count, count, LINKS), np.float32)
    link_NNL[..., 0] = shared_NN / total_N[:, None]
    link_NNL[..., 1] = shared_NN / total_N[None, :]
    link_NNL[..., 2] = np.minimum(shared_NN / RAREST, 2.0)
    link_NNL[..., 3] = np.minimum(rare_NW @ rare_NW.T, 3.0) / 3.0
    lower = [line.text.lower() for line in lines]
    labels = [None if line.label is None else words_of(line.label) for line in lines]
    for i, line in enumerate(lines):
        if line.value is not None and len(line.value) >= _SHORTEST_VALUE:
            value = line.value.lower()
            for j in range(count):
                if j != i and value in lower[j]:
                    link_NNL[i, j, 4] = link_NNL[j, i, 5] = 1.0
        if line.author is not None:
            named = {word for word in words_of(line.author) if len(word) > 2}
            for j, other in enumerate(lines):
                if j != i and named:
                    link_NNL[i, j, 6] = link_NNL[j, i, 7] = len(named & words[j]) / len(named)
                    link_NNL[i, j, 8] = float(other.author == line.author)
        label = labels[i]
        if label:
            for j, other_label in enumerate(labels):
                if j != i and other_label and (both := label & other_label):
                    link_NNL[i, j, 9] = len(both) / max(len(label), len(other_label))
    at_N = np.arange(count)
    link_NNL[..., 10] = np.abs(at_N[:, None] - at_N[None]) == 1
    return link_NNL
