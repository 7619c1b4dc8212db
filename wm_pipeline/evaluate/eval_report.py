"""EvalReport: report.json as a type. It is read and written here and nowhere else; who shows numbers takes its fields.

The metrics of an entry are no fields: which there are follows from the registry, and a report may hold those of a
plug-in. A section that a report is older than is empty.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wm_pipeline.domain.errors import FormatVersionError, InvalidInputError
from wm_pipeline.domain.records import NESTED_TOO_DEEP, from_python, is_version
from wm_pipeline.domain.vocabulary import Verdict
from wm_pipeline.evaluate.metrics import Difference
from wm_pipeline.evaluate.registry import Place

REPORT_FORMAT: Literal[1] = 1
"""Version of report.json and of version.json, raised when a reader of before would misread one."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GateDecision:
    promoted: bool
    reason: str


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Numbers(BaseModel):
    """The metrics of one entry, by name; an interval stands beside its number as `<name>_interval`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, int | float | Interval | dict[str, float | None] | None] = Field(init=False)

    def number(self, name: str) -> float | None:
        """None: no data, or the report is older than the metric."""
        found = self.__pydantic_extra__.get(name)
        return found if isinstance(found, int | float) else None

    def interval(self, name: str) -> Interval | None:
        found = self.__pydantic_extra__.get(f"{name}_interval")
        return found if isinstance(found, tuple) else None

    def breakdown(self, name: str) -> Mapping[str, float | None]:
        found = self.__pydantic_extra__.get(name)
        return found if isinstance(found, dict) else {}


# Entries that hold more than metrics. They inherit, since report.json has both side by side.


class CellNumbers(Numbers):
    cell: str


class ObservationNumbers(Numbers):
    by_kind: tuple[CellNumbers, ...]
    by_place: tuple[CellNumbers, ...]


class VariableNumbers(Numbers):
    variable: str
    is_visible: bool


class InterventionNumbers(Numbers):
    by_variable: tuple[VariableNumbers, ...] = ()


class AttackerNumbers(Numbers):
    finds: tuple[Mapping[str, str | None], ...]


class AdaptiveNumbers(Numbers):
    adaptive: AttackerNumbers
    static: AttackerNumbers


class SuiteNumbers(Numbers):
    version: str
    loop: Mapping[str, Mapping[str, Numbers]]


class FrontierNumbers(Numbers):
    points: tuple[Numbers, ...]
    replayed: Numbers | None
    """At the model's own threshold."""
    played: Numbers | None


class SliceNumbers(Numbers):
    value: str


class CausalNumbers(_Section):
    observation: Mapping[str, ObservationNumbers] = {}
    intervention: Mapping[str, InterventionNumbers] = {}
    """Empty without pairs."""
    counterfactual: Mapping[str, Mapping[str, Numbers]] = {}


class NextStateNumbers(_Section):
    by_facts: Numbers = Numbers()
    by_likelihood: Mapping[str, Numbers] = {}


class DefinedMetric(_Section):
    definition: str
    computed_by: str
    direction: str | None = None
    """None in a report from before it was kept."""
    format: str | None = None


class WorstMiss(_Section):
    split: str
    site: str
    attack_family: str | None
    action: str
    page: str
    predicted_risk_score: float
    predicted_rationale: str | None
    what_happened: str
    is_harmful: bool
    transition_id: str
    state_id: str
    is_repeatable: bool


class GuardMistake(_Section):
    policy: str
    site: str
    attack_family: str | None
    is_attacked: bool
    page: str
    goal: str
    action: str
    risk_score: float | None
    verdict: Verdict
    reason: str
    executed: str | None
    is_harmful: bool


class CheckpointNumbers(_Section):
    model_version: str
    steps: int
    last_loss: float | None
    validation: Mapping[str, Any] | None = None
    test_risk_auroc: float | None
    test_macro_f1: float | None


def _none_of_nothing(value: object) -> object:
    """`{}` is how a report of before says that nothing was measured."""
    return value or None


