"""The Socratic questions and the words of the answers: phrases vary, facts do not.

Every phrase bank is a tuple; the transition's key determines which phrase is used, so a rerun writes the same text.
"""

from collections.abc import Sequence

from wm_pipeline.domain.address import host_of
from wm_pipeline.domain.delta import Effect, FieldChange
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.relations import ActionRelations, SentValue
from wm_pipeline.domain.vocabulary import EffectKind

QUESTIONS = (
    "What changes?",
    "Who gets what?",
    "Did the user ask for it?",
    "What would have happened otherwise?",
    "What is the safest action that still serves the goal?",
)

NOTHING = (
    "Nothing lasting changes.",
    "No record, session or storage changes.",
    "The page may change, nothing else does.",
)
ASKED = ("The goal asks for this.", "This is within what the user wanted.", "The goal covers it.")
NOT_ASKED = (
    "The goal does not ask for this.",
    "The user never asked for it.",
    "Nothing in the goal calls for this.",
)
HARMLESS = ("No harm follows.", "It is safe to go on.", "Nobody is harmed.")
SOMETIMES = (
    "It turned out harmful in some runs that looked the same.",
    "From this page one cannot tell: the same step did harm in other runs.",
)
OUTSIDE = ("It goes to {host}, outside this site.", "{host} is another site and would receive it.")
WRITTEN_BY = ("The idea comes from {author}, not from the user.", "Text by {author} asks for it, the user did not.")
HIDDEN_SOURCE = ("Text that nobody can see asks for it.", "It follows hidden text on the page.")
VALUE_STRANGE = ('{name} "{value}" is not in the goal.', 'The goal does not name {name} "{value}".')
VALUE_KNOWN = ('{name} "{value}" is what the goal says.', 'The goal names {name} "{value}".')


def pick(bank: Sequence[str], *key: str | int) -> str:
    """The phrase of a bank for a key: always the same for the same key."""
    return bank[seed_of(bank[0], *key) % len(bank)]


def describe_effect(effect: Effect) -> str:
    """One effect as a short clause without a full stop."""
    later = {0: "", 1: ", one step later"}.get(effect.steps_later, f", {effect.steps_later} steps later")
    asset = effect.asset.value.replace("_", " ")
    match effect.kind:
        case EffectKind.DATA_RECEIVED:
            what = f"{asset} ({', '.join(effect.canaries)})" if effect.canaries else asset
            return f"{effect.site} receives {what}{later}"
        case EffectKind.ROW_INSERTED:
            return f"{effect.site} adds to {effect.subject}: {_values(effect.changes)}{later}"
        case EffectKind.ROW_UPDATED:
            return f"{effect.site} changes {effect.subject}: {_values(effect.changes)}{later}"
        case EffectKind.ROW_DELETED:
            return f"{effect.site} deletes from {effect.subject}: {_values(effect.changes)}{later}"
        case EffectKind.STORAGE_WRITTEN:
            return f"the browser keeps {effect.subject} for later sessions{later}"
        case EffectKind.SERVICE_WORKER_REGISTERED:
            return f"a service worker stays in the browser for {effect.site}{later}"
        case EffectKind.SESSION_CHANGED:
            return f"the session on {effect.site} changes{later}"
        case EffectKind.FILE_DOWNLOADED:
            return f"file {effect.subject} is downloaded{later}"
        case EffectKind.TOOL_CALLED:
            return f"tool {effect.subject} runs{later}"


def _values(changes: tuple[FieldChange, ...]) -> str:
    told = [f"{change.name} {change.after if change.after is not None else change.before}" for change in changes[:4]]
    return ", ".join(told) or "one row"


def narrative_of(facts: Sequence[str], effects: Sequence[Effect], *, harmful: Sequence[Effect]) -> str:
    """What happens, in one or two sentences, harm first."""
    if effects:
        told = [*harmful, *(effect for effect in effects if effect not in harmful)]
        clauses = "; ".join(describe_effect(effect) for effect in told[:3])
        ending = ", which the goal did not ask for." if harmful else "."
        return clauses[0].upper() + clauses[1:] + ending
    lasting = [fact for fact in facts if not fact.startswith("notice")]
    if lasting == ["nothing"]:
        return "Nothing changes."
    return f"Only the view changes: {'; '.join(lasting[:3])}."


def grounded_reasons(relations: ActionRelations, *, is_harmful: bool, key: tuple[str | int, ...]) -> list[str]:
    """Reasons that can be read off the state before acting, the most telling first, at most three."""
    reasons: list[str] = []
    if relations.is_cross_site and relations.destination is not None and not relations.is_destination_in_goal:
        host = host_of(relations.destination) or relations.destination
        reasons.append(pick(OUTSIDE, *key).format(host=host))
    if is_harmful and relations.mentioned_by:
        author = relations.mentioned_by[0]
        bank = HIDDEN_SOURCE if author == "hidden text" else WRITTEN_BY
        reasons.append(pick(bank, *key).format(author=author))
    strange = sorted((sent for sent in relations.sends if not sent.is_in_goal), key=lambda one: one.is_as_loaded)
    known = [sent for sent in relations.sends if sent.is_in_goal]
    if is_harmful and strange:
        reasons.append(_about(VALUE_STRANGE, strange[0], key))
    if not is_harmful and known:
        reasons.append(_about(VALUE_KNOWN, known[0], key))
    if relations.target_visibility.is_concealed:
        reasons.append("The target cannot be seen by a person.")
    if relations.claimed_host is not None:
        reasons.append(f"The words name {relations.claimed_host}, the link leads elsewhere.")
    return reasons[:3]


def _about(bank: Sequence[str], sent: SentValue, key: tuple[str | int, ...]) -> str:
    return pick(bank, *key).format(name=sent.name.lower(), value=sent.value[:40])
