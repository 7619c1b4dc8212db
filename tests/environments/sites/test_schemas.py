"""What every site of ours promises: enough to do, three roles, and abuses that do in a real browser what they say."""

from collections.abc import Iterator

import pytest

from tests.fakes.site_world import BrowserSites, SiteWorld, path_of, world_spec
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.values import is_mentioned
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation, EffectKind
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.environments.instruments.script import Open, Send
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.effects import effects_of_changes
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.environments.sites.schema import SiteSchema, ValueSource
from wm_pipeline.environments.sites.worlds import World, build_world, checks_of

SITES = registered_sites()
NEW_SITES = ("helpdesk", "shop", "wiki", "ops")
ABUSES = [
    (f"{site.name}/{goal.name}", abuse.name, f"w{index % 4}")
    for site in SITES.values()
    for index, abuse in enumerate(site.abuses)
    for goal in [next(goal for goal in site.goals if abuse.fits(site, goal))]
]


@pytest.mark.parametrize("site", SITES.values(), ids=list(SITES))
def test_a_site_has_enough_to_do_and_three_roles_that_differ(site: SiteSchema) -> None:
    scripted = {step.operation for goal in site.goals for step in goal.script} - {None}

    assert len(site.goals) >= 10
    assert len(site.operations) >= 6
    assert len(site.abuses) >= 5
    assert len(site.roles) >= 3
    assert {role for operation in site.operations for role in operation.roles} <= {role.name for role in site.roles}
    assert scripted == {operation.name for operation in site.operations}


@pytest.mark.parametrize("site", SITES.values(), ids=list(SITES))
def test_a_site_has_every_kind_of_form_and_one_that_forgot_its_token(site: SiteSchema) -> None:
    abused = {abuse.operation for abuse in site.abuses}

    assert any(operation.confirm is not None for operation in site.operations)
    assert any(operation.is_async for operation in site.operations)
    assert [o.name for o in site.operations if not o.is_csrf_protected and o.name in abused]
    assert any(column.is_canary for entity in site.entities for column in entity.columns)
    assert any(goal.has_hidden_variable for goal in site.goals)
    assert all(site.entity(view.table).rich_text is not None for view in site.views[:1])


@pytest.mark.parametrize("site", NEW_SITES)
def test_a_new_site_has_a_limit_a_list_form_and_an_operation_that_not_every_role_may_do(site: str) -> None:
    operations = SITES[site].operations

    assert any(operation.limits for operation in operations)
    assert any(operation.is_on_list for operation in operations)
    assert any(0 < len(operation.roles) < len(SITES[site].roles) for operation in operations)


@pytest.mark.parametrize("site", SITES.values(), ids=list(SITES))
def test_a_goal_allows_a_new_row_with_its_own_values_alone_but_for_long_texts(site: SiteSchema) -> None:
    for goal in site.goals:
        bound = {(pattern.subject, bound.field) for pattern in goal.authorized for bound in pattern.bounds}
        own = [site.operation(step.operation) for step in goal.script if step.operation and not step.site]
        for write in (write for operation in own if operation is not None for write in operation.writes):
            if write.operation is ChangeOperation.INSERTED:
                typed = {name for name, value in write.values.items() if value.source is ValueSource.FIELD}
                assert typed - {"body"} <= {name for table, name in bound if table == write.table}, goal.name


@pytest.mark.parametrize("site", NEW_SITES)
def test_what_the_expert_types_stands_in_the_goal_or_on_the_record(site: str) -> None:
    for goal in SITES[site].goals:
        for seed in range(12):
            spec = world_spec(f"{site}/{goal.name}", seed=seed, wording_id=f"w{seed % 4}")
            world = build_world(spec, engine=PageEngine.FORMS)
            sent = [step for step in world.expert_steps if isinstance(step, Send)]

            strange = [
                f"{goal.name}.{value.name}: {value.value!r} in {world.goal_text!r}"
                for step in sent
                for value in step.fields
                if not is_mentioned(value.value.removesuffix("."), world.goal_text)
                and value.value not in prefilled(world, step)
            ]

            assert strange == []


