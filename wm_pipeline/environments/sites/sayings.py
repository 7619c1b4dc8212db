"""How a user says what he wants: one way a world, applied to a drawn goal.

Goal, parameters and rows go in; the text, the parameters that it then means, and what somebody of the site has written
for the user come out. What is authorized follows from the parameters, never from the text. Most ways leave values out
of the goal that the agent has to know, or put values into it that are right elsewhere only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from wm_pipeline.domain.ids import is_sealed_site
from wm_pipeline.domain.vocabulary import ChangeOperation, Saying
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.asked import Asked, Entry
from wm_pipeline.environments.sites.attack import ANOTHER_RECORD, CHANGED_RECORD, ROW_TITLE
from wm_pipeline.environments.sites.saying_words import (
    FOR,
    FRACTIONS,
    LANGUAGES,
    MULTIPLES,
    NAMED,
    NOTED,
    OLD_VALUE,
    ON_FILE,
    OTHER_RECORD,
    OTHERS_VALUE,
    RELATIVE,
    REQUEST,
    RULE,
    SEALED_FRAME,
    SEALED_LANGUAGE,
    SECOND_RECORD,
    SECOND_THOUGHT,
    SHIFTS,
    UNWANTED,
    USE,
    USE_ON_LIST,
)
from wm_pipeline.environments.sites.site_notes import Note, author_name, note_of, place_of
from wm_pipeline.environments.sites.told_apart import described, named_record, others_on_list
from wm_pipeline.environments.sites.wording import first_up

NOTED_SHARE = 0.8
"""How often values that a goal need not name are noted on the page; else it names them."""
UNWANTED_SHARE = 0.4
"""How often a goal also names a form of the page that is not to be sent."""
TURN = "\n"
"""Between what the user says first and what he says then; the later counts."""

WEIGHTS: Mapping[Saying, int] = {
    Saying.PLAIN: 3,
    Saying.NOTED: 6,
    Saying.TOLD_APART: 3,
    Saying.ON_FILE: 2,
    Saying.RELATIVE: 2,
    Saying.RULE: 1,
    Saying.TWO_TURNS: 2,
    Saying.OTHER_ROLE: 2,
    Saying.OTHER_LANGUAGE: 2,
}
"""How often each comes, among those that fit."""


@dataclass(frozen=True, slots=True)
class Said:
    """A goal as the user says it."""

    saying: Saying
    text: str
    parameters: Mapping[str, str]
    """What it means."""
    note: Note | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Values that the text names and that are right elsewhere only, by the field they would be sent in."""


# --- which ways fit ---------------------------------------------------------------------------------------------------


def sayings_of(asked: Asked) -> tuple[Saying, ...]:
    """The ways in which this goal can be said, PLAIN always among them."""
    if asked.goal.other_sites or not asked.steps:
        return (Saying.PLAIN,)  # what stands in a mail of another site is said so already
    if asked.channel == CHANGED_RECORD:
        return (Saying.PLAIN,)  # what the record holds is no longer what the user means
    fits = {
        Saying.PLAIN: True,
        Saying.NOTED: asked.can_write and bool(asked.notable),
        Saying.TOLD_APART: _can_describe(asked),
        Saying.ON_FILE: bool(asked.on_file),
        Saying.RELATIVE: _relative(asked) is not None,
        Saying.RULE: _limited(asked) is not None,
        Saying.TWO_TURNS: _mistaken(asked) is not None,
        Saying.OTHER_ROLE: _mistaken(asked) is not None,
        Saying.OTHER_LANGUAGE: True,
    }
    return tuple(saying for saying, does_fit in fits.items() if does_fit)


def _can_describe(asked: Asked) -> bool:
    """Not where a planted row takes after the goal's record, or where the record's name has to be typed."""
    is_spoken_of = asked.is_about_record or asked.starts_at_record
    is_typed = any(entry.value == asked.record[asked.entity.title] for entry in asked.typed)
    is_alone = asked.channel not in (ROW_TITLE, ANOTHER_RECORD)
    return is_spoken_of and not is_typed and is_alone and bool(others_on_list(asked))


def drawn_saying(asked: Asked, key: str) -> Saying:
    """One of those that fit, by WEIGHTS."""
    fitting = sayings_of(asked)
    return asked.draw.choice(key, [saying for saying in fitting for _ in range(WEIGHTS[saying])])


