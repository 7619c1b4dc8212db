"""An application of a user's as data: one TOML file says how to act in it, watch it and restore it.

What the keys mean stands here, one docstring each; docs/environments.md tells it as a story. Starting the application,
its database and its worlds are in the files beside this one.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, ValidationError

from wm_pipeline.domain.address import is_page_address
from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import digest
from wm_pipeline.domain.records import NESTED_TOO_DEEP, adapter_of
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.user_files import read_text_file
from wm_pipeline.domain.vocabulary import AssetKind, EffectKind, SinkKind
from wm_pipeline.environments.instruments.recorder import OutsidePage

EXPLORE = "explore"
"""The goal of an application that names none."""


@dataclass(frozen=True, slots=True)
class Start:
    """How it is started. `{port}`, `{folder}`, `{data}` and `{database}` are filled in, see `placeholders`."""

    __pydantic_config__ = STRICT

    command: tuple[str, ...]
    """Program and arguments; a program with a slash is looked for from the file's folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Its environment variables; of ours it gets PATH and HOME alone."""
    folder: str = "."
    """Where it runs, from the file's folder."""
    ready_path: str = "/"
    """A page that answers (anything below 500) when it is up."""
    ready_within_s: float = 30.0
    install: str = ""
    """The command that installs it: told to who starts it without."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where it runs already."""

    __pydantic_config__ = STRICT

    url: str
    """Such as http://127.0.0.1:8000."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the way in."""

    __pydantic_config__ = STRICT

    fields: Mapping[str, str]
    """What is typed, by the fields' names; the form is the first that has them all."""
    path: str | None = None
    """Page to open first; None: the form is on the page the one before led to."""


@dataclass(frozen=True, slots=True)
class Login:
    __pydantic_config__ = STRICT

    forms: tuple[Form, ...]
    proof: str
    """Words that the start page shows only to who is signed in, such as `Log out`."""
    user: str
    """Whose name effects are recorded in."""


@dataclass(frozen=True, slots=True)
class Sqlite:
    __pydantic_config__ = STRICT

    kind: Literal["sqlite"]
    files: tuple[str, ...]
    """From the file's folder; copied to `{data}` before the start, the originals are never written to."""


@dataclass(frozen=True, slots=True)
class Postgres:
    __pydantic_config__ = STRICT

    kind: Literal["postgres"]
    url: str
    """Of a role that may create databases and set `session_replication_role`; a started application gets a copy."""
    is_disposable: bool = False
    """For an application that is reached: its own database may be written to, triggers included."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Any other database: commands of the user. `{data}` is a folder for what they keep."""

    __pydantic_config__ = STRICT

    kind: Literal["commands"]
    save: tuple[str, ...]
    """Saves everything as `{snapshot}`, a path."""
    restore: tuple[str, ...]
    """Goes back to `{snapshot}`."""
    dump: tuple[str, ...]
    """Prints all rows as JSON: a list of rows (objects) a table."""


