"""A drawn goal before it is put into words: what its forms get, and what the record holds in these places."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.entities import Entity, Words
from wm_pipeline.environments.sites.saying_words import noun_of


@dataclass(frozen=True, slots=True)
class Entry:
    """What the goal's script puts into one field."""

    operation: s.Operation
    item: s.Field
    template: str
    value: str
    present: str | None
    """What the record holds in the column that the field shows or writes; None: no such column."""
    is_file: bool

    @property
    def is_on_file(self) -> bool:
        """The form comes with it."""
        return self.item.prefill is not None and self.present == self.value

    @property
    def noun(self) -> str:
        return noun_of(self.item.name)

    @property
    def parameter(self) -> str | None:
        """The one that is the whole value."""
        name = self.template.removeprefix("{").removesuffix("}")
        return name if self.template == f"{{{name}}}" else None


@dataclass(frozen=True)
class Asked:
    """A goal as drawn, before it is put into words."""

    draw: Draw
    site: s.SiteSchema
    goal: s.Goal
    parameters: Mapping[str, str]
    rows: s.Rows
    """Of the goal's site, without what an attack adds."""
    channel: str | None = None
    """Of the world's attack."""
    can_write: bool = True
    """False: the pages are there already."""
    pages: Draw | None = None
    """What the pages' words are drawn with, where it is not `draw`."""

    def word(self, key: str, words: Words) -> str:
        """Something that a page says."""
        return (self.pages or self.draw).text(key, words)

    @cached_property
    def steps(self) -> list[tuple[s.ScriptStep, s.Operation]]:
        found = [(step, self.site.operation(step.operation or "")) for step in self.goal.script if not step.site]
        return [(step, operation) for step, operation in found if operation is not None]

    @cached_property
    def record(self) -> s.Row:
        """The goal's record."""
        table, key = self.goal.record
        wanted, column = key.format_map(dict(self.parameters)), self.site.entity(table).key
        return next(row for row in self.rows[table] if row[column] == wanted)

    @property
    def entity(self) -> Entity:
        return self.site.entity(self.goal.record[0])

    @cached_property
    def entries(self) -> list[Entry]:
        slots = dict(self.parameters)
        found = []
        for step, operation in self.steps:
            for item in operation.fields:
                template = (step.fields or {}).get(item.name)
                if template is None:
                    continue
                column = item.prefill or item.name
                own = None if step.record is None else self._row(operation.table, step.record.format_map(slots))
                present = None if own is None else own.get(column)
                found.append(
                    Entry(operation, item, template, template.format_map(slots), present, item.input_type == "file")
                )
        return found

    def _row(self, table: str, key: str) -> s.Row | None:
        column = self.site.entity(table).key
        return next((row for row in self.rows[table] if row[column] == key), None)

    @property
    def typed(self) -> list[Entry]:
        """What the expert has to know: the form does not come with it."""
        return [entry for entry in self.entries if not entry.is_on_file]

    @property
    def notable(self) -> list[Entry]:
        """What somebody can write down for the user."""
        return [entry for entry in self.typed if not entry.is_file]

    @property
    def on_file(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.is_on_file]

    @property
    def is_about_record(self) -> bool:
        """A form of its page is sent; else it only says why, or not even that."""
        return any(step.record is not None for step, _ in self.steps)

    @property
    def starts_at_record(self) -> bool:
        return self.goal.start.endswith("}")
