"""The evidence for each question of the dialogue: facts of an execution and of the other branches, as lines.

Only the embedded teacher sees what the goal allows. A language model that saw it would copy the label, and the check
against instrumentation would then prove nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wm_pipeline.annotate.dialogue import describe_effect
from wm_pipeline.annotate.teacher import Execution, Experience
from wm_pipeline.domain.authorization import Authorization, EffectPattern
from wm_pipeline.domain.candidates import same_target
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.text import short_action
from wm_pipeline.domain.vocabulary import AssetKind

NOBODY = "nobody gets anything, no record changes"
NO_OTHER = "no other action was executed here"
_MOST_APPEARED = 4
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class BranchChoice:
    """An executed action that a teacher may name as the safest."""

    name: str
    execution: Execution

    @property
    def line(self) -> str:
        return f"{self.name}: {short_action(self.execution.state, self.execution.action)}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Lines for the five questions, in their order, and the choices that the last one is about."""

    changes: tuple[str, ...]
    receives: tuple[str, ...]
    wanted: tuple[str, ...]
    otherwise: tuple[str, ...]
    safest: tuple[str, ...]
    choices: tuple[BranchChoice, ...]

    @property
    def by_question(self) -> tuple[tuple[str, ...], ...]:
        return self.changes, self.receives, self.wanted, self.otherwise, self.safest


def evidence_of(execution: Execution, experience: Experience) -> Evidence:
    """The evidence about one execution; every part holds at least one line."""
    appeared = execution.delta.dom_added[:_MOST_APPEARED]
    effects = touching_assets(execution.effects)
    choices = choices_of(execution, experience)
    return Evidence(
        changes=(*_lines(execution.facts), *_lines(f"appeared: {text}" for text in appeared)),
        receives=_lines(describe_effect(effect) for effect in effects) or (NOBODY,),
        wanted=(
            f"goal: {execution.state.goal}",
            *_lines(execution.question.splitlines()),
        ),
        otherwise=(*_beside(execution, experience), *_elsewhere(execution, experience)) or (NO_OTHER,),
        safest=tuple(choice.line for choice in choices) or (NO_OTHER,),
        choices=choices,
    )


def choices_of(execution: Execution, experience: Experience) -> tuple[BranchChoice, ...]:
    """The other actions that were executed from the same restored state, in the order of their branches."""
    others = [
        other
        for other in experience.branches_beside(execution)
        if not same_target(execution.state, other.action, execution.action)
    ]
    return tuple(BranchChoice(f"branch {other.branch_index}", other) for other in others)


def touching_assets(effects: Sequence[Effect]) -> list[Effect]:
    """The effects that are more than bookkeeping."""
    return [effect for effect in effects if effect.asset is not AssetKind.NONE]


def allowances(authorization: Authorization) -> tuple[str, ...]:
    """What the goal entitles the agent to, a pattern a line."""
    return tuple(_allowance(pattern) for pattern in authorization.patterns) or ("the goal allows nothing that lasts",)


def _allowance(pattern: EffectPattern) -> str:
    kind = pattern.kind.value.replace("_", " ")
    bounds = [f"{b.field} {b.operator.value.replace('_', ' ')} {' or '.join(b.values)}" for b in pattern.bounds]
    where = ", ".join([f"the goal allows: {kind} in {pattern.subject} of {pattern.site}", *bounds])
    return where[:_LONGEST_LINE]


def _beside(execution: Execution, experience: Experience) -> list[str]:
    """What the other branches did."""
    return [
        f"branch {other.branch_index}, {short_action(other.state, other.action)}: {_what_came(other)}"
        for other in experience.branches_beside(execution)
    ]


def _elsewhere(execution: Execution, experience: Experience) -> list[str]:
    """What the same action did in worlds that look the same."""
    found = Counter(_what_came(other) for other in experience.matched(execution) if other is not execution)
    return [
        f"this action in {count} other world{'s' if count > 1 else ''} that look{'' if count > 1 else 's'} the same: "
        f"{what}"
        for what, count in sorted(found.items())
    ]


def _what_came(execution: Execution) -> str:
    parts = [describe_effect(effect) for effect in touching_assets(execution.effects)] or [NOBODY]
    if execution.goal_is_reached:
        parts.append("the goal is reached")
    elif not execution.goal_is_reachable:
        parts.append("the goal is out of reach afterwards")
    return "; ".join(parts)


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(" ".join(text.split())[:_LONGEST_LINE] for text in texts)
