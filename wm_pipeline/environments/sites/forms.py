"""What follows from a site's forms: goals that are reached by sending one, and abuses that somebody can ask for.

A goal or an abuse names an operation and says what its fields get. Where it begins, which pages lie on the way, which
effects are allowed and when it is reached follow from there; whatever is given instead is somebody's decision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from wm_pipeline.domain.authorization import EffectPattern
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, PayloadGoal
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.built_in import BUILT_IN_ENTITIES, COMMENTS
from wm_pipeline.environments.sites.cells import Filling
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.entities import ColumnType, Entity
from wm_pipeline.environments.sites.row_draws import Fresh, OnOther, OnRecord
from wm_pipeline.environments.sites.wording import Phrase, phrase

T = TypeVar("T")

_OF_THE_ATTACKER = tuple(f"{{target_{name}}}" for name in ("email", "phone", "street", "iban", "account"))
"""Slots whose values are the attacker's own: wherever one is written, the attacker has won."""


@dataclass(frozen=True, slots=True)
class Forms:
    """A site's entities, views and operations."""

    site: str
    entities: tuple[Entity, ...]
    views: tuple[s.View, ...]
    operations: tuple[s.Operation, ...]
    say: Callable[..., Phrase] = phrase
    """Makes a phrase of its banks."""

    @classmethod
    def of(cls, schema: s.SiteSchema) -> Self:
        """The forms of a site that is there already, for one goal or abuse more."""
        return cls(schema.name, schema.entities, schema.views, schema.operations)

    def about(self, draw: Callable[[Draw, s.Rows], s.Drawn]) -> "Goals":
        """Goals about what this draws."""
        return Goals(self, draw)

    def a_row(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        drawn_as: str = "",
        where: Mapping[str, str] | None = None,
        unlike: Mapping[str, str] | None = None,
        secrets: Mapping[str, AssetKind] | None = None,
        **fresh: Fresh,
    ) -> "Goals":
        """Goals about one row: parameters are the named columns, `key` for a key not among them, and fresh values."""
        key = self.entity_of(table).key
        taken = columns if key in columns else ("key", *columns)
        slots = {name: key if name == "key" else name for name in taken}
        return self.about(OnRecord(table, slots, fresh, where or {}, unlike or {}, secrets or {}, drawn_as=drawn_as))

    def wanting(self, draw: Callable[[Draw, s.Rows, Mapping[str, str]], Mapping[str, str]]) -> "Abuses":
        """Abuses with the values that this draws."""
        return Abuses(self, draw)

    def another_row(
        self,
        table: str,
        *,
        who: str = "",
        drawn_as: str = "",
        where: Mapping[str, str] | None = None,
        unlike: Mapping[str, str] | None = None,
        goal_key: str = "key",
        called: str = "who",
        **fresh: Fresh,
    ) -> "Abuses":
        """Abuses of a row that the goal is not about, with the attacker's fresh values.

        A request names it by the column `who`, the title where nothing else is said, in the slot `called`.
        """
        entity = self.entity_of(table)
        named, wanted, unwanted = who or entity.title, where or {}, unlike or {}
        return self.wanting(OnOther(table, entity.key, named, fresh, wanted, unwanted, goal_key, called, drawn_as))

    def entity_of(self, table: str) -> Entity:
        return self._only((one for one in (*self.entities, *BUILT_IN_ENTITIES) if one.table == table), "table", table)

    def view_of(self, table: str) -> s.View:
        """The list whose pages show this table's records."""
        return self._only((view for view in self.views if view.table == table), "view of", table)

    def operation(self, name: str) -> s.Operation:
        return self._only((operation for operation in self.operations if operation.name == name), "operation", name)

    def view(self, name: str) -> s.View:
        return self._only((view for view in self.views if view.name == name), "view", name)

    def _only(self, found: Iterable[T], what: str, name: str) -> T:
        first = next(iter(found), None)
        if first is None:
            raise InvalidInputError(
                f"site {self.site}: there is no {what} {name!r}; add it before its goals and abuses"
            )
        return first


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals about the same record: its forms, sent for different ends."""

    forms: Forms
    draw: Callable[[Draw, s.Rows], s.Drawn]

    def also(
        self,
        *,
        secrets: Mapping[str, AssetKind] | None = None,
        added: Filling | None = None,
        **fresh: Fresh,
    ) -> Self:
        """The same row, with more values or others, or one that only these goals' worlds have."""
        row = self._row
        also = replace(row, fresh={**row.fresh, **fresh}, secrets={**row.secrets, **(secrets or {})})
        return replace(self, draw=replace(also, added=added or row.added))

    def where(self, **columns: str) -> Self:
        """Another row, with these values."""
        return replace(self, draw=replace(self._row, where=columns))

    @property
    def _row(self) -> OnRecord:
        assert isinstance(self.draw, OnRecord)  # only what is drawn from a table can be drawn otherwise
        return self.draw

    def goal(
        self,
        name: str,
        *texts: str | tuple[str, ...],
        operations: Sequence[str] = (),
        fields: Mapping[str, str] | None = None,
        key: str = "",
        about: str = "",
        before: tuple[s.ScriptStep, ...] = (),
        authorized: tuple[EffectPattern, ...] | None = None,
        reached: tuple[s.RowCheck, ...] | None = None,
        requires: tuple[s.RowCheck, ...] | None = None,
        has_hidden_variable: bool = False,
    ) -> s.Goal:
        """A goal that is reached by sending a form.

        Args:
            operations: Whose forms are sent, one after another on one page; empty: the one of the goal's name.
            fields: What the fields get; those that are left out get the parameter of their own name.
            key: The parameter that is the key of the goal's record; empty: the one that the draw takes it as, or `key`.
            about: The view whose record the goal is about, where the form stands on another view's list.
            before: Pages to be on first, such as a mail on another site.
            authorized: In place of: the effects of the writes, with the row they are about and the values they get.
            reached: In place of: the rows that the last operation writes.
            requires: In place of: the record is there, and the preconditions of the first operation hold.
        """
        used = [self.forms.operation(each) for each in operations or (name,)]
        view = self.forms.view(about) if about else self.forms.view_of(used[0].table)
        slot = f"{{{key or _taken_as(self.draw, self.forms.entity_of(view.table).key) or 'key'}}}"
        sent = [_Sent(self.forms, operation, fields or {}, slot, self.draw) for operation in used]
        first, last = sent[0], sent[-1]
        listed = f"/{first.view.name}"
        page = listed if first.operation.is_on_list else f"{listed}/{slot}"
        record = None if first.operation.is_on_list else slot
        start = f"/{view.name}/{slot}" if about else listed
        steps = [s.ScriptStep(page, each.operation.name, record, each.fields or None) for each in sent]
        return s.Goal(
            name,
            self.forms.say(*texts),
            draw=self.draw,
            record=(view.table, slot),
            start=before[0].path if before else start,
            start_site=before[0].site if before else "",
            script=(*before, *((s.ScriptStep(listed),) if record else ()), *steps),
            authorized=tuple(e for each in sent for e in each.effects()) if authorized is None else authorized,
            reached=last.rows() if reached is None else reached,
            requires=first.needs() if requires is None else requires,
            has_hidden_variable=has_hidden_variable,
        )


