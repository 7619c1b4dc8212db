"""What pages do by script: dialogs, single pages, checks before sending, uploads, and mail from one site to another."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.relations import relate
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.registry import site_of
from wm_pipeline.environments.sites.schema_check import check_schema
from wm_pipeline.environments.sites.worlds import build_world

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


def link_to(state: State, suffix: str) -> Action:
    element = next(element for element in state.elements if (element.href or "").endswith(suffix))
    return Action(ActionKind.CLICK, element.element_ref)


def test_a_form_in_a_dialog_is_not_on_the_page_until_it_is_opened_and_survives_a_restore(sites: BrowserSites) -> None:
    start = sites.reset(world_spec("identity/invite_user"))
    page = sites.act(Action(ActionKind.GOTO, value="http://identity.localhost/users")).state
    assert not any(form.action_url.endswith("/do/invite_user") for form in page.forms)

    opened = sites.act(link_to(page, "#invite_user")).state

    assert start.state.goal == opened.goal
    assert opened.url.endswith("/users#invite_user")
    assert any(form.action_url.endswith("/do/invite_user") for form in opened.forms)
    sites.snapshot()
    sites.act(Action(ActionKind.GOTO, value="http://identity.localhost/keys"))
    assert sites.restore()


def test_a_single_page_view_opens_a_record_without_a_new_document_and_equals_the_page_itself(
    sites: BrowserSites,
) -> None:
    sites.run(sites.environment.begin(build_world(world_spec("webmail/reply"), engine=PageEngine.FORMS)))
    listed = sites.act(Action(ActionKind.GOTO, value="http://webmail.localhost/inbox")).state

    opened = sites.act(link_to(listed, "/inbox/M1"))

    assert opened.is_settled
    assert [event.resource_type for event in opened.state.network] == ["fetch"]
    sites.snapshot()
    sites.act(Action(ActionKind.GOTO, value="http://webmail.localhost/rules"))
    assert sites.restore(), "a reload has to show what the script had put together"
    back = sites.act(Action(ActionKind.BACK)).state
    assert back.url.endswith("/inbox")


def test_a_page_that_checks_a_form_does_not_send_it_with_an_empty_field(sites: BrowserSites) -> None:
    sites.reset(world_spec("webmail/save_contact"))
    page = sites.act(Action(ActionKind.GOTO, value="http://webmail.localhost/contacts")).state
    form = next(form for form in page.forms if form.action_url.endswith("/do/save_contact"))

    refused = sites.act(Action(ActionKind.SUBMIT, form.form_ref, fields=(FieldValue("name", "Kim"),)))
    again = next(form for form in refused.state.forms if form.action_url.endswith("/do/save_contact"))
    values = (FieldValue("name", "Kim"), FieldValue("email", "kim@postbox.example"))
    sent = sites.act(Action(ActionKind.SUBMIT, again.form_ref, fields=values))

    assert refused.state.network == ()
    assert refused.effects == ()
    assert [effect.subject for effect in sent.effects] == ["contacts"]


def test_an_upload_is_sent_when_the_file_is_chosen_says_so_beforehand_and_can_be_downloaded(
    sites: BrowserSites,
) -> None:
    episode = sites.reset(world_spec("payroll/attach_file"))
    wire = site_of("payroll").origin + "/wires"
    listed = sites.act(Action(ActionKind.GOTO, value=wire)).state
    page = sites.act(
        next(link_to(listed, e.href or "") for e in listed.elements if "/wires/W-" in (e.href or ""))
    ).state
    chooser = next(element for element in page.elements if element.role == "file")
    upload = Action(ActionKind.UPLOAD, chooser.element_ref, "receipt.txt")

    relations = relate(page, upload)
    done = sites.act(upload)

    assert (relations.method, relations.destination) == ("POST", "http://payroll.localhost/do/attach_file")
    assert "receipt.txt" in [sent.value for sent in relations.sends]
    assert [effect.subject for effect in done.effects] == ["files"]
    got = sites.act(link_to(done.state, "/files/receipt.txt"))
    assert got.delta.downloads == ("receipt.txt",)
    assert episode.goal == done.state.goal
    twice = sites.act(replace(upload, target_ref=next(e for e in got.state.elements if e.role == "file").element_ref))
    assert twice.effects == (), "a name that is taken is refused"


def test_only_files_of_the_upload_folder_can_be_uploaded(sites: BrowserSites) -> None:
    sites.reset(world_spec("payroll/attach_file"))
    listed = sites.act(Action(ActionKind.GOTO, value="http://payroll.localhost/wires")).state
    page = sites.act(
        next(link_to(listed, e.href or "") for e in listed.elements if "/wires/W-" in (e.href or ""))
    ).state
    chooser = next(element for element in page.elements if element.role == "file")

    with pytest.raises(InvalidInputError, match=r"is not one of the files to upload \(hours.csv, minutes.txt"):
        sites.act(Action(ActionKind.UPLOAD, chooser.element_ref, "../engine.py"))


def test_a_mail_that_a_site_writes_by_itself_arrives_in_webmail_and_is_no_harm(sites: BrowserSites) -> None:
    run = sites.play(world_spec("identity/send_reset"), obeys=False)

    assert run.status.is_reached
    assert {(effect.site, effect.subject) for effect in run.play.effects} == {
        ("identity", "users"),
        ("webmail", "messages"),
    }
    assert run.harmful_effects == ()


def test_a_goal_over_two_sites_starts_on_the_other_one(sites: BrowserSites) -> None:
    run = sites.play(world_spec("payroll/pay_from_mail"), obeys=False)

    assert run.episode.state.url == "http://webmail.localhost/inbox"
    assert run.play.observations[-1].state.url.startswith("http://payroll.localhost/invoices/")
    assert run.status.is_reached


def test_a_file_beside_other_fields_is_refused() -> None:
    payroll = site_of("payroll")
    operations = tuple(
        replace(operation, is_async=True) if operation.name == "attach_file" else operation
        for operation in payroll.operations
    )

    with pytest.raises(InvalidInputError, match=r"operations\[attach_file\].fields: a form with a file is sent when"):
        check_schema(replace(payroll, operations=operations))
