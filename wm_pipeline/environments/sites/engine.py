"""The application engine: one WSGI application that serves any site schema, with sessions, roles and CSRF tokens."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Request, Response

from wm_pipeline.environments.sites.entities import Entity
from wm_pipeline.environments.sites.operations import Sending, sent_values, typed_values
from wm_pipeline.environments.sites.pages import PART, Pages, may
from wm_pipeline.environments.sites.schema import Control, Operation, Row, SiteSchema
from wm_pipeline.environments.sites.sending import sent_names
from wm_pipeline.environments.sites.served import (
    IDLE_WORKER,
    OWN_WORKER,
    REMEMBERED,
    ServedWorld,
    hosts_of,
    password_of,
    session_row,
    session_token,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SESSION_COOKIE = "session"


class SiteApp:
    """Serves one schema. `world` is replaced at every reset."""

    def __init__(self, schema: SiteSchema, world: ServedWorld) -> None:
        self.schema = schema
        self.world = world
        self.pages = Pages(schema, world)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with Request(environ) as request:  # closes what was uploaded
            return self._answer(request)(environ, start_response)

    # --- routes -------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        parts = [part for part in request.path.split("/") if part]
        if request.host.partition(":")[0] != self.schema.host and PART not in request.args:
            return Response("nothing here", 404)
        if parts[:1] == ["files"] and len(parts) == 2:
            return self._file(parts[1])
        if parts == ["go"]:
            # Following any address out of its own is the mistake that open redirects live on.
            try:
                return Response(status=302, headers={"Location": iri_to_uri(request.args.get("to", "/"))})
            except ValueError:  # no address at all
                return Response(status=400)
        if request.path == OWN_WORKER:
            return _script(IDLE_WORKER, "text/javascript")
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
            return self.pages.dashboard(request, session)
        elif parts == ["preferences"]:
            return self.pages.preferences(request, session)
        else:
            if PART not in request.args:
                self._note_visit(request)
            view = self.schema.view(parts[0])
            if view is not None and len(parts) == 1:
                return self.pages.listed(request, session, view)
            if view is not None and len(parts) == 2:
                row = self._record(self.schema.entity(view.table), parts[1])
                if row is not None:
                    return self.pages.detail(request, session, view, row)
            if view is not None and len(parts) == 3:
                row, asked = self._record(self.schema.entity(view.table), parts[1]), self.schema.operation(parts[2])
                if row is not None and asked is not None and asked.control is Control.PAGE:
                    return self.pages.asking(request, session, view, row, asked)
        return self.pages.missing(request, session)

    def _note_visit(self, request: Request) -> None:
        """Only where a condition counts visits. Loading the same page again is none, so a restore changes nothing."""
        database, site = self.world.database, self.schema.name
        if not any(row["shown_when"].startswith("visit:") for row in database.select(site, "conditions")):
            return
        visits = database.select(site, "visits")
        if not visits or visits[-1]["page"] != request.full_path:
            database.insert(site, "visits", {"visit_id": str(len(visits) + 1), "page": request.full_path})

    def _file(self, name: str) -> Response:
        found = self._row("files", file_name=name)
        if found is None:
            return Response("no such file", 404)
        answer = _script(found["content"], found["content_type"])
        if found["about"]:
            # RFC 6266, section 4.3: a name in any letters.
            answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        # Serving other uploads as scripts that may control the whole site is the mistake that worker attacks live on.
        return answer

    def _sign_in(self, request: Request) -> Response:
        draw, site = self.world.draw, self.schema.name
        if request.method == "POST":
            sent = sent_values(request)
            if sent.get("password") != password_of(draw) or sent.get("email") != draw.user.email:
                return _after(request, "/sign-in?refused=value")
            token = draw.token("session", site, str(self.world.database.position))
            with self.world.database.transaction(draw.user.handle):
                self.world.database.insert(
                    site, "sessions", {**session_row(draw, self.schema), "session_token": token, "is_alive": "1"}
                )
            answer = _after(request, "/")
            self._set_cookie(answer, token)
            return answer
        return self.pages.sign_in(request)

    def _sign_out(self, request: Request, session: Row) -> Response:
        if not self._has_token(request, session):
            return _after(request, "/?refused=token")
        self._set_alive(session, "0")
        answer = _after(request, "/sign-in")
        answer.delete_cookie(SESSION_COOKIE, domain=self._cookie_domain)
        return answer

    def _remembered(self, request: Request) -> Row | None:
        """The user's sign-in that this browser is remembered for: it holds for the first page that is asked for."""
        token = session_token(self.world.draw, self.schema.name)
        found = self._row("sessions", session_token=token, is_alive=REMEMBERED)
        if found is None or request.method != "GET" or SESSION_COOKIE in request.cookies:
            return None
        self._set_alive(found, "1")
        return found

    def _set_alive(self, session: Row, is_alive: str) -> None:
        token = {"session_token": session["session_token"]}
        with self.world.database.transaction(session["principal"]):
            self.world.database.update(self.schema.name, "sessions", token, {"is_alive": is_alive})

    def _set_cookie(self, answer: Response, token: str) -> None:
        answer.set_cookie(
            SESSION_COOKIE,
            token,
            domain=self._cookie_domain,
            httponly=True,
            samesite=self.schema.same_site,
            secure=self.schema.same_site == "None",
        )

    @property
    def _cookie_domain(self) -> str | None:
        """Where other hosts of the site have to know the session, too."""
        return self.schema.host if len(hosts_of(self.world.draw, self.schema)) > 1 else None

    # --- operations ---------------------------------------------------------------------------------------------------

    def _do(self, request: Request, session: Row, operation: Operation) -> Response:
        entity = self.schema.entity(operation.table)
        view = self.schema.view_of(operation.table)
        row = None if operation.is_on_list else self._record(entity, sent_values(request).get("record", ""))
        back = f"/{view.name}" if row is None else f"/{view.name}/{row[entity.key]}"
        problem = self._problem(request, session, operation, row)
        if problem is not None:
            return _after(request, f"{back}?refused={problem}")
        names = sent_names(self.schema, operation, self.world.draw.layout.engine)
        values = typed_values(request, operation, names)
        sending = None if values is None else Sending(self.schema, self.world, operation, row, session, values)
        if sending is None or sending.is_name_taken():
            return _after(request, f"{back}?refused=value")
        sending.do()
        still_there = row is not None and self._record(entity, row[entity.key]) is not None
        return _after(request, f"{back if still_there else '/' + view.name}?done={operation.name}")

    def _problem(self, request: Request, session: Row, operation: Operation, row: Row | None) -> str | None:
        """Why the operation is refused, as it stands in the address afterwards."""
        if operation.is_csrf_protected and not self._has_token(request, session):
            return "token"
        if not may(operation, session):
            return "role"
        if row is None:
            return None if operation.is_on_list else "value"
        for index, precondition in enumerate(operation.preconditions):
            if row[precondition.column] not in precondition.one_of:
                return f"{operation.name}.{index}"
        return None

    def _has_token(self, request: Request, session: Row) -> bool:
        layout = self.world.draw.layout
        sent = request.headers.get(layout.token_header) or sent_values(request).get(layout.token_name)
        return sent == session["csrf_token"]

    def _session(self, request: Request) -> Row | None:
        return self._row("sessions", session_token=request.cookies.get(SESSION_COOKIE, ""), is_alive="1")

    def _record(self, entity: Entity, key: str) -> Row | None:
        return self._row(entity.table, **{entity.key: key})

    def _row(self, table: str, **where: str) -> Row | None:
        """The first row with these values."""
        return next(iter(self.world.database.select(self.schema.name, table, where)), None)


def _script(content: str, content_type: str) -> Response:
    return Response(content, content_type=content_type, headers={"Service-Worker-Allowed": "/"})


def _redirect(path: str) -> Response:
    return Response(status=303, headers={"Location": path})


def _after(request: Request, path: str) -> Response:
    """Where to go after something was sent: a redirect, or for a script the address as JSON."""
    if "application/json" in request.headers.get("Accept", ""):
        return Response(json.dumps({"next": path}), mimetype="application/json")
    return _redirect(path)