# --- how it is said ---------------------------------------------------------------------------------------------------


def said(saying: Saying, asked: Asked, plain: Callable[[], str]) -> Said:
    """The goal in this way, which fits (sayings_of); `plain` says it with every value named."""
    if saying is Saying.PLAIN:
        found = Said(saying, plain(), asked.parameters)
    else:
        found = _said(saying, asked)
        # A value may be a sentence of its own.
        found = replace(found, text=found.text.replace("?.", "?").replace("!.", "!"))
    if is_sealed_site(asked.site.name):
        found = replace(found, text=asked.draw.text("sealed frame", SEALED_FRAME, said=found.text))
    return found


def _said(saying: Saying, asked: Asked) -> Said:
    match saying:
        case Saying.NOTED:
            return _composed(saying, asked, noted=asked.notable)
        case Saying.TOLD_APART:
            return _composed(saying, asked, it=described(asked))
        case Saying.ON_FILE:
            return _composed(saying, asked, says=_on_file(asked), spoken=asked.on_file)
        case Saying.RELATIVE | Saying.RULE:
            found = _relative(asked) if saying is Saying.RELATIVE else _limited(asked)
            assert found is not None
            entry, parameters, sentence = found
            return _composed(saying, replace(asked, parameters=parameters), says=sentence, spoken=[entry])
        case Saying.TWO_TURNS | Saying.OTHER_ROLE:
            return _with_mistake(saying, asked)
    return _abroad(asked)


def _composed(
    saying: Saying,
    asked: Asked,
    *,
    it: str = "",
    says: str = "",
    spoken: Sequence[Entry] = (),
    noted: Sequence[Entry] | None = None,
) -> Said:
    """A request, a sentence `says` about the entries `spoken`, and the other entries: named, or noted on the page."""
    request = _request(asked, it or named_record(asked.entity, asked.record))
    done = {entry.item.name for entry in spoken}
    left = [entry for entry in asked.typed if entry.item.name not in done]
    details, note = _details(asked, left, must_note=noted is not None)
    said_so = (request, says, details, _unwanted(asked))
    return Said(saying, " ".join(filter(None, said_so)), asked.parameters, note)


def _unwanted(asked: Asked) -> str:
    """A sentence that names another form of the page where the goal's last one stands; or nothing."""
    used = {operation.name for _, operation in asked.steps}
    _, last = asked.steps[-1]
    beside = [
        one
        for one in asked.site.operations
        if (one.table, one.is_on_list) == (last.table, last.is_on_list) and one.name not in used
    ]
    if not beside or not asked.draw.chance("unwanted", UNWANTED_SHARE):
        return ""
    other = asked.draw.choice("unwanted form", beside)
    return asked.draw.text("not this", UNWANTED, button=asked.word(f"operation/{other.name}", other.label))


def _request(asked: Asked, it: str) -> str:
    draw = asked.draw
    asks: list[str] = []
    for _, operation in asked.steps:
        button = asked.word(f"operation/{operation.name}", operation.label)
        own = operation.ask or (USE_ON_LIST if operation.is_on_list else USE)
        asks.append(draw.text(f"ask/{operation.name}", own, it=it if not asks else "it", button=button))
    ask = " and ".join(dict.fromkeys(asks))
    request = draw.text("request", REQUEST, ask=ask, Ask=first_up(ask))
    if asked.starts_at_record and not asked.is_about_record:
        return f"{request} {draw.text('ask for', FOR, it=it)}"
    return request


def _details(asked: Asked, entries: Sequence[Entry], *, must_note: bool = False) -> tuple[str, Note | None]:
    """Sentences about the values, and what is noted in place of some."""
    can_note = [entry for entry in entries if not entry.is_file] if asked.can_write else []
    if not must_note and not asked.draw.chance("note values", NOTED_SHARE):
        can_note = []
    named = [entry for entry in entries if entry not in can_note]
    sentences = [_named(asked, entry.noun, entry.value) for entry in named]
    if not can_note:
        return " ".join(sentences), None
    note = note_of(asked, can_note)
    place = place_of(asked, note)
    nouns = [entry.noun for entry in can_note]
    slots = _plural(nouns) | {"place": place, "Place": first_up(place)}
    return " ".join((*sentences, asked.draw.text("noted", NOTED, **slots))), note


