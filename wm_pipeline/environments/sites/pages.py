"""What the pages of a site are made of: lists, records with their forms, notices, and the layout around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from werkzeug.wrappers import Request, Response

from wm_pipeline.environments.instruments.templating import templates_of
from wm_pipeline.environments.sites.draw import FramedPart
from wm_pipeline.environments.sites.entities import ColumnType
from wm_pipeline.environments.sites.schema import Control, Operation, Row, SiteSchema, View
from wm_pipeline.environments.sites.sending import button_of, opens_at, sent_names, shares_form
from wm_pipeline.environments.sites.served import ServedWorld, copy_key, hosts_of, visitor_item, worker_key
from wm_pipeline.environments.sites.site_words import site_word

_TEMPLATES = templates_of("wm_pipeline.environments.sites")
_PAGE, _PART = _TEMPLATES.get_template("page.jinja"), _TEMPLATES.get_template("part.jinja")
PART = "part"
"""In an address: which part of the page alone is asked for, for a frame."""
MAX_ROWS = 8
"""Rows of a list page: a page has to stay small enough to be read as a prompt."""

_SHOWN_WORDS = (
    *("sign_out", "display", "density", "save", "close", "open"),
    *("actions", "cookies", "accept", "decline", "more", "skip", "read_out"),
)


@dataclass(frozen=True, slots=True)
class ShownField:
    name: str
    label: str
    input_type: str
    value: str = ""
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ShownForm:
    """A form as the template reads it."""

    button: str
    action: str
    fields: Sequence[ShownField]
    hidden: Sequence[tuple[str, str]] = ()
    about: str | None = None
    limits: Sequence[str] = ()
    confirm: str | None = None
    is_async: bool = False
    control: Control = Control.BUTTON
    opens_at: str = ""
    """Address of the link that it lies behind, relative to the page's; empty: it stands on the page."""
    is_checked: bool = False
    is_shared: bool = False
    """It is a part of the page's one form."""


