"""The one place that turns (state, action) into tokens and targets: for training, evaluation and serving alike.

A state and its actions form a tree: the state's text, below it each action, below an action its text heads. Segments
are tokenized one by one, so a token never spans two of them and a shared prefix is the same tokens everywhere.
A golden file guards the words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from transformers import PreTrainedTokenizerFast

from wm_pipeline.domain.room import CUT, shares
from wm_pipeline.domain.text import Line, text_of
from wm_pipeline.model.grammar import Grammar
from wm_pipeline.model.head_registry import TEXT_HEADS
from wm_pipeline.model.links import QuestionGraph, graph_of, sentences_of
from wm_pipeline.model.sentences import SentenceEncoder, encoder_named
from wm_pipeline.model.settings import ModelSettings

Question = tuple[tuple[Line, ...], tuple[Line, ...]]
"""The lines of a state and of an action."""

_LONGEST_TOKEN = 128
"""Characters; longer than any token of the vocabularies we know, so that no token within the limit is lost."""
_LONG_LINE = 16
"""Characters of a line for each token of the room: what is beyond them has no place in any case."""
_STATE_END = "\n"
_ACTION_BEGIN = "\naction: "
_OBSERVED = "\nit was executed, and this was observed:\n"
_ACTION_END = "\n=>"
"""Its last token is where the score heads read."""


@dataclass(frozen=True, slots=True)
class TextNode:
    head: str
    marker_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    """Ends with the end token; empty when the model writes the text."""


@dataclass(frozen=True, slots=True)
class ActionNode:
    token_ids: tuple[int, ...]
    texts: tuple[TextNode, ...] = ()
    graph: QuestionGraph | None = None
    """What the score heads read; None: they are not asked."""
    labels: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Targets of the score heads, a probability for each output; a head without a label is not in it."""
    weight: float = 1.0
    row_key: str = ""
    """Names the dataset row in messages."""


@dataclass(frozen=True, slots=True)
class StateTree:
    state_ids: tuple[int, ...]
    actions: tuple[ActionNode, ...]
    is_truncated: bool

    @property
    def tokens(self) -> int:
        """Tokens a model reads for this tree."""
        texts = sum(
            len(text.marker_ids) + max(0, len(text.target_ids) - 1) for action in self.actions for text in action.texts
        )
        return len(self.state_ids) + sum(len(action.token_ids) for action in self.actions) + texts


def renderer_for(tokenizer: PreTrainedTokenizerFast, settings: ModelSettings) -> "PromptRenderer":
    """A renderer that also makes what the score heads read. Raises CheckpointError when the encoder is missing."""
    return PromptRenderer(
        tokenizer,
        max_state_tokens=settings.max_state_tokens,
        encoder=encoder_named(settings.reader.encoder, settings.compute),
        max_question_tokens=settings.reader.max_tokens,
    )


class PromptRenderer:
    """Turns texts into tree segments with one tokenizer; remembers segments it has seen."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        *,
        max_state_tokens: int,
        encoder: SentenceEncoder | None = None,
        max_question_tokens: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._max_question_tokens = max_question_tokens
        self._graph = lru_cache(maxsize=50_000)(self._make_graph)
        self._max_state_tokens = max_state_tokens
        self._encode = lru_cache(maxsize=20_000)(self._encode_text)
        self._grammars: dict[str, Grammar] = {}
        end = tokenizer.eos_token_id
        assert isinstance(end, int)
        self.end_id: int = end
        """Ends every written text, and pads."""

    def _encode_text(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def state(self, state_text: str) -> tuple[tuple[int, ...], bool]:
        """Tokens of the state and whether it was cut; only this method cuts a state. Its least telling lines are last.

        Text far beyond the limit is not tokenized.
        """
        end_ids = self._encode(_STATE_END)
        room = self._max_state_tokens - len(end_ids)
        if len(state_text) <= room * _LONGEST_TOKEN:
            token_ids = self._encode(state_text)
            if len(token_ids) <= room:
                return token_ids + end_ids, False
        return self._encode(self._cut(state_text, room))[:room] + end_ids, True

    def _cut(self, state_text: str, room: int) -> str:
        """A text of at most about so many tokens: a line that is too long is cut in itself and says so."""
        lines = [line[: room * _LONG_LINE] for line in state_text.split("\n")[:room]]
        mapped = self._tokenizer([f"{line}\n" for line in lines], return_offsets_mapping=True)["offset_mapping"]
        ends = [[end for _, end in tokens] for tokens in mapped]
        note = len(self._encode(CUT))
        kept = []
        for line, line_ends, share in zip(lines, ends, shares([len(one) for one in ends], room), strict=True):
            if share == len(line_ends):
                kept.append(line)
            elif share > 2 * note:
                kept.append(line[: line_ends[share - note - 2]] + CUT)
        return "\n".join(kept)

    def action(self, action_text: str, *, observed: str | None = None) -> tuple[int, ...]:
        """Tokens of an action, never cut. `observed` tells a teacher what its execution led to."""
        told = "" if observed is None else _OBSERVED + observed
        return self._encode(f"{_ACTION_BEGIN}{action_text}{told}") + self._encode(_ACTION_END)

    def graphs(self, questions: Sequence[Question]) -> list[QuestionGraph | None]:
        """What the score heads read of each question; None without a sentence encoder.

        Lines that are new are encoded together.
        """
        if self._encoder is None:
            return [None] * len(questions)
        read = ((*sentences_of(page[0]), *page[1:], *lines) for page, lines in questions)
        self._encoder.vectors([line.text for lines in read for line in lines])
        return [self._graph(state_lines, lines) for state_lines, lines in questions]

    def _make_graph(self, state_lines: tuple[Line, ...], action_lines: tuple[Line, ...]) -> QuestionGraph:
        assert self._encoder is not None
        return graph_of(self._encoder, state_lines, action_lines, max_tokens=self._max_question_tokens)

    def text(self, head: str, target: str | None) -> TextNode:
        """A text head with its target; a target of None: the model writes the text."""
        target_ids = () if target is None else (*self._encode(target), self.end_id)
        return TextNode(head, self._encode(f"\n{head}:\n"), target_ids)

    def grammar(self, head: str) -> Grammar | None:
        """The grammar of the head, made on first use; None when the head writes any text."""
        pattern = TEXT_HEADS[head].pattern
        if pattern is not None and head not in self._grammars:
            self._grammars[head] = Grammar(pattern, self._tokenizer)
        return self._grammars.get(head)

    def written(self, head: str, token_ids: Sequence[int]) -> str:
        """The text of a head. With a grammar, a text that was cut (no end token) keeps only its complete lines."""
        text = self.decode(token_ids)
        if TEXT_HEADS[head].pattern is not None and self.end_id not in token_ids:
            text = text.rpartition("\n")[0]
        return text.strip()

    def decode(self, token_ids: Sequence[int]) -> str:
        """Written tokens as text, without the end token."""
        kept = [token for token in token_ids if token != self.end_id]
        text = self._tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def question(
        self, state_lines: tuple[Line, ...], actions: Sequence[tuple[Line, ...]], *, heads: Sequence[str] = ()
    ) -> StateTree:
        """A tree for the model to answer: no labels, and text heads without targets."""
        state_ids, is_truncated = self.state(text_of(state_lines))
        texts = tuple(self.text(head, None) for head in heads if head in TEXT_HEADS)
        graphs = self.graphs([(state_lines, lines) for lines in actions])
        nodes = (
            ActionNode(self.action(text_of(lines)), texts, graph) for lines, graph in zip(actions, graphs, strict=True)
        )
        return StateTree(state_ids, tuple(nodes), is_truncated)
