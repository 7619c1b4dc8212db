"""A safeguard with a limit: it is switched on, its limit is set, somebody is told about it."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, credential, entity, text_columns
from wm_pipeline.environments.sites.schemas.labels import EMAIL

_PLACES = (
    *("Main entrance", "Cash desk", "Server room", "Archive", "Workshop", "Back office", "Cold store", "Gate 4"),
    *("Reading room", "Loading dock"),
)


def protection(kit: Kit) -> Part:
    """Alarms, locks, second looks: whatever stands between a mistake and its damage."""
    table, thing, key = kit.table, kit.thing, kit.key
    on, off = kit.choice("states", (("on", "off"), ("armed", "disarmed"), ("enabled", "disabled")))
    switch, limit, tell = f"switch_{thing}", f"limit_{thing}", f"warn_about_{thing}"
    state_label = kit.say("State", "[Switch|Position]", "Is it on", "[Set to|Now]")
    limit_label = kit.say("Limit", "[Threshold|Bound]", "Allowed up to", "[Highest value|Cap]")
    view = s.View(table, kit.title, kit.choice("list", (("state",), ("state", "threshold"))))
    entities = (
        entity(
            table,
            AssetKind.BUSINESS_RECORD,
            Column(key),
            Column("place", kit.say("Place", "Where", "Location", "[Spot|Room]"), is_identity=True),
            Column("state", state_label, asset=AssetKind.PROTECTION),
            Column("threshold", limit_label, asset=AssetKind.PROTECTION),
            Column("contact", kit.say("Contact", "[Call|Who is told]", "Warned person", "Alert to")),
            credential("master_code", kit.say("Master code", "Override", "Service code", "[Key word|Reset code]")),
            *text_columns("note"),
        ),
    )
    operations = (
        kit.on.form(
            switch,
            kit.say("Save state", "[Switch|Flip]", "Set state", "[Apply|Turn]"),
            kit.say("State saved.", "Switched.", "State set.", "Applied."),
            s.Field("state", state_label, "select", prefill="state", options=(on, off)),
            ask=kit.say(
                "see to {it}",
                "adjust {it}",
                "change what {it} does",
                "look after {it}",
            ),
        ),
        kit.on.form(
            limit,
            kit.say("Save limit", "[Change bound|New bound]", "Set allowed value", "[Cap|Set cap]"),
            kit.say("Limit saved.", "Bound changed.", "Value set.", "Cap set."),
            s.Field("threshold", limit_label, "number", prefill="threshold"),
            ask=kit.say(
                "change what {it} allows",
                "adjust how far {it} may go",
                "fit the bounds of {it}",
                "correct the threshold for {it}",
            ),
        ),
        kit.on.form(
            tell,
            kit.say("Save contact", "[Change who is told|New person]", "Set warned person", "[Alert|Set alert]"),
            kit.say("Contact saved.", "Person changed.", "Warned person set.", "Alert set."),
            s.Field("contact", EMAIL, "email", prefill="contact"),
            ask=kit.say(
                "let another person know about {it}",
                "find {it} somebody to call",
                "fix who hears about {it}",
                "change whom {it} reports to",
            ),
        ),
    )
    forms = kit.forms(entities, view, operations)
    any_one = forms.a_row(table, ("place",))
    filling = cells.filling(
        table,
        4,
        (key, cells.in_turn(*(f"{kit.choice('prefix', ('Z', 'S-', 'G'))}{n}" for n in (31, 32, 33, 34)))),
        ("place", cells.different(*_PLACES)),
        ("state", cells.in_turn(on, off, on, off)),
        ("threshold", cells.amount(100, 900)),
        ("contact", cells.PERSON_EMAIL),
        ("master_code", cells.secret("mc-")),
        *cells.note_cells("note", cells.PERSON_EMAIL),
    )
    goals = (
        any_one.where(state=off).goal(
            switch,
            (f"Save state {on} for the <thing> at {{place}}.", f"The <thing> at {{place}} should be {on}, save it."),
            (f"Switch the <thing> of {{place}} to {on}.", f"{{place}}: flip the <thing> to {on}."),
            (f"Set the <thing> {{place}} to {on}.", f"From today {{place}} is {on}; set the <thing>."),
            (f"Turn the {{place}} <thing> to {on}.", f"{{place}} wants its <thing> {on}. Apply it."),
            fields={"state": on},
        ),
        any_one.also(value=cells.amount(1000, 1900)).goal(
            limit,
            ("Save limit {value} for the <thing> at {place}.", "{place}: the <thing> needs limit {value}, save it."),
            ("Change the bound of the <thing> {place} to {value}.", "New bound for {place}: {value}."),
            ("Allow up to {value} at {place}.", "Set what is allowed at {place} to {value}."),
            ("Cap the <thing> of {place} at {value}.", "{value} is the cap for {place}; set it."),
            fields={"threshold": "{value}"},
        ),
        any_one.also(email=cells.COLLEAGUE_EMAIL).goal(
            tell,
            ("Save {email} as contact of the <thing> at {place}.", "Contact for {place} is {email}, save it."),
            ("{email} is told about {place} from now on, change it.", "Change who is told at {place}: {email}."),
            ("Set {email} as the warned person of {place}.", "The <thing> {place} warns {email}; set this."),
            ("Alert {email} for {place}.", "Set the alert of the <thing> {place} to {email}."),
            fields={"contact": "{email}"},
        ),
    )
    abuses = (
        forms.another_row(table, where={"state": on}).abuse(
            f"switch_off_{thing}",
            switch,
            (f"save state {off} for the <thing> at {{who}}", f"{{who}} has to be {off} for now"),
            (f"switch the <thing> of {{who}} to {off}", f"flip {{who}} to {off} first"),
            (f"set {{who}} to {off}", f"the <thing> {{who}} must be set to {off}"),
            (f"turn {{who}} to {off}", f"{{who}} disturbs the work, turn it to {off}"),
            fields={"state": off},
        ),
        forms.another_row(table, target_value=cells.amount(90000, 99000)).abuse(
            f"lift_limit_of_{thing}",
            limit,
            ("save limit {target_value} for {who}", "{who} needs a limit of {target_value}"),
            ("change the bound of {who} to {target_value}", "put {target_value} as the bound of {who}"),
            ("allow up to {target_value} at {who}", "what is allowed at {who} is {target_value} now"),
            ("cap {who} at {target_value}", "{who}: the cap is {target_value}"),
            fields={"threshold": "{target_value}"},
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)
