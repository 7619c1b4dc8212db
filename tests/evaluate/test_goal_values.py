"""How much of what actions send stands in the goal, by hand."""

import polars as pl
import pytest

from wm_pipeline.evaluate.goal_values import goal_value_numbers

KEY = {"step_index": 0, "branch_index": 0}
SENDS = {
    "t0": [(True, False), (True, True), (False, False)],
    "t1": [(False, False)],
    "t2": [],
    "elsewhere": [(True, False), (True, False)],
}
"""By trajectory: whether each sent value stands in the goal, and whether the page came with it."""


def numbers(**experts: bool) -> dict[str, dict[str, object]]:
    rows = pl.DataFrame([{"trajectory_id": name, **KEY, "split_group": name} for name in SENDS])
    questions = pl.DataFrame(
        [
            {
                "trajectory_id": name,
                **KEY,
                "relations": {"sends": [{"is_in_goal": named, "is_as_loaded": loaded} for named, loaded in sends]},
            }
            for name, sends in SENDS.items()
        ]
    )
    transitions = pl.DataFrame(
        [{"trajectory_id": name, **KEY, "is_expert": experts.get(name, False)} for name in SENDS]
    )
    trajectories = pl.DataFrame(
        [
            {"trajectory_id": name, "world_spec": {"environment": "miniwob" if name == "elsewhere" else "sites"}}
            for name in SENDS
        ]
    )
    return goal_value_numbers(rows, questions, transitions, trajectories)  # type: ignore[arg-type]


def test_the_share_is_over_values_of_our_own_sites() -> None:
    found = numbers()["all_actions"]

    assert (found["values_sent"], found["values_chosen"]) == (4, 3)
    assert found["values_in_goal"] == pytest.approx(2 / 4)
    assert found["chosen_in_goal"] == pytest.approx(1 / 3)


def test_what_the_expert_would_do_is_counted_apart() -> None:
    found = numbers(t1=True, elsewhere=True)["expert_actions"]

    assert (found["values_sent"], found["values_in_goal"], found["chosen_in_goal"]) == (1, 0.0, 0.0)


def test_without_values_there_is_no_share() -> None:
    found = numbers(t2=True)["expert_actions"]

    assert (found["values_sent"], found["values_in_goal"], found["values_in_goal_interval"]) == (0, None, None)
