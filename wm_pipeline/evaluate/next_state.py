"""Next-state identification by likelihood: of the next states that followed from one state, which one does the model
expect after this action?

A row is one executed action. Its candidates are the texts of the next_state head (what changed, and the beginning of
the next page: what mid-training trains it to write) of the actions executed from that state, the true one among them;
each is scored by its mean log-probability per token given state and action, end token included. The rank of the true
one gives `accuracy` (rank 1, ties are no hit) and `mrr` (mean reciprocal rank). `chance` is the accuracy of a choice at
random, the mean of 1 / candidates.

Some texts are likelier than others whatever is done ("nothing changed"), which says nothing about actions.
`lift_accuracy` takes that off: a candidate counts by its log-probability minus its mean over all actions of the state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dataframely as dy
import numpy as np
import polars as pl

from wm_pipeline.domain.ids import digest, seed_of
from wm_pipeline.domain.ports import Progress
from wm_pipeline.domain.tables import MidtrainSchema
from wm_pipeline.domain.vocabulary import Head, Split
from wm_pipeline.evaluate import metrics
from wm_pipeline.evaluate.metrics import Codes, Floats
from wm_pipeline.evaluate.registry import COUNT, HIGHER, MetricTable

TextScore = Callable[[str, Sequence[str], Sequence[str]], Floats]
"""(state's text, A actions' texts, X next states' texts) -> mean log-probabilities per token, [A, X]."""

MOST_CANDIDATES = 4
"""Candidates of a state: each is read once for each action, so that costs grow with its square."""


@dataclass(frozen=True, slots=True)
class Question:
    """One state with what was done there; the text at a position is what the action at that position led to."""

    state_text: str
    action_texts: tuple[str, ...]
    texts: tuple[str, ...]
    """All different."""
    world: str


def draw_questions(midtrain: dy.DataFrame[MidtrainSchema], *, states: int) -> tuple[Question, ...]:
    """At most `states` states of the test split whose actions led to different next states, chosen by their ids."""
    # It loads torch, which the metrics below do not need.
    from wm_pipeline.model.examples import midtrain_examples

    world_of = dict(midtrain.select("state_id", "split_group").unique("state_id").iter_rows())
    by_state: dict[str, dict[str, tuple[str, str]]] = {}
    for example in sorted(midtrain_examples(midtrain, Split.TEST), key=lambda one: one.row_key):
        led_to = by_state.setdefault(example.state_id, {})
        is_known = any(action == example.action_text for _, action in led_to.values())
        if not is_known:
            led_to.setdefault(example.texts[Head.NEXT_STATE], (example.state_text, example.action_text))
    found = []
    for state_id in sorted(by_state, key=lambda one: digest("next state", one)):
        chosen = list(by_state[state_id].items())[:MOST_CANDIDATES]
        if len(chosen) > 1:
            actions = tuple(action for _, (_, action) in chosen)
            texts = tuple(text for text, _ in chosen)
            found.append(Question(chosen[0][1][0], actions, texts, str(world_of[state_id])))
    return tuple(found[:states])


NEXT_STATE = MetricTable["Ranks"]("next_state")
"""`next_state.by_likelihood.<name>` and `next_state.by_facts`."""
_BY_FACTS = ("rows", "accuracy", "mrr", "chance")


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the true next state, one an action, in worlds that can be drawn again."""

    rank: Floats
    lift_rank: Floats
    """Empty where likelihood is not what ranks."""
    chances: Floats
    """Of a choice at random."""
    state_count: int
    worlds: Sequence[str]
    seed: int

    def at(self, rows: Codes) -> "Ranks":
        lift = self.lift_rank[rows] if len(self.lift_rank) else self.lift_rank
        return Ranks(self.rank[rows], lift, self.chances[rows], self.state_count, (), self.seed)

    @NEXT_STATE.metric(format=COUNT)
    def rows(self) -> int:
        """Executed actions whose next state was identified."""
        return len(self.rank)

    @NEXT_STATE.metric(format=COUNT)
    def states(self) -> int:
        """States that these actions were taken in."""
        return self.state_count

    @NEXT_STATE.metric(HIGHER, has_interval=True)
    def accuracy(self) -> float:
        """Share of actions whose true next state ranks first among those of the state's other actions."""
        return float(np.mean(self.rank == 1))

    @NEXT_STATE.metric(HIGHER, has_interval=True, label="MRR")
    def mrr(self) -> float:
        """Mean of 1 / rank of the true next state."""
        return float(np.mean(1 / self.rank))

    @NEXT_STATE.metric(HIGHER, has_interval=True, label="accuracy of the lift")
    def lift_accuracy(self) -> float:
        """Accuracy when every candidate's mean over all actions is taken off first."""
        return float(np.mean(self.lift_rank == 1))

    @NEXT_STATE.metric()
    def chance(self) -> float | None:
        """Accuracy of a choice at random."""
        return float(np.mean(self.chances)) if len(self.chances) else None


def likelihood_numbers(questions: Sequence[Question], score: TextScore | None, *, progress: Progress) -> dict[str, Any]:
    """The numbers of one model; all None where it has no trained next_state head, or there is nothing to ask."""
    ranks, lift_ranks, chances, worlds = [], [], [], []
    for done, asked in enumerate(questions if score is not None else (), start=1):
        assert score is not None
        scores_AX = score(asked.state_text, asked.action_texts, asked.texts)
        lift_AX = scores_AX - scores_AX.mean(axis=0)
        for at in range(len(asked.texts)):
            ranks.append(metrics.rank_of_truth(scores_AX[at], at))
            lift_ranks.append(metrics.rank_of_truth(lift_AX[at], at))
            chances.append(1 / len(asked.texts))
            worlds.append(asked.world)
        progress(done, len(questions), "states whose next states were told apart")
    states = len(questions) if score is not None else 0
    return NEXT_STATE.numbers(_ranks(ranks, chances, worlds, lift_ranks=lift_ranks, states=states))


def next_state_numbers(predictions: pl.DataFrame, transitions: pl.DataFrame) -> dict[str, Any]:
    """Which of the next states that followed from one state is the real one, told by the facts a model wrote.

    Candidates are the distinct sets of facts of the actions executed there; each is scored by its F1 with the written
    ones. `transitions` needs `delta_facts`. Steps where everything led to the same are left out.
    """
    of_step: dict[tuple[str, int], list[frozenset[str]]] = {}
    for trajectory_id, step_index, facts in transitions.select(
        "trajectory_id", "step_index", "delta_facts"
    ).iter_rows():
        known = of_step.setdefault((trajectory_id, step_index), [])
        if frozenset(facts) not in known:
            known.append(frozenset(facts))
    ranks, chances, worlds = [], [], []
    written = predictions.filter(pl.col("predicted_delta_facts").is_not_null())
    for row in written.iter_rows(named=True):
        candidates = of_step[row["trajectory_id"], row["step_index"]]
        if len(candidates) < 2:
            continue
        said, real = frozenset(row["predicted_delta_facts"]), frozenset(row["delta_facts"])
        scores = np.array([_f1(said, facts) for facts in candidates])
        ranks.append(metrics.rank_of_truth(scores, candidates.index(real)))
        chances.append(1 / len(candidates))
        worlds.append(row["split_group"])
    return NEXT_STATE.numbers(_ranks(ranks, chances, worlds), names=_BY_FACTS)


def _ranks(
    ranks: Sequence[float],
    chances: Sequence[float],
    worlds: Sequence[str],
    *,
    lift_ranks: Sequence[float] = (),
    states: int = 0,
) -> Ranks:
    rank, lift, chance = (np.array(values, dtype=np.float64) for values in (ranks, lift_ranks, chances))
    return Ranks(rank, lift, chance, states, worlds, seed_of("next state", len(ranks)))


def _f1(said: frozenset[str], facts: frozenset[str]) -> float:
    return 2 * len(said & facts) / (len(said) + len(facts)) if said or facts else 0.0
