"""Roles and names beside those of the browser's accessibility tree; where ours differ, it is wanted and stands here."""

import asyncio
import re

import pytest
from playwright.async_api import Page

from tests.environments.browser.test_observer import plain_page
from wm_pipeline.domain.vocabulary import Visibility
from wm_pipeline.environments.browser.observer import PageObserver
from wm_pipeline.environments.browser.settle import SettleSettings, walk_options

pytestmark = pytest.mark.browser
PAGES = (
    *("names/controls", "mail", "visibility", "clicks/list", "closed/parts", "app/message", "lies/labels"),
    *("lies/attributes", "lies/second_button", "lies/styled_words", "lies/own_elements", "lies/unseen_letters"),
)
SILENT = re.compile("[\ue000-\uf8ff\ufeff]")
"""Letters of icon fonts, and what counts as a space; both say nothing."""
OTHER_ROLES = {
    ("summary", "DisclosureTriangle"),
    ("combobox", "listbox"),  # whatever its size: options are selected
    ("textbox", "spinbutton"),
    ("textbox", "searchbox"),
    ("textbox", "combobox"),
    ("textbox", "generic"),  # what can be edited
    ("textbox", "Date"),
    ("textbox", "ColorWell"),
    ("file", "button"),
}
"""Ours, and the tree's: a field is a textbox whatever is typed into it, as its `input_type` says the rest."""


async def differences(page: Page, name: str) -> list[tuple[str, str, str, str]]:
    """Role and name of ours, then of the tree's, of what is seen."""
    await page.goto(f"http://mail.localhost/{name}.html")
    observer = await PageObserver.attach(page)
    walk = await observer.look(walk_options(SettleSettings()))
    cdp = await page.context.new_cdp_session(page)
    nodes = (await cdp.send("Accessibility.getFullAXTree"))["nodes"]
    tree = {one["backendDOMNodeId"]: one for one in nodes if "backendDOMNodeId" in one and not one["ignored"]}
    found = []
    for index, element in enumerate(walk.elements):
        if element.visibility is not Visibility.VISIBLE:
            continue
        node = await observer.world.node(f"nodeOf({index})")
        described = await observer.cdp.send("DOM.describeNode", {"objectId": node})
        theirs = tree[described["node"]["backendNodeId"]]
        role = theirs["role"]["value"]
        text = " ".join(SILENT.sub("", theirs.get("name", {}).get("value", "")).split())
        if (element.role, element.name) != (role, text):
            found.append((element.role, element.name, role, text))
    return found


def test_roles_and_names_are_those_of_the_accessibility_tree() -> None:
    async def all_of_them() -> dict[str, list[tuple[str, str, str, str]]]:
        async with plain_page() as page:
            return {name: await differences(page, name) for name in PAGES}

    for page, found in asyncio.run(all_of_them()).items():
        for role, name, their_role, their_name in found:
            what = (page, role, name, their_role, their_name)
            if role in {"generic", "image"}:  # no control for the tree: called by its content, as it can be clicked
                assert their_name in {"", name}, what
                continue
            assert role == their_role or (role, their_role) in OTHER_ROLES, what
            # What nothing names is called by the name that its form sends it under.
            assert name == their_name or (their_name == "" and name in {"only_a_name", "named", "own"}), what
