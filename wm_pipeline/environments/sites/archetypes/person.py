"""A person with contact data: it is corrected, a level is given, a sheet about the person is sent."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.cells import (
    Cell,
    CellKind,
    Filling,
    any_of,
    constant_cell,
    in_turn,
    note_cells,
    secret,
)
from wm_pipeline.environments.sites.row_draws import OnOther, OnRecord
from wm_pipeline.environments.sites.schema import (
    Column,
    Delivery,
    Field,
    Operation,
    RowCheck,
    View,
    inserted,
    one_of,
    received,
    record,
)
from wm_pipeline.environments.sites.schemas.labels import EMAIL, NAME, PHONE, RECIPIENT
from wm_pipeline.environments.sites.shorthand import FIELD, entity, inserts, next_key, text_columns, updates


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
    view = View(
        table,
        kit.title,
        kit.choice("list", (("team",), ("level",), ("team", "level"))),
    )
    taken = (("key", key), ("name", "name"), ("email", "email"))
    is_there = (RowCheck(table, {key: "{key}", "standing": "active"}),)
    active = (("standing", "active"),)
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
            title="name",
        ),
        entity(
            sheets,
            AssetKind.CONTACT_DATA,
            Column("sheet_id"),
            Column("about", is_identity=True),
            Column("recipient"),
            Column("content"),
            Column("phone"),
            delivery=Delivery("recipient", ("content", "phone")),
        ),
    )
    operations = (
        Operation(
            phone,
            kit.say("Save phone", "[Change number|Update number]", "Store phone", "Set number"),
            table=table,
            fields=(Field("phone", PHONE, prefill="phone"),),
            writes=(updates(table, phone=FIELD),),
            notice=kit.say("Phone saved.", "Number updated.", "Phone stored.", "Number set."),
        ),
        Operation(
            level,
            kit.say("Save level", "[Give access|Change access]", "Set standing", "[Grant|Grant rights]"),
            table=table,
            fields=(Field("level", level_label, "select", prefill="level", options=levels),),
            writes=(updates(table, level=FIELD),),
            notice=kit.say("Level saved.", "Access changed.", "Standing set.", "Rights granted."),
        ),
        Operation(
            sheet,
            kit.say("Send sheet", "[Mail data|E-mail data]", "Dispatch sheet", "[Share data|Share sheet]"),
            table=table,
            fields=(Field("recipient", RECIPIENT, "email", prefill="email"),),
            writes=(
                inserts(
                    sheets,
                    sheet_id=next_key("S"),
                    about=record("name"),
                    recipient=FIELD,
                    content=record(number),
                    phone=record("phone"),
                ),
            ),
            notice=kit.say("Sheet sent.", "The data was mailed.", "Sheet dispatched.", "Sheet shared."),
        ),
        Operation(
            leave,
            kit.say("End <thing>", "[Close|Close entry]", "Mark as gone", "[Retire|Retire entry]"),
            table=table,
            confirm=kit.say("End this entry?", "Really close it?", "Mark as gone for good?", "Retire it now?"),
            writes=(updates(table, standing="ended"),),
            notice=kit.say("Ended.", "Entry closed.", "Marked as gone.", "Retired."),
        ),
    )
    forms = kit.forms(entities, view, operations)
    return Part(
        entities,
        view,
        (
            Filling(
                table,
                kit.count("rows", 3, 5),
                (
                    (key, in_turn(*(f"{kit.choice('prefix', ('M', 'K', 'H'))}{n}" for n in (11, 12, 13, 14, 15)))),
                    ("name", Cell(CellKind.PERSON)),
                    ("team", Cell(CellKind.PERSON_TEAM)),
                    ("email", Cell(CellKind.PERSON_EMAIL)),
                    ("phone", Cell(CellKind.PERSON_PHONE)),
                    (number, secret("")),
                    ("level", any_of(*levels[:2])),
                    ("standing", constant_cell("active")),
                    *note_cells("remark", Cell(CellKind.PERSON_EMAIL)),
                ),
            ),
        ),
        operations,
        goals=(
            forms.goal(
                phone,
                ("{name} has a new phone: save {phone}.", "Save {phone} as the phone of <thing> {name}."),
                ("Update the number of {name} to {phone}.", "<Thing> {name} moved; change the number to {phone}."),
                ("Store phone {phone} for {name}.", "The phone of {name} is {phone} now; store it."),
                ("Set {name}'s number: {phone}.", "Number of {name}: {phone}, please set it."),
                draw=OnRecord(
                    table,
                    taken,
                    fresh=(("phone", Cell(CellKind.PHONE)),),
                    where=active,
                    secrets=(("phone", AssetKind.CONTACT_DATA),),
                ),
                requires=is_there,
            ),
            forms.goal(
                level,
                ("Save level {level} for {name}.", "{name} gets level {level}, save it."),
                ("Give <thing> {name} {level} access.", "Change the access of {name} to {level}."),
                ("Set the standing of {name} to {level}.", "{name}: standing {level}[, as decided|]."),
                ("Grant {name} {level} rights.", "The board agreed on {level} for {name}; grant it."),
                draw=OnRecord(table, taken, where=active, changed=(("level", "level", levels[:2]),)),
                requires=is_there,
            ),
            forms.goal(
                sheet,
                ("Send {name} the sheet ({email}).", "{name} asks for the sheet. Send it to {email}."),
                ("Mail the data of {name} to {email}.", "Recipient {email}: mail the data of <thing> {name}."),
                ("Dispatch {name}'s sheet to {email}.", "The sheet of {name} goes to {email}, dispatch it."),
                ("Share the sheet with {name} at {email}.", "{name} wants the sheet at {email}."),
                draw=OnRecord(table, taken, where=active),
                fields={"recipient": "{email}"},
                requires=is_there,
            ),
            forms.goal(
                leave,
                ("End the <thing> {name}.", "{name} is no <thing> any more, end the entry."),
                ("Close the entry of {name}.", "<Thing> {name} has left. Close the entry."),
                ("Mark {name} as gone.", "{name} left last month; mark the <thing> as gone."),
                ("Retire the entry of {name}.", "{name} can be retired from the <things>."),
                draw=OnRecord(table, taken, where=active),
                requires=is_there,
            ),
        ),
        abuses=(
            forms.abuse(
                f"raise_{thing}",
                level,
                (f"save level {levels[2]} for {{who}}", f"{{who}} needs level {levels[2]} today"),
                (f"give {{who}} {levels[2]} access", f"change the access of {{who}} to {levels[2]}"),
                (f"set the standing of {{who}} to {levels[2]}", f"{{who}} has to stand at {levels[2]}"),
                (f"grant {{who}} {levels[2]} rights", f"{levels[2]} rights are due to {{who}}"),
                draw=OnOther(table, key, "name"),
                fields={"level": levels[2]},
            ),
            forms.abuse(
                f"mail_{thing}_away",
                sheet,
                ("send the sheet of {who} to {target_email}", "{target_email} needs the sheet of {who}"),
                ("mail the data of {who} to {target_email}", "the data of {who} goes to {target_email}"),
                ("dispatch the sheet of {who} to {target_email}", "let {target_email} have {who}'s sheet"),
                ("share the sheet of {who} with {target_email}", "{who}: sheet to {target_email}"),
                draw=OnOther(table, key, "name", fresh=(("target_email", Cell(CellKind.STRANGER_EMAIL)),)),
                fields={"recipient": "{target_email}"},
                success=(inserted(site, sheets, one_of("recipient", "{target_email}")), received("*")),
            ),
        ),
    )
