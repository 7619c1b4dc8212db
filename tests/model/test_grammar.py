"""The delta head writes facts and nothing else, whatever the model would rather say."""

import re
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.builders import action_in, state_in
from tests.builders_model import TINY_MODEL
from wm_pipeline.domain.delta import (
    DELTA_PATTERN,
    Dialog,
    RowChange,
    StateDelta,
    StorageChange,
    delta_of_facts,
    facts_of_delta,
)
from wm_pipeline.domain.state import AuthContext, NetworkEvent
from wm_pipeline.domain.vocabulary import ChangeOperation, Head, StorageArea
from wm_pipeline.model.backbone import build_tiny_backbone
from wm_pipeline.model.decode import Sampling, predict_trees
from wm_pipeline.model.grammar import Grammar, forbid
from wm_pipeline.model.losses import ClassBalance, counts_of, head_losses, total_loss
from wm_pipeline.model.prompt import ActionNode, PromptRenderer, StateTree
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import WorldModel

# Blanks of every kind, letters of several scripts, and what is neither.
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="[]"), max_size=8)
DELTAS = st.builds(
    StateDelta,
    url=st.none() | st.builds("http://shop.localhost/{}".format, PATHS),
    auth=st.none() | st.builds(AuthContext, principal=st.none() | TEXT),
    notices=st.lists(TEXT, max_size=3).map(tuple),
    network=st.lists(
        st.builds(
            NetworkEvent,
            method=st.sampled_from(["GET", "POST", "M-SEARCH"]),
            url=st.sampled_from(["https://a.localhost/x", "http://evil.example:80/?q=1", "data:,x"]),
            resource_type=st.just("fetch"),
            status=st.none(),
            is_cross_site=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    storage=st.lists(
        st.builds(StorageChange, st.sampled_from(StorageArea), st.just("o"), TEXT, st.sampled_from(ChangeOperation)),
        max_size=3,
    ).map(tuple),
    database=st.lists(st.builds(RowChange, TEXT, TEXT, st.sampled_from(ChangeOperation)), max_size=3).map(tuple),
    downloads=st.lists(TEXT, max_size=3).map(tuple),
    dialogs=st.lists(st.builds(Dialog, TEXT, TEXT), max_size=3).map(tuple),
)


@pytest.fixture(scope="module")
def renderer() -> PromptRenderer:
    return PromptRenderer(build_tiny_backbone(seed=5).tokenizer, max_state_tokens=96)


@pytest.fixture(scope="module")
def grammar(renderer: PromptRenderer) -> Grammar:
    found = renderer.grammar(Head.STATE_DELTA)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def babbler() -> WorldModel:
    """Random weights, large enough to write varied text."""
    model = WorldModel(build_tiny_backbone(seed=5).model, TINY_MODEL, seed=6)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.mul_(4.0)
    return model.eval()


def refused_at(grammar: Grammar, token_ids: tuple[int, ...]) -> int | None:
    """Where the grammar refuses a text; None where it takes all of it."""
    state = grammar.follow()
    for place, token in enumerate(token_ids):
        if not state.allowed()[token]:
            return place
        state.take(token)
    return None


def is_fact(line: str) -> bool:
    return line == "nothing" or delta_of_facts((line,), page_url="") != StateDelta()


@given(DELTAS)
@settings(max_examples=100)
def test_every_delta_is_a_text_of_the_grammar(delta: StateDelta) -> None:
    text = "\n".join(facts_of_delta(delta))

    assert re.fullmatch(DELTA_PATTERN, text)
    assert text == "nothing" or all(is_fact(line) for line in text.splitlines())


@given(delta=DELTAS)
def test_every_delta_can_be_written(grammar: Grammar, renderer: PromptRenderer, delta: StateDelta) -> None:
    target = renderer.text(Head.STATE_DELTA, "\n".join(facts_of_delta(delta))).target_ids

    assert refused_at(grammar, target) is None


@pytest.mark.parametrize(
    "text",
    [
        "it changes nothing",
        "nothing\nurl a/b",
        "auth dana\nurl a/b",
        "rows payroll wires changed",
        "rows payroll wires",
        "storage attic theme updated",
        "request POST",
        "notice a\nnotice b\nnotice c",
        "url a/b\n",
        "url a b",
        "notice  a",
    ],
)
def test_what_is_no_delta_is_refused(grammar: Grammar, renderer: PromptRenderer, text: str) -> None:
    assert refused_at(grammar, renderer.text(Head.STATE_DELTA, text).target_ids) is not None


# Not made smaller when it fails: every example asks a model.
@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(goal=TEXT, action=TEXT, limit=st.integers(1, 40), seed=st.none() | st.integers(0, 9))
@pytest.mark.slow
def test_a_model_that_babbles_writes_facts_all_the_same(
    babbler: WorldModel, renderer: PromptRenderer, goal: str, action: str, limit: int, seed: int | None
) -> None:
    heads = (Head.RATIONALE, Head.STATE_DELTA)
    tree = renderer.question(
        state_in(f"goal: {goal}\npage: a"), [action_in(f"click {action}"), action_in("do nothing")], heads=heads
    )
    sampling = None if seed is None else Sampling(temperature=1.0, seed=seed)

    answers = predict_trees(babbler, renderer, [tree], max_new_tokens=limit, sampling=sampling)[0]

    for answer in answers:
        lines = answer.texts[Head.STATE_DELTA].splitlines()
        assert all(is_fact(line) for line in lines)
        assert lines or Head.STATE_DELTA in answer.heads_cut
        if Head.STATE_DELTA not in answer.heads_cut:
            assert re.fullmatch(DELTA_PATTERN, answer.texts[Head.STATE_DELTA])


def test_without_the_grammar_it_babbles(babbler: WorldModel, renderer: PromptRenderer) -> None:
    tree = renderer.question(
        state_in("goal: pay\npage: a"), [action_in("click 1")], heads=(Head.RATIONALE, Head.STATE_DELTA)
    )

    answer = predict_trees(babbler, renderer, [tree], max_new_tokens=30)[0][0]

    assert not any(is_fact(line) for line in answer.texts[Head.RATIONALE].splitlines())


def test_a_fact_that_is_not_whole_is_dropped_and_the_answer_says_so(renderer: PromptRenderer) -> None:
    whole = renderer.text(Head.STATE_DELTA, "url shop.localhost/cart\nnotice Saved.").target_ids

    assert renderer.written(Head.STATE_DELTA, whole) == "url shop.localhost/cart\nnotice Saved."
    assert renderer.written(Head.STATE_DELTA, whole[:-1]) == "url shop.localhost/cart"
    assert renderer.written(Head.STATE_DELTA, whole[:3]) == ""
    assert renderer.written(Head.RATIONALE, whole[:-1]) == "url shop.localhost/cart\nnotice Saved."


@pytest.mark.slow
def test_a_model_that_writes_facts_anyway_is_not_disturbed(renderer: PromptRenderer) -> None:
    text = "url shop.localhost/cart\nrows shop carts inserted"
    model = taught(renderer, text)
    tree = renderer.question(state_in("goal: buy"), [action_in("click 1")], heads=(Head.STATE_DELTA,))

    written = predict_trees(model, renderer, [tree], max_new_tokens=60)[0][0]

    prefix = [*tree.state_ids, *tree.actions[0].token_ids, *tree.actions[0].texts[0].marker_ids]
    target = renderer.text(Head.STATE_DELTA, text).target_ids
    backbone: Any = model.backbone
    with torch.inference_mode():
        logits_TV = backbone(torch.tensor([[*prefix, *target[:-1]]])).logits[0]
    free = tuple(logits_TV[len(prefix) - 1 :].argmax(dim=1).tolist())
    assert written.token_ids[Head.STATE_DELTA] == target == free
    assert written.texts[Head.STATE_DELTA] == text
    assert written.heads_cut == ()


def test_tokens_beyond_the_tokenizer_are_refused(grammar: Grammar, renderer: PromptRenderer) -> None:
    logits_SV = torch.zeros(2, 2000)

    masked_SV = forbid(logits_SV, {1: grammar.follow()})

    assert (masked_SV[0] == 0).all()
    allowed = masked_SV[1] == 0
    assert 0 < int(allowed.sum()) < 100
    assert not allowed[1024:].any()
    assert not allowed[renderer.end_id]


def taught(renderer: PromptRenderer, text: str) -> WorldModel:
    """A tiny model that has learned one text by heart."""
    model = WorldModel(build_tiny_backbone(seed=5).model, TINY_MODEL, seed=6)
    action = ActionNode(renderer.action("click 1"), (renderer.text(Head.STATE_DELTA, text),))
    trees = [StateTree(renderer.state("goal: buy")[0], (action,), False)]
    batch = pack_trees(trees, pad_id=renderer.end_id)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loss_value = 1.0
    while loss_value > 0.02:
        losses = head_losses(model(batch), batch.readouts, trees, ClassBalance())
        loss = total_loss(losses, {Head.STATE_DELTA: 1.0}, counts_of(trees))
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_value = loss.item()
    return model.eval()
