"""`wm` with one more profile, `brief`: a whole graph in the fewest seconds, for rounds that are disturbed on purpose.

`python -m benchmarks.chaos.brief run --profile brief` is `wm run` in everything else.
"""

from dataclasses import replace

from wm_pipeline.cli.main import main
from wm_pipeline.rounds.profiles import PROFILES, tiny
from wm_pipeline.rounds.settings import Profile

BRIEF, BRIEF_RANKS = "brief", "brief-ranks"


def brief() -> Profile:
    """The tiny profile with less of everything, and no ablation."""
    base = tiny()
    return replace(
        base,
        name=BRIEF,
        round=replace(
            base.round,
            sites=("payroll", "identity"),
            worlds_per_site=12,
            held_out_worlds=1,
            split_shares=(("train", 0.5), ("validation", 0.25), ("test", 0.25), ("ood_site", 1.0)),
        ),
        # Few worlds, and none of the splits may be empty.
        split_rule=replace(base.split_rule, validation_share=0.3, test_share=0.3),
        collect=replace(base.collect, max_steps=3, branches=1, form_branches=1, other_goals=1),
        midtrain=replace(base.midtrain, max_steps=3),
        sft=replace(base.sft, max_steps=6),
        has_ablation=False,
        distill=replace(base.distill, max_steps=2),
        distill_worlds=1,
        evaluate=replace(
            base.evaluate,
            rows_per_split=10,
            text_rows_per_split=1,
            zero_shot_rows=2,
            counterfactual_rows=2,
            loop_worlds=1,
            side_worlds=0,
            loop_max_steps=3,
            outside_worlds=0,
            adaptive_grounds=0,
            pairs_per_variable=0,
            next_state_states=1,
        ),
    )


def brief_ranks() -> Profile:
    """The same with two training processes."""
    return replace(brief(), name=BRIEF_RANKS, processes=2)


def add_profiles() -> None:
    """Make both known to this process."""
    PROFILES[BRIEF], PROFILES[BRIEF_RANKS] = brief, brief_ranks


if __name__ == "__main__":
    add_profiles()
    main()