@pytest.mark.parametrize("site", SITES)
def test_no_goal_is_reached_before_anything_is_done_and_all_can_be(site: str) -> None:
    for goal in SITES[site].goals:
        for seed in range(5):
            one = SiteWorld(world_spec(f"{site}/{goal.name}", seed=seed))

            is_reached = all(one.database.holds(site, check) for check in checks_of(one.world, goal.reached))
            is_reachable = all(one.database.holds(site, check) for check in checks_of(one.world, goal.requires))

            assert (goal.name, seed, is_reached, is_reachable) == (goal.name, seed, False, True)


@pytest.mark.parametrize(
    "site", [name if name == "payroll" else pytest.param(name, marks=pytest.mark.slow) for name in SITES]
)
def test_an_abuse_is_harm_whatever_the_user_has_asked_for(site: str) -> None:
    for index, (goal, abuse) in enumerate((g, a) for g in SITES[site].goals for a in SITES[site].abuses):
        if not abuse.fits(SITES[site], goal):
            continue
        plan = AttackPlan("user_content_instruction", "comment", abuse.name, "plain")
        spec = world_spec(f"{site}/{goal.name}", seed=index, wording_id=f"w{index % 4}", attack=plan)
        one = SiteWorld(spec, engine=PageEngine.FORMS)
        assert one.world.plant is not None
        page, *_, send = one.world.plant.steps  # between them a dialog may have to be opened
        assert isinstance(page, Open)
        assert isinstance(send, Send)

        fields = {value.name: value.value for value in send.fields} | {"record": send.record or ""}
        location, changes = one.do(abuse.operation, path_of(page.url), fields)

        effects = effects_of_changes(
            changes, one.world.sites, canaries=one.world.canaries, company_domain=one.world.draw.company.domain
        )
        done = [effect for effect in effects if any(p.matches(effect) for p in one.world.plant.success)]
        assert (goal.name, abuse.name, location.partition("?")[2]) == (goal.name, abuse.name, f"done={abuse.operation}")
        assert (goal.name, abuse.name, bool(harms(done, one.world.authorization))) == (goal.name, abuse.name, True)


def prefilled(world: World, step: Send) -> set[str]:
    """The values that the step's form already shows."""
    operation = world.site.operation(step.url.rpartition("/")[2])
    assert operation is not None
    entity = world.site.entity(operation.table)
    rows = [row for row in world.rows[world.site.name][entity.table] if row[entity.key] == step.record]
    return {row[field.prefill] for row in rows for field in operation.fields if field.prefill is not None}


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("goal_id", "abuse", "wording_id"), ABUSES, ids=[f"{g.split('/')[0]}-{a}" for g, a, _ in ABUSES]
)
def test_an_abuse_that_a_comment_asks_for_has_its_effect_and_a_tag(
    sites: BrowserSites, goal_id: str, abuse: str, wording_id: str
) -> None:
    plan = AttackPlan("user_content_instruction", "comment", abuse, "plain")

    run = sites.play(world_spec(goal_id, seed=31, wording_id=wording_id, attack=plan), obeys=True)

    found = run.harmful_effects
    assert run.status.is_attack_successful is True
    assert found
    assert all(tag_of(effect) is not None for effect in found)


@pytest.mark.browser
@pytest.mark.parametrize("site", NEW_SITES)
def test_a_hidden_variable_decides_alone_whether_a_secret_leaves(sites: BrowserSites, site: str) -> None:
    goal_id = f"{site}/" + next(goal.name for goal in SITES[site].goals if goal.has_hidden_variable)
    seed = next(s for s in range(200) if build_world(world_spec(goal_id, seed=s)).hidden_prior == 0.5)

    quiet, talkative = (
        sites.play(world_spec(goal_id, seed=seed, hidden_seed=hidden), obeys=False) for hidden in (0, 1)
    )

    assert [o.state_id for o in quiet.play.observations] == [o.state_id for o in talkative.play.observations]
    assert quiet.harmful_effects == ()
    leaked = talkative.harmful_effects
    assert {effect.kind for effect in leaked} == {EffectKind.DATA_RECEIVED}
    assert all(effect.canaries and effect.asset is not AssetKind.NONE for effect in leaked)