def _named(asked: Asked, noun: str, value: str) -> str:
    slots = {"noun": noun, "Noun": first_up(noun), "value": value.removesuffix(".")}
    return asked.draw.text(f"named/{noun}", NAMED, **slots)


def _on_file(asked: Asked) -> str:
    return asked.draw.text("on file", ON_FILE, **_plural([entry.noun for entry in asked.on_file]))


def _plural(nouns: Sequence[str]) -> dict[str, str]:
    """Slots for one noun or several, with the verbs and pronouns that go with them."""
    several = list(dict.fromkeys(nouns))
    listed = several[0] if len(several) == 1 else f"{', '.join(several[:-1])} and {several[-1]}"
    is_one = len(several) == 1
    return {
        "nouns": listed,
        "stand": "stands" if is_one else "stand",
        "stay": "stays" if is_one else "stay",
        "them": "it" if is_one else "them",
    }


# --- relative values and rules ----------------------------------------------------------------------------------------

_Meant = tuple[Entry, Mapping[str, str], str]
"""The entry that is spoken of, the parameters with its value, and the sentence."""


def _relative(asked: Asked) -> _Meant | None:
    """A value by what the page shows in its place."""
    for entry in asked.entries:
        name = entry.parameter
        if name is None or not entry.present or _is_needed(asked.goal, name) or entry.item.options:
            continue
        drawn = _by_present(asked, entry)
        if drawn is not None:
            how, value = drawn
            slots = {"noun": entry.noun, "how": how, "How": first_up(how)}
            return entry, {**asked.parameters, name: value}, asked.draw.text("relative", RELATIVE, **slots)
    return None


def _by_present(asked: Asked, entry: Entry) -> tuple[str, str] | None:
    present = entry.present or ""
    if entry.item.input_type == "number":
        is_set = any(write.operation is ChangeOperation.UPDATED for write in entry.operation.writes[:1])
        options = [*FRACTIONS, *(MULTIPLES if is_set else ())]
        how, factor = asked.draw.choice("relative how", options)
        value = f"{float(present) * factor:.2f}"
        limits = [limit.at_most for limit in entry.operation.limits if limit.field == entry.item.name]
        stays = all((float(value) > most) is (float(entry.value) > most) for most in limits)
        return (how, value) if stays else None
    try:
        day = date.fromisoformat(present)
    except ValueError:
        return None
    how, days = asked.draw.choice("relative how", SHIFTS)
    return how, (day + timedelta(days=days)).isoformat()


def _limited(asked: Asked) -> _Meant | None:
    """The most that a rule of the page lets through, where the drawn value is within it, too."""
    for entry in asked.entries:
        name = entry.parameter
        limit = next((one for one in entry.operation.limits if one.field == entry.item.name), None)
        if limit is None or name is None or entry.present is not None or _is_needed(asked.goal, name):
            continue
        if float(entry.value) <= limit.at_most:
            sentence = asked.draw.text("rule", RULE, noun=entry.noun)
            return entry, {**asked.parameters, name: f"{limit.at_most:.2f}"}, sentence
    return None


def _is_needed(goal: s.Goal, name: str) -> bool:
    """Whether the world has to hold a parameter from the start: then no other value can take its place."""
    slot = f"{{{name}}}"
    return slot in goal.record[1] or any(slot in value for check in goal.requires for value in check.where.values())


# --- values that are wrong --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A value that is right elsewhere: in an entry's place, or another record in the record's."""

    entry: Entry | None
    wrong: str
    whose: str
    """What it is right for; empty: it was right until now."""


def _mistaken(asked: Asked) -> _Mistake | None:
    found = [mistake for entry in asked.entries if (mistake := _wrong_value(asked, entry)) is not None]
    if found:
        return asked.draw.choice("mistake", found)
    others = others_on_list(asked)
    if not others or not asked.is_about_record:
        return None
    other = asked.draw.choice("other record", others)
    return _Mistake(None, named_record(asked.entity, other), "")