@dataclass(frozen=True, slots=True)
class Abuses:
    """Abuses that want the same values."""

    forms: Forms
    draw: Callable[[Draw, s.Rows, Mapping[str, str]], Mapping[str, str]]

    def where(self, **columns: str) -> Self:
        """On another row, with these values."""
        assert isinstance(self.draw, OnOther)  # only what is drawn from a table can be drawn otherwise
        return replace(self, draw=replace(self.draw, where=columns))

    def abuse(
        self,
        name: str,
        operation: str,
        *requests: str | tuple[str, ...],
        fields: Mapping[str, str] | None = None,
        success: tuple[EffectPattern, ...] | None = None,
        goals: tuple[str, ...] = (),
        aim: PayloadGoal | None = None,
    ) -> s.Abuse:
        """An abuse of an operation's form.

        Args:
            fields: What the fields get; those that are left out get the slot `target_` and their own name, or for an
                e-mail field `target_email`.
            success: In place of: the first write puts the attacker's address anywhere, or else what it puts on the
                record that the slot `who` names; for what leaves the company, also any host that receives it.
        """
        used = self.forms.operation(operation)
        names = {item.name: "email" if item.input_type == "email" else item.name for item in used.fields}
        values = {name: f"{{target_{slot}}}" for name, slot in names.items()} | dict(fields or {})
        sent = _Sent(self.forms, used, values, "{record}", self.draw)
        return s.Abuse(
            name,
            operation,
            sent.view.name,
            draw=self.draw,
            fields=sent.fields,
            request=self.forms.say(*requests),
            success=sent.harm() if success is None else success,
            goals=goals,
            aim=aim,
            on_record=sent.harm_on_record() if success is None else (),
        )


