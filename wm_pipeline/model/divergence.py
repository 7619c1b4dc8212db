"""The generalized Jensen-Shannon divergence of on-policy distillation.

Agarwal et al. 2023, "On-Policy Distillation of Language Models" (arXiv 2306.13649), section 2:
D_JSD(beta)(P || Q) = beta KL(P || beta P + (1 - beta) Q) + (1 - beta) KL(Q || beta P + (1 - beta) Q), with P the
teacher and Q the student. At beta 0 and 1 it vanishes; divided by beta (1 - beta) it tends to KL(P || Q) for beta -> 0
and to KL(Q || P) for beta -> 1, so at the two ends we return those, undivided elsewhere.

Dimensions: P predicted tokens, V vocabulary.
"""

import math

import torch
from torch import Tensor


def generalized_jsd(
    teacher_logits_PV: Tensor, student_logits_PV: Tensor, *, beta: float, temperature: float = 1.0
) -> Tensor:
    """Divergence at each predicted token, [P]; both distributions are softened by `temperature`."""
    teacher_PV = torch.log_softmax(teacher_logits_PV / temperature, dim=-1)
    student_PV = torch.log_softmax(student_logits_PV / temperature, dim=-1)
    if beta == 0.0:
        return _kl(teacher_PV, student_PV)
    if beta == 1.0:
        return _kl(student_PV, teacher_PV)
    mixture_PV = torch.logaddexp(teacher_PV + math.log(beta), student_PV + math.log(1.0 - beta))
    return beta * _kl(teacher_PV, mixture_PV) + (1.0 - beta) * _kl(student_PV, mixture_PV)


def _kl(left_PV: Tensor, right_PV: Tensor) -> Tensor:
    """KL(left || right) of log probabilities."""
    return (left_PV.exp() * (left_PV - right_PV)).sum(dim=-1)
