"""Writing under a grammar: it says which tokens may come next, so that a head's text always parses.

The domain defines the grammar (delta.DELTA_PATTERN); llguidance follows it token by token.

Dimensions: S texts that are being written, V vocabulary.
"""

from collections.abc import Mapping

import llguidance
import llguidance.hf
import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast


class Grammar:
    """A regular expression over the tokens of one tokenizer. Building one takes about a second."""

    def __init__(self, pattern: str, tokenizer: PreTrainedTokenizerFast) -> None:
        tokens = llguidance.hf.from_tokenizer(tokenizer)
        self._start = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_regex(pattern))
        assert not self._start.is_error(), self._start.get_error()

    def follow(self) -> "GrammarState":
        """The state before the first token."""
        return GrammarState(self._start.deep_copy())


class GrammarState:
    """The position of one text in the grammar."""

    def __init__(self, matcher: llguidance.LLMatcher) -> None:
        self._matcher = matcher

    def take(self, token: int) -> None:
        is_taken = self._matcher.consume_token(token)
        assert is_taken, self._matcher.get_error()

    def allowed(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Array [V]: 1 where the token may come next, else 0. The end token may come where the text may end."""
        mask = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        assert mask.any(), self._matcher.get_error()
        return mask


def forbid(logits_SV: Tensor, states: Mapping[int, GrammarState]) -> Tensor:
    """The logits [S, V] with minus infinity where the state of a row (by its index) refuses a token."""
    if not states:
        return logits_SV
    # The output layer may be wider than the tokenizer; outputs without a token are refused.
    allowed_SV = np.zeros((len(states), logits_SV.shape[1]), np.bool_)
    for mask_V, state in zip(allowed_SV, states.values(), strict=True):
        known = state.allowed()[: len(mask_V)]
        mask_V[: len(known)] = known
    rows = torch.tensor(list(states), device=logits_SV.device)
    refused_SV = torch.from_numpy(~allowed_SV).to(logits_SV.device)
    return logits_SV.index_copy(0, rows, logits_SV[rows].masked_fill(refused_SV, -torch.inf))
