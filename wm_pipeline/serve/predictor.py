"""predict_outcome: a trained checkpoint answers what an action will lead to, before it is executed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from wm_pipeline.domain.action import Action, check_action, is_executable, what_is_too_long
from wm_pipeline.domain.candidates import candidate_actions, same_target
from wm_pipeline.domain.delta import delta_of_facts
from wm_pipeline.domain.errors import CheckpointError, InvalidInputError
from wm_pipeline.domain.outcome import SAFE_BELOW, UNSAFE_FROM, Outcome, PredictedConsequence, label_of_risk
from wm_pipeline.domain.question import Question, question_of, read_state
from wm_pipeline.domain.reasons import narrative_of, reasons
from wm_pipeline.domain.relative_facts import absolute_facts
from wm_pipeline.domain.state import State
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.text import Line, text_of
from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.calibration import Thresholds
from wm_pipeline.model.checkpoint import Checkpoint, load_checkpoint
from wm_pipeline.model.decode import ActionPrediction, predict_trees
from wm_pipeline.model.head_registry import TEXT_HEADS, answered_heads, check_head
from wm_pipeline.model.prompt import ActionNode, StateTree

_COMPOSED = frozenset({Head.RATIONALE, Head.CONSEQUENCE})
"""Texts that a small model does not write well enough to be served: they are made of relations and of tags."""
_OWN_FIELDS = tuple(head for head in Head if head is not Head.NEXT_STATE)
"""Heads with their own fields in an outcome; answers of further heads are in `scores` and `texts`."""


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    max_candidates: int = 12
    """Candidates for the counterfactual, the three harmless ones included."""
    max_new_tokens: int | None = None
    """Limit of each text; None takes the model's."""
    safe_below: float = SAFE_BELOW
    unsafe_from: float = UNSAFE_FROM


