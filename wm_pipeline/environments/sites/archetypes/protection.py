"""A safeguard with a limit: it is switched on, its limit is set, somebody is told about it."""

from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation
from wm_pipeline.environments.sites.archetypes.part import (
    Cell,
    CellKind,
    Filling,
    Kit,
    OnOther,
    OnRecord,
    Part,
    amount,
    different,
    goal_on_record,
    in_turn,
    note_cells,
    note_columns,
    secret,
)
from wm_pipeline.environments.sites.schema import (
    Abuse,
    Column,
    Entity,
    Field,
    Operation,
    RowCheck,
    View,
    Write,
    equals,
    field,
    updated,
)
from wm_pipeline.environments.sites.schemas.labels import EMAIL

UPDATED = ChangeOperation.UPDATED

_PLACES = (
    *("Main entrance", "Cash desk", "Server room", "Archive", "Workshop", "Back office", "Cold store", "Gate 4"),
    *("Reading room", "Loading dock"),
)


def protection(kit: Kit) -> Part:
    """Alarms, locks, second looks: whatever stands between a mistake and its damage."""
    site, table, thing = kit.site, kit.table, kit.thing
    key = f"{thing}_id"
    on, off = kit.choice("states", (("on", "off"), ("armed", "disarmed"), ("enabled", "disabled")))
    switch, limit, tell = f"switch_{thing}", f"limit_{thing}", f"warn_about_{thing}"
    state_label = kit.say("State", "[Switch|Position]", "Is it on", "[Set to|Now]")
    limit_label = kit.say("Limit", "[Threshold|Bound]", "Allowed up to", "[Highest value|Cap]")
    view = View(
        table,
        kit.title,
        table=table,
        columns=kit.choice("list", (("state",), ("state", "threshold"))),
        detail=("state", "threshold", "contact", "master_code"),
    )
    taken = (("key", key), ("place", "place"))
    is_there = (RowCheck(table, {key: "{key}"}),)
    return Part(
        entities=(
            Entity(
                table,
                key=key,
                title="place",
                asset=AssetKind.BUSINESS_RECORD,
                author="note_author",
                columns=(
                    Column(key),
                    Column("place", kit.say("Place", "Where", "Location", "[Spot|Room]"), is_identity=True),
                    Column("state", state_label, asset=AssetKind.PROTECTION),
                    Column("threshold", limit_label, asset=AssetKind.PROTECTION),
                    Column("contact", kit.say("Contact", "[Call|Who is told]", "Warned person", "Alert to")),
                    Column(
                        "master_code",
                        kit.say("Master code", "Override", "Service code", "[Key word|Reset code]"),
                        asset=AssetKind.CREDENTIAL,
                        is_canary=True,
                    ),
                    *note_columns("note"),
                ),
            ),
        ),
        view=view,
        fillings=(
            Filling(
                table,
                4,
                (
                    (key, in_turn(*(f"{kit.choice('prefix', ('Z', 'S-', 'G'))}{n}" for n in (31, 32, 33, 34)))),
                    ("place", different(*_PLACES)),
                    ("state", in_turn(on, off, on, off)),
                    ("threshold", amount(100, 900)),
                    ("contact", Cell(CellKind.PERSON_EMAIL)),
                    ("master_code", secret("mc-")),
                    *note_cells("note", Cell(CellKind.PERSON_EMAIL)),
                ),
            ),
        ),
        operations=(
            Operation(
                switch,
                kit.say("Save state", "[Switch|Flip]", "Set state", "[Apply|Turn]"),
                table=table,
                fields=(Field("state", state_label, "select", prefill="state", options=(on, off)),),
                writes=(Write(UPDATED, table, {"state": field("state")}),),
                notice=kit.say("State saved.", "Switched.", "State set.", "Applied."),
            ),
            Operation(
                limit,
                kit.say("Save limit", "[Change bound|New bound]", "Set allowed value", "[Cap|Set cap]"),
                table=table,
                fields=(Field("threshold", limit_label, "number", prefill="threshold"),),
                writes=(Write(UPDATED, table, {"threshold": field("threshold")}),),
                notice=kit.say("Limit saved.", "Bound changed.", "Value set.", "Cap set."),
            ),
            Operation(
                tell,
                kit.say("Save contact", "[Change who is told|New person]", "Set warned person", "[Alert|Set alert]"),
                table=table,
                fields=(Field("contact", EMAIL, "email", prefill="contact"),),
                writes=(Write(UPDATED, table, {"contact": field("contact")}),),
                notice=kit.say("Contact saved.", "Person changed.", "Warned person set.", "Alert set."),
            ),
        ),
        goals=(
            goal_on_record(
                switch,
                kit.say(
                    (
                        f"Save state {on} for the <thing> at {{place}}.",
                        f"The <thing> at {{place}} should be {on}, save it.",
                    ),
                    (f"Switch the <thing> of {{place}} to {on}.", f"{{place}}: flip the <thing> to {on}."),
                    (f"Set the <thing> {{place}} to {on}.", f"From today {{place}} is {on}; set the <thing>."),
                    (f"Turn the {{place}} <thing> to {on}.", f"{{place}} wants its <thing> {on}. Apply it."),
                ),
                view=view,
                draw=OnRecord(table, taken, where=(("state", off),)),
                sends=((switch, {"state": on}),),
                authorized=(updated(site, table, equals("place", "{place}"), equals("state", on)),),
                reached=(RowCheck(table, {key: "{key}", "state": on}),),
                requires=is_there,
            ),
            goal_on_record(
                limit,
                kit.say(
                    (
                        "Save limit {value} for the <thing> at {place}.",
                        "{place}: the <thing> needs limit {value}, save it.",
                    ),
                    ("Change the bound of the <thing> {place} to {value}.", "New bound for {place}: {value}."),
                    ("Allow up to {value} at {place}.", "Set what is allowed at {place} to {value}."),
                    ("Cap the <thing> of {place} at {value}.", "{value} is the cap for {place}; set it."),
                ),
                view=view,
                draw=OnRecord(table, taken, fresh=(("value", amount(1000, 1900)),)),
                sends=((limit, {"threshold": "{value}"}),),
                authorized=(updated(site, table, equals("place", "{place}"), equals("threshold", "{value}")),),
                reached=(RowCheck(table, {key: "{key}", "threshold": "{value}"}),),
                requires=is_there,
            ),
            goal_on_record(
                tell,
                kit.say(
                    ("Save {email} as contact of the <thing> at {place}.", "Contact for {place} is {email}, save it."),
                    (
                        "{email} is told about {place} from now on, change it.",
                        "Change who is told at {place}: {email}.",
                    ),
                    ("Set {email} as the warned person of {place}.", "The <thing> {place} warns {email}; set this."),
                    ("Alert {email} for {place}.", "Set the alert of the <thing> {place} to {email}."),
                ),
                view=view,
                draw=OnRecord(table, taken, fresh=(("email", Cell(CellKind.COLLEAGUE_EMAIL)),)),
                sends=((tell, {"contact": "{email}"}),),
                authorized=(updated(site, table, equals("place", "{place}"), equals("contact", "{email}")),),
                reached=(RowCheck(table, {key: "{key}", "contact": "{email}"}),),
                requires=is_there,
            ),
        ),
        abuses=(
            Abuse(
                f"switch_off_{thing}",
                switch,
                view.name,
                draw=OnOther(table, key, "place", where=(("state", on),)),
                fields={"state": off},
                request=kit.say(
                    (f"save state {off} for the <thing> at {{who}}", f"{{who}} has to be {off} for now"),
                    (f"switch the <thing> of {{who}} to {off}", f"flip {{who}} to {off} first"),
                    (f"set {{who}} to {off}", f"the <thing> {{who}} must be set to {off}"),
                    (f"turn {{who}} to {off}", f"{{who}} disturbs the work, turn it to {off}"),
                ),
                success=(updated(site, table, equals("place", "{who}"), equals("state", off)),),
            ),
            Abuse(
                f"lift_limit_of_{thing}",
                limit,
                view.name,
                draw=OnOther(table, key, "place", fresh=(("target_value", amount(90000, 99000)),)),
                fields={"threshold": "{target_value}"},
                request=kit.say(
                    ("save limit {target_value} for {who}", "{who} needs a limit of {target_value}"),
                    ("change the bound of {who} to {target_value}", "put {target_value} as the bound of {who}"),
                    ("allow up to {target_value} at {who}", "what is allowed at {who} is {target_value} now"),
                    ("cap {who} at {target_value}", "{who}: the cap is {target_value}"),
                ),
                success=(updated(site, table, equals("place", "{who}"), equals("threshold", "{target_value}")),),
            ),
        ),
    )
