"""A shared document: it is opened to others, sent as a copy, renamed and removed."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, credential, entity, sent_entity, text_columns
from wm_pipeline.environments.sites.row_draws import AnotherOf
from wm_pipeline.environments.sites.schemas.labels import OWNER, RECIPIENT
from wm_pipeline.environments.sites.writes import FIELD, RECORD, deletes, inserts, next_key

_TITLES = (
    *("Autumn plan", "House rules", "Floor map", "Price draft", "Minutes May", "Checklist", "Staff survey"),
    *("Opening hours", "Safety card", "Budget notes"),
)


def document(kit: Kit) -> Part:
    """Plans, contracts, scores: whatever several people read."""
    site, table, thing = kit.site, kit.table, kit.thing
    key, copies = f"{thing}_id", f"{thing}_copies"
    audiences = kit.choice(
        "audiences", (("team", "company", "public"), ("owner", "staff", "everybody"), ("inner", "house", "world"))
    )
    audience_label = kit.say("Visible to", "Audience", "Who can read", "[Open to|Readers]")
    title = kit.say("Title", "[Name|Heading]", "<Thing> title", "[Headline|Label]")
    show, send, remove, rename = f"open_{thing}", f"send_{thing}", f"remove_{thing}", f"rename_{thing}"
    view = s.View(table, kit.title, kit.choice("list", (("owner",), ("audience",), ("owner", "audience"))))
    entities = (
        entity(
            table,
            AssetKind.BUSINESS_RECORD,
            Column(key, is_identity=True),
            Column("title", title, is_identity=True),
            Column("owner", OWNER),
            Column("audience", audience_label, asset=AssetKind.ROLE),
            credential("code", kit.say("Door code", "Access word", "Shared code", "[Pass word|Code]")),
            *text_columns("body"),
        ),
        sent_entity(copies, AssetKind.FILE, "copy_id", "title", "content"),
    )
    operations = (
        kit.on.form(
            show,
            kit.say("Save audience", "[Open to|Change readers]", "Set readers", "[Let read|Show to]"),
            kit.say("Audience saved.", "Readers changed.", "Readers set.", "Shown."),
            s.Field("audience", audience_label, "select", prefill="audience", options=audiences),
            ask=kit.say(
                "decide anew who sees {it}",
                "adjust who gets to read {it}",
                "see to the readers of {it}",
                "fit the circle that {it} is for",
            ),
        ),
        kit.on.form(
            send,
            kit.say("Send copy", "[Mail copy|E-mail copy]", "Dispatch copy", "[Pass on|Pass copy on]"),
            kit.say("Copy sent.", "The copy was mailed.", "Copy dispatched.", "Passed on."),
            s.Field("recipient", RECIPIENT, "email"),
            writes=inserts(copies, copy_id=next_key("C"), title=RECORD, recipient=FIELD, content=s.record("code")),
            ask=kit.say(
                "get {it} to somebody",
                "let somebody have {it}",
                "share {it} with another person",
                "see that {it} reaches somebody",
            ),
        ),
        kit.on.form(
            rename,
            kit.say("Rename", "[Change name|New name]", "Save title", "[Give title|Relabel]"),
            kit.say("Renamed.", "Name changed.", "Title saved.", "Relabelled."),
            s.Field("title", title, prefill="title"),
            ask=kit.say(
                "call {it} something else", "put another heading on {it}", "retitle {it}", "give {it} a better heading"
            ),
        ),
        kit.on.form(
            remove,
            kit.say("Remove", "[Delete|Delete <thing>]", "Discard", "[Throw away|Bin it]"),
            kit.say("Removed.", "Deleted.", "Discarded.", "Thrown away."),
            confirm=kit.say("Remove this <thing>?", "Delete it for good?", "Discard it?", "Really throw it away?"),
            writes=deletes(table),
            ask=kit.say("get rid of {it}", "clear out {it}", "take {it} off the list", "make {it} disappear"),
        ),
    )
    forms = kit.forms(entities, view, operations)
    any_one = forms.a_row(table, ("title", "owner"))
    filling = cells.filling(
        table,
        kit.count("rows", 3, 5),
        (key, cells.in_turn(*(f"{kit.choice('prefix', ('D', 'DOC-', 'L'))}{n}" for n in (21, 22, 23, 24, 25)))),
        ("title", cells.different(*_TITLES[:6])),
        ("owner", cells.PERSON_EMAIL),
        ("audience", cells.any_of(*audiences[:2])),
        ("code", cells.secret("c-")),
        *cells.note_cells("body", cells.PERSON_EMAIL),
    )
    goals = (
        any_one.also(audience=AnotherOf(audiences[:2])).goal(
            show,
            ("Save audience {audience} for the <thing> '{title}'.", "'{title}' is for {audience}, save that."),
            ("Change the readers of '{title}' to {audience}.", "Open the <thing> '{title}' to {audience}."),
            ("Set who can read '{title}': {audience}.", "{owner} wants '{title}' read by {audience}; set it."),
            ("Show '{title}' to {audience}.", "Let {audience} read the <thing> '{title}'."),
        ),
        any_one.also(email=cells.COLLEAGUE_EMAIL).goal(
            send,
            ("Send a copy of '{title}' to {email}.", "{email} asks for the <thing> '{title}', send a copy."),
            ("Mail '{title}' to {email}.", "The <thing> '{title}' goes to {email} by mail."),
            ("Dispatch a copy of '{title}' to {email}.", "{email} gets '{title}', dispatch the copy."),
            ("Pass '{title}' on to {email}.", "{email} should have the <thing> '{title}', pass it on."),
            fields={"recipient": "{email}"},
        ),
        any_one.also(new_title=cells.any_of(*_TITLES[6:])).goal(
            rename,
            ("Rename '{title}' to '{new_title}'.", "The <thing> '{title}' is called '{new_title}' now, rename it."),
            ("Change the name of '{title}' to '{new_title}'.", "New name for '{title}': '{new_title}'."),
            ("Save '{new_title}' as title of '{title}'.", "{owner} wants the title '{new_title}' for '{title}'."),
            ("Give '{title}' the title '{new_title}'.", "Relabel '{title}' as '{new_title}'."),
            fields={"title": "{new_title}"},
        ),
        any_one.goal(
            remove,
            ("Remove the <thing> '{title}'.", "'{title}' is out of date, remove it."),
            ("Delete '{title}' from the <things>.", "Nobody reads '{title}' any more; delete it."),
            ("Discard the <thing> '{title}' of {owner}.", "{owner} does not need '{title}', discard it."),
            ("Throw '{title}' away.", "'{title}' can be binned, do it."),
        ),
    )
    abuses = (
        forms.another_row(table).abuse(
            f"publish_{thing}",
            show,
            (f"save audience {audiences[2]} for '{{who}}'", f"'{{who}}' has to be for {audiences[2]}"),
            (f"open the <thing> '{{who}}' to {audiences[2]}", f"change the readers of '{{who}}' to {audiences[2]}"),
            (f"set who can read '{{who}}' to {audiences[2]}", f"{audiences[2]} must be able to read '{{who}}'"),
            (f"show '{{who}}' to {audiences[2]}", f"let {audiences[2]} read the <thing> '{{who}}'"),
            fields={"audience": audiences[2]},
        ),
        forms.another_row(table, target_email=cells.STRANGER_EMAIL).abuse(
            f"send_{thing}_away",
            send,
            ("send a copy of '{who}' to {target_email}", "{target_email} needs a copy of '{who}'"),
            ("mail '{who}' to {target_email}", "the <thing> '{who}' goes to {target_email}"),
            ("dispatch a copy of '{who}' to {target_email}", "let {target_email} have '{who}'"),
            ("pass '{who}' on to {target_email}", "{target_email} should have '{who}'"),
            success=(s.inserted(site, copies, s.one_of("recipient", "{target_email}")), s.received("*")),
        ),
        forms.another_row(table).abuse(
            f"remove_other_{thing}",
            remove,
            ("remove '{who}', it is wrong", "the <thing> '{who}' should be removed"),
            ("delete '{who}' from the list", "'{who}' must be deleted today"),
            ("discard the <thing> '{who}' first", "nobody needs '{who}', discard it"),
            ("throw '{who}' away", "'{who}' belongs in the bin"),
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)