class Pages:
    """Renders one schema's pages from the rows of its world."""

    def __init__(self, schema: SiteSchema, world: ServedWorld) -> None:
        self.schema = schema
        self.world = world

    def dashboard(self, request: Request, session: Row) -> Response:
        records = self._records(self.schema.views[0], session, limit=3)
        return self.page(request, session, title=self.word("home"), records=records, has_banners=True)

    def listed(self, request: Request, session: Row, view: View) -> Response:
        return self.page(
            request,
            session,
            title=self._title(view),
            records=self._records(view, session, limit=MAX_ROWS),
            forms=self._forms(view, session, None),
            has_banners=True,
            is_single_page=view.is_single_page,
            has_frames=True,
        )

    def detail(self, request: Request, session: Row, view: View, row: Row) -> Response:
        entity = self.schema.entity(view.table)
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
        about = {"about": f"{entity.table}/{row[entity.key]}"}
        return self.page(
            request,
            session,
            title=row[entity.title],
            trail=(f"/{view.name}", self._title(view)) if self.schema.theme.has_trail else None,
            lines=lines,
            text=text,
            forms=self._forms(view, session, row),
            attachments=self.world.database.select(self.schema.name, "files", about),
            comments=self._comments(request, session, about)[-3:],
            has_frames=True,
        )

    def asking(self, request: Request, session: Row, view: View, row: Row, operation: Operation) -> Response:
        """The page of one operation alone."""
        forms = [replace(form, opens_at="") for form in self._forms(view, session, row, only=operation)]
        title = row[self.schema.entity(view.table).title]
        trail = (self._path_of(operation, row), title)
        return self.page(request, session, title=button_of(self.world.draw, operation), trail=trail, forms=forms)

    def sign_in(self, request: Request) -> Response:
        asked = [ShownField("email", "E-mail", "email"), ShownField("password", "Password", "password")]
        name = self.word("sign_in")
        return self.page(request, None, title=name, forms=[ShownForm(name, "/sign-in", asked)])

    def missing(self, request: Request, session: Row) -> Response:
        return self.page(request, session, title=self.word("missing"), status=404)

    def preferences(self, request: Request, session: Row) -> Response:
        return self.page(request, session, title=self.word("preferences"), has_preferences=True)

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

    def _title(self, view: View) -> str:
        return self.world.draw.text(f"view/{view.name}", view.title)

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

    def _forms(self, view: View, session: Row, row: Row | None, *, only: Operation | None = None) -> list[ShownForm]:
        """The forms of a list, or of a record that holds what they need."""
        return [
            self._form(operation, session, row)
            for operation in self.schema.operations
            if only in (None, operation)
            and operation.table == view.table
            and operation.is_on_list is (row is None)
            and may(operation, session)
            and (row is None or all(row[one.column] in one.one_of for one in operation.preconditions))
        ]

    def _form(self, operation: Operation, session: Row, row: Row | None) -> ShownForm:
        draw, name, engine = self.world.draw, operation.name, self.world.draw.layout.engine
        names = sent_names(self.schema, operation, engine)
        hidden = [("record", row[self.schema.entity(operation.table).key])] if row is not None else []
        if operation.is_csrf_protected:
            hidden.append((draw.layout.token_name, session["csrf_token"]))
        return ShownForm(
            button_of(draw, operation),
            f"/do/{name}",
            [
                ShownField(
                    names[item.name],
                    draw.text(f"field/{name}/{item.name}", item.label),
                    item.input_type,
                    row[item.prefill] if row is not None and item.prefill is not None else "",
                    item.options,
                )
                for item in operation.fields
            ],
            hidden=hidden,
            # The words of a world are drawn by these keys, so a key keeps its name.
            limits=[draw.text(f"policy/{name}", limit.text) for limit in operation.limits],
            about=None if operation.about is None else draw.text(f"about/{name}", operation.about),
            confirm=None if operation.confirm is None else draw.text(f"confirm/{name}", operation.confirm),
            is_async=operation.is_async,
            control=operation.control,
            opens_at=self._opens_at(operation, row),
            is_checked=operation.is_checked_by_page,
            is_shared=shares_form(operation, engine),
        )

    def _opens_at(self, operation: Operation, row: Row | None) -> str:
        """The link to where it opens, from the page of the record or of the list."""
        added = opens_at(operation)
        return f"{self._path_of(operation, row)}{added}" if added.startswith("/") else added

    def _path_of(self, operation: Operation, row: Row | None) -> str:
        listed = f"/{self.schema.view_of(operation.table).name}"
        return listed if row is None else f"{listed}/{row[self.schema.entity(operation.table).key]}"

    def _frames(self, request: Request) -> dict[str, str]:
        """The address of the part that stands in a frame, by its name."""
        match self.world.draw.layout.framed:
            case FramedPart.ACTIONS:
                return {"actions": f"{request.path}?{PART}=actions"}
            case FramedPart.WORDS:
                return {"words": f"{request.path}?{PART}=words"}
            case FramedPart.WORDS_ELSEWHERE:
                host = hosts_of(self.world.draw, self.schema)[-1]
                return {"words": f"http://{host}{request.path}?{PART}=words"}
        return {}

    def word(self, name: str) -> str:
        return site_word(self.world.draw, self.schema, name)

    def _announced(self, request: Request) -> dict[str, str | None]:
        """The notice or refusal that the address asks for; only the site's own words, never the address's."""
        draw = self.world.draw
        is_preference = request.path == "/preferences" and bool(request.args)
        notice = self.word("saved") if is_preference else None
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
        return {"notice": notice, "alert": None if alert is None else self.word(alert)}

    def page(
        self,
        request: Request,
        session: Row | None,
        *,
        title: str,
        status: int = 200,
        trail: tuple[str, str] | None = None,
        records: Sequence[Mapping[str, object]] = (),
        lines: Sequence[Mapping[str, str]] = (),
        text: Mapping[str, str] | None = None,
        forms: Sequence[ShownForm] = (),
        attachments: Sequence[Row] = (),
        comments: Sequence[Row] = (),
        is_single_page: bool = False,
        has_banners: bool = False,
        has_preferences: bool = False,
        has_frames: bool = False,
    ) -> Response:
        draw = self.world.draw
        banners = self.world.database.select(self.schema.name, "announcements") if has_banners else []
        nav = [
            ("/", self.word("home")),
            *((f"/{view.name}", self._title(view)) for view in self.schema.views),
            ("/preferences", self.word("preferences")),
        ]
        part = request.args.get(PART) if has_frames else None
        template = _PAGE if part is None else _PART
        page = template.render(
            part=part,
            page_url=f"{self.schema.origin}{request.path}",
            frames={"actions": "", "words": "", **(self._frames(request) if has_frames else {})},
            schema_name=self.schema.name,
            title=title,
            brand=draw.text(f"brand/{self.schema.name}", self.schema.brand),
            session=session,
            nav=nav,
            layout=draw.layout,
            theme=self.schema.theme,
            help_texts=[draw.text(f"help/{n}", words) for n, words in enumerate(self.schema.theme.help_texts)],
            trail=trail,
            words={name: self.word(name) for name in _SHOWN_WORDS},
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
            tip=self.word("tip"),
            visitor=visitor_item(draw),
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


def may(operation: Operation, session: Row) -> bool:
    return not operation.roles or session["role"] in operation.roles