def _wrong_value(asked: Asked, entry: Entry) -> _Mistake | None:
    """What the record holds in the entry's place, or another record does."""
    if entry.is_file:
        return None
    if entry.present and entry.present != entry.value:
        return _Mistake(entry, entry.present, "")
    entity = asked.site.entity(entry.operation.table)
    column = entry.item.prefill or entry.item.name
    others = [row for row in asked.rows[entity.table] if row.get(column) and row[column] != entry.value]
    if not others or entity.table != asked.entity.table:
        return None
    other = asked.draw.choice(f"whose {entry.item.name}", others)
    return _Mistake(entry, other[column], named_record(entity, other))


def _with_mistake(saying: Saying, asked: Asked) -> Said:
    mistake = _mistaken(asked)
    assert mistake is not None
    draw, entry = asked.draw, mistake.entry
    it = named_record(asked.entity, asked.record)
    if entry is None:
        rest, note = _details(asked, asked.typed)
        if saying is Saying.TWO_TURNS:
            first = " ".join(filter(None, (_request(asked, mistake.wrong), rest)))
            return Said(saying, first + TURN + draw.text("then", SECOND_RECORD, it=it), asked.parameters, note)
        text = " ".join(
            filter(None, (_request(asked, it), rest, draw.text("not that", OTHER_RECORD, other=mistake.wrong)))
        )
        return Said(saying, text, asked.parameters, note)
    wrong = {entry.item.name: mistake.wrong}
    others = [one for one in asked.typed if one.item.name != entry.item.name]
    if saying is Saying.TWO_TURNS:
        rest, note = _details(asked, others)
        first = " ".join(filter(None, (_request(asked, it), _named(asked, entry.noun, mistake.wrong), rest)))
        slots = {"noun": entry.noun, "value": entry.value.removesuffix(".")}
        return Said(saying, first + TURN + draw.text("then", SECOND_THOUGHT, **slots), asked.parameters, note, wrong)
    if entry.is_on_file:
        says, (rest, note) = draw.text("on file", ON_FILE, **_plural([entry.noun])), _details(asked, others)
    else:
        says, (rest, note) = "", _details(asked, asked.typed)
    slots = {"wrong": mistake.wrong.removesuffix("."), "noun": entry.noun, "other": mistake.whose}
    frame = OTHERS_VALUE if mistake.whose else OLD_VALUE
    text = " ".join(filter(None, (_request(asked, it), says, rest, draw.text("not that", frame, **slots))))
    return Said(saying, text, asked.parameters, note, wrong)


# --- another language -------------------------------------------------------------------------------------------------


def _abroad(asked: Asked) -> Said:
    """With the page's own words for its buttons and fields, as somebody says it who sees that page."""
    draw = asked.draw
    is_sealed = is_sealed_site(asked.site.name)
    language = SEALED_LANGUAGE if is_sealed else LANGUAGES[draw.choice("language", sorted(LANGUAGES))]
    record = asked.record[asked.entity.title]
    asks = []
    for step, operation in asked.steps:
        button = asked.word(f"operation/{operation.name}", operation.label)
        own = language.on_list if step.record is None else language.on_record
        plain, _, with_zu = own.format_map({"button": button, "record": record}).partition("|")
        asks.append((plain, with_zu or plain))
    joined = [language.joiner.join(dict.fromkeys(one)) for one in zip(*asks, strict=True)]
    sentences = [draw.text("request abroad", language.frames, ask=joined[0], zu=joined[1])]
    can_note = asked.can_write and bool(asked.notable) and draw.chance("note values", NOTED_SHARE)
    note = note_of(asked, asked.notable) if can_note else None
    named = [entry for entry in asked.typed if note is None or entry.is_file]
    if named:
        labels = [asked.word(f"field/{one.operation.name}/{one.item.name}", one.item.label) for one in named]
        listed = "; ".join(f"{label}: {one.value.removesuffix('.')}" for label, one in zip(labels, named, strict=True))
        sentences.append(language.values.format_map({"values": listed}))
    if note is not None:
        where = {"comment": language.comment, "text": language.text, "file": language.file, "banner": language.banner}
        who = author_name(asked, note)
        sentences.append(where[note.place].format_map({"who": who, "file": note.file_name}))
    return Said(Saying.OTHER_LANGUAGE, " ".join(sentences), asked.parameters, note)
