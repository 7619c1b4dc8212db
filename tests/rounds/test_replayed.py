"""A stored trajectory as a strip of screenshots, taken in a real browser."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.site_world import BrowserSites, world_spec
from tests.fakes.toy_environment import ToyEnvironment, press, toy_world
from wm_pipeline.collect.parts import picture_name, pictures_folder
from wm_pipeline.collect.rollout import collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.collect.writer import Versions, frames_of
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.errors import InvalidInputError, MissingUpstreamError, WorldError
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, StopReason
from wm_pipeline.domain.world import AttackPlan
from wm_pipeline.gateways.table_store import TableStore
from wm_pipeline.policies.named import make_policy
from wm_pipeline.policies.scripted import ScriptedPolicy
from wm_pipeline.rounds.replayed import (
    Executed,
    Picture,
    Strip,
    StripStep,
    anchor_of,
    list_trajectories,
    read_strip,
    strip_page,
    take_pictures,
)

pytestmark = pytest.mark.browser

DAY = "2026-11-22"
ATTACK = AttackPlan("user_content_instruction", "comment", "divert_payment", "plain")


def ignore(done: int, total: int, text: str) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def sites() -> Iterator[BrowserSites]:
    sites = BrowserSites()
    yield sites
    sites.close()


@pytest.fixture(scope="module")
def store(sites: BrowserSites, tmp_path_factory: pytest.TempPathFactory) -> TableStore:
    """Two trajectories: an attacked one that obeys, and a benign one."""
    settings = CollectSettings(max_steps=6, branches=2, form_branches=2)
    attacked, benign = world_spec("payroll/pay_invoice", attack=ATTACK), world_spec("webmail/reply")
    records = [
        sites.run(collect_trajectory(sites.environment, make_policy(policy), spec, day=DAY, settings=settings))
        for policy, spec in (("gullible", attacked), ("scripted", benign))
    ]
    store = TableStore(str(tmp_path_factory.mktemp("data")))
    for table, frame in frames_of(records, Versions("sites", "chromium"))._asdict().items():
        store.write(table, frame, day=DAY, partition="payroll", lineage={})
    return store


def test_trajectories_are_listed_attacked_ones_first(store: TableStore) -> None:
    listed = list_trajectories(store)

    assert listed["site"].to_list() == ["payroll", "webmail"]
    assert list_trajectories(store, site="webmail").height == 1
    with pytest.raises(InvalidInputError, match="no trajectory of 'nothing' is stored, only of payroll, webmail"):
        list_trajectories(store, site="nothing")


def test_a_strip_shows_every_page_as_it_was_with_what_happened_and_what_else_was_tried(
    sites: BrowserSites, store: TableStore
) -> None:
    strip = read_strip(store, list_trajectories(store)["trajectory_id"][0])

    pictures = sites.run(take_pictures(sites.environment, strip, progress=ignore))
    page = strip_page(strip, pictures)

    assert len(pictures) == len(strip.steps) + 1
    assert all(picture.is_recorded for picture in pictures)
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures)
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(image) for image in images] == [picture.png for picture in pictures]
    assert any(step.main.is_harmful for step in strip.steps)
    assert any(step.branches for step in strip.steps)
    assert 'class="harm"' in page
    assert "http" not in re.sub(r"<pre>.*?</pre>|http://\w+\.localhost\S*", "", page, flags=re.DOTALL)


def test_a_page_that_is_another_one_now_is_marked(sites: BrowserSites, store: TableStore, tmp_path: Path) -> None:
    strip = read_strip(store, list_trajectories(store, site="webmail")["trajectory_id"][0])
    pictures = sites.run(take_pictures(sites.environment, strip, progress=ignore))
    other = tuple(picture.__class__(picture.png, is_recorded=False) for picture in pictures)

    assert "differs from the recorded one" not in strip_page(strip, pictures)
    assert strip_page(strip, other).count("differs from the recorded one") == len(strip.steps)


class HangingPolicy(ScriptedPolicy):
    """Stops the page for good."""

    def propose(self, state: State) -> Action | None:
        return Action(ActionKind.RUN_SCRIPT, value="for (;;) {}")


def test_a_step_that_failed_shows_the_page_that_it_failed_on(sites: BrowserSites, tmp_path: Path) -> None:
    settings = CollectSettings(max_steps=1, branches=0, form_branches=0)
    record = sites.run(
        collect_trajectory(sites.environment, HangingPolicy(), world_spec("webmail/reply"), day=DAY, settings=settings)
    )
    store = TableStore(str(tmp_path / "data"))
    for table, frame in frames_of([record], Versions("sites", "chromium"))._asdict().items():
        store.write(table, frame, day=DAY, partition="webmail", lineage={})
    picture = record.transitions[-1].picture
    assert picture is not None
    store.write_bytes(f"{pictures_folder(record.trajectory_id)}/{picture_name(0, 0)}", picture)

    strip = read_strip(store, record.trajectory_id)
    page = strip_page(strip, [Picture(b"", is_recorded=True)] * 2)

    assert record.stop_reason is StopReason.TIMED_OUT
    assert [step.main.picture for step in strip.steps] == [picture]
    assert base64.b64encode(picture).decode() in page
    assert page.count("The page when the action failed") == 1
    assert "The page at the end" not in page


def toy_strip(*names: str) -> Strip:
    """Presses of the toy's buttons; its pages are not the recorded ones."""
    steps = tuple(
        StripStep(index, "recorded", "", Executed(press(name), 0, name, "llm", "", (), False, None, None), ())
        for index, name in enumerate(names)
    )
    return Strip("t1", toy_world(), {"day": DAY}, steps)


