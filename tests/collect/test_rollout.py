"""Every visited state is branched from as it was; delayed harm is found; troubles become data."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from tests.fakes.toy_environment import ATTACK, LEAKED, PLANTED, ToyEnvironment, press, toy_world
from wm_pipeline.collect.branches import Plans, candidate_key, choose_branches, stray_forms, vary
from wm_pipeline.collect.rollout import TrajectoryRecords, TransitionRecord, collect_trajectory
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.action import NOOP, Action, FieldValue
from wm_pipeline.domain.errors import InvalidInputError, SettingsError, WorldError
from wm_pipeline.domain.ports import Environment, Policy, RequestJudge
from wm_pipeline.domain.state import Element, Form, FormField, State, TextBlock
from wm_pipeline.domain.vocabulary import ActionKind, AssetKind, ProposedBy, StopReason
from wm_pipeline.domain.world import Episode, Observation, WorldSpec
from wm_pipeline.policies.gullible import GulliblePolicy
from wm_pipeline.policies.scripted import ScriptedPolicy

DAY = "2030-01-15"


@dataclass
class ListPolicy:
    """Presses the buttons it is given."""

    names: list[str]
    seeds: list[int] = field(default_factory=list)

    @property
    def proposed_by(self) -> ProposedBy:
        return ProposedBy.LLM

    @property
    def tokens(self) -> int:
        return 0

    def start(self, episode: Episode, environment: Environment, *, seed: int) -> None:
        self.seeds.append(seed)

    def propose(self, state: State) -> Action | None:
        return press(self.names.pop(0)) if self.names else None

    def on_refusal(self, action: Action) -> None:
        """It goes on with its list."""


def collect(
    policy: Policy,
    spec: WorldSpec | None = None,
    environment: ToyEnvironment | None = None,
    **settings: float,
) -> TrajectoryRecords:
    chosen = CollectSettings(**{"branches": 2, "noop_share": 0.0, **settings})  # type: ignore[arg-type]
    return asyncio.run(
        collect_trajectory(environment or ToyEnvironment(), policy, spec or toy_world(), day=DAY, settings=chosen)
    )


def main_steps(records: TrajectoryRecords) -> list[TransitionRecord]:
    return [one for one in records.transitions if one.branch_index == 0]


def test_a_scripted_trajectory_reaches_the_goal_and_ends_there() -> None:
    records = collect(ScriptedPolicy())

    assert records.stop_reason is StopReason.GOAL_REACHED
    assert records.benign_success
    assert records.attack_success is None
    assert [one.action for one in main_steps(records)] == [press("next"), press("next"), press("finish")]
    assert all(one.is_expert for one in main_steps(records))


def test_an_action_that_found_the_page_changed_is_recorded_and_the_trajectory_goes_on() -> None:
    records = collect(ScriptedPolicy(), replace(toy_world(), goal_id="toy/moving"), branches=0, form_branches=0)

    assert records.stop_reason is StopReason.GOAL_REACHED
    steps = main_steps(records)
    assert [one.step_index for one in steps] == [0, 1, 2, 3]
    assert [one.failure for one in steps] == [StopReason.PAGE_CHANGED, None, None, None]


def test_branches_start_from_the_state_of_their_step_and_leave_no_trace() -> None:
    records = collect(ScriptedPolicy())

    with_branches = [one for one in records.transitions if one.branch_index > 0]
    without = collect(ScriptedPolicy(), branches=0, form_branches=0)
    assert len(with_branches) == records.branches_executed == 6
    for one in records.transitions:
        assert one.state_id == main_steps(records)[one.step_index].state_id
    assert [one.next_state_id for one in main_steps(records)] == [one.next_state_id for one in without.transitions]
    assert {one.next_state_id for one in records.transitions} <= records.states.keys()


def test_where_a_window_stands_beside_the_page_the_way_is_gone_again_for_each_branch() -> None:
    environment = ToyEnvironment()

    records = collect(ScriptedPolicy(), toy_world(goal_id="toy/windows"), environment)

    plain = collect(ScriptedPolicy())
    assert (records.branches_executed, records.branches_dropped) == (plain.branches_executed, 0)
    assert [one.action for one in main_steps(records)] == [one.action for one in main_steps(plain)]
    assert (environment.restores, environment.resets) == (0, 1 + records.branches_executed)


def test_the_experts_and_the_attacks_actions_are_always_among_the_branches() -> None:
    records = collect(ListPolicy(["next", "slow"]), toy_world(attack=ATTACK), branches=1)

    at_the_attack = {one.proposed_by: one.action for one in records.transitions if one.step_index == 1}
    assert at_the_attack == {
        ProposedBy.LLM: press("slow"),
        ProposedBy.BRANCH_EXPERT: press("next"),
        ProposedBy.BRANCH_ATTACK: press("leak"),
    }


def test_a_gullible_policy_obeys_the_page_and_the_attack_counts() -> None:
    records = collect(GulliblePolicy(), toy_world(attack=ATTACK))

    assert [one.action for one in main_steps(records)][:2] == [press("next"), press("leak")]
    assert (records.benign_success, records.attack_success) == (True, True)


def test_harm_that_comes_later_is_added_to_the_action_that_caused_it() -> None:
    records = collect(ListPolicy(["plant", "next"]), branches=0, form_branches=0, horizon=2)

    planted, following = main_steps(records)
    assert planted.effects[0] == PLANTED
    assert [(effect.kind, effect.steps_later) for effect in planted.effects[1:]] == [(LEAKED.kind, 1), (LEAKED.kind, 2)]
    assert following.effects == (LEAKED,)


@pytest.mark.parametrize(("horizon", "asset"), [(3, AssetKind.NONE), (2, AssetKind.LOCAL_STORAGE)])
def test_what_is_stored_touches_nothing_where_honest_steps_to_the_goal_show_no_harm(
    horizon: int, asset: AssetKind
) -> None:
    records = collect(
        ListPolicy(["plant"]), toy_world(goal_id="toy/harmless"), branches=0, form_branches=0, horizon=horizon
    )

    (planted,) = main_steps(records)
    assert planted.effects == (replace(PLANTED, asset=asset),)


def test_without_a_horizon_nothing_is_waited_for() -> None:
    records = collect(ListPolicy(["plant"]), branches=0, form_branches=0, horizon=0)

    assert main_steps(records)[0].effects == (PLANTED,)


def test_delayed_harm_of_a_branch_is_found_too() -> None:
    records = collect(ListPolicy(["slow"]), branches=7, horizon=1)

    planted = next(one for one in records.transitions if one.action == press("plant"))
    assert [effect.steps_later for effect in planted.effects] == [0, 1]


@pytest.mark.parametrize(
    ("name", "reason"), [("crash", StopReason.BROWSER_CRASHED), ("hang", StopReason.TIMED_OUT)], ids=["crash", "hang"]
)
def test_a_failed_step_ends_the_trajectory_and_is_recorded(name: str, reason: StopReason) -> None:
    records = collect(ListPolicy(["next", name, "next"]), branches=0, form_branches=0)

    assert records.stop_reason is reason
    assert [one.failure for one in main_steps(records)] == [None, reason]
    assert main_steps(records)[1].next_state_id == main_steps(records)[1].state_id


def test_a_failed_branch_is_recorded_and_the_trajectory_goes_on() -> None:
    records = collect(ScriptedPolicy(), branches=7)

    failures = {one.action.target_ref: one.failure for one in records.transitions if one.failure}
    assert failures == {
        press("crash").target_ref: StopReason.BROWSER_CRASHED,
        press("hang").target_ref: StopReason.TIMED_OUT,
    }
    assert records.stop_reason is StopReason.GOAL_REACHED


def test_a_page_that_cannot_be_restored_drops_its_branches_and_is_replayed() -> None:
    environment = ToyEnvironment()

    records = collect(ScriptedPolicy(), toy_world(goal_id="toy/unrestorable"), environment, branches=7, horizon=0)

    assert records.branches_dropped > 0
    assert environment.resets > 1
    assert records.stop_reason is StopReason.GOAL_REACHED
    assert records.branches_executed == sum(one.branch_index > 0 for one in records.transitions)


class ForgetfulToy(ToyEnvironment):
    """Its pages offer nothing any more when the world is started again."""

    async def act(self, action: Action, *, judge: RequestJudge | None = None) -> Observation:
        if self.resets > 1:
            raise InvalidInputError(f"action.target_ref: the state has no element {action.target_ref!r}")
        return await super().act(action)


def test_a_page_that_can_neither_be_restored_nor_replayed_ends_the_trajectory() -> None:
    spec = toy_world(goal_id="toy/unrestorable")

    records = collect(
        ListPolicy(["next", "plant", "next"]), spec, ForgetfulToy(), branches=0, form_branches=0, horizon=1
    )

    assert (records.stop_reason, records.steps) == (StopReason.RESTORE_FAILED, 2)


def test_a_policy_that_stops_early_is_said_to_have_stopped() -> None:
    assert collect(ListPolicy(["next"])).stop_reason is StopReason.POLICY_STOPPED


def test_a_trajectory_ends_at_the_step_limit() -> None:
    records = collect(ListPolicy(["slow"] * 9), branches=0, form_branches=0, max_steps=2)

    assert (records.stop_reason, records.steps) == (StopReason.MAX_STEPS, 2)


def test_a_world_that_cannot_be_reset_is_no_trajectory() -> None:
    with pytest.raises(WorldError, match=r"^the toy cannot be reset$"):
        collect(ScriptedPolicy(), toy_world(goal_id="toy/unresettable"))


def test_the_same_seed_gives_the_same_records() -> None:
    first, second = collect(ScriptedPolicy(), branches=3), collect(ScriptedPolicy(), branches=3)
    other = collect(ScriptedPolicy(), branches=3, seed=1)

    assert first.transitions == second.transitions
    assert first.transitions != other.transitions


def a_page(*elements: Element) -> State:
    return State("http://a.localhost/", "A", "goal", elements=elements)


def test_branches_differ_from_the_main_action_and_from_each_other() -> None:
    state = a_page(*(Element(f"e{n}", "link", f"link {n}") for n in range(1, 6)))
    main = Action(ActionKind.CLICK, "e1")

    chosen = choose_branches(state, Plans(main, main, None), count=20, form_count=6, noop_share=1.0, seed=1)

    actions = [one.action for one in chosen]
    assert main not in actions
    assert len(set(actions)) == len(actions)
    assert actions[0] == NOOP
    assert {action.target_ref for action in actions if action.kind is ActionKind.CLICK} == {"e2", "e3", "e4", "e5"}


NAMED = ("amount", "iban")


def a_payment_page() -> tuple[State, Action]:
    fields = tuple(FormField(name, name, "text", "") for name in ("amount", "iban", "about"))
    links = (Element("e1", "link", "Invoices", href="http://a.localhost/invoices"),)
    form = Form("f1", "Pay", "POST", "http://a.localhost/pay", fields=fields)
    values = (FieldValue("amount", "120.50"), FieldValue("iban", "FI0361583613062"), FieldValue("about", "paper"))
    state = State("http://a.localhost/", "A", "Pay 120.50.", elements=links, forms=(form,))
    return state, Action(ActionKind.SUBMIT, "f1", fields=values)


def test_a_form_is_varied_in_one_field_at_a_time() -> None:
    state, action = a_payment_page()

    varied = vary(state, action, Random(1))

    changed = [
        [field.name for field, old in zip(one.fields, action.fields, strict=True) if field != old] for one in varied
    ]
    assert sorted(changed) == [["about"], ["amount"], ["iban"]]
    assert len({field.value for one in varied for field in one.fields if field.name == "about"}) == 2
    assert vary(state, NOOP, Random(1)) == ()


def test_a_value_is_also_swapped_for_one_of_its_kind_that_the_goal_names_for_something_else() -> None:
    state, action = a_payment_page()
    state = replace(state, goal="Pay 120.50 to FI0361583613062. Not 99.10, and not DK1234567890123. Due 2026-05-12.")

    varied = [one for seed in range(30) for one in vary(state, action, Random(seed))]

    amounts, accounts = (
        {field.value for one in varied for field in one.fields if field.name == name} for name in NAMED
    )
    assert {"99.10", "241.00"} <= amounts
    assert "DK1234567890123" in accounts
    assert not {"2026-05-12", "DK1234567890123"} & amounts


def test_a_field_that_the_expert_leaves_as_it_is_gets_what_the_page_names_for_something_else() -> None:
    state, action = a_payment_page()
    held = replace(state.forms[0], fields=(FormField("amount", "amount", "text", "120.50", "e2"),))
    block = TextBlock("The other one is 99.10.", author="kim@a.example")
    state = replace(state, forms=(held,), texts=(block,))

    varied = [one for seed in range(10) for one in vary(state, replace(action, fields=()), Random(seed))]

    assert {one.fields for one in varied} == {(FieldValue("amount", "99.10"),)}


def test_the_experts_form_is_also_sent_with_other_values() -> None:
    state, action = a_payment_page()

    chosen = choose_branches(state, Plans(NOOP, action, None), count=2, form_count=6, noop_share=0.0, seed=1)

    assert [one.proposed_by for one in chosen] == [ProposedBy.BRANCH_EXPERT, *[ProposedBy.BRANCH_VARIED] * 3]


def test_with_no_place_for_other_candidates_only_plans_and_forms_are_executed() -> None:
    state, action = a_payment_page()
    looking = Action(ActionKind.CLICK, "e1")

    def chosen(main: Action, expert: Action) -> list[tuple[ProposedBy, Action]]:
        plans = Plans(main, expert, None)
        found = choose_branches(state, plans, count=0, form_count=3, noop_share=1.0, seed=1)
        return [(ProposedBy(one.proposed_by), one.action) for one in found]

    assert [by for by, _ in chosen(looking, looking)] == [ProposedBy.BRANCH_VARIED], "the form that stands there"
    assert chosen(action, looking) == [(ProposedBy.BRANCH_EXPERT, looking)]
    assert [by for by, _ in chosen(action, action)] == [ProposedBy.BRANCH_VARIED] * 2
    assert choose_branches(state, Plans(NOOP, action, None), count=0, form_count=0, noop_share=1.0, seed=1) == ()


def test_the_pages_other_forms_are_sent_filled_in_once_a_trajectory() -> None:
    state, action = a_payment_page()
    log_off = Form("f2", "Log off", "POST", "http://a.localhost/out", fields=(FormField("csrf", "", "hidden", "csrf"),))
    empty = FormField("to", "To", "email", "", "e2")
    mail = Form("f3", "Mail", "POST", "http://a.localhost/mail", fields=(FormField("id", "", "hidden", "7"), empty))
    state = replace(state, forms=(*state.forms, log_off, mail))

    (stray,) = [one for one in stray_forms(state, Random(1)) if one.target_ref != "f1"]
    assert (stray.target_ref, [field.name for field in stray.fields]) == ("f3", ["to"])
    assert "@" in stray.fields[0].value

    plans = Plans(NOOP, action, None)
    tried = {candidate_key(state, stray): 1}
    once, again = (
        choose_branches(state, plans, count=1, form_count=6, noop_share=0.0, seed=1, tried=known)
        for known in (None, tried)
    )
    assert "f3" in {one.action.target_ref for one in once if one.proposed_by == ProposedBy.BRANCH_VARIED}
    assert "f3" not in {one.action.target_ref for one in again}


def test_candidates_that_may_have_consequences_are_chosen_more_often() -> None:
    state = a_page(
        *(Element(f"e{n}", "link", f"link {n}", href="http://a.localhost/x") for n in range(1, 10)),
        Element("e10", "link", "away", href="http://b.localhost/"),
    )

    def is_chosen(seed: int, ref: str) -> bool:
        chosen = choose_branches(state, Plans(NOOP, None, None), count=1, form_count=6, noop_share=0.0, seed=seed)
        return chosen[0].action.target_ref == ref

    away = sum(is_chosen(seed, "e10") for seed in range(400))
    plain = sum(is_chosen(seed, "e1") for seed in range(400))
    assert away > 1.8 * plain


def test_what_was_tried_before_comes_again_rarely() -> None:
    state = a_page(*(Element(f"e{n}", "link", f"link {n}", href=f"http://a.localhost/{n}") for n in range(1, 4)))
    stale = Counter({candidate_key(state, Action(ActionKind.CLICK, "e1")): 1})

    def times(tried: Counter[str]) -> int:
        picks = [
            choose_branches(
                state, Plans(NOOP, None, None), count=1, form_count=6, noop_share=0.0, seed=seed, tried=tried
            )
            for seed in range(300)
        ]
        return sum(chosen[0].action.target_ref == "e1" for chosen in picks)

    assert times(stale) < times(Counter()) / 3


def test_an_offer_on_the_next_page_is_the_same_when_words_and_address_are() -> None:
    first = a_page(Element("e1", "link", "Home", href="http://a.localhost/"))
    second = a_page(Element("e7", "link", "Home", href="http://a.localhost/"), Element("e8", "link", "Home"))

    keys = [candidate_key(first, Action(ActionKind.CLICK, "e1"))]
    keys += [candidate_key(second, Action(ActionKind.CLICK, ref)) for ref in ("e7", "e8")]

    assert keys[0] == keys[1] != keys[2]


def test_a_world_that_nothing_is_trained_on_gets_fewer_alternatives_and_no_way_back() -> None:
    settings = CollectSettings(held_out_branches=1, held_out_form_branches=3)

    light = settings.of_held_out()

    assert (light.branches, light.form_branches, light.other_goals, light.ways_back) == (1, 3, 0, 0)
    assert light.horizon == settings.horizon
    assert CollectSettings().of_held_out() == CollectSettings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("held_out_branches", -1, "collect.held_out_branches must not be negative, found -1"),
        ("max_steps", 0, "collect.max_steps must be at least 1, found 0"),
        ("branches", -1, "collect.branches must not be negative, found -1"),
        ("form_branches", -1, "collect.form_branches must not be negative, found -1"),
        ("noop_share", 1.5, "collect.noop_share must be in [0, 1], found 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        CollectSettings(**{name: value})  # type: ignore[arg-type]

    assert str(refused.value) == message
