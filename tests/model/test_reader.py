"""The reader of lines: packing changes nothing, and it learns what only links can tell."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from tests.builders import SUBMIT_WIRE, asked, payment_state
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.question import read_state
from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import ActionKind, LineKind
from wm_pipeline.model.links import QuestionGraph, graph_of
from wm_pipeline.model.reader import GraphBatch, Reader, pack_graphs
from wm_pipeline.model.sentences import SentenceEncoder
from wm_pipeline.model.settings import TINY_ENCODER, Compute, ReaderSettings

ENCODER = SentenceEncoder(TINY_ENCODER, compute=Compute.FP32)
SETTINGS = ReaderSettings(encoder=TINY_ENCODER, width=32, layers=2, heads=4, dropout=0.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build_reader() -> Reader:
    torch.manual_seed(0)
    return Reader(SETTINGS, ENCODER.width)


def questions() -> list[QuestionGraph]:
    """Of one line and more, shorter and longer than what lines are padded to."""
    state = payment_state()
    lines = read_state(state).lines
    noop, submit = (asked(state, action).lines for action in (Action(ActionKind.NOOP), SUBMIT_WIRE))
    more = [Line(LineKind.OWN_TEXT, f"text: row {number} of Northwind") for number in range(25)]
    asked_of = [(lines[:1], noop), (lines, submit), ((*lines, *more), submit), (lines[:3], submit)]
    return [graph_of(ENCODER, page, action, max_tokens=512) for page, action in asked_of]


def read(reader: Reader, graphs: list[QuestionGraph]) -> Tensor:
    with torch.no_grad():
        vector_AD: Tensor = reader(pack_graphs(graphs))[1]
    return vector_AD


def test_a_question_has_the_same_vector_alone_and_beside_longer_ones() -> None:
    reader, graphs = build_reader(), questions()
    assert len({pack_graphs([graph]).kind_AN.shape[1] for graph in graphs}) > 1

    together_AD = read(reader, graphs)

    alone_AD = torch.cat([read(reader, [graph]) for graph in graphs])
    assert together_AD.shape == (len(graphs), reader.width)
    torch.testing.assert_close(together_AD, alone_AD, rtol=0, atol=1e-5)
    assert torch.cdist(alone_AD, alone_AD).fill_diagonal_(1).min() > 0.01


def test_the_order_of_questions_is_the_order_of_vectors() -> None:
    reader, graphs = build_reader(), questions()
    order = [2, 0, 3, 1]

    permuted_AD = read(reader, [graphs[at] for at in order])

    torch.testing.assert_close(permuted_AD, read(reader, graphs)[order], rtol=0, atol=1e-5)


def test_a_questions_vector_is_the_actions_first_line_and_the_mean_of_its_lines() -> None:
    graphs = questions()
    batch = pack_graphs(graphs)

    with torch.no_grad():
        line_AND, vector_AD = build_reader()(batch)

    first, end = graphs[1].texts.index('submit form "Send wire", not in goal'), len(graphs[1].texts)
    expected_D = torch.cat([line_AND[1, first], line_AND[1, first:end].mean(0)])
    torch.testing.assert_close(vector_AD[1], expected_D)


@pytest.mark.parametrize("compute", [torch.bfloat16, torch.float32])
def test_gradients_are_finite_and_reach_every_weight(compute: torch.dtype) -> None:
    reader = build_reader()
    batch = pack_graphs(questions())

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=compute is torch.bfloat16):
        vector_AD = reader(batch)[1]
    vector_AD.float().square().mean().backward()

    gradients = {name: weight.grad for name, weight in reader.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert [name for name, gradient in gradients.items() if gradient is not None and not gradient.any()] == []


def ask_about_codes(seed: int) -> tuple[QuestionGraph, float]:
    """A code that one of two people wrote is sent, which is safe if the goal names that one.

    Names and codes are new in each question, so words tell nothing of it.
    """
    draw = random.Random(seed)
    first, second, code, other = ("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(4))
    named = draw.choice([first, second])
    page = [
        Line(LineKind.WRITTEN, f"text by {name}: Code: {value}", author=name, label="Code", value=value)
        for name, value in ((first, code), (second, other))
    ]
    draw.shuffle(page)
    goal, click = Line(LineKind.GOAL, f"goal: Enter the code of {named}."), Line(LineKind.ACTION, "submit form")
    sends = Line(LineKind.SENDS, f"sends Code = {code}", label="Code", value=code, author=first)
    return graph_of(ENCODER, [goal, *page], [click, sends], max_tokens=512), float(named == first)


def without_links(batch: GraphBatch) -> GraphBatch:
    return replace(batch, link_ANNL=torch.zeros_like(batch.link_ANNL))


def auroc_of_trained(*, has_links: bool, steps: int = 150, batch_size: int = 32) -> float:
    """On questions that the reader did not see in training."""
    asked_about = [ask_about_codes(seed) for seed in range(1200)]
    safe_A = torch.tensor([is_safe for _, is_safe in asked_about])
    batch = pack_graphs([graph for graph, _ in asked_about])
    batch = batch if has_links else without_links(batch)
    model, head = build_reader(), nn.Linear(2 * SETTINGS.width, 1)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=3e-3)
    for step in range(steps):
        at = torch.arange(step * batch_size, (step + 1) * batch_size) % 900
        logit_A = head(model(part_of(batch, at))[1])[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logit_A, safe_A[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held_out = torch.arange(900, 1200)
    with torch.no_grad():
        score_A = head(model(part_of(batch, held_out))[1])[:, 0]
    return float(roc_auc_score(safe_A[held_out].numpy(), score_A.numpy()))


def part_of(batch: GraphBatch, at: Tensor) -> GraphBatch:
    """Some questions, without their phrases."""
    none = torch.zeros(0, dtype=torch.long)
    return GraphBatch(batch.vector_ANE[at], batch.kind_AN[at], batch.mark_ANF[at], batch.link_ANNL[at], none, none)


@pytest.mark.slow
def test_the_reader_learns_by_links_whose_value_is_sent_and_without_links_it_does_not() -> None:
    assert auroc_of_trained(has_links=True) > 0.9
    assert auroc_of_trained(has_links=False) < 0.65
