"""Which trees a step trains on: a function of (seed, step) alone, so that a resumed run goes on where it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    renderer: PromptRenderer
    settings: TrainSettings

    @property
    def steps_per_epoch(self) -> float:
        return len(self.groups) / self.settings.trees_per_step

    def trees_of_step(self, step: int) -> list[StateTree]:
        """The trees of one step, over all processes; text heads are drawn anew each epoch."""
        first = step * self.settings.trees_per_step
        return [self._tree(position) for position in range(first, first + self.settings.trees_per_step)]

    def _tree(self, position: int) -> StateTree:
        epoch, place = divmod(position, len(self.groups))
        index = _order(len(self.groups), self.settings.seed, epoch)[place]
        choice = TextChoice(
            self.settings.text_share, self.settings.max_text_tokens, seed_of("texts", self.settings.seed, epoch)
        )
        return build_tree(self.groups[index], self.renderer, choice)

    def sample(self, count: int) -> list[StateTree]:
        """Some trees of the first epoch, to estimate sizes and speed."""
        return [self._tree(position) for position in range(min(count, len(self.groups)))]


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> tuple[int, ...]:
    order = list(range(count))
    Random(seed_of("order", seed, epoch)).shuffle(order)
    return tuple(order)


def plan_batches(examples: Sequence[Example], renderer: PromptRenderer, settings: TrainSettings) -> BatchPlan:
    groups = group_by_state(examples, actions_per_tree=settings.actions_per_tree, seed=settings.seed)
    if not groups:
        raise TrainingError(
            "expected training rows with a weight above 0, found none; check the dataset's split column"
        )
    return BatchPlan(tuple(groups), renderer, settings)


def share_of_process(trees: Sequence[StateTree], *, rank: int, processes: int) -> list[StateTree]:
    """The trees of a step that one process computes: every n-th, longest first, so that the work is even."""
    return sorted(trees, key=lambda tree: -tree.tokens)[rank::processes]
