"""Full runs as frozen settings; each profile derives from another."""

from collections.abc import Sequence
from dataclasses import replace

from wm_pipeline.annotate.settings import TeacherSettings
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.vocabulary import Head, TeacherKind
from wm_pipeline.evaluate.settings import EvaluateSettings
from wm_pipeline.model.settings import (
    TINY_BASE,
    TINY_ENCODER,
    Compute,
    DistillSettings,
    HeadWeight,
    ModelSettings,
    ReaderSettings,
    TrainSettings,
)
from wm_pipeline.rounds.settings import GENERATED, SITES, Profile, RoundSettings

LAPTOP_MISS_RATE = 0.15
"""A model trained for minutes reaches 0.05 only by stopping most actions (docs/log.md)."""


def laptop() -> Profile:
    """The README's main job: real weights, real Chromium, the whole graph, a quarter of an hour on 2 cores."""
    return Profile(
        name="laptop",
        round=RoundSettings(
            worlds_per_site=52,
            held_out_worlds=60,
            generated_sites=12,
            generated_worlds=36,
            held_out_twins=2,
            # Sixty worlds of each split that is measured, so that its intervals tell something; they are rolled out in
            # with few alternatives (CollectSettings.held_out_branches).
            split_shares=(
                ("train", 0.18),
                ("validation", 0.08),
                ("test", 0.185),
                ("ood_attack", 0.185),
                ("ood_goal", 0.185),
                ("ood_text", 0.185),
                ("ood_site", 1.0),
            ),
            miniwob_worlds=8,
            workers=2,
        ),
        collect=CollectSettings(
            max_steps=8,
            branches=2,
            form_branches=6,
            ways_back=1,
            held_out_branches=0,
            held_out_form_branches=3,
        ),
        # Six of thirty layers and the telling part of a page: what 2 cores learn from in minutes (docs/log.md).
        model=ModelSettings(kept_layers=(0, 1, 2, 27, 28, 29), max_state_tokens=128, max_target_tokens=48),
        midtrain=TrainSettings(
            max_steps=20,
            actions_per_tree=8,
            text_share=0.4,
            max_text_tokens=160,
            # At 1e-3 with one step of warm-up the pruned backbone diverged in one round of two.
            learning_rate=5e-4,
            warmup_ratio=0.3,
        ),
        # model/refit.py fits the heads after training; steps are for the backbone and its texts.
        # More deltas, each with more weight, in fewer steps of the same time: benchmarks/results/recipes.json.
        sft=TrainSettings(
            max_steps=46,
            actions_per_tree=8,
            text_share=0.08,
            delta_share=0.3,
            head_weights=(HeadWeight(Head.STATE_DELTA, 1.0),),
            learning_rate=7e-4,
            save_steps=50,
            target_miss_rate=LAPTOP_MISS_RATE,
            threads=1,
        ),
        is_ablation_parallel=True,
        distill=DistillSettings(
            max_steps=20,
            actions_per_tree=8,
            text_weight=0.3,
            # This teacher writes better when told what happened, but judges no better: it was not trained to judge so.
            label_share=1.0,
            learning_rate=1.5e-4,
            target_miss_rate=LAPTOP_MISS_RATE,
        ),
        distill_worlds=10,
        evaluate=EvaluateSettings(),
    )


def tiny() -> Profile:
    """For tests: a random model of a fifth of a million parameters, a handful of worlds, real Chromium, minutes."""
    base = laptop()
    return replace(
        base,
        name="tiny",
        round=RoundSettings(
            sites=("payroll", "webmail", "identity", "miniwob"),
            worlds_per_site=8,
            held_out_worlds=2,
            miniwob_worlds=2,
            workers=2,
        ),
        collect=CollectSettings(max_steps=4, branches=2, form_branches=3, horizon=1),
        # Its embeddings are random, so they are trained too.
        model=ModelSettings(
            base=TINY_BASE,
            kept_layers=None,
            max_state_tokens=256,
            compute=Compute.FP32,
            has_trained_embeddings=True,
            reader=ReaderSettings(encoder=TINY_ENCODER, width=32, layers=2, heads=4),
        ),
        zero_shot_model=ModelSettings(base=TINY_BASE, kept_layers=None, compute=Compute.FP32),
        # One thread: a matrix of 64 columns is too small to share.
        midtrain=TrainSettings(max_steps=12, threads=1),
        sft=TrainSettings(max_steps=30, learning_rate=3e-3, threads=1),
        distill=DistillSettings(max_steps=4, max_new_tokens=8, threads=1),
        distill_worlds=2,
        evaluate=EvaluateSettings(
            rows_per_split=30,
            text_rows_per_split=2,
            zero_shot_rows=8,
            counterfactual_rows=4,
            loop_worlds=3,
            loop_max_steps=4,
            outside_worlds=2,
            application_worlds=2,
            adaptive_grounds=1,
            adaptive_tries=2,
            adaptive_attacks=4,
            pairs_per_variable=1,
            next_state_states=3,
        ),
    )