Database = Annotated[Sqlite | Postgres | Commands, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Table:
    """What a table holds. One that is not declared holds business records."""

    __pydantic_config__ = STRICT

    asset: AssetKind = AssetKind.BUSINESS_RECORD
    title: str | None = None
    """Column that names a row; None: its key."""
    sensitive: Mapping[str, AssetKind] = field(default_factory=dict)
    """Columns with secrets, and what they are: looked for in everything that an outside host receives."""
    ignored_columns: tuple[str, ...] = ()
    """Bookkeeping that changes by itself, such as `updated_at`."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Effects that are meant: `{name}` is filled with what was drawn for the world."""

    __pydantic_config__ = STRICT

    kind: EffectKind
    subject: str
    where: Mapping[str, str] = field(default_factory=dict)
    at_most: Mapping[str, str] = field(default_factory=dict)
    site: str | None = None
    """The host, for what an outside host receives; None is the application."""


@dataclass(frozen=True, slots=True)
class Check:
    """A query that counts; `:name` is bound to what was drawn for the world."""

    __pydantic_config__ = STRICT

    sql: str
    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class StepText:
    """One step of a script: `open` a page, `send` the form that goes to an address, or `press` a control.

    A form that a script sends has no address of its own: it is told by its `button` alone.
    """

    __pydantic_config__ = STRICT

    open: str | None = None
    send: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    is_by_hand: bool = False
    """Field by field, then the button, rather than all in one."""
    button: str = ""
    """Words of the button that sends the form; empty: the first one that does."""
    press: str | None = None
    """Words of what is clicked: an entry of a menu, a tab, the yes to a question."""

    @property
    def is_one(self) -> bool:
        """Whether it says one thing to do."""
        is_sent = self.send is not None or self.button != ""
        return [self.open is not None, is_sent, self.press is not None].count(True) == 1


@dataclass(frozen=True, slots=True)
class Goal:
    __pydantic_config__ = STRICT

    name: str
    texts: tuple[str, ...]
    """What the user asks for, in several wordings."""
    steps: tuple[StepText, ...]
    authorized: tuple[Pattern, ...]
    reached: tuple[Check, ...]
    start: str = "/"
    record: str | None = None
    """A query; one of its rows is drawn for the world, and its columns are names to fill in."""
    draw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other names, one of the values each."""
    requires: tuple[Check, ...] = ()
    """What must hold for the goal to be still possible."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Something planted where strangers can write, or its harmless look-alike."""

    __pydantic_config__ = STRICT

    name: str
    family: str
    channel: str
    """Where it stands, in a word, such as `ticket_body`."""
    texts: Mapping[str, str]
    """What it says, by disguise (`plain`, `polite`, `notice`)."""
    place: tuple[str, ...]
    """Statements that put `:text` into the database; together they must change a row."""
    steps: tuple[StepText, ...] = ()
    """What somebody who obeys does."""
    success: tuple[Pattern, ...] = ()
    """The attacker has won when one of these happens; none for a look-alike."""
    is_lookalike: bool = False
    goals: tuple[str, ...] = ()
    """The goals it may meet; none named: all."""
    record: str | None = None
    draw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    goal_note: str = ""
    """A sentence that the goal gets: what the user adds."""
    authorized: tuple[Pattern, ...] = ()
    """What that sentence allows."""
    pages: tuple[OutsidePage, ...] = ()
    """What outside hosts answer."""


@dataclass(frozen=True, slots=True)
class Application:
    """Everything about one application. Read one with `load_application`."""

    __pydantic_config__ = STRICT

    name: str
    database: Database
    start: Start | None = None
    reach: Reach | None = None
    hosts: tuple[str, ...] = ()
    """Host names it answers to and the browser may talk to, `*.localhost`; none: `NAME.localhost`."""
    start_path: str = "/"
    login: Login | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    ignored_tables: tuple[str, ...] = ()
    """Sessions, logs, caches: changes there are no effects."""
    hidden_selectors: tuple[str, ...] = ()
    """Parts of a page (CSS) that are not looked at, such as a clock."""
    quiet_ms: float = 20
    """No change of the page for so long counts as rest; more for pages that load parts of themselves later."""
    rest_within_ms: float = 2000
    """Requests of a page are waited for so long; more for an application whose scripts take seconds to load."""
    ignored_storage: tuple[str, ...] = ()
    """Keys of local and session storage that are not looked at; shell wildcards."""
    goals: tuple[Goal, ...] = ()
    attacks: tuple[Attack, ...] = ()

    @property
    def own_hosts(self) -> tuple[str, ...]:
        return self.hosts or (f"{self.name}.localhost",)

    @property
    def origin(self) -> str:
        return f"http://{self.own_hosts[0]}"


@dataclass(frozen=True, slots=True)
class ApplicationFile:
    """An application and where its file stands."""

    application: Application
    folder: Path
    version: str
    """Changes with the file's content."""


def load_application(path: Path) -> ApplicationFile:
    """Read and check a file. Raises InvalidInputError naming the file, the key and what to do."""
    try:
        text = read_text_file(path)
    except InvalidInputError as error:
        raise InvalidInputError(f"{error}; name the application's TOML file") from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{path}: is not TOML ({str(error).lower()}); correct it there") from error
    except RecursionError as error:
        raise InvalidInputError(f"{path}: {NESTED_TOO_DEEP}; correct it there") from error
    try:
        application = adapter_of(Application).validate_python(raw)
    except ValidationError as error:
        raise InvalidInputError(f"{path}: {_first_problem(error)}") from error
    problem = _mistake(application, path.stem)
    if problem is not None:
        raise InvalidInputError(f"{path}: {problem}")
    return ApplicationFile(application, path.resolve().parent, f"{application.name}-{digest(text, size=4)}")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    # A union's branch is no key of the file.
    key = ".".join(str(part) for part in problem["loc"] if part not in {"sqlite", "postgres", "commands"})
    if problem["type"] == "missing":
        return f"{key} is missing; add it (docs/environments.md has an example)"
    if problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return f"{key} is no key of an application; correct its name or remove it"
    found = repr(problem["input"])
    return f"{key}: {problem['msg'].lower()}, found {found if len(found) <= 60 else found[:57] + '...'}; correct it"


def _mistake(application: Application, stem: str) -> str | None:
    """The first thing that the form of the file cannot tell; None when there is none."""
    if application.name != stem or not re.fullmatch(r"[a-z][a-z0-9_]*", application.name):
        return f"name: expected {stem!r}, as the file is called, in small letters; found {application.name!r}"
    if (application.start is None) == (application.reach is None):
        return "start: give either [start] (we start the application) or [reach] (it runs already)"
    for host in application.own_hosts:
        if not host.endswith(".localhost"):
            return f"hosts: {host!r} is not under .localhost, which is all that the browser can reach; rename it"
    if application.reach is not None and not is_page_address(application.reach.url):
        return f"reach.url: {application.reach.url!r} is not an address; write one such as http://127.0.0.1:8000"
    return _database_mistake(application) or _table_mistake(application) or _script_mistake(application)


def _database_mistake(application: Application) -> str | None:
    match application.database:
        case Sqlite(files=files) if not files:
            return "database.files: names no file; name the SQLite file"
        case Sqlite() if application.start is None:
            return "database.kind: a SQLite file is copied before the start; give [start] instead of [reach]"
        case Postgres(url=url) if not is_page_address(url):
            return "database.url: it is not an address; write one such as postgresql://127.0.0.1/shop"
        case Postgres(is_disposable=False) if application.start is None:
            return (
                "database.is_disposable: we would write to the database of a running application; set it to true "
                "if that may be, or give [start] to work on a copy"
            )
        case Commands() if application.goals or application.attacks:
            return "goals: goals and attacks are checked in SQL; remove them, or use a sqlite or postgres database"
    return None


def _table_mistake(application: Application) -> str | None:
    for name, table in application.tables.items():
        if name in application.ignored_tables:
            return f"ignored_tables: {name!r} is declared in tables as well; remove it from one of them"
        assets = [("asset", table.asset, False), *((f"sensitive.{c}", a, True) for c, a in table.sensitive.items())]
        for key, asset, is_secret in assets:
            if not _is_taggable(asset, is_secret=is_secret):
                known = ", ".join(one.value for one in AssetKind if _is_taggable(one, is_secret=is_secret))
                return f"tables.{name}.{key}: rows cannot hold {asset.value!r}; choose one of {known}"
    return None


def insert_sink_of(asset: AssetKind) -> SinkKind:
    """Payments and messages reach somebody by being inserted; everything else stays a record."""
    return SinkKind.RECIPIENT if asset in {AssetKind.PAYMENT, AssetKind.MESSAGE} else SinkKind.INTERNAL_RECORD


def _is_taggable(asset: AssetKind, *, is_secret: bool) -> bool:
    """Whether the taxonomy has a path for all that can happen to such a row, or to such a secret."""
    changes = (
        *([(EffectKind.DATA_RECEIVED, SinkKind.EXTERNAL_HOST)] if is_secret else []),
        (EffectKind.ROW_INSERTED, insert_sink_of(asset)),
        (EffectKind.ROW_UPDATED, SinkKind.INTERNAL_RECORD),
        (EffectKind.ROW_DELETED, SinkKind.INTERNAL_RECORD),
    )
    try:
        for kind, sink in changes:
            tag_of(Effect(kind=kind, site="", subject="", asset=asset, sink=sink))
    except KeyError:
        return False
    return True


def _script_mistake(application: Application) -> str | None:
    names = [goal.name for goal in application.goals]
    for index, goal in enumerate(application.goals):
        if not goal.texts or not goal.reached:
            return f"goals.{index}: {goal.name!r} needs at least one of texts and one of reached; add them"
        if names.count(goal.name) > 1:
            return f"goals.{index}.name: {goal.name!r} is there twice; rename one"
    scripts = [(f"goals.{i}", goal.steps) for i, goal in enumerate(application.goals)]
    scripts += [(f"attacks.{i}", attack.steps) for i, attack in enumerate(application.attacks)]
    for where, steps in scripts:
        for step in steps:
            if not step.is_one:
                return f"{where}.steps: a step has either open, send (or the form's button) or press; give one of them"
    for index, attack in enumerate(application.attacks):
        unknown = [name for name in attack.goals if name not in names]
        if unknown:
            return f"attacks.{index}.goals: there is no goal {unknown[0]!r}; there are {', '.join(names)}"
        if not attack.texts or not attack.place:
            return f"attacks.{index}: {attack.name!r} needs at least one of texts and one of place; add them"
        if attack.is_lookalike == bool(attack.success):
            return f"attacks.{index}.success: an attack says when it has won, a look-alike never does; correct it"
        for page in attack.pages:
            if not page.host.endswith(".localhost") or page.host in application.own_hosts:
                return f"attacks.{index}.pages: {page.host!r} must be another host under .localhost; rename it"
    if application.attacks and not application.goals:
        return "attacks: an attack meets somebody who has a goal; add a goal"
    return None