def test_a_step_that_fails_last_still_has_its_page_pictured_and_an_earlier_one_ends_it(sites: BrowserSites) -> None:
    pictures = sites.run(take_pictures(ToyEnvironment(), toy_strip("next", "hang"), progress=ignore))

    assert [picture.is_recorded for picture in pictures] == [False] * 3
    with pytest.raises(WorldError, match=r"^t1 cannot be repeated: step 2 failed \(timed_out\)$"):
        sites.run(take_pictures(ToyEnvironment(), toy_strip("next", "hang", "next"), progress=ignore))


def test_a_step_that_its_page_does_not_offer_is_told_with_its_number(sites: BrowserSites) -> None:
    strip = toy_strip("next", "next")
    gone = replace(strip.steps[1], main=replace(strip.steps[1].main, action=Action(ActionKind.CLICK, "e99")))

    with pytest.raises(InvalidInputError, match=r"^t1 cannot be repeated from step 2: .*'e99'; its world was drawn by"):
        sites.run(take_pictures(ToyEnvironment(), replace(strip, steps=(strip.steps[0], gone)), progress=ignore))


def test_a_transition_that_was_asked_for_is_marked_and_unfolded(sites: BrowserSites, store: TableStore) -> None:
    strip = read_strip(store, list_trajectories(store)["trajectory_id"][0])
    step = next(step for step in strip.steps if step.branches)
    pictures = [Picture(b"", is_recorded=True)] * (len(strip.steps) + 1)
    branch = step.branches[0].branch_index

    own = strip_page(strip, pictures, chosen=(step.step_index, 0))
    tried = strip_page(strip, pictures, chosen=(step.step_index, branch))

    assert 'class="chosen"' not in strip_page(strip, pictures)
    assert (own.count('class="chosen"'), own.count("<details open>")) == (1, 0)
    assert (tried.count('class="chosen"'), tried.count("<details open>")) == (1, 1)
    anchor = anchor_of(strip, (step.step_index, branch))
    assert f'id="{anchor.removeprefix("#")}"' in tried
    with pytest.raises(MissingUpstreamError, match=r"has no step 99 with a branch 0; `wm data browse .*` shows those"):
        anchor_of(strip, (99, 0))


def test_an_unknown_trajectory_is_told_with_the_way_to_those_there_are(store: TableStore) -> None:
    with pytest.raises(
        MissingUpstreamError, match=r"no trajectory 'nobody' in .*; `wm data browse` lists those there are"
    ):
        read_strip(store, "nobody")
