"""Checks beside the assets: one property each, over the numbers a stage reports. What cannot be computed fails."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

MOST_DROPPED = 0.01
"""Share of branches whose restored page may differ from the saved one before experience is not trusted; a single one is
no share."""
LEAST_AGREEMENT = 0.9
LEAST_KAPPA = 0.6
"""Where agreement beyond chance begins to be called substantial (Landis and Koch 1977)."""
LEAST_HARM, MOST_HARM = 0.02, 0.7
"""Outside of this share of harm a risk head learns a constant."""
MOST_OF_ONE_VALUE = 0.7
"""Share of training rows beyond which a dataset is one site's, or its attacks one family's."""


@dataclass(frozen=True, slots=True)
class Check:
    """One property of an asset, computed from the numbers that its stage reports."""

    judge: Callable[[Mapping[str, Any]], dg.AssetCheckResult]
    description: str
    is_blocking: bool = True
    """A failure stops what is downstream."""

    def spec(self, asset: str, *, partitions: dg.PartitionsDefinition | None) -> dg.AssetCheckSpec:
        """`partitions`: those of the asset, so that a result says of which one it is."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")
            return dg.AssetCheckSpec(
                self.judge.__name__,
                asset=asset,
                description=self.description,
                blocking=self.is_blocking,
                partitions_def=partitions,
            )

    def result(self, numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
        return self.judge(numbers)


def result(name: str, passed: bool | None, **numbers: Any) -> dg.AssetCheckResult:
    """A check's result; `passed` None means that it could not be computed, which fails."""
    told = {key: value for key, value in numbers.items() if value is not None}
    if passed is None:
        told["problem"] = "could not be computed: a number is missing"
    return dg.AssetCheckResult(check_name=name, passed=bool(passed), metadata=told)


def restores_hold(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    tried = numbers["branches_executed"] + numbers["branches_dropped"]
    share = numbers["branches_dropped"] / tried if tried else None
    return result(
        "restores_hold",
        None if share is None else share <= MOST_DROPPED or numbers["branches_dropped"] == 1,
        dropped_share=share,
    )


def no_world_failed(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    return result("no_world_failed", numbers["failed_worlds"] == 0, failed_worlds=numbers["failed_worlds"])


def _without_teacher(name: str, numbers: Mapping[str, Any]) -> dg.AssetCheckResult | None:
    """Where no model was asked, the labels are instrumentation's own, and to compare them with it would say nothing."""
    if "teacher_calls" in numbers:
        return None
    return dg.AssetCheckResult(check_name=name, passed=True, metadata={"compared": "nothing: no model was asked"})


def teacher_agrees(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    if (alone := _without_teacher("teacher_agrees", numbers)) is not None:
        return alone
    agreement = numbers.get("teacher_agreement")
    passed = None if agreement is None else agreement >= LEAST_AGREEMENT
    return result("teacher_agrees", passed, agreement=agreement)


def teacher_beats_chance(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Where both know one label only, kappa says nothing and agreement everything."""
    if (alone := _without_teacher("teacher_beats_chance", numbers)) is not None:
        return alone
    kappa, agreement = numbers.get("teacher_kappa"), numbers.get("teacher_agreement")
    passed = (True if agreement == 1.0 else None) if kappa is None else kappa >= LEAST_KAPPA
    return result("teacher_beats_chance", passed, kappa=kappa, agreement=agreement)


def no_leakage(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    leaking = numbers["leaking_states"]
    return result("no_leakage", leaking == 0, leaking_states=leaking)


def splits_are_filled(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    counts = {split: numbers.get(f"split_{split}", 0) for split in ("train", "validation", "test")}
    return result("splits_are_filled", all(counts.values()), **counts)


def labels_are_balanced(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    share = numbers["harm_share"]
    return result("labels_are_balanced", None if share is None else LEAST_HARM <= share <= MOST_HARM, harm_share=share)


def no_slice_dominates(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Attack families are compared among attacked rows; a dataset without attacks has no share of theirs."""
    site, family = numbers["largest_site_share"], numbers["largest_attack_family_share"]
    passed = None if site is None else max(site, family or 0.0) <= MOST_OF_ONE_VALUE
    return result("no_slice_dominates", passed, largest_site_share=site, largest_attack_family_share=family)


def no_contamination(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Blocks when an outside suite's text is in what is learned from; only warns when there is no suite to ask."""
    if numbers["outside_suites"] == 0:
        return dg.AssetCheckResult(
            check_name="no_contamination",
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problem": "no suite installed; `make outside` installs one to compare with"},
        )
    rows = numbers["contaminated_rows"]
    return result("no_contamination", None if rows is None else rows == 0, contaminated_rows=rows)


def loss_fell(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    first, last = numbers.get("first_loss"), numbers.get("last_loss")
    passed = None if first is None or last is None else last < first
    return result("loss_fell", passed, first_loss=first, last_loss=last)


def reload_is_exact(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    difference = numbers.get("reload_difference")
    return result("reload_is_exact", None if difference is None else difference == 0.0, difference=difference)


def is_calibrated(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    ece = numbers["test_ece"]
    return result("is_calibrated", None if ece is None else ece <= 0.10, ece=ece)


def distillation_holds(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Validation rows chose whether distilled weights are kept; test rows, which chose nothing, say whether rightly."""
    high = numbers["distilled_minus_sft_auroc_high"]
    return result("distillation_holds", None if high is None else high >= 0, distilled_minus_sft_auroc_high=high)


def guard_cuts_attacks(numbers: Mapping[str, Any]) -> dg.AssetCheckResult:
    off, on = numbers["asr_guard_off"], numbers["asr_guard_on"]
    passed = None if off is None or on is None else on <= 0.2 * off
    return result("guard_cuts_attacks", passed, asr_guard_off=off, asr_guard_on=on)
