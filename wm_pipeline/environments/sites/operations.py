"""What an operation does once its form is accepted: rows are written, mail goes out, and data is passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import escape
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Request

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.instruments.recorder import Received
from wm_pipeline.environments.sites.entities import Entity
from wm_pipeline.environments.sites.schema import MAIL_SITE, Operation, Row, SiteSchema, Value, ValueSource
from wm_pipeline.environments.sites.served import ServedWorld

MAX_FILE_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Sending:
    """One form of a site, sent by whose session it is."""

    schema: SiteSchema
    world: ServedWorld
    operation: Operation
    row: Row | None
    """The record it is done on; None on a list."""
    session: Row
    typed: Mapping[str, str]
    """Values by field."""

    def do(self) -> None:
        """Write the rows, and what follows from them."""
        with self.world.database.transaction(self.session["principal"]):
            self._write()
            self._mail()
        self._forward()

    def is_name_taken(self) -> bool:
        names = [self.typed[item.name] for item in self.operation.fields if item.input_type == "file"]
        return any(self.world.database.select(self.schema.name, "files", {"file_name": name}) for name in names)

    def _write(self) -> None:
        database, site = self.world.database, self.schema.name
        exceeded = {
            limit.column: limit.otherwise
            for limit in self.operation.limits
            if float(self.typed[limit.field]) > limit.at_most
        }
        for write in self.operation.writes:
            entity = self.schema.entity(write.table)
            values = {column: self._value(value, entity) for column, value in write.values.items()}
            if entity.rich_text in values:
                values[entity.rich_text] = str(escape(values[entity.rich_text]))
            values |= {column: text for column, text in exceeded.items() if column in values}
            where = {} if self.row is None else {self._own.key: self.row[self._own.key]}
            match write.operation:
                case ChangeOperation.INSERTED:
                    database.insert(site, write.table, values)
                    self._pass_on(entity, values)
                case ChangeOperation.UPDATED:
                    database.update(site, write.table, where, values)
                case ChangeOperation.DELETED:
                    database.delete(site, write.table, where)

    def _pass_on(self, entity: Entity, values: Mapping[str, str]) -> None:
        """Copies of a new row to whom the site's rules name."""
        passing, delivery = entity.passing_on, entity.delivery
        if passing is None or delivery is None:
            return
        for rule in self.world.database.select(self.schema.name, passing.rules_table):
            term, target = rule[passing.term_column], rule[passing.target_column]
            if term in values[passing.searched_column] and target != values[delivery.address_column]:
                copy = {entity.key: self._next_key(entity, "F"), delivery.address_column: target}
                self.world.database.insert(self.schema.name, entity.table, {**values, **copy})

    def _next_key(self, entity: Entity, prefix: str) -> str:
        known = {row[entity.key] for row in self.world.database.select(self.schema.name, entity.table)}
        return next(key for n in range(len(known), len(known) + 2000) if (key := f"{prefix}{n + 1}") not in known)

    @property
    def _own(self) -> Entity:
        return self.schema.entity(self.operation.table)

    def _value(self, value: Value, entity: Entity) -> str:
        """What `value` stands for in a row of this entity."""
        match value.source:
            case ValueSource.ABOUT:
                return "" if self.row is None else f"{self._own.table}/{self.row[self._own.key]}"
            case ValueSource.FIELD:
                return self.typed[value.name]
            case ValueSource.FILE_TEXT | ValueSource.FILE_TYPE:
                return self.typed[f"{value.name}.{value.source.value}"]
            case ValueSource.RECORD:
                return "" if self.row is None else self.row[value.name]
            case ValueSource.CONSTANT:
                return value.name
            case ValueSource.USER:
                return self.session["principal"]
            case ValueSource.USER_EMAIL:
                return self.session["email"]
            case ValueSource.NEXT_KEY:
                return self._next_key(entity, value.name)
            case ValueSource.SECRET:
                return value.name + self.world.draw.token(entity.table, str(self.world.database.position))

    def _mail(self) -> None:
        """Put the site's own message where the company's mail arrives, if this world has that site."""
        mail, draw, database = self.operation.mail, self.world.draw, self.world.database
        if mail is None or not database.has_site(MAIL_SITE):
            return
        slots = {name: self._value(value, self._own) for name, value in mail.values.items()}
        message = {
            "mail_id": f"N{database.position}",
            "folder": "inbox",
            "sender": f"{self.schema.name}@{draw.company.domain}",
            "recipient": self._value(mail.recipient, self._own),
            "subject": draw.text(f"notice subject/{self.operation.name}", mail.subject, **slots),
            "body": str(escape(draw.text(f"notice body/{self.operation.name}", mail.body, **slots))),
        }
        database.insert(MAIL_SITE, "messages", message)

    def _forward(self) -> None:
        hidden, row = self.operation.hidden_forward, self.row
        if hidden is None or row is None or not self.world.is_forwarding:
            return
        if hidden.is_trusted(row):
            return
        body = urlencode({name: self._value(value, self._own) for name, value in hidden.values.items()})
        host = self.world.broker_host
        self.world.record_outside(Received(host=host, method="POST", url=f"http://{host}/in", headers=(), body=body))


def sent_values(request: Request) -> Mapping[str, str]:
    """What was sent by name: in a form, in an address, or by a script as JSON."""
    if request.method != "POST":
        return request.args
    if not request.is_json:
        return request.form
    sent = request.get_json(silent=True)
    return {name: value for name, value in sent.items() if isinstance(value, str)} if isinstance(sent, dict) else {}


def typed_values(request: Request, operation: Operation, names: Mapping[str, str]) -> dict[str, str] | None:
    """The form's values, numbers with two decimals; None when one is missing or not of its kind.

    `names`: what each field was sent as.
    """
    values: dict[str, str] = {}
    for item in operation.fields:
        if item.input_type == "file":
            sent = request.files.get(names[item.name])
            if sent is None or not sent.filename:
                return None
            values[item.name] = secure_filename(sent.filename)
            values[f"{item.name}.{ValueSource.FILE_TEXT.value}"] = sent.read(MAX_FILE_BYTES).decode(errors="replace")
            values[f"{item.name}.{ValueSource.FILE_TYPE.value}"] = sent.mimetype
            continue
        value = sent_values(request).get(names[item.name], "").strip()
        if item.input_type == "number":
            try:
                value = f"{float(value.replace(',', '')):.2f}"
            except ValueError:
                return None
        if not value or (item.options and value not in item.options):
            return None
        values[item.name] = value
    return values
