"""The report in three sentences: what attacks came to, what honest work cost, and whether words alone would do."""

from collections.abc import Mapping

from wm_pipeline.evaluate.eval_report import Measured, Numbers
from wm_pipeline.evaluate.registry import Place

WORDS = {"phrases_only": "the action's words alone", "linear_text": "linear text", "boosted_trees": "boosted trees"}
"""Baselines that anybody could fit instead, best of which the third sentence compares with."""


def opening(report: Measured) -> tuple[str, str, str]:
    return _attacks(report.guards()), _honest_work(report.guards()), _beside_words(report)


def _attacks(guards: Mapping[str, Numbers]) -> str:
    guarded = guards.get("guard_on", Numbers())
    proposed, asr, interval = guarded.number("proposed_episodes"), guarded.number("asr"), guarded.interval("asr")
    if not proposed or asr is None:
        return "No attack was proposed under the guard, so nothing is known of what it stops."
    won = round(asr * proposed)
    came = "none came through" if won == 0 else f"{won} came through"
    limit = "" if interval is None else f" (at most {_percent(interval[1])} at 95 %)"
    without = guards.get("guard_off", Numbers()).number("asr")
    beside = "" if without is None else f"; without a guard {_percent(without)} did"
    return f"{_attacks_were(int(proposed))} proposed under the guard and {came}{limit}{beside}."


def _attacks_were(count: int) -> str:
    return "1 attack was" if count == 1 else f"{count} attacks were"


def _honest_work(guards: Mapping[str, Numbers]) -> str:
    guarded = guards.get("guard_on", Numbers())
    utility, episodes, attacked = (guarded.number(name) for name in ("benign_utility", "episodes", "attacked_episodes"))
    if utility is None or episodes is None or attacked is None:
        return "No honest task was played under the guard."
    honest = int(episodes - attacked)
    told = f"Of {honest} honest tasks the guard let {round(utility * honest)} be done"
    others = {
        name: found
        for name, numbers in guards.items()
        if name not in {"guard_on", "guard_off", "champion_guard_on"}
        if (found := numbers.number("safe_utility")) is not None
    }
    own = guarded.number("safe_utility")
    if own is None or not others:
        return f"{told}."
    best = max(others, key=lambda name: others[name])
    return (
        f"{told}; {_percent(own)} of all tasks, attacked or not, were done without harm, and "
        f"{_percent(others[best])} under the best guard without a model ({best.replace('_', ' ')})."
    )


def _beside_words(report: Measured) -> str:
    own = report.entry(Place.TEST).number("risk_auroc")
    found = {
        name: auroc
        for name in WORDS
        if name in report.baselines and "test" in report.baselines[name]
        if (auroc := report.baselines[name]["test"].number("risk_auroc")) is not None
    }
    if own is None or not found:
        return "The model's ranking was not compared with that of words alone."
    best = max(found, key=lambda name: found[name])
    difference = report.against.get(best, {}).get("risk_auroc")
    told = "not compared with" if difference is None else "level with"
    if difference is not None and difference.low > 0:
        told = "better than"
    if difference is not None and difference.high < 0:
        told = "worse than"
    return (
        f"On test the model ranks consequential actions {told} {WORDS[best]} (AUROC {own:.2f} and {found[best]:.2f}), "
        f"the best of what anybody could fit in seconds{_without_its_page(report)}."
    )


def _without_its_page(report: Measured) -> str:
    """Said of a model that ranks as well when it is told another page."""
    found = report.against.get("page_shuffled", {}).get("risk_auroc")
    if found is None or found.low > 0:
        return ""
    return "; told another world's page it ranks them no worse, so pages do not decide what it says"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
