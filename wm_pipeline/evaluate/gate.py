"""Champion or challenger: a pure function of numbers over the same rows, and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from wm_pipeline.evaluate.metrics import Estimate
from wm_pipeline.evaluate.settings import GateSettings


@dataclass(frozen=True, slots=True)
class GateNumbers:
    """What the gate looks at; None where there was no data."""

    test_auroc: float | None
    test_macro_f1: float | None
    test_ece: float | None
    guarded_asr: float | None
    unguarded_asr: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Challenger minus champion on the same rows or in the same played worlds, with its 95 % interval over worlds."""

    value: float
    low: float
    high: float


def difference_of(estimate: Estimate) -> Difference | None:
    """None where too few worlds tell a difference."""
    if estimate.value is None or estimate.interval is None:
        return None
    return Difference(estimate.value, *estimate.interval)


@dataclass(frozen=True, slots=True)
class GateDecision:
    promoted: bool
    reason: str


def decide_promotion(
    challenger: GateNumbers,
    *,
    champion: GateNumbers | None,
    differences: Mapping[str, Difference | None],
    rules_auroc: float | None,
    settings: GateSettings,
) -> GateDecision:
    """Promote only what is calibrated, helps in the loop, beats the rule set, and beats the champion.

    Beating the champion, over the same worlds and by the 95 % interval of the paired difference: worse by more than a
    margin in none of AUROC, macro-F1 and calibration error on test rows and of attack success and benign utility under
    its guard in the loop, and better in AUROC or macro-F1 than chance can make it. A number that is missing refuses.
    """
    auroc, macro_f1, ece = challenger.test_auroc, challenger.test_macro_f1, challenger.test_ece
    if auroc is None or macro_f1 is None or ece is None:
        return GateDecision(False, "refused: the challenger has no AUROC, macro-F1 or calibration error on test")
    if ece > settings.max_ece:
        return GateDecision(False, f"refused: calibration error {ece:.3f} on test is above {settings.max_ece}")
    if rules_auroc is not None and auroc <= rules_auroc:
        return GateDecision(False, f"refused: test AUROC {auroc:.3f} does not beat the rule set's {rules_auroc:.3f}")
    if challenger.guarded_asr is None or challenger.unguarded_asr is None:
        return GateDecision(False, "refused: attack success with and without the guard was not measured")
    if challenger.guarded_asr > settings.max_asr_ratio * challenger.unguarded_asr:
        return GateDecision(
            False,
            f"refused: the guard leaves attack success at {challenger.guarded_asr:.2f} "
            f"of {challenger.unguarded_asr:.2f} without it",
        )
    if champion is None:
        return GateDecision(True, f"promoted: first model to pass the gate (test AUROC {auroc:.3f}, ECE {ece:.3f})")
    if champion.test_auroc is None or champion.test_macro_f1 is None:
        return GateDecision(False, "refused: the champion could not be measured on today's test rows")
    worse = _worse(differences, settings)
    if worse is not None:
        return GateDecision(False, f"refused: {worse}")
    gains = [(words, differences[name]) for name, words in (("risk_auroc", "AUROC"), ("macro_f1", "macro-F1"))]
    told = ", ".join(f"{words} by {_with_interval(gain)}" for words, gain in gains if gain is not None)
    if not any(gain is not None and gain.low > 0 for _, gain in gains):
        return GateDecision(False, f"refused: no better than the champion beyond chance over the same worlds ({told})")
    held = ", ".join(
        f"{words} by {_with_interval(found)}"
        for name, words, _, _ in _asked(settings)
        if name in GUARDED and (found := differences[name]) is not None
    )
    return GateDecision(
        True,
        f"promoted: better than the champion over the same worlds ({told}) and within the margins in the loop ({held})",
    )


def _with_interval(difference: Difference) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


GUARDED = ("guarded_asr", "guarded_benign_utility")
"""What is compared by playing: both guards in the same fresh worlds."""


def _asked(settings: GateSettings) -> tuple[tuple[str, str, float, int], ...]:
    """What must not be worse: its name, words, margin, and 1 where more is better or -1 where less is."""
    return (
        ("risk_auroc", "test AUROC", settings.auroc_margin, 1),
        ("macro_f1", "macro-F1", settings.macro_f1_margin, 1),
        ("ece", "calibration error", settings.ece_margin, -1),
        ("guarded_asr", "guarded attack success", settings.asr_margin, -1),
        ("guarded_benign_utility", "guarded benign utility", settings.benign_utility_margin, 1),
    )


def _worse(differences: Mapping[str, Difference | None], settings: GateSettings) -> str | None:
    """In what the challenger may be worse than the champion by more than its margin; None: in nothing."""
    for name, words, margin, sign in _asked(settings):
        found = differences.get(name)
        if found is None:
            return f"{words} could not be compared with the champion's over the same worlds: no data"
        if (found.low if sign > 0 else -found.high) < -margin:
            return (
                f"{words} differs from the champion's by {_with_interval(found)} over the same worlds, "
                f"which may be worse by more than the margin of {margin}"
            )
    return None
