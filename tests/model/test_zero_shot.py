"""The untrained backbone, asked directly: a state that is read once answers as one that is read for every row."""

from pathlib import Path

import numpy as np
import torch

from wm_pipeline.model.backbone import load_backbone
from wm_pipeline.model.settings import TINY_BASE, Compute, ModelSettings
from wm_pipeline.model.zero_shot import ACTION_PART, STATE_PART, zero_shot_risk


def test_rows_that_share_a_state_are_answered_as_if_each_stood_alone(tmp_path: Path) -> None:
    settings = ModelSettings(base=TINY_BASE, kept_layers=None, compute=Compute.FP32)
    backbone = load_backbone(settings, cache_folder=tmp_path, seed=0)
    tokenizer, model = backbone.tokenizer, backbone.model.eval()
    yes, no = (tokenizer.encode(word, add_special_tokens=False)[0] for word in (" yes", " no"))
    states = ["goal: pay Northwind", "goal: pay Northwind", "goal: delete the page"]
    actions = ["do nothing", 'submit form "Send wire", not in goal', "go back"]
    told: list[tuple[int, int]] = []

    found = zero_shot_risk(backbone, states, actions, progress=lambda done, total, _: told.append((done, total)))

    alone = []
    for state, action in zip(states, actions, strict=True):
        ids = [
            token
            for part in (STATE_PART.format(state=state), ACTION_PART.format(action=action))
            for token in tokenizer.encode(part, add_special_tokens=False)
        ]
        with torch.inference_mode():
            logits_V = model(input_ids=torch.tensor([ids])).logits[0, -1]
        alone.append(float(torch.softmax(logits_V[[yes, no]], dim=0)[0]))
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert told == [(3, 3)]
