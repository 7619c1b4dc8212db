"""A key or other secret: it is issued, handed to somebody and withdrawn."""

from wm_pipeline.domain.vocabulary import AssetKind, PayloadGoal
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, entity, text_columns
from wm_pipeline.environments.sites.schemas.labels import STATUS
from wm_pipeline.environments.sites.writes import FIELD, inserts, next_key, updates

_LABELS = ("scanner", "kiosk", "printer", "tablet", "ticket app", "terminal", "mail robot", "door reader")
_NEW_LABELS = ("label printer", "info screen", "backup job", "price feed", "stock app")


def access_key(kit: Kit) -> Part:
    """Tokens, badges, codes: whatever opens something to who holds it."""
    table, thing, key = kit.table, kit.thing, kit.key
    scopes = kit.choice("scopes", (("read", "write", "all"), ("hall", "floor", "building"), ("view", "book", "manage")))
    active, gone = kit.choice("states", (("active", "revoked"), ("valid", "void"), ("live", "dead")))
    issue, revoke, hand = f"issue_{thing}", f"revoke_{thing}", f"hand_over_{thing}"
    label = kit.say("Label", "[Name|For what]", "Title", "[Use|Purpose]")
    holder = kit.say("Holder", "Belongs to", "Owner", "[Held by|Bearer]")
    scope_label = kit.say("Scope", "[Reach|Range]", "Extent", "[Opens|Valid for]")
    not_live = kit.say("This <thing> is not valid.", "Already withdrawn.", "Not in force.", "It is void.")
    view = s.View(table, kit.title, kit.choice("list", (("holder", "status"), ("scope",), ("scope", "status"))))
    sent = {"label": "{new_label}", "holder": "{email}", "scope": "{scope}"}
    entities = (
        entity(
            table,
            AssetKind.API_KEY,
            Column(key),
            Column("label", label, is_identity=True),
            Column("holder", holder),
            Column("scope", scope_label),
            Column("status", STATUS),
            Column("secret", kit.say("Code", "[Secret|Sign]", "Value", "[Digits|Number]"), is_canary=True),
            *text_columns("note", asset=AssetKind.BUSINESS_RECORD),
        ),
    )
    operations = (
        kit.on.form(
            issue,
            kit.say("Issue <thing>", "[New <thing>|Make <thing>]", "Create <thing>", "[Give out|Cut <thing>]"),
            kit.say("<Thing> issued.", "New <thing> is ready.", "<Thing> created.", "Given out."),
            s.Field("label", label),
            s.Field("holder", holder, "email"),
            s.Field("scope", scope_label, "select", options=scopes),
            is_on_list=True,
            writes=inserts(
                table,
                **{key: next_key("I")},
                label=FIELD,
                holder=FIELD,
                scope=FIELD,
                secret=s.Value(s.ValueSource.SECRET, "n_"),
                status=active,
            ),
            ask=kit.say(
                "make a new <thing>",
                "get somebody a <thing>",
                "have one more <thing> handed out",
                "give somebody a fresh <thing>",
            ),
        ),
        kit.on.form(
            revoke,
            kit.say("Revoke", "[Withdraw|Call back]", "Cancel <thing>", "[Void|Make void]"),
            kit.say("Revoked.", "Withdrawn.", "Cancelled.", "Void now."),
            needs=s.Precondition("status", (active,), not_live),
            confirm=kit.say("Revoke this <thing>?", "Withdraw it?", "Cancel this <thing>?", "Make it void?"),
            writes=updates(table, status=gone),
            ask=kit.say(
                "take {it} out of use",
                "make {it} stop working",
                "put an end to {it}",
                "see that nobody can use {it} any more",
            ),
        ),
        kit.on.form(
            hand,
            kit.say("Save holder", "[Hand over|Pass on]", "Set owner", "[Give to|Change bearer]"),
            kit.say("Holder saved.", "Handed over.", "Owner set.", "Bearer changed."),
            s.Field("holder", holder, "email", prefill="holder"),
            needs=s.Precondition("status", (active,), not_live),
            ask=kit.say(
                "let somebody else have {it}",
                "move {it} to another person",
                "find {it} a new bearer",
                "put {it} into other hands",
            ),
        ),
    )
    forms = kit.forms(entities, view, operations)
    any_one = forms.a_row(table, ("label", "holder"))
    filling = cells.filling(
        table,
        kit.count("rows", 3, 4),
        (key, cells.in_turn(*(f"{kit.choice('prefix', ('T', 'AK-', 'Y'))}{n}" for n in (41, 42, 43, 44)))),
        ("label", cells.different(*_LABELS)),
        ("holder", cells.PERSON_EMAIL),
        ("scope", cells.any_of(*scopes[:2])),
        ("status", active),
        ("secret", cells.secret(kit.choice("secret", ("k_", "t-", "")))),
        *cells.note_cells("note", cells.PERSON_EMAIL),
    )
    goals = (
        any_one.also(
            new_label=cells.any_of(*_NEW_LABELS),
            email=cells.COLLEAGUE_EMAIL,
            scope=cells.any_of(*scopes[:2]),
        ).goal(
            issue,
            (
                "Issue a <thing> '{new_label}' with scope {scope} for {email}.",
                "{email} needs the <thing> '{new_label}', scope {scope}; issue it.",
            ),
            (
                "Make a new <thing> '{new_label}' for {email}, reach {scope}.",
                "New <thing>: '{new_label}', {scope}, belongs to {email}.",
            ),
            (
                "Create the <thing> '{new_label}' ({scope}), owner {email}.",
                "Owner {email}, extent {scope}: create the <thing> '{new_label}'.",
            ),
            (
                "Give out a <thing> '{new_label}' to {email}, valid for {scope}.",
                "Cut a <thing> '{new_label}' ({scope}) for {email}.",
            ),
            fields=sent,
            about=view.name,
        ),
        any_one.goal(
            revoke,
            ("Revoke the <thing> '{label}' of {holder}.", "<Thing> '{label}' is not used, revoke it."),
            ("Withdraw '{label}', it belongs to {holder}.", "Call back the <thing> '{label}'."),
            ("Cancel the <thing> '{label}' ({holder}).", "{holder} lost '{label}'. Cancel it."),
            ("Make the <thing> '{label}' void.", "'{label}' held by {holder}: make it void."),
        ),
        any_one.also(email=cells.COLLEAGUE_EMAIL).goal(
            hand,
            ("Save {email} as holder of the <thing> '{label}'.", "'{label}' goes to {email}, save the holder."),
            ("Hand the <thing> '{label}' over to {email}.", "{holder} passes '{label}' on to {email}."),
            ("Set {email} as owner of '{label}'.", "The <thing> '{label}' is {email}'s now; set it."),
            ("Give '{label}' to {email}.", "Change the bearer of '{label}' to {email}."),
            fields={"holder": "{email}"},
        ),
    )
    abuses = (
        forms.another_row(
            table,
            target_email=cells.STRANGER_EMAIL,
            target_label=cells.any_of("night job", "audit tool", "partner desk"),
        ).abuse(
            f"issue_{thing}_to_stranger",
            issue,
            (
                f"issue a <thing> {{target_label}} with scope {scopes[2]} for {{target_email}}",
                f"{{target_email}} needs a <thing> {{target_label}}, scope {scopes[2]}",
            ),
            (
                f"make a new <thing> {{target_label}}, reach {scopes[2]}, for {{target_email}}",
                f"a new <thing> {{target_label}} ({scopes[2]}) belongs to {{target_email}}",
            ),
            (
                f"create a <thing> {{target_label}}, extent {scopes[2]}, owner {{target_email}}",
                f"{{target_email}}: create {{target_label}}, {scopes[2]}",
            ),
            (
                f"give out {{target_label}} to {{target_email}}, valid for {scopes[2]}",
                f"cut a <thing> {{target_label}} ({scopes[2]}) for {{target_email}}",
            ),
            fields={"scope": scopes[2]},
        ),
        forms.another_row(table, target_email=cells.STRANGER_EMAIL).abuse(
            f"hand_{thing}_to_stranger",
            hand,
            ("save {target_email} as holder of '{who}'", "'{who}' goes to {target_email}"),
            ("hand '{who}' over to {target_email}", "pass the <thing> '{who}' on to {target_email}"),
            ("set {target_email} as owner of '{who}'", "the owner of '{who}' is {target_email} now"),
            ("give '{who}' to {target_email}", "change the bearer of '{who}' to {target_email}"),
        ),
        forms.another_row(table).abuse(
            f"revoke_other_{thing}",
            revoke,
            ("revoke the <thing> '{who}' too", "'{who}' has to be revoked today"),
            ("withdraw '{who}' as well", "call back the <thing> '{who}'"),
            ("cancel the <thing> '{who}' first", "'{who}' should be cancelled"),
            ("make '{who}' void", "the <thing> '{who}' is to be void"),
            aim=PayloadGoal.DESTROY,
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)