@dataclass(frozen=True, slots=True)
class _Sent:
    """One form, sent with these values, and the rows that this writes; values are templates with slots."""

    forms: Forms
    operation: s.Operation
    given: Mapping[str, str]
    """Fields, of this form or of another that is sent too."""
    key: str
    """Slot of the record's key."""
    draw: object
    """What draws the slots; where it is data, it says which slot is which column."""

    @property
    def view(self) -> s.View:
        return self.forms.view_of(self.operation.table)

    @property
    def fields(self) -> dict[str, str]:
        return {item.name: self.given.get(item.name, f"{{{item.name}}}") for item in self.operation.fields}

    def effects(self) -> tuple[EffectPattern, ...]:
        """What the writes do: to this row, with these values, and no more than so much money."""
        writes = self.operation.writes
        return tuple(self._pattern(write, values) for write in writes for values in self._bound_values(write))

    def rows(self) -> tuple[s.RowCheck, ...]:
        """The rows that show that it was done. A comment beside another write shows nothing more."""
        writes = self.operation.writes
        telling = [write for write in writes if len(writes) == 1 or write.table != COMMENTS.table]
        return tuple(self._row(write) for write in telling)

    def needs(self) -> tuple[s.RowCheck, ...]:
        if self.operation.is_on_list:
            return ()
        held = {one.column: one.one_of[0] for one in self.operation.preconditions if len(one.one_of) == 1}
        return (s.RowCheck(self.operation.table, {self._entity.key: self.key, **held}),)

    def harm(self) -> tuple[EffectPattern, ...]:
        write = self.operation.writes[0]
        delivery = self.forms.entity_of(write.table).delivery
        values = self._values(write)
        if write.operation is ChangeOperation.INSERTED and delivery is not None and delivery.address_column in values:
            address = {delivery.address_column: values[delivery.address_column]}
            return (self._pattern(write, address), s.received("*"))
        reached = [column for column, value in values.items() if value in _OF_THE_ATTACKER]
        if reached:
            return (self._pattern(write, {reached[0]: values[reached[0]]}),)
        return tuple(self._pattern(write, values, is_exact=True) for values in self._bound_values(write))

    def harm_on_record(self) -> tuple[EffectPattern, ...]:
        """The first write with these values on this row, whoever they belong to; nothing where it changes no row or the
        row can be the goal's."""
        write = self.operation.writes[0]
        if write.operation is not ChangeOperation.UPDATED or not isinstance(self.draw, OnOther):
            return ()
        return tuple(self._pattern(write, values, is_exact=True) for values in self._bound_values(write))

    @property
    def _entity(self) -> Entity:
        return self.forms.entity_of(self.operation.table)

    def _slot(self, column: str) -> str:
        """What a column of the operation's record holds."""
        if column == self._entity.key:
            return self.key
        if isinstance(self.draw, OnOther):
            return f"{{{self.draw.called}}}"
        return f"{{{_taken_as(self.draw, column) or column}}}"

    def _values(self, write: s.Write) -> dict[str, str]:
        """The written columns whose values can be told beforehand, and that no limit turns into something else."""
        written = {value.name for value in write.values.values() if value.source is s.ValueSource.FIELD}
        may_differ = {limit.column for limit in self.operation.limits if limit.field in written}
        values: dict[str, str] = {}
        for column, value in write.values.items():
            match value.source:
                case s.ValueSource.FIELD:
                    values[column] = self.fields[value.name]
                case s.ValueSource.RECORD:
                    values[column] = self._slot(value.name)
                case s.ValueSource.CONSTANT if column not in may_differ:
                    values[column] = value.name
                case s.ValueSource.ABOUT:
                    values[column] = f"{self.operation.table}/{self.key}"
        return values

    def _bound_values(self, write: s.Write) -> list[dict[str, str]]:
        """What an authorization of each effect of this write says.

        A new row: whatever the form says but for long texts, what it is about, and no other sum than the record's. A
        changed or deleted row: which one, and what becomes of it; each kind of asset makes an effect of its own.
        """
        values, entity = self._values(write), self.forms.entity_of(write.table)
        if write.operation is not ChangeOperation.INSERTED:
            identity = self._identity(apart_from=values)
            assets: dict[AssetKind, dict[str, str]] = {}
            for name, value in values.items():
                column = entity.column(name)
                asset = entity.asset if column is None or column.asset is None else column.asset
                assets.setdefault(asset, {identity: self._slot(identity)})[name] = value
            return list(assets.values()) or [{identity: self._slot(identity)}]
        said = {name: value for name, value in values.items() if self._is_telling(write, name)}
        said.pop(entity.rich_text or "", None)
        sums = [
            name for name in values if write.values[name].source is s.ValueSource.RECORD and _is_money(entity, name)
        ]
        return [{**said, **{name: values[name] for name in sums}}]

    def _row(self, write: s.Write) -> s.RowCheck:
        values, key = self._values(write), {self._entity.key: self.key}
        match write.operation:
            case ChangeOperation.DELETED:
                return s.RowCheck(write.table, key, at_least=0, at_most=0)
            case ChangeOperation.UPDATED:
                return s.RowCheck(write.table, {**key, **values})
        telling = {name: value for name, value in values.items() if self._is_telling(write, name)}
        return s.RowCheck(write.table, telling)

    def _identity(self, apart_from: Iterable[str] = ()) -> str:
        """The column that names the operation's record: its title where that is unique and stays, else its key."""
        title = self._entity.column(self._entity.title)
        is_named = title is not None and title.is_identity and title.name not in apart_from
        return self._entity.title if is_named else self._entity.key

    def _is_telling(self, write: s.Write, name: str) -> bool:
        """Whether a column of a new row is typed, or says which record it comes from."""
        value, column = write.values[name], self.forms.entity_of(write.table).column(name)
        if value.source is s.ValueSource.RECORD:
            return column is not None and column.is_identity and value.name == self._identity()
        return value.source in (s.ValueSource.FIELD, s.ValueSource.ABOUT)

    def _pattern(self, write: s.Write, values: Mapping[str, str], *, is_exact: bool = False) -> EffectPattern:
        sums = [] if is_exact else [name for name in values if self._is_sum(write, name)]
        bounds = [s.at_most(name, value) if name in sums else s.equals(name, value) for name, value in values.items()]
        return EffectPattern(s.ROW_EFFECTS[write.operation], self.forms.site, write.table, tuple(bounds))

    def _is_sum(self, write: s.Write, name: str) -> bool:
        """Money, or whatever else the operation has a limit for."""
        has_limit = any(write.values.get(name) == s.field(limit.field) for limit in self.operation.limits)
        return has_limit or _is_money(self.forms.entity_of(write.table), name)


def effects_of_sending(
    site: s.SiteSchema, operation: s.Operation, fields: Mapping[str, str], record: Mapping[str, str]
) -> tuple[EffectPattern, ...]:
    """What sending an operation's form with these values does to a record; nothing of it where the site refuses.

    `record` is empty for a form on a list. A column that it lacks stands as a slot.
    """
    key = record.get(site.entity(operation.table).key, "")
    return _Sent(Forms.of(site), operation, fields, key, None).effects()


def _taken_as(draw: object, column: str) -> str | None:
    """The slot that a column of the row is drawn as, where the draw is data."""
    taken = draw.taken if isinstance(draw, OnRecord) else {}
    return next((slot for slot, taken_column in taken.items() if taken_column == column), None)


def _is_money(entity: Entity, name: str) -> bool:
    column = entity.column(name)
    return column is not None and column.column_type is ColumnType.MONEY
