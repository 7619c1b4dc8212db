"""What a trained model has to beat: predictors without training, and what anybody could install and fit in seconds.

Each takes rows of the SFT dataset and gives one probability of harm a row. The fitted ones learn from training rows,
choose their few settings on validation rows and are calibrated there in the same way as the world model.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.outcome import label_of_risk
from wm_pipeline.domain.question import Question, question_of, read_state
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.relations import is_untrusted
from wm_pipeline.domain.state import State
from wm_pipeline.domain.values import is_mentioned
from wm_pipeline.domain.vocabulary import ActionKind, RiskLabel, StatePattern
from wm_pipeline.evaluate.consequential import is_consequential
from wm_pipeline.evaluate.metrics import Floats
from wm_pipeline.evaluate.relations_rule import suspicion
from wm_pipeline.model.calibration import fit_calibration

Score = Callable[[pl.DataFrame], Floats]
"""Probability of harm, one a row."""


def majority(train: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """The share of harm in training data, for every row."""
    return np.full(rows.height, float(train["risk_score"].mean() or 0.0))  # type: ignore[arg-type]


# --- fitted -----------------------------------------------------------------------------------------------------------

REGULARIZATIONS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse strengths that validation chooses from: the span in which text of a few hundred rows has its best."""
LEAVES = (4, 12)
"""Leaves of a boosted tree that validation chooses from."""
MOST_PHRASES = 200
"""Phrases that trees are shown: those that most actions hold, of the ones that few do not."""
_WORDS = r"(?u)[^\s\"(),;]+"


def fit_phrases_only(train: pl.DataFrame, validation: pl.DataFrame) -> Score | None:
    """Logistic regression on TF-IDF of one to three words of the action's text, and of nothing else.

    None where the training rows hold one class only.
    """
    return _fit_linear(train, validation, {"action_text": 3})


def fit_linear_text(train: pl.DataFrame, validation: pl.DataFrame) -> Score | None:
    """The same on the whole question, which is what the model reads: two words of the state's text, too."""
    return _fit_linear(train, validation, {"action_text": 3, "state_text": 2})


def _fit_linear(train: pl.DataFrame, validation: pl.DataFrame, longest: Mapping[str, int]) -> Score | None:
    """`longest`: the columns that are read, each with the most words of a phrase."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if not _has_both(train):
        return None
    readers = {
        column: TfidfVectorizer(ngram_range=(1, words), min_df=2, sublinear_tf=True, token_pattern=_WORDS).fit(
            train[column].to_list()
        )
        for column, words in longest.items()
    }

    def read(rows: pl.DataFrame) -> Any:
        return hstack([reader.transform(rows[column].to_list()) for column, reader in readers.items()]).tocsr()

    labels, weights, index = _soft_as_hard(train)
    features = read(train)[index]
    candidates = []
    for strength in REGULARIZATIONS:
        # liblinear: the quickest of scikit-learn's solvers on a thousand short texts.
        fitted = LogisticRegression(C=strength, solver="liblinear", random_state=0)
        fitted.fit(features, labels, sample_weight=weights)
        candidates.append(partial(_raw, fitted, read))
    return _calibrated(candidates, validation)


def fit_relations_rule(validation: pl.DataFrame) -> Score:
    """The rule's points as a probability. All rows need with_features."""
    return _calibrated([lambda rows: rows["suspicion"].to_numpy() - 2.0], validation)


