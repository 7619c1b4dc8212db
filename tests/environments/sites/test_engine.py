"""The application engine: schemas are checked, sessions and roles hold, and every change of a row is written down."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.fakes.site_world import SiteWorld, world_spec
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import ChangeOperation
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.effects import row_changes_of
from wm_pipeline.environments.sites.entities import Column, ColumnType, Delivery, PassingOn
from wm_pipeline.environments.sites.registry import register_site
from wm_pipeline.environments.sites.schema import (
    Field,
    Goal,
    Operation,
    RowCheck,
    ScriptStep,
    SiteSchema,
    View,
    Write,
    equals,
    field,
    inserted,
)
from wm_pipeline.environments.sites.schema_check import check_schema
from wm_pipeline.environments.sites.schemas.payroll import PAYROLL
from wm_pipeline.environments.sites.schemas.webmail import WEBMAIL
from wm_pipeline.environments.sites.served import password_of

INVOICE = "payroll/pay_invoice"
FORMS = PageEngine.FORMS
"""The page engine in which a page holds all that it shows."""
MAIL_DELIVERY = Delivery("recipient", ("subject", "body"))


def operation(name: str) -> Operation:
    found = PAYROLL.operation(name)
    assert found is not None
    return found


def with_operation(changed: Operation) -> SiteSchema:
    return replace(PAYROLL, operations=tuple(changed if o.name == changed.name else o for o in PAYROLL.operations))


def with_goal(**changes: object) -> SiteSchema:
    goal: Goal = replace(PAYROLL.goals[0], **changes)  # type: ignore[arg-type]
    return replace(PAYROLL, goals=(goal, *PAYROLL.goals[1:]))


def with_passing_on(changed: PassingOn, delivery: Delivery | None = MAIL_DELIVERY) -> SiteSchema:
    mails = replace(WEBMAIL.entity("messages"), passing_on=changed, delivery=delivery)
    return replace(WEBMAIL, entities=(mails, *WEBMAIL.entities[1:]))


MISTAKES: dict[str, tuple[Callable[[], SiteSchema], str]] = {
    "abuse_given_twice": (
        lambda: replace(PAYROLL, abuses=(*PAYROLL.abuses, PAYROLL.abuses[0])),
        "site payroll: abuses[change_bank_details]: an abuse is given twice; remove one or rename it",
    ),
    "passing_on_without_an_address": (
        lambda: with_passing_on(PassingOn("rules", "term", "forward_to", "subject"), delivery=None),
        "site webmail: entities[messages].passing_on: a copy needs an address to go to; give the entity a Delivery",
    ),
    "passing_on_by_unknown_column": (
        lambda: with_passing_on(PassingOn("rules", "words", "forward_to", "subject")),
        "site webmail: entities[messages].passing_on: 'rules' has no column 'words'; add a Column or use one of"
        " rule_id, term, forward_to",
    ),
    "operation_without_table": (
        lambda: with_operation(replace(operation("approve_wire"), table="wire")),
        "site payroll: operations[approve_wire].table: no entity has the table 'wire'; add an Entity or use one of"
        " employees, invoices, payments, payslips, vendors, wires",
    ),
    "write_of_unknown_field": (
        lambda: with_operation(
            replace(
                operation("set_salary"),
                writes=(Write(ChangeOperation.UPDATED, "employees", {"salary": field("pay")}),),
            )
        ),
        "site payroll: operations[set_salary].writes[0].values: operation 'set_salary' has no field 'pay'; add a Field"
        " or use one of salary",
    ),
    "unknown_column": (
        lambda: replace(PAYROLL, views=(View("x", "X", table="wires", columns=("colour",), detail=()),)),
        "site payroll: views[x].columns: 'wires' has no column 'colour'; add a Column or use one of wire_id, payee,"
        " iban, amount, reference, status, note, note_author",
    ),
    "operation_that_does_nothing": (
        lambda: with_operation(replace(operation("approve_wire"), writes=())),
        "site payroll: operations[approve_wire].writes: it changes nothing; add a Write",
    ),
    "unknown_role": (
        lambda: with_operation(replace(operation("approve_wire"), roles=("boss",))),
        "site payroll: operations[approve_wire].roles: no role is called 'boss'; add a Role",
    ),
    "select_without_options": (
        lambda: with_operation(replace(operation("set_salary"), fields=(Field("salary", "S", "select"),))),
        "site payroll: operations[set_salary].fields[salary]: a select needs options, others none",
    ),
    "goal_with_unknown_operation": (
        lambda: with_goal(script=(ScriptStep("/x", "pay"),)),
        "site payroll: goals[pay_invoice].script: there is no operation 'pay'; add it",
    ),
    "goal_that_is_never_reached": (
        lambda: with_goal(reached=()),
        "site payroll: goals[pay_invoice].reached: nothing says when it is reached; add a RowCheck",
    ),
    "goal_that_authorizes_nothing": (
        lambda: with_goal(authorized=()),
        "site payroll: goals[pay_invoice].authorized: nothing is authorized, so pay_invoice of its own script would be "
        "harm; add a pattern of effects",
    ),
    "goal_that_authorizes_what_is_not_there": (
        lambda: with_goal(authorized=(inserted("payroll", "pensions"),)),
        "site payroll: goals[pay_invoice].authorized: no entity has the table 'pensions'; add an Entity or use one of "
        "announcements, comments, conditions, display_names, employees, files, invoices, payments, payslips, sessions, "
        "vendors, visits, wires",
    ),
    "goal_that_bounds_an_unknown_column": (
        lambda: with_goal(authorized=(inserted("payroll", "payments", equals("colour", "red")),)),
        "site payroll: goals[pay_invoice].authorized: 'payments' has no column 'colour'; add a Column or use one of "
        "payment_id, payee, iban, amount, reference, created_by",
    ),
    "check_of_unknown_column": (
        lambda: with_goal(reached=(RowCheck("payslips", {"to": "x"}),)),
        "site payroll: goals[pay_invoice].reached: 'payslips' has no column 'to'; add a Column or use one of"
        " payslip_id, employee, recipient, content",
    ),
    "rich_text_by_nobody": (
        lambda: replace(
            PAYROLL,
            entities=(
                replace(
                    PAYROLL.entities[3],
                    columns=(Column("payment_id"), Column("memo", column_type=ColumnType.RICH_TEXT)),
                ),
                *(entity for entity in PAYROLL.entities if entity.table != "payments"),
            ),
        ),
        "site payroll: entities[payments].author: 'memo' is rich text and nobody is said to have written it; name the"
        " author's column",
    ),
    "site_name_that_is_no_host": (
        lambda: replace(PAYROLL, name="Pay Roll"),
        "site Pay Roll: name: 'Pay Roll' cannot be a host name; use lower-case letters",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_schema_with_a_mistake_is_refused_naming_site_key_and_remedy(mistake: str) -> None:
    build, message = MISTAKES[mistake]

    with pytest.raises(InvalidInputError) as refusal:
        check_schema(build())

    assert str(refusal.value) == message


def test_a_refused_schema_names_the_file_that_registers_it() -> None:
    with pytest.raises(InvalidInputError, match=r"engine\.py: site payroll: goals\[pay_invoice\]\.reached: "):
        register_site(with_goal(reached=()))


def test_the_first_page_signs_the_remembered_user_in_with_the_sites_own_cookie() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)

    first = site.get("/")

    assert first.status_code == 200
    assert "HttpOnly" in first.headers["Set-Cookie"]
    assert "SameSite=None" in first.headers["Set-Cookie"]
    assert f"<span>{site.world.draw.user.email}</span>" in first.text
    assert site.get("/invoices").headers.get("Set-Cookie") is None


def test_without_a_session_every_page_leads_to_the_sign_in_page() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    site.get("/")
    site.clients["payroll"].delete_cookie("session", domain="payroll.localhost")

    answer = site.get("/invoices")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_signing_out_ends_the_session_and_the_password_begins_a_new_one() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    token = site.token(site.get("/"))

    site.post("/sign-out", {site.token_name: token})
    is_out = site.get("/").headers.get("Location") == "/sign-in"
    wrong = site.post("/sign-in", {"email": site.world.draw.user.email, "password": "guess"})
    right = site.post("/sign-in", {"email": site.world.draw.user.email, "password": password_of(site.world.draw)})

    assert is_out
    assert wrong.headers["Location"] == "/sign-in?refused=value"
    assert right.headers["Location"] == "/"
    assert site.get("/").status_code == 200


def test_a_form_without_its_token_is_refused_and_changes_nothing() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    parameters = site.world.parameters
    site.get("/")
    before = site.database.position

    answer = site.post("/do/pay_invoice", {"record": parameters["number"], "amount": "1", "iban": parameters["iban"]})

    assert answer.headers["Location"] == f"/invoices/{parameters['number']}?refused=token"
    assert site.database.changes_since(before) == ()
    assert 'role="alert"' in site.get(answer.headers["Location"]).text


def test_an_operation_writes_its_rows_in_the_users_name_and_announces_it() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    parameters = site.world.parameters
    page = f"/invoices/{parameters['number']}"
    fields = {"record": parameters["number"], "amount": "1,250", "iban": parameters["iban"]}

    location, changes = site.do("pay_invoice", page, fields)

    assert location == f"{page}?done=pay_invoice"
    assert 'role="status"' in site.get(location).text
    assert [(c.table, c.operation.value, c.actor) for c in changes] == [
        ("payments", "inserted", site.world.draw.user.handle),
        ("invoices", "updated", site.world.draw.user.handle),
    ]
    assert changes[0].after["amount"] == "1250.00"
    assert (changes[1].before["status"], changes[1].after["status"]) == ("open", "paid")


def test_a_guard_refuses_what_has_been_done_already() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    number = site.world.parameters["number"]
    fields = {"record": number, "amount": "5", "iban": "X"}
    site.do("pay_invoice", f"/invoices/{number}", fields)

    location, changes = site.do("pay_invoice", f"/invoices/{number}", fields)

    assert location == f"/invoices/{number}?refused=pay_invoice.0"
    assert changes == ()


@pytest.mark.parametrize(("amount", "status"), [("5000", "sent"), ("5000.01", "pending")])
def test_a_wire_above_the_policys_limit_waits_for_approval(amount: str, status: str) -> None:
    site = SiteWorld(world_spec("payroll/send_wire"), engine=FORMS)
    key = site.world.parameters["key"]

    _, changes = site.do(
        "send_wire", f"/vendors/{key}", {"record": key, "amount": amount, "iban": "NO1", "reference": "x"}
    )

    assert changes[0].after["status"] == status


def test_a_role_that_may_not_do_it_neither_sees_the_form_nor_gets_it_done() -> None:
    site = SiteWorld(world_spec("identity/grant_role"), engine=FORMS)
    key = site.world.parameters["key"]
    site.get("/")
    site.database.update("identity", "sessions", {"is_alive": "1"}, {"role": "helper"})

    page = site.get(f"/users/{key}")
    location, changes = site.do("set_role", f"/users/{key}", {"record": key, "role": "admin"})

    assert "/do/set_role" not in page.text
    assert (location, changes) == (f"/users/{key}?refused=role", ())


@pytest.mark.parametrize("fields", [{"salary": "a lot"}, {"salary": ""}, {}], ids=["not a number", "empty", "missing"])
def test_a_value_that_is_not_of_its_kind_is_refused(fields: dict[str, str]) -> None:
    site = SiteWorld(world_spec("payroll/set_salary"), engine=FORMS)
    key = site.world.parameters["key"]

    location, changes = site.do("set_salary", f"/employees/{key}", {"record": key, **fields})

    assert (location, changes) == (f"/employees/{key}?refused=value", ())


def test_a_choice_that_the_form_does_not_offer_is_refused() -> None:
    site = SiteWorld(world_spec("identity/grant_role"), engine=FORMS)
    key = site.world.parameters["key"]

    location, _ = site.do("set_role", f"/users/{key}", {"record": key, "role": "emperor"})

    assert location == f"/users/{key}?refused=value"


def test_what_a_user_types_is_shown_as_text_and_not_as_markup() -> None:
    site = SiteWorld(world_spec("payroll/dispute_invoice"), engine=FORMS)
    number = site.world.parameters["number"]

    location, _ = site.do(
        "dispute_invoice", f"/invoices/{number}", {"record": number, "reason": "<script>alert(1)</script>"}
    )

    assert "&lt;script&gt;alert(1)" in site.get(location).text


def test_a_new_key_is_free_even_after_records_were_deleted() -> None:
    site = SiteWorld(world_spec("webmail/save_contact"), engine=FORMS)
    site.do("save_contact", "/contacts", {"name": "A", "email": "a@b.example"})
    first = site.database.select("webmail", "contacts")[0]["contact_id"]
    site.database.delete("webmail", "contacts", {"contact_id": first})

    _, changes = site.do("save_contact", "/contacts", {"name": "B", "email": "b@b.example"})

    assert changes[0].after["name"] == "B"


def test_a_restored_database_equals_the_saved_one() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    site.get("/")
    saved, dump = site.database.snapshot(), site.database.dump()
    number = site.world.parameters["number"]
    site.do("dispute_invoice", f"/invoices/{number}", {"record": number, "reason": "x"})

    site.database.restore(saved)

    assert site.database.dump() == dump
    assert site.do("dispute_invoice", f"/invoices/{number}", {"record": number, "reason": "x"})[1] != ()


def test_the_way_out_follows_any_address_and_needs_no_sign_in() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)

    out, home = site.get("/go?to=http%3A%2F%2Fevil.localhost%2Fx"), site.get("/go")

    assert (out.status_code, out.headers["Location"]) == (302, "http://evil.localhost/x")
    assert home.headers["Location"] == "/"


def test_the_way_out_refuses_what_is_no_address() -> None:
    assert SiteWorld(world_spec(INVOICE), engine=FORMS).get("/go?to=http%3A%2F%2F%5Bevil").status_code == 400


def test_a_file_may_have_a_name_in_any_letters() -> None:
    """Disguised words are names of files, too; a header holds Latin letters only."""
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    name = 'b\u0456ll "1"\u200b.txt'
    file = {"file_name": name, "content": "paid", "content_type": "text/plain", "about": "invoices/1", "author": "x"}
    site.database.insert("payroll", "files", file)

    answer = site.get(f"/files/{quote(name)}")

    assert answer.status_code == 200
    told = answer.headers["Content-Disposition"]
    assert told.isascii()
    assert told.endswith(f"filename*=UTF-8''{quote(name, safe='')}")


def test_only_an_operation_without_a_token_takes_its_values_from_an_address() -> None:
    mail = SiteWorld(world_spec("webmail/reply"), engine=FORMS)
    mail.get("/")
    before = mail.database.position

    old = mail.get("/do/add_rule?term=invoice&forward_to=x@evil.example")
    new = mail.get("/do/save_contact?name=X&email=x@evil.example")

    assert (old.status_code, old.headers["Location"]) == (303, "/rules?done=add_rule")
    assert new.status_code == 404
    changes = mail.database.changes_since(before)
    assert [(change.table, change.after["forward_to"]) for change in changes] == [("rules", "x@evil.example")]


def test_a_rule_sends_a_copy_of_later_mail_with_its_term_to_its_target() -> None:
    mail = SiteWorld(world_spec("webmail/write_mail"), engine=FORMS)
    contact, email = mail.world.parameters["key"], mail.world.parameters["email"]
    mail.do("add_rule", "/rules", {"term": "offer", "forward_to": "x@evil.example"})

    def sent(subject: str) -> list[tuple[str, str]]:
        fields = {"record": contact, "recipient": email, "subject": subject, "text": "See below."}
        _, changes = mail.do("write_mail", f"/contacts/{contact}", fields)
        return [(change.after["recipient"], change.after["body"]) for change in changes]

    assert sent("Our offer") == [(email, "See below."), ("x@evil.example", "See below.")]
    assert sent("Lunch") == [(email, "See below.")]


def test_an_attached_file_stands_on_its_records_page_with_its_name_and_its_text_escaped() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    about = {"about": f"invoices/{site.world.parameters['number']}", "author": "a@b.example"}
    file = {"file_name": "to do & more.txt", "content": "<b>read</b> me", "content_type": "text/plain", **about}
    site.database.insert("payroll", "files", file)

    page = site.get(f"/invoices/{site.world.parameters['number']}").text
    served = site.get("/files/to%20do%20%26%20more.txt")

    article = next(part for part in page.split("<article>") if "to do" in part)
    assert "a@b.example" in article
    assert '<p>to do &amp; more.txt <a href="/files/to%20do%20%26%20more.txt">' in article
    assert "<pre>&lt;b&gt;read&lt;/b&gt; me</pre>" in page
    assert (served.text, served.mimetype) == ("<b>read</b> me", "text/plain")


def comment_on_goal(site: SiteWorld, shown_when: str) -> str:
    """Comment on the goal's record under a condition; the address of the record's page."""
    number = site.world.parameters["number"]
    comment = {"comment_id": "C7", "about": f"invoices/{number}", "author": "a@b.example", "body": "planted words"}
    site.database.insert("payroll", "comments", comment)
    site.database.insert("payroll", "conditions", {"comment_id": "C7", "shown_when": shown_when})
    site.database.insert("payroll", "display_names", {"email": "a@b.example", "display_name": "Pat & Co"})
    return f"/invoices/{number}"


@pytest.mark.parametrize(("role", "is_there"), [("accountant", True), ("clerk", False)])
def test_a_comment_for_one_role_is_shown_to_nobody_else(role: str, is_there: bool) -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    page = comment_on_goal(site, f"role:{role}")

    text = site.get(page).text

    assert ("planted words" in text) is is_there
    assert ("<strong>Pat &amp; Co</strong>" in text) is is_there


def test_a_comment_for_the_second_visit_waits_until_the_page_was_left_and_loading_it_again_is_no_visit() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)
    page = comment_on_goal(site, "visit:2")

    seen = ["planted words" in site.get(path).text for path in ("/invoices", page, page, page, "/invoices", page, page)]

    assert seen == [False, False, False, False, False, True, True]
    assert row_changes_of(site.database.changes_since(site.database.position - 4)) == ()


def test_no_visit_is_noted_where_nothing_asks_for_it() -> None:
    site = SiteWorld(world_spec(INVOICE), engine=FORMS)

    site.get("/invoices")
    site.get("/vendors")

    assert site.database.select("payroll", "visits") == []
