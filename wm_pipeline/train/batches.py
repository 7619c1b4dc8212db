"""Which trees a step trains on: a function of (seed, step) alone, so that a resumed run goes on where it stopped.

A state is drawn in proportion to the weights of its rows, and its rows count that much less in each draw, so that the
expected gradient is that of the weighted loss (importance sampling; Katharopoulos and Fleuret 2018, arXiv 1803.00942,
eq. 3, with weights in place of gradient norms).
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import accumulate
from random import Random

from wm_pipeline.domain.errors import TrainingError
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.model.examples import Example, TextChoice, build_tree, group_by_state
from wm_pipeline.model.prompt import PromptRenderer, StateTree
from wm_pipeline.model.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """All groups of examples and the settings that order them."""

    groups: tuple[tuple[Example, ...], ...]
    shares: tuple[float, ...]
    """The share of the total weight that each group holds; shares sum to 1."""
    renderer: PromptRenderer
    settings: TrainSettings
    order_of_epoch: Callable[[int], tuple[int, ...]]
    """The groups of an epoch, by index."""

    @property
    def examples(self) -> list[Example]:
        """All that is trained on, each once."""
        return [example for group in self.groups for example in group]

    @property
    def steps_per_epoch(self) -> float:
        return len(self.groups) / self.settings.batch_size

    def trees_of_step(self, step: int) -> list[StateTree]:
        """The trees of one step, over all processes; text heads are drawn anew each epoch."""
        first = step * self.settings.batch_size
        return [self._tree(position) for position in range(first, first + self.settings.batch_size)]

    def _tree(self, position: int) -> StateTree:
        epoch, place = divmod(position, len(self.groups))
        index = self.order_of_epoch(epoch)[place]
        repeats = self.shares[index] * len(self.groups)
        group = [replace(example, weight=example.weight / repeats) for example in self.groups[index]]
        choice = TextChoice(
            self.settings.text_share,
            self.settings.max_text_tokens,
            seed_of("texts", self.settings.seed, epoch),
            self.settings.delta_share,
        )
        return build_tree(group, self.renderer, choice)

    def sample(self, count: int) -> list[StateTree]:
        """Some trees of the first epoch, to estimate sizes and speed."""
        return [self._tree(position) for position in range(min(count, len(self.groups)))]


def _order(shares: tuple[float, ...], seed: int, epoch: int) -> tuple[int, ...]:
    """As many groups as there are, by systematic sampling: a group of share s comes floor(s n) or ceil(s n) times."""
    random = Random(seed_of("order", seed, epoch))
    count, offset = len(shares), random.random()
    ends = list(accumulate(shares))
    order = [min(bisect_left(ends, (position + offset) / count), count - 1) for position in range(count)]
    random.shuffle(order)
    return tuple(order)


def plan_batches(examples: Sequence[Example], renderer: PromptRenderer, settings: TrainSettings) -> BatchPlan:
    groups = group_by_state(examples, actions_per_tree=settings.actions_per_tree, seed=settings.seed)
    if not groups:
        raise TrainingError(
            "expected training rows with a weight above 0, found none; check the dataset's split column"
        )
    weights = [sum(example.weight for example in group) for group in groups]
    total = sum(weights)
    shares = tuple(weight / total for weight in weights)
    # Cached by epoch only: a key with the shares would hash all of them for every tree.
    order_of_epoch = lru_cache(maxsize=4)(partial(_order, shares, settings.seed))
    return BatchPlan(tuple(groups), shares, renderer, settings, order_of_epoch)


def share_of_process(trees: Sequence[StateTree], *, rank: int, processes: int) -> list[StateTree]:
    """The trees of a step that one process computes: every n-th, longest first, so that the work is even."""
    return sorted(trees, key=lambda tree: -tree.tokens)[rank::processes]
