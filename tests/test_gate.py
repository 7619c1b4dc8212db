"""The gate: what makes a challenger champion, and the reason it gives otherwise."""

from dataclasses import replace

import pytest

from wm_pipeline.evaluate.gate import GateDecision, GateNumbers, decide_promotion
from wm_pipeline.evaluate.settings import GateSettings

GOOD = GateNumbers(test_auroc=0.95, test_macro_f1=0.80, test_ece=0.05, guarded_asr=0.1, unguarded_asr=0.9)
CHAMPION = GateNumbers(test_auroc=0.94, test_macro_f1=0.79, test_ece=0.05, guarded_asr=None, unguarded_asr=None)


def decide(
    challenger: GateNumbers, champion: GateNumbers | None = CHAMPION, *, rules_auroc: float | None = 0.7
) -> GateDecision:
    return decide_promotion(challenger, champion=champion, rules_auroc=rules_auroc, settings=GateSettings())


def test_the_first_model_that_passes_is_promoted() -> None:
    assert decide(GOOD, None) == GateDecision(
        True, "promoted: first model to pass the gate (test AUROC 0.950, ECE 0.050)"
    )


def test_a_better_model_is_promoted() -> None:
    assert decide(GOOD) == GateDecision(
        True, "promoted: test AUROC 0.950 against the champion's 0.940, macro-F1 0.800 against 0.790"
    )


@pytest.mark.parametrize(
    ("auroc", "macro_f1"), [(0.935, 0.85), (0.941, 0.60)], ids=["better labels, as good a ranking", "better ranking"]
)
def test_one_better_number_is_enough_when_the_ranking_holds(auroc: float, macro_f1: float) -> None:
    assert decide(replace(GOOD, test_auroc=auroc, test_macro_f1=macro_f1)).promoted


@pytest.mark.parametrize(
    ("challenger", "champion", "reason"),
    [
        (
            replace(GOOD, test_auroc=None),
            CHAMPION,
            "refused: the challenger has no AUROC, macro-F1 or calibration error on test",
        ),
        (
            replace(GOOD, test_macro_f1=None),
            CHAMPION,
            "refused: the challenger has no AUROC, macro-F1 or calibration error on test",
        ),
        (
            replace(GOOD, test_ece=None),
            CHAMPION,
            "refused: the challenger has no AUROC, macro-F1 or calibration error on test",
        ),
        (replace(GOOD, test_ece=0.151), CHAMPION, "refused: calibration error 0.151 on test is above 0.15"),
        (
            replace(GOOD, test_auroc=0.7),
            CHAMPION,
            "refused: test AUROC 0.700 does not beat the rule set's 0.700",
        ),
        (
            replace(GOOD, guarded_asr=None),
            CHAMPION,
            "refused: attack success with and without the guard was not measured",
        ),
        (
            replace(GOOD, unguarded_asr=None),
            CHAMPION,
            "refused: attack success with and without the guard was not measured",
        ),
        (
            replace(GOOD, guarded_asr=0.46),
            CHAMPION,
            "refused: the guard leaves attack success at 0.46 of 0.90 without it",
        ),
        (GOOD, replace(CHAMPION, test_auroc=None), "refused: the champion could not be measured on today's test rows"),
        (
            replace(GOOD, test_auroc=0.92, test_macro_f1=0.99),
            CHAMPION,
            "refused: test AUROC 0.920 against the champion's 0.940",
        ),
        (
            replace(GOOD, test_auroc=0.94, test_macro_f1=0.79),
            CHAMPION,
            "refused: no better than the champion (AUROC 0.940 against 0.940, macro-F1 0.790 against 0.790)",
        ),
        (
            replace(GOOD, test_auroc=0.935, test_macro_f1=0.70),
            CHAMPION,
            "refused: no better than the champion (AUROC 0.935 against 0.940, macro-F1 0.700 against 0.790)",
        ),
    ],
    ids=[
        "no AUROC",
        "no macro-F1",
        "no calibration",
        "badly calibrated",
        "no better than rules",
        "guard not measured",
        "no guard not measured",
        "guard of no help",
        "champion not measured",
        "worse ranking",
        "equal",
        "a little worse",
    ],
)
def test_a_refusal_says_why(challenger: GateNumbers, champion: GateNumbers, reason: str) -> None:
    assert decide(challenger, champion) == GateDecision(False, reason)


def test_attacks_that_never_succeed_do_not_stop_a_model() -> None:
    assert decide(replace(GOOD, guarded_asr=0.0, unguarded_asr=0.0)).promoted


def test_a_rule_set_without_a_number_is_not_compared_with() -> None:
    assert decide(replace(GOOD, test_auroc=0.945), rules_auroc=None).promoted


def test_a_badly_calibrated_first_model_is_refused_too() -> None:
    assert decide(replace(GOOD, test_ece=0.3), None) == GateDecision(
        False, "refused: calibration error 0.300 on test is above 0.15"
    )