def release() -> Profile:
    """What the package ships: hours on 2 cores, in as many runs as it takes; thousands of worlds of 150 sites more."""
    base = laptop()
    return replace(
        base,
        name="release",
        round=replace(
            base.round,
            worlds_per_site=100,
            held_out_worlds=40,
            generated_sites=215,
            generated_worlds=1290,
            split_shares=(
                ("train", 0.8),
                ("validation", 0.12),
                ("test", 0.02),
                ("ood_attack", 0.02),
                ("ood_goal", 0.02),
                ("ood_text", 0.02),
                ("ood_site", 1.0),
            ),
        ),
    )


def gpu() -> Profile:
    """One 80 GB card: thousands of worlds, the whole backbone."""
    base = laptop()
    return replace(
        base,
        name="gpu",
        round=RoundSettings(
            worlds_per_site=2000,
            held_out_worlds=300,
            generated_sites=300,
            generated_worlds=6000,
            miniwob_worlds=400,
            workers=8,
        ),
        model=ModelSettings(kept_layers=None, max_state_tokens=1024),
        midtrain=replace(base.midtrain, max_steps=1500, batch_size=32, learning_rate=2e-4),
        sft=replace(base.sft, max_steps=3000, batch_size=32, learning_rate=2e-4, threads=2),
        is_ablation_parallel=False,
        distill=replace(base.distill, max_steps=300, batch_size=16, learning_rate=5e-5),
        distill_worlds=200,
        evaluate=EvaluateSettings(
            rows_per_split=4000,
            text_rows_per_split=400,
            zero_shot_rows=4000,
            counterfactual_rows=400,
            loop_worlds=200,
            outside_worlds=100,
            adaptive_grounds=50,
            pairs_per_variable=20,
            next_state_states=400,
        ),
    )


def with_applications(profile: Profile, names: Sequence[str]) -> Profile:
    """The profile with the user's own applications: rolled out in and evaluated on as ood_site, never trained on."""
    taken = [name for name in names if name in (*SITES, GENERATED)]
    if taken:
        raise SettingsError(f"application {taken[0]!r} has the name of one of our sites; rename its file and its name")
    if not names:
        return profile
    rule = replace(profile.split_rule, held_out_sites=(*profile.split_rule.held_out_sites, *names))
    return replace(profile, round=replace(profile.round, sites=(*profile.round.sites, *names)), split_rule=rule)


def with_plugins(profile: Profile) -> Profile:
    """The profile with the sites of plug-ins, trained on as our own are."""
    # Browsers are loaded only where a profile is made for a round.
    from wm_pipeline.rounds.environments import sites_of_plugins

    sites = tuple(name for name in sites_of_plugins() if name not in profile.round.sites)
    return replace(profile, round=replace(profile.round, sites=(*profile.round.sites, *sites))) if sites else profile


def with_teacher(profile: Profile, kind: TeacherKind, llm: LlmSettings | None) -> Profile:
    """The profile with that teacher; the LLM teacher is the model at WM_LLM_URL."""
    if kind is TeacherKind.INSTRUMENTED:
        return replace(profile, teacher=TeacherSettings())
    if llm is None:
        raise SettingsError("the llm teacher has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
    return replace(profile, teacher=TeacherSettings(TeacherKind.LLM, llm.model))


def with_agent(profile: Profile, share: float, llm: LlmSettings | None) -> Profile:
    """The profile with that share of worlds (0 to 1) for an agent that asks the model at WM_LLM_URL."""
    if share > 0 and llm is None:
        raise SettingsError("WM_LLM_SHARE: the agent has no model to ask; set WM_LLM_URL and WM_LLM_MODEL")
    return replace(profile, round=replace(profile.round, llm_share=share))


PROFILES = {"tiny": tiny, "laptop": laptop, "release": release, "gpu": gpu}


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises SettingsError for an unknown one."""
    if name not in PROFILES:
        raise SettingsError(f"unknown profile {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]()
