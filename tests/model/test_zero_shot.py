"""The untrained backbone, asked directly: a state that is read once answers as one that is read for every row."""

from pathlib import Path

import numpy as np
import pytest
import torch

from wm_pipeline.model.backbone import Backbone, load_backbone
from wm_pipeline.model.settings import TINY_BASE, Compute, ModelSettings
from wm_pipeline.model.zero_shot import ACTION_PART, PROMPTS, STATE_PART, zero_shot_logits

STATES = ["goal: pay Northwind", "goal: pay Northwind", "goal: delete the page"]
ACTIONS = ["do nothing", 'submit form "Send wire", not in goal', "go back"]
TEMPLATE = "{% for one in messages %}<|{{ one.role }}|>{{ one.content }}<|end|>{% endfor %}<|assistant|>"


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    settings = ModelSettings(base=TINY_BASE, kept_layers=None, compute=Compute.FP32)
    return load_backbone(settings, cache_folder=tmp_path, seed=0)


def alone(backbone: Backbone, before: str, after: str, space: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Each prompt about each row, read from its beginning."""
    tokenizer, model = backbone.tokenizer, backbone.model.eval()

    def odds(state: str, action: str, prompt: str) -> float:
        parts = (before + STATE_PART.format(state=state), ACTION_PART.format(action=action), prompt + after)
        ids = [token for part in parts for token in tokenizer.encode(part, add_special_tokens=False)]
        with torch.inference_mode():
            logits_V = model(input_ids=torch.tensor([ids])).logits[0, -1]
        yes, no = (
            [tokenizer.encode(space + word, add_special_tokens=False)[0] for word in words]
            for words in (("yes", "Yes"), ("no", "No"))
        )
        return float(torch.logsumexp(logits_V[yes], 0) - torch.logsumexp(logits_V[no], 0))

    return np.array(
        [
            [odds(state, action, prompt) - odds(state, "do nothing", prompt) for prompt in PROMPTS]
            for state, action in zip(STATES, ACTIONS, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("template", "frame"),
    [(None, ("", "\nAnswer:", " ")), (TEMPLATE, ("<|user|>", "<|end|><|assistant|>", ""))],
    ids=["plain", "chat template"],
)
def test_rows_that_share_a_state_are_answered_as_if_each_stood_alone(
    backbone: Backbone, template: str | None, frame: tuple[str, str, str]
) -> None:
    backbone.tokenizer.chat_template = template
    told: list[tuple[int, int]] = []

    found = zero_shot_logits(backbone, STATES, ACTIONS, progress=lambda done, total, _: told.append((done, total)))

    np.testing.assert_allclose(found, alone(backbone, *frame), atol=1e-4)
    np.testing.assert_allclose(found[0], 0.0, atol=1e-4)  # doing nothing is what all are measured from
    assert told == [(3, 3)]


def test_nobody_asked_is_no_row(backbone: Backbone) -> None:
    assert zero_shot_logits(backbone, [], [], progress=lambda done, total, _: None).shape == (0, len(PROMPTS))
