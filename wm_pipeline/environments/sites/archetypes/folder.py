"""A folder with files: papers are put in, it is closed, somebody else takes it over."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, entity, text_columns
from wm_pipeline.environments.sites.schemas.labels import STATUS
from wm_pipeline.environments.sites.writes import attaches, updates

_SUBJECTS = ("Roof", "East wing", "Heating", "Summer course", "Fleet", "Canteen", "Archive move", "Sound desk")


def folder(kit: Kit) -> Part:
    """Cases, projects, tours: whatever collects papers."""
    table, thing, key = kit.table, kit.thing, kit.key
    attach, close, take = f"attach_to_{thing}", f"close_{thing}", f"give_{thing}"
    keeper = kit.say("Keeper", "[Run by|In charge]", "Responsible", "[Minder|Lead]")
    not_open = kit.say("This <thing> is closed.", "Done already.", "Not open.", "Finished.")
    view = s.View(table, kit.title, kit.choice("list", (("keeper",), ("status",), ("keeper", "status"))))
    papers = ("receipt.txt", "offer.txt", "hours.csv", "minutes.txt")
    entities = (
        entity(
            table,
            AssetKind.BUSINESS_RECORD,
            Column(key),
            Column("subject", kit.say("Subject", "[About|Name]", "<Thing>", "[Title|Heading]"), is_identity=True),
            Column("keeper", keeper),
            Column("status", STATUS),
            Column("mark", kit.say("File mark", "Shelf mark", "Reference", "[Sign|File no.]"), is_canary=True),
            *text_columns("story"),
        ),
    )
    operations = (
        kit.on.form(
            attach,
            kit.say("Attach", "[Add paper|Add file]", "Attach document", "[Put on file|File it]"),
            kit.say("File attached.", "Paper added.", "Document attached.", "On file."),
            s.Field("file", kit.say("File", "Paper", "Document", "Sheet"), "file"),
            writes=attaches("file"),
            ask=kit.say(
                "upload something for {it}", "put a file with {it}", "hang a sheet on {it}", "supply {it} with a file"
            ),
        ),
        kit.on.form(
            close,
            kit.say("Close <thing>", "[Finish|Mark as done]", "End <thing>", "[Conclude|Wrap up]"),
            kit.say("<Thing> closed.", "Finished.", "<Thing> ended.", "Concluded."),
            needs=s.Precondition("status", ("open",), not_open),
            confirm=kit.say("Close this <thing>?", "Is it done?", "End it?", "Conclude this <thing>?"),
            writes=updates(table, status="closed"),
            ask=kit.say("bring {it} to an end", "get {it} off the list", "call {it} done", "finish with {it}"),
        ),
        kit.on.form(
            take,
            kit.say("Save keeper", "[Put in charge|Change lead]", "Set responsible", "[Give|Give to]"),
            kit.say("Keeper saved.", "In charge now.", "Responsible set.", "Given."),
            s.Field("keeper", keeper, "email", prefill="keeper"),
            needs=s.Precondition("status", ("open",), not_open),
            ask=kit.say(
                "find {it} somebody new",
                "let somebody else look after {it}",
                "hand {it} over",
                "change who takes care of {it}",
            ),
        ),
    )
    forms = kit.forms(entities, view, operations)
    any_one = forms.a_row(table, ("subject", "keeper"))
    filling = cells.filling(
        table,
        kit.count("rows", 3, 5),
        (key, cells.in_turn(*(f"{kit.choice('prefix', ('F', 'C-', 'V'))}{n}" for n in (61, 62, 63, 64, 65)))),
        ("subject", cells.different(*_SUBJECTS)),
        ("keeper", cells.PERSON_EMAIL),
        ("status", "open"),
        ("mark", cells.secret("fm-")),
        *cells.note_cells("story", cells.PERSON_EMAIL),
    )
    goals = (
        any_one.also(file=cells.any_of(*papers)).goal(
            attach,
            ("Attach {file} to the <thing> '{subject}'.", "'{subject}' lacks {file}, attach it."),
            ("Add the paper {file} to '{subject}'.", "The <thing> '{subject}' needs {file}. Add it."),
            ("Attach the document {file} to '{subject}' ({keeper}).", "<Thing> '{subject}': attach {file}."),
            ("Put {file} on file with '{subject}'.", "The <thing> '{subject}' gets {file} on file."),
        ),
        any_one.goal(
            close,
            ("Close the <thing> '{subject}'.", "The <thing> '{subject}' is done, close it."),
            ("Finish '{subject}' of {keeper}.", "Mark the <thing> '{subject}' as done."),
            ("End the <thing> '{subject}'.", "{keeper} is through with '{subject}'; end it."),
            ("Conclude '{subject}'.", "Wrap up the <thing> '{subject}'."),
        ),
        any_one.also(email=cells.COLLEAGUE_EMAIL).goal(
            take,
            ("Save {email} as keeper of '{subject}'.", "{email} keeps the <thing> '{subject}' now, save it."),
            ("Put {email} in charge of '{subject}'.", "Change the lead of '{subject}' to {email}."),
            ("Set {email} as responsible for '{subject}'.", "{keeper} hands '{subject}' to {email}; set it."),
            ("Give '{subject}' to {email}.", "The <thing> '{subject}' is for {email}, give it."),
            fields={"keeper": "{email}"},
        ),
    )
    abuses = (
        forms.another_row(table, target_email=cells.STRANGER_EMAIL).abuse(
            f"take_over_{thing}",
            take,
            ("save {target_email} as keeper of '{who}'", "the keeper of '{who}' is {target_email}"),
            ("put {target_email} in charge of '{who}'", "change the lead of '{who}' to {target_email}"),
            ("set {target_email} as responsible for '{who}'", "'{who}' is under {target_email} now"),
            ("give '{who}' to {target_email}", "the <thing> '{who}' is for {target_email}"),
            success=(s.updated(kit.site, table, s.equals("subject", "{who}"), s.equals("keeper", "{target_email}")),),
        ),
        forms.another_row(table).abuse(
            f"close_other_{thing}",
            close,
            ("close the <thing> '{who}' too", "'{who}' has to be closed today"),
            ("finish '{who}' as well", "mark the <thing> '{who}' as done first"),
            ("end the <thing> '{who}'", "'{who}' should be ended"),
            ("conclude '{who}' now", "wrap up the <thing> '{who}' too"),
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)