def fit_boosted_trees(train: pl.DataFrame, validation: pl.DataFrame) -> Score | None:
    """Gradient-boosted trees on what `domain/relations.py` finds between action, page and goal, and on the action's
    phrases; validation also chooses whether phrases are read at all.

    All rows need with_features. None where the training rows hold one class only.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import CountVectorizer
    from threadpoolctl import threadpool_limits

    if not _has_both(train):
        return None
    phrases = CountVectorizer(
        ngram_range=(1, 3), min_df=2, max_df=0.5, max_features=MOST_PHRASES, binary=True, token_pattern=_WORDS
    ).fit(train["action_text"].to_list())

    def read(rows: pl.DataFrame) -> Floats:
        return np.array(rows["features"].to_list(), dtype=np.float64).reshape(rows.height, len(FEATURES))

    def read_phrases(rows: pl.DataFrame) -> Floats:
        held = phrases.transform(rows["action_text"].to_list()).toarray()
        return np.hstack([read(rows), held.astype(np.float64)])

    labels, weights, index = _soft_as_hard(train)
    candidates = []
    for reader in (read, read_phrases):
        features = reader(train)[index]
        for leaves in LEAVES:
            fitted = HistGradientBoostingClassifier(
                max_iter=100,
                learning_rate=0.1,
                max_leaf_nodes=leaves,
                min_samples_leaf=5,
                early_stopping=False,
                categorical_features=[
                    at < len(FEATURES) and FEATURES[at] in CATEGORIES for at in range(features.shape[1])
                ],
                random_state=0,
            )
            # Threads that wait for each other cost more than so few rows: 9 s with two, 0.3 s with one.
            with threadpool_limits(limits=1):
                fitted.fit(features, labels, sample_weight=weights)
            candidates.append(partial(_raw, fitted, reader))
    return _calibrated(candidates, validation)


def best_column(logits: Floats, risks: Floats, asked: Floats) -> Floats:
    """Probabilities of `asked` (rows x ways to ask): the way, and whether it is turned round, that has the least cross
    entropy on the validation rows of `logits` and `risks`, calibrated there."""
    ways = [(at, sign) for at in range(logits.shape[1]) for sign in (1.0, -1.0)]
    frame = pl.DataFrame(
        {"risk_score": risks, "logits": logits.tolist()},
        schema={"risk_score": pl.Float64, "logits": pl.List(pl.Float64)},
    )
    candidates = [partial(_column, at, sign) for at, sign in ways]
    return _calibrated(candidates, frame)(
        pl.DataFrame({"logits": asked.tolist()}, schema={"logits": pl.List(pl.Float64)})
    )


def _column(at: int, sign: float, rows: pl.DataFrame) -> Floats:
    return sign * rows["logits"].list.get(at).to_numpy()


def _raw(fitted: Any, read: Callable[[pl.DataFrame], Any], rows: pl.DataFrame) -> Floats:
    """Logits of a fitted classifier."""
    return np.asarray(fitted.decision_function(read(rows)), dtype=np.float64)


def labels_of(probabilities: Floats, *, is_calibrated: bool) -> list[str]:
    """Risk labels: by the world model's own limits where probabilities mean something, else unsafe from one half."""
    if is_calibrated:
        return [label_of_risk(float(p)).value for p in probabilities]
    return [(RiskLabel.UNSAFE if p >= 0.5 else RiskLabel.SAFE).value for p in probabilities]


def _has_both(train: pl.DataFrame) -> bool:
    return bool((train["risk_score"] > 0).any() and (train["risk_score"] < 1).any())


def _soft_as_hard(train: pl.DataFrame) -> tuple[Floats, Floats, Any]:
    """Labels, weights and row numbers: a row of probability p once as harm with weight p, once as none with 1 - p."""
    risk = train["risk_score"].to_numpy()
    index = np.tile(np.arange(len(risk)), 2)
    labels = np.repeat([1.0, 0.0], len(risk))
    weights = np.concatenate([risk, 1.0 - risk])
    kept = weights > 0
    return labels[kept], weights[kept], index[kept]


def _calibrated(candidates: Sequence[Callable[[pl.DataFrame], Floats]], validation: pl.DataFrame) -> Score:
    """The candidate with the least cross entropy on validation once calibrated there; the middle one without rows."""
    if not validation.height:
        raw = candidates[len(candidates) // 2]
        return lambda rows: _sigmoid(raw(rows))
    truth = validation["risk_score"].to_numpy()
    found = []
    for raw in candidates:
        logits = raw(validation)
        fit = fit_calibration(logits.tolist(), truth.tolist())
        p = np.clip(_sigmoid(fit.scale * logits + fit.shift), 1e-6, 1 - 1e-6)
        found.append((float(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))), raw, fit))
    _, best, fit = min(found, key=lambda one: one[0])
    return lambda rows: _sigmoid(fit.scale * best(rows) + fit.shift)


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float64)


# --- structured features ----------------------------------------------------------------------------------------------

_KINDS = [kind.value for kind in ActionKind]
_METHODS = [None, "GET", "POST"]
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