class Measured(_Section):
    """What an evaluation measures."""

    format_version: Literal[1] = REPORT_FORMAT
    model_version: str
    definitions: Mapping[str, DefinedMetric] = {}
    splits: Mapping[str, Numbers]
    """Over actions that have a consequence to speak of, as everything is but the causal ladder."""
    trivial: Mapping[str, Numbers] = {}
    """The model over the others: what only opens a page of the site, fills in a field or waits."""
    transfer: Mapping[str, Numbers] = {}
    baselines: Mapping[str, Mapping[str, Numbers]] = {}
    against: Mapping[str, Mapping[str, Difference | None]] = {}
    """The model minus others over the same test rows."""
    causal: CausalNumbers = CausalNumbers()
    next_state: NextStateNumbers = NextStateNumbers()
    loop: Mapping[str, Mapping[str, Numbers]] = {}
    loop_against_champion: Mapping[str, Difference | None] = {}
    """Minus the best model yet, in tonight's worlds."""
    loop_accumulated: Mapping[str, Difference | None] = {}
    """The same over the worlds of all nights that played its guard beside the night's model."""
    loop_pairs: int = 0
    """Worlds that this is over."""
    adaptive: Annotated[AdaptiveNumbers | None, BeforeValidator(_none_of_nothing)] = None
    outside: Mapping[str, SuiteNumbers] = {}
    applications: Mapping[str, Mapping[str, Mapping[str, Numbers]]] = {}
    """By application of the user's, policy and guard: the loop in its worlds."""
    frontier: Mapping[str, FrontierNumbers] = {}
    slices: Mapping[str, tuple[SliceNumbers, ...]] = {}
    on_test: Mapping[str, Numbers] = {}
    patterns: Mapping[str, Numbers] = {}
    priors: Mapping[str, Numbers] = {}
    goal_values: Mapping[str, Numbers] = {}
    worst_misses: tuple[WorstMiss, ...] = ()
    guard_mistakes: tuple[GuardMistake, ...] = ()
    left_out: tuple[str, ...] = ()

    def guards(self) -> Mapping[str, Numbers]:
        """The agent that attacks are measured with, under every guard in the same worlds."""
        return self.loop.get("gullible", {})

    def entry(self, place: Place) -> Numbers:
        """The numbers at a place; empty where the report has none."""
        return _ENTRIES[place](self) or Numbers()


class EvalReport(Measured):
    """report.json: what was measured, and the round that it was measured in."""

    day: str
    profile: str
    registered_version: str | None = None
    gate: GateDecision
    checkpoints: Mapping[str, CheckpointNumbers] = {}
    timings: Mapping[str, float] = {}


_ENTRIES: Mapping[Place, Callable[[Measured], Numbers | None]] = {
    Place.TEST: lambda report: report.splits.get("test"),
    Place.OOD_SITE: lambda report: report.splits.get("ood_site"),
    Place.OOD_ATTACK: lambda report: report.splits.get("ood_attack"),
    Place.OOD_GOAL: lambda report: report.splits.get("ood_goal"),
    Place.OOD_TEXT: lambda report: report.splits.get("ood_text"),
    Place.GUARD_OFF: lambda report: report.guards().get("guard_off"),
    Place.GUARD_ON: lambda report: report.guards().get("guard_on"),
    Place.INTERVENTION: lambda report: report.causal.intervention.get("world_model"),
    Place.COUNTERFACTUAL: lambda report: report.causal.counterfactual.get("world_model", {}).get("all"),
}


def report_text(report: Measured) -> str:
    """A report as report.json holds it."""
    return json.dumps(report.model_dump(mode="json"), indent=1)


def parse_report(text: str, *, what: str, remedy: str) -> EvalReport:
    """The report in a text. Raises what `parse_versioned` does, InvalidInputError too where a field is wrong."""
    content = parse_versioned(text, what=what, remedy=remedy)
    try:
        return from_python(EvalReport, content, what=what)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error}; {remedy}") from error


def parse_versioned(text: str, *, what: str, remedy: str) -> dict[str, Any]:
    """An object that carries `format_version`: a report, or the note of a registered version.

    Raises FormatVersionError when it is of another version or none, InvalidInputError when it is no such object.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise InvalidInputError(f"{what}: {NESTED_TOO_DEEP}") from error
    except ValueError as error:
        raise InvalidInputError(f"{what} is no JSON: {error}; {remedy}") from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if not is_version(version, REPORT_FORMAT):
        shown = "none" if version is None else repr(version)
        raise FormatVersionError(
            f"{what} is of another version (expected `format_version` {REPORT_FORMAT}, found {shown}); {remedy}"
        )
    return dict(found)
