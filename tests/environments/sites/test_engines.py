"""Page engines in a real browser: whatever a page is built of, the script does each operation, with the same effect."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.fakes.site_world import BrowserSites, SiteWorld, path_of, world_spec
from wm_pipeline.domain.action import Action, FieldValue
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, ChangeOperation, EffectKind, StorageArea, Visibility
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.instruments.script import Send, Step, form_of, next_action
from wm_pipeline.environments.sites.database import Change
from wm_pipeline.environments.sites.draw import ENGINES, Draw, FramedPart, Habit, PageEngine
from wm_pipeline.environments.sites.environment import UPLOAD_FOLDER
from wm_pipeline.environments.sites.generator import generate_site, generated_site_name
from wm_pipeline.environments.sites.registry import registered_sites, site_of
from wm_pipeline.environments.sites.schema import Control, Operation, SiteSchema
from wm_pipeline.environments.sites.sending import button_of, sending_steps, sent_names, shares_form
from wm_pipeline.environments.sites.site_words import site_word
from wm_pipeline.environments.sites.wording import WORDING_IDS
from wm_pipeline.environments.sites.worlds import World, build_world
from wm_pipeline.rounds.profiles import laptop

SITES = ("payroll", "helpdesk", generated_site_name(seed_of("test", 1)))
OPERATIONS = [(site, operation.name) for site in SITES for operation in site_of(site).operations]
MOST_STEPS = 12
SEED = next(seed for seed in range(60) if Draw(seed, "w0", PageEngine.FRAMES).layout.framed is FramedPart.ACTIONS)
"""Of worlds whose forms stand in a frame, where frames are their engine."""
assert {one.control for one in site_of(SITES[-1]).operations} == set(Control)
TYPED = {"email": "kim@postbox.example", "number": "12.50", "file": "receipt.txt"}

Written = list[tuple[str, str, ChangeOperation, dict[str, str], dict[str, str]]]


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


def operation_of(site: SiteSchema, name: str) -> Operation:
    found = site.operation(name)
    assert found is not None
    return found


def values_of(operation: Operation) -> tuple[FieldValue, ...]:
    """Something that each field takes."""
    return tuple(
        FieldValue(item.name, item.options[-1] if item.options else TYPED.get(item.input_type, "Words of three"))
        for item in operation.fields
    )


def world_for(site: SiteSchema, operation: Operation, engine: PageEngine) -> tuple[World, str | None]:
    """A world that begins where the operation stands, with a user who may do it; and the key of its record."""
    doing = (goal for goal in site.goals if operation.name in {step.operation for step in goal.script})
    goal = next(doing, site.goals[0])
    world = build_world(world_spec(f"{site.name}/{goal.name}", seed=SEED), engine=engine)
    rows, entity, view = world.rows[site.name], site.entity(operation.table), site.view_of(operation.table)
    key, page = None, f"{site.origin}/{view.name}"
    if not operation.is_on_list:
        fitting = [
            row for row in rows[operation.table] if all(row[p.column] in p.one_of for p in operation.preconditions)
        ]
        key = fitting[0][entity.key]
        page = f"{page}/{key}"
    role = operation.roles[0] if operation.roles else site.user_role
    sessions = [{**row, "role": role} for row in rows["sessions"]]
    return replace(world, rows={**world.rows, site.name: {**rows, "sessions": sessions}}, start_url=page), key


def steps_for(world: World, operation: Operation, key: str | None, *, is_by_hand: bool) -> list[Step]:
    """`world` begins where the operation stands."""
    values, page = values_of(operation), world.start_url
    return [*sending_steps(world.draw, world.site, operation, values, page=page, record=key, is_by_hand=is_by_hand)]


def written(changes: Sequence[Change]) -> Written:
    return [(one.site, one.table, one.operation, dict(one.before), dict(one.after)) for one in changes]


def written_by_browser(sites: BrowserSites, world: World, steps: list[Step]) -> Written:
    state = sites.run(sites.environment.begin(world)).state
    before = sites.environment.database.position
    for _ in range(MOST_STEPS):
        action = next_action(state, steps)
        assert action is not None, state
        observation = sites.act(action)
        assert (observation.failure, observation.problem) == (None, None)
        state = observation.state
        changes = sites.environment.database.changes_since(before)
        if changes:
            return written(changes)
    raise AssertionError(f"nothing was written in {MOST_STEPS} steps")


def written_by_server(world: World, operation: Operation, key: str | None) -> Written:
    """What the same values write when they are posted, without any page."""
    values = {value.name: value.value for value in values_of(operation)}
    files = {
        item.name: ((UPLOAD_FOLDER / values[item.name]).open("rb"), values[item.name])
        for item in operation.fields
        if item.input_type == "file"
    }
    record = {} if key is None else {"record": key}
    _, changes = SiteWorld(world).do(operation.name, path_of(world.start_url), {**record, **values, **files})
    return written(changes)


@pytest.mark.parametrize("site", [*registered_sites(), *(generated_site_name(seed_of("test", n)) for n in range(4))])
def test_in_a_form_that_several_operations_share_no_two_fields_have_one_name(site: str) -> None:
    schema = site_of(site)
    shared = [one for one in schema.operations if shares_form(one, PageEngine.BUTTONS)]

    assert shared
    for page in {(one.table, one.is_on_list) for one in shared}:
        beside = [one for one in shared if (one.table, one.is_on_list) == page]
        names = [name for one in beside for name in sent_names(schema, one, PageEngine.BUTTONS).values()]
        assert sorted(names) == sorted(set(names) - {"record"})


@pytest.mark.parametrize("site", [*registered_sites(), *(generated_site_name(seed_of("test", n)) for n in range(4))])
def test_no_two_operations_of_a_page_have_one_button(site: str) -> None:
    schema = site_of(site)
    for draw in (Draw(seed, wording) for seed in range(8) for wording in WORDING_IDS):
        buttons = Counter((one.table, one.is_on_list, button_of(draw, one)) for one in schema.operations)
        assert set(buttons.values()) == {1}


def test_the_held_out_site_has_an_engine_of_its_own_and_no_other_world_has_it() -> None:
    held_out = laptop().split_rule.held_out_sites
    generated = [generate_site(seed_of("test", index)) for index in range(4)]

    for site in (*registered_sites().values(), *generated):
        spec = world_spec(f"{site.name}/{site.goals[0].name}")
        worlds = [build_world(replace(spec, world_seed=seed)) for seed in range(40)]
        drawn = {world.draw.layout.engine for world in worlds}
        assert drawn == ({PageEngine.COMPONENTS} if site.name in held_out else set(ENGINES))
    assert held_out == ("identity",)


@pytest.mark.parametrize("seed", range(8))
def test_pages_of_the_held_out_site_are_built_as_the_world_that_it_is_a_neighbour_in(seed: int) -> None:
    own, other = (SiteWorld(world_spec(goal, seed=seed)) for goal in ("identity/grant_role", "payroll/set_salary"))
    own.get("/")
    other.get("/", site="identity")

    assert "<action-card>" in own.get("/users", site="identity").text
    assert "-card" not in other.get("/users", site="identity").text


@pytest.mark.browser
@pytest.mark.parametrize(("site", "name"), OPERATIONS, ids=[f"{site}-{name}" for site, name in OPERATIONS])
@pytest.mark.parametrize("engine", PageEngine)
def test_an_operation_is_done_by_the_script_and_writes_the_same_rows_in_every_engine(
    sites: BrowserSites, engine: PageEngine, site: str, name: str
) -> None:
    schema = site_of(site)
    operation = operation_of(schema, name)
    world, key = world_for(schema, operation, engine)
    is_by_hand = len(name) % 2 == 0

    found = written_by_browser(sites, world, steps_for(world, operation, key, is_by_hand=is_by_hand))

    assert found
    assert found == written_by_server(world_for(schema, operation, PageEngine.FORMS)[0], operation, key)


def reached_by_hand(sites: BrowserSites, world: World, send: Send) -> State:
    """The page where everything is typed in and nothing is sent yet."""
    state = sites.run(sites.environment.begin(world)).state
    while (action := next_action(state, [replace(send, is_by_hand=True)])) is not None:
        if action.kind is ActionKind.CLICK:
            break
        state = sites.act(action).state
    return state


@pytest.mark.browser
@pytest.mark.parametrize("framed", FramedPart)
def test_what_people_wrote_is_read_in_a_frame_and_its_links_lead_the_page_on(
    sites: BrowserSites, framed: FramedPart
) -> None:
    plan = AttackPlan("user_content_instruction", "comment", "harmless_request", "plain", is_lookalike=True)
    specs = (world_spec("helpdesk/reply_ticket", seed=seed, attack=plan) for seed in range(200))
    worlds = (build_world(spec, engine=PageEngine.FRAMES) for spec in specs)
    world = next(one for one in worlds if one.draw.layout.framed is framed and one.plant and "<a" in one.plant.html)
    assert world.plant is not None
    ticket = f"{world.site.origin}/tickets/{world.goal.record[1].format_map(dict(world.parameters))}"
    state = sites.run(sites.environment.begin(replace(world, start_url=ticket))).state

    block = next(one for one in state.texts if world.plant.marker in one.text)
    link = next(one for one in state.elements if one.author is not None and one.href is not None)
    led = sites.act(Action(ActionKind.CLICK, link.element_ref)).state

    elsewhere = "http://content.helpdesk.localhost" if framed is FramedPart.WORDS_ELSEWHERE else None
    author = world.rows["helpdesk"]["comments"][-1]["author"]
    assert (block.author, block.origin, block.visibility) == (author, elsewhere, Visibility.VISIBLE)
    assert led.url == link.href


@pytest.mark.browser
@pytest.mark.parametrize("engine", PageEngine)
def test_a_state_shows_the_button_what_it_stands_in_and_every_value_that_it_sends(
    sites: BrowserSites, engine: PageEngine
) -> None:
    schema = site_of("helpdesk")
    operation = operation_of(schema, "reply_ticket")
    world, key = world_for(schema, operation, engine)
    (send,) = steps_for(world, operation, key, is_by_hand=False)
    assert isinstance(send, Send)

    state = reached_by_hand(sites, world, send)

    form = form_of(state, send)
    assert form is not None
    button = next(one for one in state.elements if one.name == button_of(world.draw, operation))
    sent = form.sent_by(button.element_ref)
    assert sent is not None
    assert (button.form_ref, button.visibility, button.author) == (form.form_ref, Visibility.VISIBLE, None)
    names = sent_names(schema, operation, engine)
    values = {field.name: (field.value, field.is_as_loaded) for field in sent.fields}
    assert {names[one.name]: (one.value, False) for one in values_of(operation)}.items() <= values.items()
    if engine is PageEngine.APP:
        assert (sent.action_url, sent.is_scripted, state.url) == ("", True, world.start_url)
    else:
        assert sent.action_url == "http://helpdesk.localhost/do/reply_ticket"
        assert (sent.method, values["record"]) == ("POST", (key, True))


@pytest.mark.browser
@pytest.mark.parametrize("engine", PageEngine)
def test_a_page_with_typed_values_is_restored_as_it_was_after_it_was_sent(
    sites: BrowserSites, engine: PageEngine
) -> None:
    schema = site_of("helpdesk")
    operation = operation_of(schema, "reply_ticket")
    world, key = world_for(schema, operation, engine)
    (send,) = steps_for(world, operation, key, is_by_hand=True)
    assert isinstance(send, Send)
    state = reached_by_hand(sites, world, send)
    press = next_action(state, [send])
    assert press is not None
    sites.snapshot()

    first = sites.act(press)
    is_same = sites.restore()
    second = sites.act(press)

    assert is_same
    assert first.effects
    assert (first.effects, first.delta, first.state_id) == (second.effects, second.delta, second.state_id)


def world_with(habit: Habit) -> World:
    worlds = (
        build_world(world_spec("helpdesk/reply_ticket", seed=seed), engine=PageEngine.FORMS) for seed in range(60)
    )
    return next(world for world in worlds if world.draw.layout.habit is habit)


@pytest.mark.browser
def test_what_a_site_says_to_screen_readers_alone_and_what_its_menu_holds_nobody_sees(sites: BrowserSites) -> None:
    readers = sites.run(sites.environment.begin(world_with(Habit.READERS))).state
    world = world_with(Habit.MENU)
    shut = sites.run(sites.environment.begin(world)).state

    more = site_word(world.draw, world.site, "more")
    button = next(one for one in shut.elements if one.name == more)
    opened = sites.act(Action(ActionKind.CLICK, button.element_ref)).state

    unseen = [one for one in readers.texts if one.visibility is not Visibility.VISIBLE]
    assert len(unseen) == 1
    home = [
        [one.visibility for one in state.elements if one.href == "http://helpdesk.localhost/preferences"]
        for state in (shut, opened)
    ]
    assert home == [[Visibility.VISIBLE, Visibility.CLOSED], [Visibility.VISIBLE, Visibility.VISIBLE]]


@pytest.mark.browser
def test_what_analytics_and_an_answer_about_cookies_leave_in_storage_is_no_harm(sites: BrowserSites) -> None:
    visited = sites.run(sites.environment.begin(world_with(Habit.ANALYTICS))).state
    world = world_with(Habit.CONSENT)
    asked = sites.run(sites.environment.begin(world))
    accept = site_word(world.draw, world.site, "accept")
    button = next(one for one in asked.state.elements if one.name == accept)

    answered = sites.act(Action(ActionKind.CLICK, button.element_ref))

    assert [item.area for item in visited.storage] == [StorageArea.LOCAL]
    assert [(one.kind, one.asset) for one in answered.effects] == [(EffectKind.STORAGE_WRITTEN, AssetKind.NONE)]
    assert harms(answered.effects, asked.authorization) == ()
    assert accept not in [one.name for one in answered.state.elements]
