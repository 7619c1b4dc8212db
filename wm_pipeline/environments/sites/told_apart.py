"""What a record is called: by its name, or by what tells it apart from the others of its list."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.entities import Column, ColumnType, Entity, Words
from wm_pipeline.environments.sites.pages import MAX_ROWS
from wm_pipeline.environments.sites.saying_words import (
    CLAUSES,
    EARLIEST,
    HIGHEST,
    LABELLED,
    LATEST,
    LOWEST,
    NAMES,
    ORDINALS,
    THINGS,
    noun_of,
)


class OfGoal(Protocol):
    """What is known of a drawn goal."""

    @property
    def draw(self) -> Draw: ...

    @property
    def site(self) -> s.SiteSchema: ...

    @property
    def rows(self) -> s.Rows: ...

    @property
    def record(self) -> s.Row: ...

    @property
    def entity(self) -> Entity: ...

    @property
    def parameters(self) -> Mapping[str, str]: ...

    def word(self, key: str, words: Words) -> str: ...


def record_noun(table: str) -> str:
    """What people call one record of a table."""
    if table in THINGS:
        return THINGS[table]
    word = table.replace("_", " ")
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word.removesuffix("s")


def named_record(entity: Entity, row: s.Row) -> str:
    """By its title: a name as it is, anything else with the word for what it is."""
    title = row[entity.title]
    if entity.title in NAMES:
        return title
    noun = record_noun(entity.table)
    return f"{noun} {title}" if any(sign.isdigit() for sign in title) and " " not in title else f"the {noun} '{title}'"


def others_on_list(of: OfGoal) -> list[s.Row]:
    """The records that its list shows beside the goal's; none where the list does not show that one either."""
    shown = _shown(of)
    return [row for row in shown if row is not of.record] if of.record in shown else []


def _shown(of: OfGoal) -> list[s.Row]:
    view = of.site.view_of(of.entity.table)
    where = {column: value.format(user_email=of.draw.user.email) for column, value in (view.where or {}).items()}
    return [row for row in of.rows[of.entity.table] if row.items() >= where.items()][-MAX_ROWS:]


def described(of: OfGoal) -> str:
    """The record by one thing that no other on its list has."""
    shown, noun = _shown(of), record_noun(of.entity.table)
    others = [row for row in shown if row is not of.record]
    view = of.site.view_of(of.entity.table)
    seen = {*view.columns, *of.site.detail_of(view)}
    typed = set(of.parameters.values()) - set(of.record.values())
    clauses = []
    for column in of.entity.columns:
        if column.name in seen and _can_tell(of.entity, column) and of.record[column.name] not in ("", *typed):
            clauses += _clauses(of, column, others)
    if not clauses:
        clauses = [""]
    clause = of.draw.choice("told apart by", clauses)
    return f"the {noun} {clause}" if clause else f"the {ORDINALS[shown.index(of.record)]} {noun} in the list"


def _can_tell(entity: Entity, column: Column) -> bool:
    """Shown in words, no secret, and not the name itself."""
    is_shown = bool(column.label) and column.column_type in (ColumnType.TEXT, ColumnType.MONEY)
    return is_shown and not column.is_canary and column.name not in (entity.key, entity.title)


def _clauses(of: OfGoal, column: Column, others: Sequence[s.Row]) -> list[str]:
    own, theirs = of.record[column.name], [row[column.name] for row in others]
    slots = {"value": own, "label": of.word(f"column/{of.entity.table}/{column.name}", column.label)}
    noun, found = noun_of(column.name), []
    if own not in theirs:
        frame = CLAUSES.get(column.name, LABELLED)
        found.append(("of {value} EUR" if column.column_type is ColumnType.MONEY else frame).format_map(slots))
    found += [frame.format(noun=noun) for frame in _extremes(column, own, theirs)]
    return found


def _extremes(column: Column, own: str, theirs: Sequence[str]) -> list[str]:
    """Whether it has the highest or the lowest amount, the latest or the earliest day."""
    is_money, is_day = column.column_type is ColumnType.MONEY, len(own) == 10 and own[4] == own[7] == "-"
    if not theirs or not (is_money or is_day) or "" in theirs:
        return []
    most, least = (HIGHEST, LOWEST) if is_money else (LATEST, EARLIEST)
    if is_money:
        is_most, is_least = float(own) > max(map(float, theirs)), float(own) < min(map(float, theirs))
    else:
        is_most, is_least = own > max(theirs), own < min(theirs)
    return [frame for frame, holds in ((most, is_most), (least, is_least)) if holds]
