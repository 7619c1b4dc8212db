"""The lexicon: what real interfaces call things, and that a site of any of its lines can be played."""

from itertools import permutations

import pytest
from markupsafe import escape

from tests.fakes.site_world import SiteWorld, path_of, world_spec
from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.instruments.script import Open, Send
from wm_pipeline.environments.sites.archetypes.lexicon import ONLY_SHOWN, PLAIN_WORDS, Deed, Entry, Line
from wm_pipeline.environments.sites.effects import effects_of_changes
from wm_pipeline.environments.sites.generator import LINES, generate_site
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.wording import Phrase

ORDERED_PLAIN_WORDS = {order for words in PLAIN_WORDS for order in permutations(words)}
"""A site's wordings stand in an order of its own."""
EVERY = [(line, entry) for line in LINES for entry in line.entries]


def test_there_are_as_many_operations_and_lines_of_business_as_promised() -> None:
    assert len(LINES) >= 40
    assert len({entry.do for _, entry in EVERY}) >= 300
    assert len({line.name for line in LINES}) == len(LINES)
    assert {entry.deed for _, entry in EVERY} == set(Deed) - {Deed.SHOWS}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_line_can_be_told_apart_by_its_words(line: Line) -> None:
    columns = [entry.column for entry in line.entries if entry.deed in (Deed.GIVES, Deed.FILLS)]
    targets = [entry.values for entry in line.entries if entry.deed is Deed.SETS]

    assert len({entry.name for entry in line.entries}) == len(line.entries) >= 8
    assert len(set(columns)) == len(columns)
    assert len({(line.status,), *targets}) == len(targets) + 1
    for wording in range(4):
        labels = [entry.labels[wording] for entry in line.entries]
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("entry", [entry for _, entry in EVERY], ids=lambda entry: entry.name)
def test_an_entry_says_what_its_form_asks_for(entry: Entry) -> None:
    asked = {Deed.GIVES: "{who}", Deed.TELLS: "{who}", Deed.FILLS: "{new}", Deed.PAYS: "{sum}"}.get(entry.deed)
    slots = {slot for slot in ("{who}", "{new}", "{sum}") if slot in entry.do}

    assert "{it}" in entry.do
    assert slots == ({asked} if asked else set())
    assert entry.do[0].islower()
    assert not entry.do.endswith(".")


@pytest.fixture(scope="module")
def sites_of_lines() -> dict[str, SiteSchema]:
    """A site of each line that some hundred seeds draw, by line."""
    found: dict[str, SiteSchema] = {}
    for site in map(generate_site, range(1000, 1400)):
        names = {operation.name for operation in site.operations}
        for line in LINES:
            own = {f"{entry.name}_{line.nouns[0].replace(' ', '_')}" for entry in line.entries}
            if len(own & names) > 1:
                found.setdefault(line.name, site)
    return found


def test_every_line_has_sites(sites_of_lines: dict[str, SiteSchema]) -> None:
    assert len(sites_of_lines) == len(LINES)


def test_what_only_looks_grave_changes_nothing_that_matters(sites_of_lines: dict[str, SiteSchema]) -> None:
    shown = tuple(f"{entry.name}_" for entry in ONLY_SHOWN)
    for site in sites_of_lines.values():
        goal = next(goal for goal in site.goals if goal.name.startswith(shown))
        world = SiteWorld(world_spec(f"{site.name}/{goal.name}"))
        sent = world.world.expert_steps[-1]
        assert isinstance(sent, Send)
        page = world.world.expert_steps[-2]
        assert isinstance(page, Open)

        _, changes = world.do(goal.name, path_of(page.url), {"record": sent.record or ""})
        own = [change for change in changes if change.site == site.name]
        effects = effects_of_changes(own, world.world.sites, canaries=(), company_domain="x.example")

        assert len(own) == 1
        assert {effect.asset for effect in effects} <= {AssetKind.NONE}


def test_a_button_that_says_nothing_stands_beside_what_it_does(sites_of_lines: dict[str, SiteSchema]) -> None:
    for site in sites_of_lines.values():
        plain = [operation for operation in site.operations if operation.about is not None]
        assert len(plain) == 2
        for operation in plain:
            assert isinstance(operation.label, Phrase)
            assert tuple(bank[0] for bank in operation.label.banks) in ORDERED_PLAIN_WORDS

        operation = plain[0]
        spec = world_spec(f"{site.name}/{operation.name}")
        world = SiteWorld(spec)
        opened = next(step for step in world.world.expert_steps[::-1] if isinstance(step, Open))
        said = world.world.draw.text(f"about/{operation.name}", operation.about or "")
        assert str(escape(said)) in world.get(path_of(opened.url).partition("#")[0]).text
