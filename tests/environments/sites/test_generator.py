"""Generated sites: drawn from their names, the same everywhere, and as whole as those written by hand."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from tests.fakes.site_world import BrowserSites, SiteWorld, path_of, world_spec
from wm_pipeline.domain.authorization import harms
from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.ids import digest, is_generated_site, is_sealed_site, seed_of
from wm_pipeline.domain.tables import TrajectorySchema, TransitionSchema
from wm_pipeline.domain.taxonomy import tag_of
from wm_pipeline.domain.values import is_mentioned
from wm_pipeline.domain.vocabulary import Split
from wm_pipeline.domain.world import AttackPlan, WorldSpec
from wm_pipeline.environments.instruments.script import Open, Send
from wm_pipeline.environments.sites.archetypes.lexicon import Deed
from wm_pipeline.environments.sites.check import Promise, generated_sites, world_cases
from wm_pipeline.environments.sites.draw import PageEngine
from wm_pipeline.environments.sites.effects import effects_of_changes
from wm_pipeline.environments.sites.generator import (
    ARCHETYPES,
    LINES,
    generate_site,
    generated_site_name,
    generated_site_names,
)
from wm_pipeline.environments.sites.registry import registered_attacks, registered_sites, site_of, sites_around
from wm_pipeline.environments.sites.schema import Control, SiteSchema
from wm_pipeline.environments.sites.wording import Phrase
from wm_pipeline.environments.sites.world_draws import draw_worlds
from wm_pipeline.environments.sites.worlds import build_world, checks_of
from wm_pipeline.gateways.mlflow_registry import ModelRegistry
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.rounds.pools import split_of_world
from wm_pipeline.rounds.profiles import gpu, laptop, tiny
from wm_pipeline.rounds.questions import render_sites
from wm_pipeline.rounds.raw_trajectories import collect_sites
from wm_pipeline.rounds.sealed import sealed_worlds
from wm_pipeline.rounds.settings import GENERATED, Profile, StorageSettings
from wm_pipeline.rounds.socratic_annotations import annotate_sites
from wm_pipeline.rounds.workspace import Workspace
from wm_pipeline.rounds.worlds import draw_round

FORMS = PageEngine.FORMS
"""The engine in which a step's address and the names of its fields are the operation's own."""
SEEDS = tuple(seed_of("test", index) for index in range(8))
NAMES = tuple(generated_site_name(seed) for seed in SEEDS)
NAMES_ONE_FAST = (NAMES[1], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name != NAMES[1]))
"""For tests that take about a second a site."""


def pages_of(spec: WorldSpec) -> list[str]:
    world = SiteWorld(spec)
    site = world.world.site
    paths = ["/", "/preferences", *(f"/{view.name}" for view in site.views)]
    records = [
        f"/{view.name}/{row[site.entity(view.table).key]}"
        for view in site.views
        for row in world.world.rows[site.name][view.table]
    ]
    return [world.get(path).text for path in (*paths, *records)]


def fingerprint_of(seed: int) -> str:
    """Everything about a site and one of its worlds: schema, database, pages, goal."""
    generate_site.cache_clear()
    site = generate_site(seed)
    spec = draw_worlds(site=site.name, day="2026-03-01", count=3, seed=1)[2]
    world = SiteWorld(spec)
    return digest(repr(site), world.database.dump(), *pages_of(spec), world.world.goal_text)


@pytest.mark.slow
def test_the_same_seed_draws_the_same_site_and_world_byte_for_byte_in_another_process_too() -> None:
    seed = SEEDS[0]
    code = f"from tests.environments.sites.test_generator import fingerprint_of; print(fingerprint_of({seed}))"

    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    first = generate_site(seed)
    assert fingerprint_of(seed) == elsewhere.stdout.strip()
    assert generate_site(seed) == first
    assert fingerprint_of(SEEDS[1]) != elsewhere.stdout.strip()


def test_a_name_is_all_that_is_needed_and_nothing_is_registered() -> None:
    assert [site_of(name).name for name in NAMES] == list(NAMES)
    assert not set(NAMES) & set(registered_sites())
    assert {name for name in NAMES for held in sites_around(site_of(name)) if held in NAMES and held != name} == set()


def test_a_name_that_no_seed_draws_is_refused() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        site_of("bakery0000000001")

    assert str(refusal.value) == (
        "site: no seed draws a site called 'bakery0000000001'; take the name from generated_site_name"
    )


def test_names_and_sites_differ() -> None:
    sites = [generate_site(seed) for seed in range(40)]

    assert len({site.name for site in sites}) == 40
    assert len({tuple(sorted(view.table for view in site.views)) for site in sites}) >= 35
    assert len({tuple(entity.columns for entity in site.entities) for site in sites}) == 40
    assert len({site.theme for site in sites}) >= 25
    assert {len(site.views) for site in sites} == {5, 6}


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_a_generated_site_has_enough_to_do(seed: int) -> None:
    for site in map(generate_site, range(seed, seed + 10)):
        abused = {abuse.operation for abuse in site.abuses}
        scripted = {step.operation for goal in site.goals for step in goal.script} - {None}

        assert len(site.operations) >= 6
        assert len(site.roles) == 3
        assert len(site.goals) >= 8
        assert len(site.abuses) >= 5
        assert scripted == {operation.name for operation in site.operations}
        assert [o for o in site.operations if not o.is_csrf_protected and o.name in abused]
        assert any(operation.is_async for operation in site.operations)
        assert {Control.BUTTON, Control.DIALOG, Control.PAGE} <= {operation.control for operation in site.operations}
        assert any(operation.is_checked_by_page for operation in site.operations)
        assert any(goal.has_hidden_variable for goal in site.goals)
        assert all(site.user_role in operation.roles for operation in site.operations if operation.roles)


def test_every_archetype_comes_up() -> None:
    sites = [generate_site(seed) for seed in range(60)]

    operations = {operation.name.split("_")[0] for site in sites for operation in site.operations}
    assert {"settle", "set", "approve", "rename", "switch", "issue", "attach", "order", "link"} <= operations
    assert len(ARCHETYPES) == 8


def test_most_sites_send_by_every_kind_of_control() -> None:
    sites = [generate_site(seed) for seed in range(60)]

    assert sum({operation.control for operation in site.operations} == set(Control) for site in sites) >= 40
    for operation in (operation for site in sites for operation in site.operations):
        is_bare = operation.control in (Control.ICON, Control.LINK, Control.MENU, Control.SWITCH)
        assert not (is_bare and operation.fields)
        assert not (operation.is_on_list and operation.control is not Control.BUTTON)


def test_a_grave_setting_of_the_lexicon_is_told_apart_from_the_status() -> None:
    entries = [(line, entry) for line in LINES for entry in line.entries if entry.deed is Deed.SETS]

    assert {entry.column == "status" for _, entry in entries if entry.asset is None} == {True}
    assert {entry.column == f"{entry.asset}_state" for _, entry in entries if entry.asset is not None} == {True}
    for line in {line for line, entry in entries if entry.asset is not None}:
        own = [e.column for e in line.entries if e.deed is Deed.SETS and e.asset is not None]
        assert not set(own) & {e.column for e in line.entries if e.deed in (Deed.GIVES, Deed.FILLS)}


@pytest.mark.parametrize("name", NAMES)
def test_banks_of_a_generated_site_share_no_sentence(name: str) -> None:
    site = site_of(name)
    for words in [goal.texts for goal in site.goals] + [abuse.request for abuse in site.abuses]:
        assert isinstance(words, Phrase)
        banks = [set(bank) for bank in words.banks]
        assert len(banks) == 4
        assert sum(len(bank) for bank in banks) == len(set.union(*banks))
        assert not [text for bank in banks for text in bank if "<" in text]


@pytest.mark.parametrize("name", NAMES_ONE_FAST)
def test_what_the_expert_types_stands_in_the_goal_or_on_the_record(name: str) -> None:
    site = site_of(name)
    for goal in site.goals:
        for seed in range(8):
            world = build_world(world_spec(f"{name}/{goal.name}", seed=seed, wording_id=f"w{seed % 4}"), engine=FORMS)
            for step in (step for step in world.expert_steps if isinstance(step, Send)):
                operation = site.operation(step.url.rpartition("/")[2])
                assert operation is not None
                entity = site.entity(operation.table)
                rows = [row for row in world.rows[name][entity.table] if row[entity.key] == step.record]
                shown = {row[item.prefill] for row in rows for item in operation.fields if item.prefill is not None}
                strange = [
                    f"{goal.name}.{value.name}: {value.value!r} in {world.goal_text!r}"
                    for value in step.fields
                    if not is_mentioned(value.value.removesuffix("."), world.goal_text) and value.value not in shown
                ]
                assert strange == []


@pytest.mark.parametrize("name", NAMES_ONE_FAST)
def test_no_goal_is_reached_before_anything_is_done_and_all_can_be(name: str) -> None:
    for goal in site_of(name).goals:
        for seed in range(5):
            one = SiteWorld(world_spec(f"{name}/{goal.name}", seed=seed))

            is_reached = all(one.database.holds(name, check) for check in checks_of(one.world, goal.reached))
            is_reachable = all(one.database.holds(name, check) for check in checks_of(one.world, goal.requires))

            assert (goal.name, seed, is_reached, is_reachable) == (goal.name, seed, False, True)


@pytest.mark.parametrize("name", NAMES)
def test_the_experts_way_leads_to_the_goal_and_harms_nobody(name: str) -> None:
    site = site_of(name)
    for index, goal in enumerate(goal for goal in site.goals if not _is_upload(site, goal.script[-1].operation)):
        one = SiteWorld(world_spec(f"{name}/{goal.name}", seed=index, wording_id=f"w{index % 4}"), engine=FORMS)
        before = one.database.position
        page = ""
        for step in one.world.expert_steps:
            if isinstance(step, Open):
                page = path_of(step.url)
            else:
                fields = {value.name: value.value for value in step.fields} | {"record": step.record or ""}
                location, _ = one.do(step.url.rpartition("/")[2], page, fields)
                assert "done=" in location, (goal.name, location)

        effects = effects_of_changes(
            one.database.changes_since(before),
            one.world.sites,
            canaries=one.world.canaries,
            company_domain=one.world.draw.company.domain,
        )
        assert effects
        assert harms(effects, one.world.authorization) == ()
        assert all(effect.asset.value == "none" or tag_of(effect) for effect in effects)
        reached = checks_of(one.world, goal.reached)
        assert (goal.name, all(one.database.holds(name, check) for check in reached)) == (goal.name, True)


def _is_upload(site: SiteSchema, operation_name: str | None) -> bool:
    operation = site.operation(operation_name or "")
    return operation is not None and any(item.input_type == "file" for item in operation.fields)


@pytest.mark.parametrize("name", NAMES_ONE_FAST)
def test_an_abuse_is_harm_whatever_the_user_has_asked_for(name: str) -> None:
    site = site_of(name)
    for index, (goal, abuse) in enumerate((g, a) for g in site.goals for a in site.abuses):
        if not abuse.fits(site, goal):
            continue
        plan = AttackPlan("user_content_instruction", "comment", abuse.name, "plain")
        spec = world_spec(f"{name}/{goal.name}", seed=index, wording_id=f"w{index % 4}", attack=plan)
        one = SiteWorld(spec, engine=FORMS)
        assert one.world.plant is not None
        page, send = one.world.plant.steps[0], one.world.plant.steps[-1]
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
        assert all(tag_of(effect) is not None for effect in done)


@pytest.mark.parametrize("name", NAMES[:3])
def test_worlds_of_a_generated_site_are_drawn_like_any_others(name: str) -> None:
    specs = draw_worlds(site=name, day="2026-03-01", count=60, seed=3)

    worlds = [build_world(spec) for spec in specs]

    plans = [spec.attack for spec in specs if spec.attack is not None]
    missing = set(registered_attacks()) - {plan.family for plan in plans}
    assert missing <= {"oauth_overconsent", "moved_default", "added_recipient"}, "which need something that some have"
    assert len({world.goal_text for world in worlds}) >= 50
    assert all("{" not in world.goal_text and "[" not in world.goal_text for world in worlds)


def test_only_generated_sites_have_names_like_theirs() -> None:
    assert all(is_generated_site(name) for name in NAMES)
    assert not any(is_generated_site(name) for name in (*registered_sites(), "miniwob", "office", "ledger2"))


def test_the_check_of_generated_sites_plays_their_goals_payloads_and_lookalikes() -> None:
    names = generated_sites(2, seed=5)

    cases = world_cases(names, seed=5)

    assert len(names) == 2
    assert {case.spec.site for case in cases} == set(names)
    assert generated_sites(3, seed=5)[:2] == names
    goals = {case.spec.goal_id for case in cases if case.promise is Promise.GOAL_REACHED}
    assert goals == {f"{name}/{goal.name}" for name in names for goal in site_of(name).goals}


@pytest.mark.browser
def test_the_browser_plays_a_generated_site_that_only_its_spec_names() -> None:
    generate_site.cache_clear()
    name = NAMES[1]
    cases = [case for case in world_cases([name]) if case.promise is Promise.GOAL_REACHED]
    attacked = [case for case in world_cases([name]) if case.promise is Promise.EFFECT_SEEN]
    sites = BrowserSites()
    try:
        goals = [sites.play(case.spec, obeys=False) for case in islice(cases, 5)]
        obeyed = [sites.play(case.spec, obeys=True) for case in attacked[::17]]
    finally:
        sites.close()

    assert [run.status.is_reached for run in goals] == [True] * len(goals)
    assert not any(run.harmful_effects for run in goals)
    assert [run.status.is_attack_successful for run in obeyed] == [True] * len(obeyed)


def with_generated(count: int, worlds: int) -> Profile:
    base = tiny()
    return replace(base, round=replace(base.round, generated_sites=count, generated_worlds=worlds))


def test_a_round_that_asks_for_generated_sites_has_a_partition_of_them_and_others_have_not() -> None:
    assert GENERATED in with_generated(3, 6).round.partitions
    assert GENERATED in gpu().round.partitions
    assert GENERATED in laptop().round.partitions
    assert tiny().round.partitions == tiny().round.sites
    assert draw_round(tiny(), "2026-03-01", GENERATED) == ()


def test_a_round_draws_fresh_sites_for_each_day_and_shares_its_worlds_out() -> None:
    profile = with_generated(3, 6)

    worlds = draw_round(profile, "2026-03-01", GENERATED)

    assert worlds == draw_round(profile, "2026-03-01", GENERATED)
    by_site = Counter(world.spec.site for world in worlds)
    assert sum(by_site.values()) in (6, 7)  # matched worlds stay together
    splits = [split_of_world(world.spec, profile.split_rule) for world in worlds]
    assert set(splits) <= {Split.TRAIN, Split.OOD_SITE}
    assert [world.is_trained_on for world in worlds] == [split is Split.TRAIN for split in splits]
    assert len(by_site) == 3
    assert not set(by_site) & {world.spec.site for world in draw_round(profile, "2026-03-02", GENERATED)}
    assert not set(by_site) & {world.spec.site for world in draw_round(profile, "2026-03-01", GENERATED, purpose="x")}


def test_most_generated_sites_are_trained_on_and_no_world_of_a_held_out_one_is() -> None:
    rule = laptop().split_rule
    names = generated_site_names(400, "split")
    kept = {name for name in names if split_of_world(world_spec(f"{name}/x"), rule) is Split.OOD_SITE}

    assert 0.2 < len(kept) / len(names) < 0.4
    for name in names:
        splits = {split_of_world(world_spec(f"{name}/x", seed=seed), rule) for seed in range(20)}
        assert (Split.OOD_SITE in splits) == (splits == {Split.OOD_SITE}) == (name in kept)


def test_a_sealed_site_is_held_out_and_drawn_by_nothing_but_its_own_key() -> None:
    rule = replace(laptop().split_rule, generated_held_out=0.0)
    sealed = generated_site_names(50, "sealed", 3, is_sealed=True)

    assert all(map(is_sealed_site, sealed))
    assert {split_of_world(world_spec(f"{name}/x"), rule) for name in sealed} == {Split.OOD_SITE}
    assert not any(map(is_sealed_site, generated_site_names(2000, "any")))
    assert [site_of(name).name for name in sealed] == list(sealed)
    worlds = sealed_worlds(3, worlds=24, sites=12)
    assert len(worlds) == 24
    assert len({world.site for world in worlds}) == 12
    assert {world.site for world in worlds} <= set(generated_site_names(12, "sealed", 3, is_sealed=True))
    assert not {world.site for world in worlds} & {world.site for world in sealed_worlds(4, worlds=24, sites=12)}


@pytest.mark.browser
@pytest.mark.slow
def test_generated_sites_are_collected_and_annotated_in_one_partition(tmp_path: Path) -> None:
    profile = with_generated(2, 2)
    storage = StorageSettings(
        data_root=str(tmp_path / "data"), work_folder=str(tmp_path / "work"), cache_folder=str(tmp_path / "cache")
    )
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts"))
    workspace = Workspace(storage, TableStore(storage.data_root), registry, profile)

    collect_sites(workspace, "2026-03-01", [GENERATED], progress=lambda *_: None)
    render_sites(workspace, "2026-03-01", [GENERATED], progress=lambda *_: None)
    output = annotate_sites(workspace, "2026-03-01", [GENERATED], champion=None, progress=lambda *_: None)

    transitions = workspace.store.read(TransitionSchema, days=["2026-03-01"], sites=[GENERATED])
    sites = workspace.store.read(TrajectorySchema, days=["2026-03-01"], sites=[GENERATED])["site"].to_list()
    assert output.rows == transitions.height > 0
    assert len(set(sites)) == 2
    assert all(is_generated_site(site) for site in sites)
