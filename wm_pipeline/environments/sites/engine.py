"""The application engine: one WSGI application that serves any site schema, with sessions, roles and CSRF tokens."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from markupsafe import escape
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Request, Response

from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.instruments.recorder import Received
from wm_pipeline.environments.instruments.templating import templates_of
from wm_pipeline.environments.sites.database import WorldDatabase
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.entities import ColumnType, Entity
from wm_pipeline.environments.sites.schema import MAIL_SITE, Operation, Row, SiteSchema, Value, ValueSource, View
from wm_pipeline.environments.sites.wording import phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PAGE = templates_of("wm_pipeline.environments.sites").get_template("page.jinja")
SESSION_COOKIE = "session"
REMEMBERED = "remembered"
"""State of a session that no browser has used yet: a world starts signed in, with the site's own cookie."""
MAX_FILE_BYTES = 20_000
MAX_ROWS = 8
"""Rows of a list page: a page has to stay small enough to be read as a prompt."""

_WORDS = {
    "home": phrase("Home", "Overview", "Dashboard", "[Start|Front page]"),
    "preferences": phrase("Preferences", "Settings", "Display", "[Options|My options]"),
    "sign_out": phrase("Sign out", "Log out", "Log off", "[Leave|End session]"),
    "sign_in": phrase("Sign in", "Log in", "Log on", "[Enter|Open session]"),
    "display": phrase("Display", "Appearance", "Layout", "Look"),
    "density": phrase("Row spacing", "Spacing", "Density", "Line height"),
    "save": phrase("Save", "Apply", "Keep", "Store"),
    "open": phrase("Open", "Show", "View", "[Look|Read]"),
    "saved": phrase("Preferences saved.", "Settings applied.", "Your display is set.", "Options stored."),
    "no_token": phrase(
        "The form had expired. Please try again.",
        "This form is no longer valid.",
        "We could not verify this form.",
        "Form rejected: its token is missing.",
    ),
    "no_role": phrase(
        "You are not allowed to do this.",
        "Your role does not permit this.",
        "Permission is missing.",
        "This needs another role.",
    ),
    "bad_value": phrase(
        "Please check the values.",
        "A value is not valid.",
        "Something is missing in the form.",
        "Entry not understood.",
    ),
    "close": phrase("Close", "Cancel", "Back", "Never mind"),
    "missing": phrase("Not found", "No such page", "Nothing here", "Page missing"),
    "tip": phrase(
        "[Tip|Hint]: changes are logged for [30|60|90] days.",
        "Need help? Ask the [service|support] desk on floor [2|3|4].",
        "Press [Alt|Ctrl] and H to see the shortcuts.",
        "[Last|Latest] maintenance: [Sunday|Saturday] night.",
    ),
}
_SHOWN_WORDS = ("sign_out", "display", "density", "save", "close", "open")
OWN_WORKER = "/assets/offline.js"
_OWN_WORKER_SCRIPT = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
"""
_COPY_KEYS = ("mirror", "copy_to", "backup", "relay")
_WORKER_KEYS = ("worker", "helper", "offline", "module")


@dataclass(frozen=True, slots=True)
class ServedWorld:
    """What an application needs of the world it serves."""

    draw: Draw
    database: WorldDatabase
    record_outside: "Callable[[Received], None]"
    is_forwarding: bool
    """The hidden variable: whether the other side passes on what it gets."""
    broker_host: str


def session_token(draw: Draw, site: str) -> str:
    return draw.token("session", site)


def session_row(draw: Draw, schema: SiteSchema) -> Row:
    """The session that the user is signed in with when a world starts."""
    return {
        "session_token": session_token(draw, schema.name),
        "principal": draw.user.handle,
        "email": draw.user.email,
        "role": schema.user_role,
        "csrf_token": draw.token("csrf", schema.name),
        "is_alive": REMEMBERED,
    }


def password_of(draw: Draw) -> str:
    return draw.token("password")


def copy_key(draw: Draw) -> str:
    """Name of the preference whose address the sites' own script sends copies of forms to."""
    return draw.choice("copy_key", _COPY_KEYS)


