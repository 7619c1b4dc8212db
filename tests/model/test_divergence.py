"""Laws of the generalized Jensen-Shannon divergence."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wm_pipeline.model.divergence import generalized_jsd

logits = st.lists(st.floats(-8, 8), min_size=5, max_size=5).map(lambda row: torch.tensor([row], dtype=torch.float64))
betas = st.floats(0.05, 0.95)


def kl(left: Tensor, right: Tensor) -> float:
    p, q = torch.log_softmax(left, -1), torch.log_softmax(right, -1)
    return float((p.exp() * (p - q)).sum())


@given(logits, logits, betas)
def test_it_is_never_negative(teacher: Tensor, student: Tensor, beta: float) -> None:
    assert generalized_jsd(teacher, student, beta=beta).item() >= -1e-12


@given(logits, betas, st.floats(-3, 3))
def test_it_is_zero_for_equal_distributions(teacher: Tensor, beta: float, shift: float) -> None:
    assert abs(generalized_jsd(teacher, teacher + shift, beta=beta).item()) < 1e-12


@given(logits, logits)
def test_at_one_half_it_is_symmetric_and_at_most_log_two(teacher: Tensor, student: Tensor) -> None:
    forth = generalized_jsd(teacher, student, beta=0.5).item()
    back = generalized_jsd(student, teacher, beta=0.5).item()

    assert math.isclose(forth, back, abs_tol=1e-12)
    assert forth <= math.log(2) + 1e-12


@given(logits, logits, betas)
def test_exchanging_the_two_exchanges_beta(teacher: Tensor, student: Tensor, beta: float) -> None:
    forth = generalized_jsd(teacher, student, beta=beta).item()
    back = generalized_jsd(student, teacher, beta=1 - beta).item()

    assert math.isclose(forth, back, abs_tol=1e-9)


@given(logits, logits)
def test_the_ends_are_the_two_kl_divergences(teacher: Tensor, student: Tensor) -> None:
    assert math.isclose(generalized_jsd(teacher, student, beta=0.0).item(), kl(teacher, student), abs_tol=1e-9)
    assert math.isclose(generalized_jsd(teacher, student, beta=1.0).item(), kl(student, teacher), abs_tol=1e-9)


def test_small_beta_tends_to_beta_times_the_forward_kl() -> None:
    torch.manual_seed(0)
    teacher, student = torch.randn(1, 7, dtype=torch.float64), torch.randn(1, 7, dtype=torch.float64)

    near_forward = generalized_jsd(teacher, student, beta=1e-6).item() / 1e-6
    near_reverse = generalized_jsd(teacher, student, beta=1 - 1e-6).item() / 1e-6

    assert math.isclose(near_forward, kl(teacher, student), rel_tol=1e-4)
    assert math.isclose(near_reverse, kl(student, teacher), rel_tol=1e-4)


def test_temperature_softens_both() -> None:
    teacher, student = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])

    cold = generalized_jsd(teacher, student, beta=0.5, temperature=1.0)
    warm = generalized_jsd(teacher / 3, student / 3, beta=0.5)

    assert torch.allclose(generalized_jsd(teacher, student, beta=0.5, temperature=3.0), warm)
    assert warm.item() < cold.item()