class WorldModelPredictor:
    """Implements ports.Predictor on one checkpoint. It is not thread-safe."""

    def __init__(self, checkpoint: Checkpoint, settings: PredictorSettings | None = None) -> None:
        if Head.RISK not in checkpoint.manifest.trained_heads:
            raise CheckpointError(
                f"checkpoint {checkpoint.manifest.model_version!r} of stage "
                f"{checkpoint.manifest.stage.value!r} has no trained risk head; load one of stage sft or distill"
            )
        self.checkpoint = checkpoint
        self._settings = settings or PredictorSettings()
        self._renderer = checkpoint.renderer
        self.tokens_used = 0
        """Tokens read and written since loading."""

    @classmethod
    def load(
        cls, folder: Path | str, *, settings: PredictorSettings | None = None, device: str = "cpu"
    ) -> "WorldModelPredictor":
        """From a checkpoint folder. Raises CheckpointError or FormatVersionError."""
        checkpoint = load_checkpoint(Path(folder))
        checkpoint.model.to(device)
        return cls(checkpoint, settings)

    @property
    def model_version(self) -> str:
        return self.checkpoint.manifest.model_version

    @property
    def thresholds(self) -> Thresholds:
        """What the guard should use with this model."""
        return self.checkpoint.manifest.thresholds

    def predict_outcome(self, state: State, action: Action, *, heads: Sequence[str] | None = None) -> Outcome:
        return self.predict_outcomes(state, [action], heads=heads)[0]

    def predict_outcomes(
        self, state: State, actions: Sequence[Action], *, heads: Sequence[str] | None = None
    ) -> tuple[Outcome, ...]:
        """One outcome an action; the state is encoded once. `heads=None` computes all of them.

        Raises InvalidInputError when the state does not offer an action, or when a head does not exist.
        """
        started = time.perf_counter()
        if not actions:
            return ()
        for action in actions:
            check_action(state, action)
            if (too_long := what_is_too_long(state, action)) is not None:
                raise InvalidInputError(f"action: {too_long}")
        asked = answered_heads() if heads is None else [check_head(name) for name in heads]
        wanted = tuple(name for name in asked if name in self.checkpoint.manifest.trained_heads)
        candidates = self._candidates(state, actions) if Head.COUNTERFACTUAL in wanted else ()
        reading = read_state(state)
        questions = [question_of(reading, action) for action in (*actions, *candidates)]
        tree = self._tree(reading.lines, questions, len(actions), wanted)
        predicted = self._ask(tree)
        own, offered = predicted[: len(actions)], predicted[len(actions) :]
        latency_ms = (time.perf_counter() - started) * 1000
        computed = tuple(head for head in dict.fromkeys((Head.RISK, *wanted)) if head not in _COMPOSED)
        return tuple(
            self._outcome(
                question,
                prediction,
                counterfactual=self._counterfactual(state, question.action, candidates, offered),
                computed=computed,
                latency_ms=latency_ms,
                is_truncated=tree.is_truncated,
            )
            for question, prediction in zip(questions, own, strict=False)  # those of the candidates follow
        )

    def risks_with_page(self, page: tuple[Line, ...], questions: Sequence[Question]) -> tuple[float, ...]:
        """The risk of each question with other lines in place of its page's: what the page is good for."""
        return tuple(self._risk(one) for one in self._ask(self._tree(page, questions, len(questions), (Head.RISK,))))

    def _candidates(self, state: State, actions: Sequence[Action]) -> tuple[Action, ...]:
        """Candidates for the counterfactual: actions that the state offers, and the proposed actions as rivals."""
        offered = candidate_actions(state, max_actions=self._settings.max_candidates)
        rivals = [a for a in actions if len(actions) > 1 and not any(same_target(state, a, o) for o in offered)]
        return tuple(candidate for candidate in (*offered, *rivals) if is_executable(state, candidate))

    def _tree(
        self, lines: tuple[Line, ...], questions: Sequence[Question], asked: int, wanted: Sequence[str]
    ) -> StateTree:
        """A tree of all questions; only the first `asked` have text heads, the candidates' have none."""
        state_ids, is_truncated = self._renderer.state(text_of(lines))
        written = [head for head in wanted if head in TEXT_HEADS and head not in _COMPOSED]
        texts = tuple(self._renderer.text(head, None) for head in written)
        graphs = self._renderer.graphs([(lines, question.lines) for question in questions])
        nodes = [
            ActionNode(self._renderer.action(question.text), texts if at < asked else (), graphs[at])
            for at, question in enumerate(questions)
        ]
        return StateTree(state_ids, tuple(nodes), is_truncated)

    def _ask(self, tree: StateTree) -> tuple[ActionPrediction, ...]:
        limit = self._settings.max_new_tokens or self.checkpoint.manifest.model.max_target_tokens
        predicted = predict_trees(self.checkpoint.model, self._renderer, [tree], max_new_tokens=limit)[0]
        self.tokens_used += tree.tokens + sum(len(ids) for p in predicted for ids in p.token_ids.values())
        return predicted

    def _counterfactual(
        self, state: State, action: Action, candidates: Sequence[Action], offered: Sequence[ActionPrediction]
    ) -> Action | None:
        """The candidate with the best score, discounted by its own predicted risk; None when the head was not asked."""
        scored = [
            (_sigmoid(prediction.alternative_logit) * (1.0 - self._risk(prediction)), -index, candidate)
            for index, (candidate, prediction) in enumerate(zip(candidates, offered, strict=True))
            if not same_target(state, candidate, action)
        ]
        return max(scored, key=lambda entry: entry[:2])[2] if scored else None

    def _risk(self, prediction: ActionPrediction) -> float:
        return self.checkpoint.manifest.calibration.probability(prediction.risk_logit)

    def _outcome(
        self,
        question: Question,
        prediction: ActionPrediction,
        *,
        counterfactual: Action | None,
        computed: tuple[str, ...],
        latency_ms: float,
        is_truncated: bool,
    ) -> Outcome:
        risk = self._risk(prediction)
        facts = None
        if Head.STATE_DELTA in computed:
            written = prediction.texts[Head.STATE_DELTA].splitlines()
            facts = tuple(dict.fromkeys(absolute_facts(written, question.reference)))
        return Outcome(
            risk_label=label_of_risk(
                risk, safe_below=self._settings.safe_below, unsafe_from=self._settings.unsafe_from
            ),
            risk_score=risk,
            rationale=reasons(question.reading.state, question.action, question.relations),
            predicted_consequence=self._consequence(question, prediction, computed),
            counterfactual_action=counterfactual,
            # An empty text does not claim that nothing changes; the fact "nothing" would.
            state_delta=delta_of_facts(facts, page_url=question.reading.state.url) if facts else None,
            delta_facts=facts,
            model_version=self.model_version,
            latency_ms=latency_ms,
            heads_computed=computed,
            is_truncated=is_truncated,
            heads_cut=prediction.heads_cut,
            scores={
                name: tuple(map(_sigmoid, logits))
                for name, logits in prediction.scores.items()
                if name not in _OWN_FIELDS and name in self.checkpoint.manifest.trained_heads
            },
            texts={name: text for name, text in prediction.texts.items() if name not in _OWN_FIELDS},
        )

    def _consequence(
        self, question: Question, prediction: ActionPrediction, computed: Sequence[str]
    ) -> PredictedConsequence | None:
        if Head.TAGS not in computed:
            return None
        limit = self.thresholds.tag_from
        tags = [path for path, logit in zip(TAG_PATHS, prediction.tag_logits, strict=True) if _sigmoid(logit) >= limit]
        return PredictedConsequence(
            narrative=narrative_of(tags),
            tags=tuple(tags),
            patterns=question.patterns,
        )


def _sigmoid(logit: float) -> float:
    return float(torch.sigmoid(torch.tensor(logit, dtype=torch.float64)))
