"""Champion or challenger: a pure function of two sets of numbers over the same rows, and its reason."""

from dataclasses import dataclass

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
class GateDecision:
    promoted: bool
    reason: str


def decide_promotion(
    challenger: GateNumbers,
    *,
    champion: GateNumbers | None,
    rules_auroc: float | None,
    settings: GateSettings,
) -> GateDecision:
    """Promote only what is calibrated, helps in the loop, beats the rule set, and beats the champion.

    Beating the champion: AUROC not lower by more than the margin, and AUROC or macro-F1 strictly higher.
    A number that is missing refuses.
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
    if auroc < champion.test_auroc - settings.auroc_margin:
        return GateDecision(False, f"refused: test AUROC {auroc:.3f} against the champion's {champion.test_auroc:.3f}")
    if auroc <= champion.test_auroc and macro_f1 <= champion.test_macro_f1:
        return GateDecision(
            False,
            f"refused: no better than the champion (AUROC {auroc:.3f} against {champion.test_auroc:.3f}, "
            f"macro-F1 {macro_f1:.3f} against {champion.test_macro_f1:.3f})",
        )
    return GateDecision(
        True,
        f"promoted: test AUROC {auroc:.3f} against the champion's {champion.test_auroc:.3f}, "
        f"macro-F1 {macro_f1:.3f} against {champion.test_macro_f1:.3f}",
    )