CATEGORIES = ("kind", "method", "target_role", "record")
FEATURES = (
    *CATEGORIES,
    *("leaves_site", "leaves_unnamed", "has_destination", "claims_other_host", "target_unseen", "target_has_author"),
    *("sends", "sends_unasked", "sends_unasked_unseen", "sends_written", "sends_written_unasked", "sends_hidden"),
    *("sends_hidden_unasked", "leaves_empty", "mentions", "mentioned_hidden", "number_over_goal", "name_in_goal"),
    *("request_in_goal", "path_in_goal", "stored_hosts", "texts_untrusted", "texts_hidden", "forms", "elements"),
    "steps_before",
    *(pattern.value for pattern in StatePattern),
)
"""One column each; every one can be read off the visible state before acting."""
_ROLES = ("link", "button", "textbox", "form", "combobox", "checkbox", "searchbox", "spinbutton")


def with_features(rows: pl.DataFrame, states: Mapping[str, State]) -> pl.DataFrame:
    """Add `features`, the values of FEATURES for each row's state and action, the rule's `suspicion`, and whether the
    action `is_consequential`."""
    readings = {state_id: read_state(state) for state_id, state in states.items()}
    asked = [
        question_of(readings[state_id], from_row(Action, action))
        for state_id, action in rows.select("state_id", "action").iter_rows()
    ]
    return rows.with_columns(
        pl.Series("features", [_features(question) for question in asked], dtype=pl.List(pl.Float64)),
        pl.Series("suspicion", [suspicion(question) for question in asked], dtype=pl.Float64),
        pl.Series("is_consequential", [is_consequential(question) for question in asked], dtype=pl.Boolean),
    )


def _features(question: Question) -> list[float]:
    reading, action, relations = question.reading, question.action, question.relations
    state = reading.state
    sends = relations.sends
    unasked = [sent for sent in sends if sent.is_unasked]
    untrusted = [block for block in state.texts if is_untrusted(block)]
    path = "" if relations.destination is None else parse_address(relations.destination).path.rpartition("/")[2]
    roles = [None, *_ROLES]
    counted = (
        _KINDS.index(action.kind.value),
        _METHODS.index(relations.method) if relations.method in _METHODS else len(_METHODS),
        roles.index(relations.target_role) if relations.target_role in roles else len(roles),
        0 if relations.record is None else 1 if relations.is_record_in_goal else 2,
        relations.is_cross_site,
        relations.is_cross_site and not relations.is_destination_in_goal,
        relations.destination is not None,
        relations.claimed_host is not None,
        relations.target_visibility.is_concealed,
        relations.target_author is not None,
        len(sends),
        len(unasked),
        sum(not sent.is_on_page for sent in unasked),
        sum(sent.written_by is not None for sent in sends),
        sum(sent.written_by is not None for sent in unasked),
        sum(sent.is_hidden_field for sent in sends),
        sum(sent.is_hidden_field for sent in unasked),
        len(relations.leaves_empty),
        len(relations.mentioned_by),
        "hidden text" in relations.mentioned_by,
        _number_over_goal((sent.value for sent in sends), state.goal),
        relations.target_name is not None and is_mentioned(relations.target_name, state.goal),
        -1.0 if relations.request_in_goal is None else relations.request_in_goal,
        bool(path) and is_mentioned(path, state.goal),
        len(reading.remote_hosts),
        len(untrusted),
        sum(block.visibility.is_concealed for block in untrusted),
        len(state.forms),
        len(state.elements),
        len(state.prior_steps),
        *(pattern in question.patterns for pattern in StatePattern),
    )
    return [float(value) for value in counted]


def _number_over_goal(values: Iterable[str], goal: str) -> float:
    """Largest number sent over the largest number in the goal, at most 10; 0 without one or the other."""
    sent = [number for value in values for number in _numbers(value)]
    asked = _numbers(goal)
    if not sent or not asked or max(asked) == 0:
        return 0.0
    return min(10.0, max(sent) / max(asked))


def _numbers(text: str) -> list[float]:
    """Numbers of a text; what is longer than an amount (an account, a phone) is none."""
    plain = (match.replace(",", "") for match in _NUMBER.findall(text))
    return [float(one) for one in plain if len(one) <= 10 and one.count(".") <= 1]
