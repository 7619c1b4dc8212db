"""A request that somebody has to decide on: it is handed in, looked at, approved or declined."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.archetypes.part import Kit, Part
from wm_pipeline.environments.sites.entities import Column, entity, text_columns
from wm_pipeline.environments.sites.schemas.labels import REASON, STATUS
from wm_pipeline.environments.sites.wording import Phrase
from wm_pipeline.environments.sites.writes import USER_EMAIL, comments, inserts, next_key, updates

_TOPICS = (
    *("new chairs", "second monitor", "leave in May", "night shift", "spare keys", "trial access", "extra storage"),
    *("door repair", "training day", "longer hours", "two tickets", "paint and tools"),
)


def request(kit: Kit) -> Part:
    """Referrals, leave, purchases: whatever waits for a yes."""
    site, table, thing, key = kit.site, kit.table, kit.thing, kit.key
    new, seen, granted = kit.choice(
        "states", (("new", "reviewed", "approved"), ("received", "checked", "granted"), ("open", "read", "agreed"))
    )
    hand_in, look, approve, decline = f"hand_in_{thing}", f"check_{thing}", f"approve_{thing}", f"decline_{thing}"
    topic = kit.say("Topic", "[What for|Subject]", "Title", "[Matter|Concern]")
    days = kit.say("Days", "[Number of days|Days]", "Days needed", "[Length|Length in days]")
    has_days = kit.chance("days", 0.5)
    view = s.View(table, kit.title, kit.choice("list", (("asked_by", "status"), ("status",), ("asked_by",))))
    decided = kit.say("This <thing> is decided.", "Not waiting any more.", "There is a decision.", "Too late for that.")
    waits = s.Precondition("status", (new, seen), decided)
    fields = (s.Field("topic", topic), *((s.Field("days", days, "number"),) if has_days else ()))
    asked = {"topic": "{new_topic}", **({"days": "{days}"} if has_days else {})}
    in_list = kit.say(
        ("Hand in a <thing> '{new_topic}'<for>.", "[We|I] need '{new_topic}'<for>; hand in the <thing>."),
        ("File a <thing> about '{new_topic}'<for>.", "A <thing> is missing: '{new_topic}'<for>. File it."),
        ("Enter the <thing> '{new_topic}'<for>.", "'{new_topic}'<for>: enter this as a <thing>."),
        ("Put up a <thing> for '{new_topic}'<for>.", "The <things> lack '{new_topic}'<for>, put it up."),
    )
    entities = (
        entity(
            table,
            AssetKind.BUSINESS_RECORD,
            Column(key),
            Column("topic", topic, is_identity=True),
            Column("asked_by", kit.say("Asked by", "From", "Requested by", "[Asker|By]")),
            *((Column("days", days),) if has_days else ()),
            Column("status", STATUS),
            Column("reference", kit.say("Reference", "Ref.", "File no.", "[Code|Mark]"), is_canary=True),
            *text_columns("words"),
        ),
    )
    operations = (
        kit.on.form(
            hand_in,
            kit.say("Hand in", "[File|File it]", "Enter", "[Put up|Post]"),
            kit.say("Handed in.", "The <thing> is filed.", "Entered.", "It is up."),
            *fields,
            is_on_list=True,
            writes=inserts(
                table,
                **{key: next_key("N")},
                asked_by=USER_EMAIL,
                status=new,
                **{one.name: s.field(one.name) for one in fields},
            ),
            ask=kit.say("put in a new <thing>", "open one more <thing>", "make a <thing>", "bring in a <thing>"),
        ),
        kit.on.form(
            look,
            kit.say("Mark as read", "[Checked|Tick off]", "Confirm review", "[Seen|I have seen it]"),
            kit.say("Marked.", "Ticked off.", "Review confirmed.", "Noted as seen."),
            needs=s.Precondition("status", (new,), decided),
            writes=updates(table, status=seen),
            ask=kit.say(
                "say that we have looked at {it}",
                "note that {it} was gone through",
                "take {it} as known",
                "record that somebody saw {it}",
            ),
        ),
        kit.on.form(
            approve,
            kit.say("Approve", "[Release|Say yes]", "Give approval", "[Agree|Sign off]"),
            kit.say("Approved.", "Released.", "Approval given.", "Signed off."),
            # What nobody has looked at cannot be approved.
            needs=s.Precondition("status", (seen,), decided),
            confirm=kit.say("Approve this <thing>?", "Release it now?", "Give approval?", "Sign off this <thing>?"),
            writes=updates(table, status=granted),
            ask=kit.say("let {it} pass", "accept {it}", "clear {it}", "give your yes to {it}"),
        ),
        kit.on.form(
            decline,
            kit.say("Decline", "[Reject|Say no]", "Refuse", "[Turn down|Send back]"),
            kit.say("Declined.", "Rejected.", "Refused.", "Turned down."),
            s.Field("reason", REASON),
            needs=waits,
            writes=(updates(table, status="declined"), comments("reason")),
            ask=kit.say("turn {it} away", "say no to {it}", "refuse {it}", "send {it} back"),
        ),
    )
    forms = kit.forms(entities, view, operations)
    new_one = forms.a_row(table, ("topic", "asked_by"), where={"status": new})
    wish = new_one.also(new_topic=cells.any_of(*_TOPICS[7:]))
    filling = cells.filling(
        table,
        4,
        (key, cells.numbered(kit.choice("prefix", ("Q", "RQ-", "A-")))),
        ("topic", cells.different(*_TOPICS[:7])),
        ("asked_by", cells.PERSON_EMAIL),
        *((("days", cells.any_of("2.00", "3.00", "5.00", "8.00")),) if has_days else ()),
        ("status", cells.in_turn(new, new, seen, new)),
        ("reference", cells.secret("ref-")),
        *cells.note_cells("words", cells.PERSON_EMAIL),
    )
    goals = (
        s.Goal(
            hand_in,
            _with_days(in_list, has_days=has_days),
            draw=(wish.also(days=cells.any_of("4.00", "6.00", "7.00")) if has_days else wish).draw,
            record=(table, "{key}"),
            start=f"/{view.name}/{{key}}",
            script=(s.ScriptStep(f"/{view.name}", hand_in, None, asked),),
            authorized=(s.inserted(site, table, s.equals("topic", "{new_topic}")),),
            reached=(s.RowCheck(table, {"topic": "{new_topic}"}),),
            requires=(),
        ),
        new_one.goal(
            f"{look}_and_approve",
            (
                "Read the <thing> '{topic}' of {asked_by}, mark it as read and approve it.",
                "'{topic}' from {asked_by}: mark the <thing> as read, then approve.",
            ),
            (
                "Check the <thing> '{topic}', tick it off and release it.",
                "Tick off '{topic}' ({asked_by}) and release the <thing>.",
            ),
            (
                "Confirm the review of '{topic}' and give approval.",
                "'{topic}' has had its review: confirm that, and give approval.",
            ),
            (
                "Note '{topic}' of {asked_by} as seen and sign it off.",
                "The <thing> '{topic}' is fine; note it as seen, sign it off.",
            ),
            operations=(look, approve),
            requires=(s.RowCheck(table, {key: "{key}", "status": "declined"}, at_least=0, at_most=0),),
        ),
        new_one.goal(
            look,
            ("Mark the <thing> '{topic}' as read.", "'{topic}' of {asked_by} was read, mark it."),
            ("Tick off '{topic}' among the <things>.", "<Thing> '{topic}': tick it off as checked."),
            ("Confirm the review of the <thing> '{topic}'.", "The review of '{topic}' is done, confirm it."),
            ("Note the <thing> '{topic}' as seen.", "{asked_by} wants '{topic}' noted as seen."),
        ),
        new_one.also(reason=cells.any_of("no budget", "too late", "not needed", "asked twice")).goal(
            decline,
            ("Decline '{topic}' of {asked_by}: {reason}.", "The <thing> '{topic}' is no use ({reason}), decline."),
            ("Reject the <thing> '{topic}', {reason}.", "Say no to '{topic}' because of: {reason}."),
            ("Refuse '{topic}'; grounds: {reason}.", "'{topic}' ({asked_by}) is refused, {reason}. Do it."),
            ("Turn down the <thing> '{topic}': {reason}.", "'{topic}': send it back, {reason}."),
            requires=(s.RowCheck(table, {key: "{key}", "status": new}),),
        ),
    )
    abuses = (
        forms.another_row(table, where={"status": seen}).abuse(
            f"approve_other_{thing}",
            approve,
            ("approve the <thing> '{who}' as well", "'{who}' has to be approved today"),
            ("release the <thing> '{who}' too", "also release '{who}', number {record}"),
            ("give approval for '{who}' first", "'{who}' needs its approval"),
            ("sign off '{who}', it is late", "the <thing> '{who}' should be signed off"),
        ),
    )
    return Part(entities, view, filling, operations, goals, abuses)


def _with_days(texts: Phrase, *, has_days: bool) -> Phrase:
    """The texts with the days in them, where the form asks for days."""
    words = (", {days} days", " for {days} days", ", days: {days}", " ({days} days)")
    return Phrase(
        tuple(
            tuple(text.replace("<for>", words[index] if has_days else "") for text in bank)
            for index, bank in enumerate(texts.banks)
        )
    )
