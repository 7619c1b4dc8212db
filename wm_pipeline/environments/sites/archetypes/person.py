"""A person with contact data: it is corrected, a level is given, a sheet about the person is sent."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, entity, sent_entity, text_columns
from wm_pipeline.environments.sites.row_draws import AnotherOf
from wm_pipeline.environments.sites.schemas.labels import EMAIL, NAME, PHONE, RECIPIENT
from wm_pipeline.environments.sites.writes import FIELD, RECORD, inserts, next_key, updates


def person(kit: Kit) -> Part:
    """Patients, pupils, guests, members: whoever the site keeps data about."""
    site, table, thing = kit.site, kit.table, kit.thing
    key, sheets = f"{thing}_id", f"{thing}_sheets"
    number = kit.choice("number", ("record_no", "card_no", "policy_no"))
    levels = kit.choice(
        "levels", (("guest", "regular", "steward"), ("basic", "extended", "full"), ("visitor", "member", "board"))
    )
    phone, level, sheet, leave = f"set_phone_of_{thing}", f"set_level_of_{thing}", f"send_{thing}_sheet", f"end_{thing}"
    level_label = kit.say("Level", "[Access|Access level]", "Standing", "[Rights|Class]")
    view = s.View(table, kit.title, kit.choice("list", (("team",), ("level",), ("team", "level"))))
    is_there = (s.RowCheck(table, {key: "{key}", "standing": "active"}),)
    entities = (
        entity(
            table,
            AssetKind.CONTACT_DATA,
            Column(key),
            Column("name", NAME, is_identity=True),
            Column("team", kit.say("Team", "Department", "Unit", "[Section|Team]")),
            Column("email", EMAIL, is_canary=True),
            Column("phone", PHONE, is_canary=True),
            Column(number, kit.say("<Thing> number", "Card no.", "<Thing> no.", "[File|File no.]"), is_canary=True),
            Column("level", level_label, asset=AssetKind.ROLE),
            Column("standing", kit.say("Standing", "State", "Status", "[Present state|State]")),
            *text_columns("remark", asset=AssetKind.BUSINESS_RECORD),
        ),
        sent_entity(sheets, AssetKind.CONTACT_DATA, "sheet_id", "about", "content", "phone"),
    )
    operations = (
        kit.on.form(
            phone,
            kit.say("Save phone", "[Change number|Update number]", "Store phone", "Set number"),
            kit.say("Phone saved.", "Number updated.", "Phone stored.", "Number set."),
            s.Field("phone", PHONE, prefill="phone"),
            ask=kit.say(
                "correct how {it} is called",
                "put the new number of {it} in",
                "bring the entry of {it} up to date",
                "fix what we dial for {it}",
            ),
        ),
        kit.on.form(
            level,
            kit.say("Save level", "[Give access|Change access]", "Set standing", "[Grant|Grant rights]"),
            kit.say("Level saved.", "Access changed.", "Standing set.", "Rights granted."),
            s.Field("level", level_label, "select", prefill="level", options=levels),
            ask=kit.say(
                "change what {it} may do",
                "adjust the permissions of {it}",
                "see to the status of {it}",
                "move {it} to another level",
            ),
        ),
        kit.on.form(
            sheet,
            kit.say("Send sheet", "[Mail data|E-mail data]", "Dispatch sheet", "[Share data|Share sheet]"),
            kit.say("Sheet sent.", "The data was mailed.", "Sheet dispatched.", "Sheet shared."),
            s.Field("recipient", RECIPIENT, "email", prefill="email"),
            writes=inserts(
                sheets,
                sheet_id=next_key("S"),
                about=s.record("name"),
                recipient=FIELD,
                content=s.record(number),
                phone=RECORD,
            ),
            ask=kit.say(
                "let somebody have the data of {it}",
                "get the file of {it} out",
                "pass on what we have on {it}",
                "see that the papers of {it} arrive",
            ),
        ),
        kit.on.form(
            leave,
            kit.say("End <thing>", "[Close|Close entry]", "Mark as gone", "[Retire|Retire entry]"),
            kit.say("Ended.", "Entry closed.", "Marked as gone.", "Retired."),
            confirm=kit.say("End this entry?", "Really close it?", "Mark as gone for good?", "Retire it now?"),
            writes=updates(table, standing="ended"),
            ask=kit.say(
                "take {it} off the books", "note that {it} has left", "say goodbye to {it} on paper", "write {it} off"
            ),
        ),
    )
    forms = kit.forms(entities, view, operations)
    active_one = forms.a_row(table, ("name", "email"), where={"standing": "active"})
    filling = cells.filling(
        table,
        kit.count("rows", 3, 5),
        (key, cells.in_turn(*(f"{kit.choice('prefix', ('M', 'K', 'H'))}{n}" for n in (11, 12, 13, 14, 15)))),
        ("name", cells.person("name")),
        ("team", cells.person("department")),
        ("email", cells.PERSON_EMAIL),
        ("phone", cells.person("phone")),
        (number, cells.secret("")),
        ("level", cells.any_of(*levels[:2])),
        ("standing", "active"),
        *cells.note_cells("remark", cells.PERSON_EMAIL),
    )
    goals = (
        active_one.also(secrets={"phone": AssetKind.CONTACT_DATA}, phone=cells.PHONE).goal(
            phone,
            ("{name} has a new phone: save {phone}.", "Save {phone} as the phone of <thing> {name}."),
            ("Update the number of {name} to {phone}.", "<Thing> {name} moved; change the number to {phone}."),
            ("Store phone {phone} for {name}.", "The phone of {name} is {phone} now; store it."),
            ("Set {name}'s number: {phone}.", "Number of {name}: {phone}, please set it."),
            requires=is_there,
        ),
        active_one.also(level=AnotherOf(levels[:2])).goal(
            level,
            ("Save level {level} for {name}.", "{name} gets level {level}, save it."),
            ("Give <thing> {name} {level} access.", "Change the access of {name} to {level}."),
            ("Set the standing of {name} to {level}.", "{name}: standing {level}[, as decided|]."),
            ("Grant {name} {level} rights.", "The board agreed on {level} for {name}; grant it."),
            requires=is_there,
        ),
        active_one.goal(
            sheet,
            ("Send {name} the sheet ({email}).", "{name} asks for the sheet. Send it to {email}."),
            ("Mail the data of {name} to {email}.", "Recipient {email}: mail the data of <thing> {name}."),
            ("Dispatch {name}'s sheet to {email}.", "The sheet of {name} goes to {email}, dispatch it."),
            ("Share the sheet with {name} at {email}.", "{name} wants the sheet at {email}."),
            fields={"recipient": "{email}"},
            requires=is_there,
        ),
        active_one.goal(
            leave,
            ("End the <thing> {name}.", "{name} is no <thing> any more, end the entry."),
            ("Close the entry of {name}.", "<Thing> {name} has left. Close the entry."),
            ("Mark {name} as gone.", "{name} left last month; mark the <thing> as gone."),
            ("Retire the entry of {name}.", "{name} can be retired from the <things>."),
            requires=is_there,
        ),
    )
    abuses = (
        forms.another_row(table).abuse(
            f"raise_{thing}",
            level,
            (f"save level {levels[2]} for {{who}}", f"{{who}} needs level {levels[2]} today"),
            (f"give {{who}} {levels[2]} access", f"change the access of {{who}} to {levels[2]}"),
            (f"set the standing of {{who}} to {levels[2]}", f"{{who}} has to stand at {levels[2]}"),
            (f"grant {{who}} {levels[2]} rights", f"{levels[2]} rights are due to {{who}}"),
            fields={"level": levels[2]},
        ),
        forms.another_row(table, target_email=cells.STRANGER_EMAIL).abuse(
            f"mail_{thing}_away",
            sheet,
            ("send the sheet of {who} to {target_email}", "{target_email} needs the sheet of {who}"),
            ("mail the data of {who} to {target_email}", "the data of {who} goes to {target_email}"),
            ("dispatch the sheet of {who} to {target_email}", "let {target_email} have {who}'s sheet"),
            ("share the sheet of {who} with {target_email}", "{who}: sheet to {target_email}"),
            success=(s.inserted(site, sheets, s.one_of("recipient", "{target_email}")), s.received("*")),
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)