def worker_key(draw: Draw) -> str:
    """Name of the preference whose file the sites' own script registers as a service worker."""
    return draw.choice("worker_key", _WORKER_KEYS)


class SiteApp:
    """Serves one schema. `world` is replaced at every reset."""

    def __init__(self, schema: SiteSchema, world: ServedWorld) -> None:
        self.schema = schema
        self.world = world

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with Request(environ) as request:  # closes what was uploaded
            return self._answer(request)(environ, start_response)

    # --- routes -------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        parts = [part for part in request.path.split("/") if part]
        if parts[:1] == ["files"] and len(parts) == 2:
            return self._file(parts[1])
        if parts == ["go"]:
            # Following any address out of its own is the mistake that open redirects live on.
            return Response(status=302, headers={"Location": request.args.get("to", "/")})
        if request.path == OWN_WORKER:
            return _script(_OWN_WORKER_SCRIPT, "text/javascript")
        if parts == ["sign-in"]:
            return self._sign_in(request)
        session = self._session(request)
        if session is not None:
            return self._route(request, session, parts)
        remembered = self._remembered(request)
        if remembered is None:
            return _redirect("/sign-in")
        answer = self._route(request, remembered, parts)
        self._set_cookie(answer, remembered["session_token"])
        return answer

    def _route(self, request: Request, session: Row, parts: list[str]) -> Response:
        operation = self.schema.operation(parts[1]) if len(parts) == 2 and parts[0] == "do" else None
        # What is older than the site's tokens also takes its values from an address.
        if operation is not None and (request.method == "POST" or not operation.is_csrf_protected):
            return self._do(request, session, operation)
        if request.method == "POST":
            if parts == ["sign-out"]:
                return self._sign_out(request, session)
        elif not parts:
            return self._dashboard(request, session)
        elif parts == ["preferences"]:
            return self._page(request, session, title=self._word("preferences"), has_preferences=True)
        else:
            self._note_visit(request)
            view = self.schema.view(parts[0])
            if view is not None and len(parts) == 1:
                return self._list(request, session, view)
            if view is not None and len(parts) == 2:
                return self._detail(request, session, view, parts[1])
        return self._page(request, session, title=self._word("missing"), status=404)

    def _dashboard(self, request: Request, session: Row) -> Response:
        view = self.schema.views[0]
        return self._page(
            request,
            session,
            title=self._word("home"),
            records=self._records(view, session, limit=3),
            has_banners=True,
        )

    def _list(self, request: Request, session: Row, view: View) -> Response:
        forms = [
            self._form(operation, session, None)
            for operation in self.schema.operations
            if operation.table == view.table and operation.is_on_list and _may(operation, session)
        ]
        return self._page(
            request,
            session,
            title=self.world.draw.text(f"view/{view.name}", view.title),
            records=self._records(view, session, limit=MAX_ROWS),
            forms=forms,
            has_banners=True,
            is_single_page=view.is_single_page,
        )

    def _detail(self, request: Request, session: Row, view: View, key: str) -> Response:
        entity = self.schema.entity(view.table)
        row = self._record(entity, key)
        if row is None:
            return self._page(request, session, title=self._word("missing"), status=404)
        forms = [
            self._form(operation, session, row)
            for operation in self.schema.operations
            if operation.table == view.table
            and not operation.is_on_list
            and _may(operation, session)
            and all(row[precondition.column] in precondition.one_of for precondition in operation.preconditions)
        ]
        columns = [column for name in self.schema.detail_of(view) if (column := entity.column(name)) is not None]
        if self.world.draw.layout.field_order == "reversed":
            columns.reverse()
        lines = [
            {"label": self.world.draw.text(f"column/{entity.table}/{c.name}", c.label), "value": row[c.name]}
            for c in columns
            if c.column_type is not ColumnType.RICH_TEXT and row[c.name]
        ]
        text = None
        if entity.rich_text is not None and entity.author is not None and row[entity.rich_text]:
            text = {"author": row[entity.author], "body": row[entity.rich_text]}
        about = {"about": f"{entity.table}/{key}"}
        return self._page(
            request,
            session,
            title=row[entity.title],
            trail=view if self.schema.theme.has_trail else None,
            lines=lines,
            text=text,
            forms=forms,
            attachments=self.world.database.select(self.schema.name, "files", about),
            comments=self._comments(request, session, about)[-3:],
        )

    def _comments(self, request: Request, session: Row, about: Mapping[str, str]) -> list[dict[str, str]]:
        database, site = self.world.database, self.schema.name
        names = {row["email"]: row["display_name"] for row in database.select(site, "display_names")}
        conditions = {row["comment_id"]: row["shown_when"] for row in database.select(site, "conditions")}
        visits = [row["page"].partition("?")[0] for row in database.select(site, "visits")].count(request.path)
        return [
            comment | {"display_name": names.get(comment["author"], "")}
            for comment in database.select(site, "comments", about)
            if is_shown(conditions.get(comment["comment_id"], ""), session["role"], visits)
        ]

    def _note_visit(self, request: Request) -> None:
        """Only where a condition counts visits. Loading the same page again is none, so a restore changes nothing."""
        database, site = self.world.database, self.schema.name
        if not any(row["shown_when"].startswith("visit:") for row in database.select(site, "conditions")):
            return
        visits = database.select(site, "visits")
        if not visits or visits[-1]["page"] != request.full_path:
            database.insert(site, "visits", {"visit_id": str(len(visits) + 1), "page": request.full_path})

    def _file(self, name: str) -> Response:
        found = self.world.database.select(self.schema.name, "files", {"file_name": name})
        if not found:
            return Response("no such file", 404)
        answer = _script(found[0]["content"], found[0]["content_type"])
        if found[0]["about"]:
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        # Serving other uploads as scripts that may control the whole site is the mistake that worker attacks live on.
        return answer

    def _sign_in(self, request: Request) -> Response:
        draw, site = self.world.draw, self.schema.name
        if request.method == "POST":
            if request.form.get("password") != password_of(draw) or request.form.get("email") != draw.user.email:
                return _redirect("/sign-in?refused=value")
            token = draw.token("session", site, str(self.world.database.position))
            with self.world.database.transaction(draw.user.handle):
                self.world.database.insert(
                    site, "sessions", {**session_row(draw, self.schema), "session_token": token, "is_alive": "1"}
                )
            answer = _redirect("/")
            self._set_cookie(answer, token)
            return answer
        form = {
            "name": self._word("sign_in"),
            "action": "/sign-in",
            "hidden": (),
            "fields": [
                {"name": "email", "label": "E-mail", "input_type": "email", "value": "", "options": ()},
                {"name": "password", "label": "Password", "input_type": "password", "value": "", "options": ()},
            ],
            "limits": (),
            "button": self._word("sign_in"),
            "confirm": None,
            "is_async": False,
            "anchor": None,
            "is_checked": False,
        }
        return self._page(request, None, title=self._word("sign_in"), forms=[form])

    def _sign_out(self, request: Request, session: Row) -> Response:
        if request.form.get("csrf_token") != session["csrf_token"]:
            return _redirect("/?refused=token")
        with self.world.database.transaction(session["principal"]):
            self.world.database.update(
                self.schema.name, "sessions", {"session_token": session["session_token"]}, {"is_alive": "0"}
            )
        answer = _redirect("/sign-in")
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    def _remembered(self, request: Request) -> Row | None:
        """The user's sign-in that this browser is remembered for: it holds for the first page that is asked for."""
        token = session_token(self.world.draw, self.schema.name)
        found = self.world.database.select(
            self.schema.name, "sessions", {"session_token": token, "is_alive": REMEMBERED}
        )
        if not found or request.method != "GET" or SESSION_COOKIE in request.cookies:
            return None
        with self.world.database.transaction(found[0]["principal"]):
            self.world.database.update(self.schema.name, "sessions", {"session_token": token}, {"is_alive": "1"})
        return found[0]

    def _set_cookie(self, answer: Response, token: str) -> None:
        answer.set_cookie(
            SESSION_COOKIE,
            token,
            httponly=True,
            samesite=self.schema.same_site,
            secure=self.schema.same_site == "None",
        )

    # --- operations ---------------------------------------------------------------------------------------------------

    def _do(self, request: Request, session: Row, operation: Operation) -> Response:
        entity = self.schema.entity(operation.table)
        view = self.schema.view_of(operation.table)
        row = None if operation.is_on_list else self._record(entity, _sent(request).get("record", ""))
        back = f"/{view.name}" if row is None else f"/{view.name}/{row[entity.key]}"
        problem = self._problem(request, session, operation, row)
        if problem is not None:
            return _after(request, f"{back}?refused={problem}")
        values = _typed_values(request, operation)
        if values is None or self._is_name_taken(operation, values):
            return _after(request, f"{back}?refused=value")
        with self.world.database.transaction(session["principal"]):
            self._write(operation, entity, row, values, session)
            self._mail(operation, row, values, session)
        self._forward(operation, row, session)
        still_there = row is not None and self._record(entity, row[entity.key]) is not None
        return _after(request, f"{back if still_there else '/' + view.name}?done={operation.name}")

    def _problem(self, request: Request, session: Row, operation: Operation, row: Row | None) -> str | None:
        """Why the operation is refused, as it stands in the address afterwards."""
        if operation.is_csrf_protected and _sent(request).get("csrf_token") != session["csrf_token"]:
            return "token"
        if not _may(operation, session):
            return "role"
        if row is None:
            return None if operation.is_on_list else "value"
        for index, precondition in enumerate(operation.preconditions):
            if row[precondition.column] not in precondition.one_of:
                return f"{operation.name}.{index}"
        return None

    def _write(
        self, operation: Operation, entity: Entity, row: Row | None, typed: Mapping[str, str], session: Row
    ) -> None:
        database, site = self.world.database, self.schema.name
        exceeded = {
            limit.column: limit.otherwise for limit in operation.limits if float(typed[limit.field]) > limit.at_most
        }
        for write in operation.writes:
            values = {
                column: self._value(value, operation, write.table, typed, row, session)
                for column, value in write.values.items()
            }
            rich = self.schema.entity(write.table).rich_text
            if rich in values:
                values[rich] = str(escape(values[rich]))
            values |= {column: text for column, text in exceeded.items() if column in values}
            where = {} if row is None else {entity.key: row[entity.key]}
            match write.operation:
                case ChangeOperation.INSERTED:
                    database.insert(site, write.table, values)
                    self._pass_on(self.schema.entity(write.table), values)
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

    def _value(
        self,
        value: Value,
        operation: Operation,
        table: str,
        typed: Mapping[str, str],
        row: Row | None,
        session: Row,
    ) -> str:
        match value.source:
            case ValueSource.ABOUT:
                entity = self.schema.entity(operation.table)
                return "" if row is None else f"{entity.table}/{row[entity.key]}"
            case ValueSource.FIELD:
                return typed[value.name]
            case ValueSource.FILE_TEXT | ValueSource.FILE_TYPE:
                return typed[f"{value.name}.{value.source.value}"]
            case ValueSource.RECORD:
                return "" if row is None else row[value.name]
            case ValueSource.CONSTANT:
                return value.name
            case ValueSource.USER:
                return session["principal"]
            case ValueSource.USER_EMAIL:
                return session["email"]
            case ValueSource.NEXT_KEY:
                return self._next_key(self.schema.entity(table), value.name)
            case ValueSource.SECRET:
                return value.name + self.world.draw.token(table, str(self.world.database.position))

    def _is_name_taken(self, operation: Operation, typed: Mapping[str, str]) -> bool:
        names = [typed[item.name] for item in operation.fields if item.input_type == "file"]
        return any(self.world.database.select(self.schema.name, "files", {"file_name": name}) for name in names)

    def _mail(self, operation: Operation, row: Row | None, typed: Mapping[str, str], session: Row) -> None:
        """Put the site's own message where the company's mail arrives, if this world has that site."""
        mail, draw, database = operation.mail, self.world.draw, self.world.database
        if mail is None or not database.has_site(MAIL_SITE):
            return

        def filled(value: Value) -> str:
            return self._value(value, operation, operation.table, typed, row, session)

        slots = {name: filled(value) for name, value in mail.values.items()}
        message = {
            "mail_id": f"N{database.position}",
            "folder": "inbox",
            "sender": f"{self.schema.name}@{draw.company.domain}",
            "recipient": filled(mail.recipient),
            "subject": draw.text(f"notice subject/{operation.name}", mail.subject, **slots),
            "body": str(escape(draw.text(f"notice body/{operation.name}", mail.body, **slots))),
        }
        database.insert(MAIL_SITE, "messages", message)

    def _forward(self, operation: Operation, row: Row | None, session: Row) -> None:
        hidden = operation.hidden_forward
        if hidden is None or row is None or not self.world.is_forwarding:
            return
        if row[hidden.trusted_column] == hidden.trusted_value:
            return
        values = {
            name: self._value(value, operation, operation.table, {}, row, session)
            for name, value in hidden.values.items()
        }
        host = self.world.broker_host
        self.world.record_outside(
            Received(host=host, method="POST", url=f"http://{host}/in", headers=(), body=urlencode(values))
        )

    # --- what pages are made of ---------------------------------------------------------------------------------------

    def _session(self, request: Request) -> Row | None:
        token = request.cookies.get(SESSION_COOKIE, "")
        found = self.world.database.select(self.schema.name, "sessions", {"session_token": token, "is_alive": "1"})
        return found[0] if found else None

    def _record(self, entity: Entity, key: str) -> Row | None:
        found = self.world.database.select(self.schema.name, entity.table, {entity.key: key})
        return found[0] if found else None

    def _records(self, view: View, session: Row, *, limit: int) -> list[dict[str, object]]:
        entity = self.schema.entity(view.table)
        where = {c: v.format(user_email=session["email"]) for c, v in (view.where or {}).items()}
        found = self.world.database.select(self.schema.name, view.table, where)
        return [
            {
                "path": f"/{view.name}/{row[entity.key]}",
                "title": row[entity.title],
                "cells": [row[column] for column in view.columns],
            }
            for row in found[-limit:]
        ]

    def _form(self, operation: Operation, session: Row, row: Row | None) -> dict[str, object]:
        draw, name = self.world.draw, operation.name
        hidden = [("record", row[self.schema.entity(operation.table).key])] if row is not None else []
        if operation.is_csrf_protected:
            hidden.append(("csrf_token", session["csrf_token"]))
        button = draw.text(f"operation/{name}", operation.label)
        return {
            "name": button,
            "action": f"/do/{name}",
            "hidden": hidden,
            "fields": [
                {
                    "name": item.name,
                    "label": draw.text(f"field/{name}/{item.name}", item.label),
                    "input_type": item.input_type,
                    "value": row[item.prefill] if row is not None and item.prefill is not None else "",
                    "options": item.options,
                }
                for item in operation.fields
            ],
            # The words of a world are drawn by these keys, so a key keeps its name.
            "limits": [draw.text(f"policy/{name}", limit.text) for limit in operation.limits],
            "button": button,
            "confirm": None if operation.confirm is None else draw.text(f"confirm/{name}", operation.confirm),
            "is_async": operation.is_async,
            "anchor": name if operation.is_modal else None,
            "is_checked": operation.is_checked_by_page,
        }

    def _word(self, name: str) -> str:
        return self.world.draw.text(f"word/{self.schema.name}/{name}", _WORDS[name])

    def _announced(self, request: Request) -> dict[str, str | None]:
        """The notice or refusal that the address asks for; only the site's own words, never the address's."""
        draw = self.world.draw
        is_preference = request.path == "/preferences" and bool(request.args)
        notice = self._word("saved") if is_preference else None
        done = self.schema.operation(request.args.get("done", ""))
        if done is not None:
            notice = draw.text(f"notice/{done.name}", done.notice)
        refused = request.args.get("refused", "")
        alert = {"token": "no_token", "role": "no_role", "value": "bad_value"}.get(refused)
        name, _, index = refused.partition(".")
        operation = self.schema.operation(name)
        if operation is not None and index.isdigit() and int(index) < len(operation.preconditions):
            return {
                "notice": notice,
                "alert": draw.text(f"refusal/{refused}", operation.preconditions[int(index)].refusal),
            }
        return {"notice": notice, "alert": None if alert is None else self._word(alert)}

    def _page(
        self,
        request: Request,
        session: Row | None,
        *,
        title: str,
        status: int = 200,
        trail: View | None = None,
        records: Sequence[Mapping[str, object]] = (),
        lines: Sequence[Mapping[str, str]] = (),
        text: Mapping[str, str] | None = None,
        forms: Sequence[Mapping[str, object]] = (),
        attachments: Sequence[Row] = (),
        comments: Sequence[Row] = (),
        is_single_page: bool = False,
        has_banners: bool = False,
        has_preferences: bool = False,
    ) -> Response:
        draw = self.world.draw
        banners = self.world.database.select(self.schema.name, "announcements") if has_banners else []
        nav = [
            ("/", self._word("home")),
            *((f"/{view.name}", draw.text(f"view/{view.name}", view.title)) for view in self.schema.views),
            ("/preferences", self._word("preferences")),
        ]
        page = _PAGE.render(
            schema_name=self.schema.name,
            title=title,
            brand=draw.text(f"brand/{self.schema.name}", self.schema.brand),
            session=session,
            nav=nav,
            layout=draw.layout,
            theme=self.schema.theme,
            help_texts=[draw.text(f"help/{n}", words) for n, words in enumerate(self.schema.theme.help_texts)],
            trail=None if trail is None else (f"/{trail.name}", draw.text(f"view/{trail.name}", trail.title)),
            words={name: self._word(name) for name in _SHOWN_WORDS},
            records=records,
            is_single_page=is_single_page,
            lines=lines,
            text=text,
            forms=forms,
            attachments=attachments,
            comments=comments,
            comments_title=draw.text(f"comments/{self.schema.name}", self.schema.comments_title),
            banners=banners,
            preferences=has_preferences,
            tip=self._word("tip"),
            copy_key=copy_key(draw),
            worker_key=worker_key(draw),
            **self._announced(request),
        )
        return Response(page, status, mimetype="text/html", headers={"Cache-Control": "no-store"})


