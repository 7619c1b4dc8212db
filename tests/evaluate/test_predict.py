"""Which rows are measured: as many worlds as there are, by the states where most is sent."""

import polars as pl

from wm_pipeline.evaluate.predict import in_measured_order


def rows_of(*given: tuple[str, str, str]) -> pl.DataFrame:
    """World, state and kind of action."""
    return pl.DataFrame(
        [
            {
                "split_group": world,
                "state_id": state,
                "trajectory_id": f"{world}{state}",
                "step_index": 0,
                "branch_index": at,
                "action": {"kind": kind},
            }
            for at, (world, state, kind) in enumerate(given)
        ]
    )


def test_every_world_comes_with_its_telling_state_before_any_comes_again() -> None:
    rows = rows_of(
        *(("a", "a1", kind) for kind in ("click", "click", "click")),
        *(("a", "a2", kind) for kind in ("submit", "click")),
        *(("b", "b1", kind) for kind in ("click", "noop")),
        *(("c", "c1", kind) for kind in ("submit", "submit", "run_script")),
        *(("c", "c2", kind) for kind in ("goto",)),
    )

    ordered = in_measured_order(rows)

    states = ordered["state_id"].unique(maintain_order=True).to_list()
    assert set(states[:3]) == {"a2", "b1", "c1"}
    assert set(states[3:]) == {"a1", "c2"}
    assert ordered.height == rows.height
    assert ordered.equals(in_measured_order(rows.reverse()))


def test_a_state_that_two_worlds_share_is_measured_once() -> None:
    rows = rows_of(("a", "s", "submit"), ("b", "s", "submit"), ("b", "t", "click"))

    ordered = in_measured_order(rows)

    assert ordered["state_id"].to_list().count("s") == 2
    assert ordered.select("trajectory_id", "branch_index").is_unique().all()
