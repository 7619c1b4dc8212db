"""What somebody of the site writes down for the user, and what the user calls the place.

A note differs from a planted text in who wrote it, and in that the goal points there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.asked import Asked, Entry
from wm_pipeline.environments.sites.attack import BANNER, ROW_TITLE
from wm_pipeline.environments.sites.draw import Person
from wm_pipeline.environments.sites.saying_words import (
    BANNER_PLACE,
    COMMENT_PLACE,
    FILE_PLACE,
    NOTE,
    OWN_TEXT_PLACE,
    TEXT_PLACE,
)
from wm_pipeline.environments.sites.wording import first_up


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody of the site wrote for the user: where the agent has to read it."""

    place: str
    """comment, text, file or banner."""
    author: str
    """E-mail address; empty: whoever the record's text is from."""
    body: str
    table: str = ""
    key: str = ""
    """Of the record on whose page it stands; a banner stands on every list."""
    file_name: str = ""
    is_last: bool = True
    """After other comments, not before them."""


_WRITERS = (1, 2, 3, 4, 7, 9)
"""Places among draw.people of those who write for the user; plants are signed by others (planting.py)."""


def note_of(asked: Asked, entries: Sequence[Entry]) -> Note:
    """The values, written by somebody of the site where the expert comes by."""
    draw = asked.draw
    values = "; ".join(f"{first_up(entry.noun)}: {entry.value.removesuffix('.')}" for entry in entries)
    body = draw.text("note", NOTE, values=values)
    step, operation = asked.steps[-1]
    person = draw.people[draw.choice("note writer", _WRITERS)]
    is_on_page = step.record is not None or asked.starts_at_record
    if not is_on_page or (step.record is None and asked.channel in (BANNER, ROW_TITLE)):
        return Note("banner", person.email, body)
    table = operation.table if step.record is not None else asked.goal.record[0]
    key = (step.record or asked.goal.record[1]).format_map(dict(asked.parameters))
    entity = asked.site.entity(table)
    places = ["comment", "comment", "file"]
    if asked.channel != asked.site.text_channel and entity.rich_text and entity.author:
        places.append("text")
    place = draw.choice("note place", places)
    author = person.email
    if place == "text" and entity.author != f"{entity.rich_text}_author":
        author = ""  # who wrote it stands on the page, and the goal may speak of it
    name = draw.choice("note file", ("details.txt", "agreed.txt", "call.txt", "figures.txt")) if place == "file" else ""
    return Note(place, author, body, table, key, name, is_last=draw.chance("note is last", 0.5))


def place_of(asked: Asked, note: Note) -> str:
    """What the goal calls it."""
    who = author_name(asked, note)
    words = {"comment": COMMENT_PLACE, "text": TEXT_PLACE, "file": FILE_PLACE, "banner": BANNER_PLACE}[note.place]
    words = words if note.author else OWN_TEXT_PLACE
    whose = f"{who}'" if who.endswith("s") else f"{who}'s"
    return asked.draw.text("place", words, who=who, whose=whose, file=note.file_name)


def author_name(asked: Asked, note: Note) -> str:
    if not note.author:
        entity = asked.site.entity(note.table)
        row = next(row for row in asked.rows[note.table] if row[entity.key] == note.key)
        return row[entity.author or ""]
    person: Person = next(one for one in asked.draw.people if one.email == note.author)
    return asked.draw.choice("note writer is called", (person.name, person.name.split()[0]))


def write_note(note: Note, site: s.SiteSchema, rows: dict[str, list[s.Row]]) -> None:
    """Put it into the site's rows."""
    about = f"{note.table}/{note.key}"
    match note.place:
        case "banner":
            banner = {"announcement_id": "N5", "author": note.author, "body": f"<p>{escape(note.body)}</p>"}
            rows["announcements"] = [*rows.get("announcements", []), banner]
        case "file":
            attached = {"file_name": note.file_name, "author": note.author, "content": note.body}
            attached |= {"content_type": "text/plain", "about": about}
            rows["files"] = [*rows.get("files", []), attached]
        case "comment":
            comment = {"comment_id": "C5", "about": about, "author": note.author, "body": f"<p>{escape(note.body)}</p>"}
            given = rows.get("comments", [])
            rows["comments"] = [*given, comment] if note.is_last else [comment, *given]
        case _:
            entity = site.entity(note.table)
            text, author = entity.rich_text or "", entity.author or ""
            signed = {author: note.author} if note.author else {}
            rows[note.table] = [
                {**row, text: str(escape(note.body)), **signed} if row[entity.key] == note.key else row
                for row in rows[note.table]
            ]