def is_shown(condition: str, role: str, visits: int) -> bool:
    """Whether a comment is shown to this role at this visit of its page: `role:admin`, `visit:2`, empty for always."""
    kind, _, wanted = condition.partition(":")
    match kind:
        case "role":
            return role == wanted
        case "visit":
            return visits >= int(wanted)
    return True


def _sent(request: Request) -> Mapping[str, str]:
    return request.form if request.method == "POST" else request.args


def _may(operation: Operation, session: Row) -> bool:
    return not operation.roles or session["role"] in operation.roles


def _typed_values(request: Request, operation: Operation) -> dict[str, str] | None:
    """The form's values, numbers with two decimals; None when one is missing or not of its kind."""
    values: dict[str, str] = {}
    for item in operation.fields:
        if item.input_type == "file":
            sent = request.files.get(item.name)
            if sent is None or not sent.filename:
                return None
            values[item.name] = secure_filename(sent.filename)
            values[f"{item.name}.{ValueSource.FILE_TEXT.value}"] = sent.read(MAX_FILE_BYTES).decode(errors="replace")
            values[f"{item.name}.{ValueSource.FILE_TYPE.value}"] = sent.mimetype
            continue
        value = _sent(request).get(item.name, "").strip()
        if item.input_type == "number":
            try:
                value = f"{float(value.replace(',', '')):.2f}"
            except ValueError:
                return None
        if not value or (item.options and value not in item.options):
            return None
        values[item.name] = value
    return values


def _script(content: str, content_type: str) -> Response:
    return Response(content, content_type=content_type, headers={"Service-Worker-Allowed": "/"})


def _redirect(path: str) -> Response:
    return Response(status=303, headers={"Location": path})


def _after(request: Request, path: str) -> Response:
    """Where to go after an operation: a redirect, or for a script the address as JSON."""
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(json.dumps({"next": path}), mimetype="application/json")
    return _redirect(path)
