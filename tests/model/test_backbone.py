"""Any causal language model can be the backbone; what cannot be one is refused with the reason."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.builders_model import TINY_READER, save_tiny_checkpoint
from tests.model.test_decode import questions, write_alone
from tests.model.test_tree import build_trees, gradients_of, unpack
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.model.attention import TREE_ATTENTION
from wm_pipeline.model.backbone import build_tiny_tokenizer, keep_layers, load_backbone
from wm_pipeline.model.checkpoint import Checkpoint, probe_logits, reload_difference, save_checkpoint
from wm_pipeline.model.decode import predict_trees
from wm_pipeline.model.prompt import PromptRenderer
from wm_pipeline.model.sentences import encoder_named
from wm_pipeline.model.settings import TINY_ENCODER, Compute, ModelSettings
from wm_pipeline.model.world_model import WorldModel

SIZES: dict[str, Any] = {"vocab_size": 1024, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
CONTEXT = 1024


def build(architecture: str) -> PreTrainedModel:
    """Random weights, large enough that what it writes varies."""
    rotary: dict[str, Any] = {**SIZES, "intermediate_size": 64, "max_position_embeddings": CONTEXT}
    ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": 0}
    torch.manual_seed(0)
    model: PreTrainedModel
    match architecture:
        case "qwen3":
            model = Qwen3ForCausalLM(Qwen3Config(**rotary, **ends, num_key_value_heads=1, head_dim=8))
        case "gpt_neox":
            model = GPTNeoXForCausalLM(GPTNeoXConfig(**rotary, **ends))
        case _:
            model = GPT2LMHeadModel(GPT2Config(**SIZES, **ends, n_positions=CONTEXT))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0)
    return model


def save(model: PreTrainedModel, folder: Path, **tokens: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer = build_tiny_tokenizer()
    for name, value in tokens.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)
    return folder


def settings_of(folder: Path) -> ModelSettings:
    return ModelSettings(
        base=str(folder),
        kept_layers=None,
        compute=Compute.FP32,
        has_trained_embeddings=True,
        reader=TINY_READER,
        has_backbone_features=True,
    )


@pytest.mark.parametrize("architecture", ["qwen3", "gpt_neox", "gpt2"])
@pytest.mark.slow
def test_other_architectures_train_write_and_come_back_alike(architecture: str, tmp_path: Path) -> None:
    settings = settings_of(save(build(architecture), tmp_path / "base"))
    backbone = load_backbone(settings, cache_folder=tmp_path, seed=0)
    encoder = encoder_named(TINY_ENCODER, Compute.FP32)
    renderer = PromptRenderer(backbone.tokenizer, max_state_tokens=64, encoder=encoder, max_question_tokens=64)
    model = WorldModel(backbone.model, settings, seed=4).eval()
    trees = build_trees(renderer)

    packed_loss, packed_gradients = gradients_of(model, [trees], renderer.end_id)
    single_loss, single_gradients = gradients_of(model, [[tree] for tree in unpack(trees)], renderer.end_id)
    assert packed_loss == pytest.approx(single_loss, rel=1e-5)
    for packed, single in zip(packed_gradients, single_gradients, strict=True):
        assert (packed - single).abs().max() <= 1e-4 * single.abs().max()

    asked = questions(renderer)
    written = [
        ids
        for tree in predict_trees(model, renderer, asked, max_new_tokens=5)
        for answer in tree
        for ids in answer.token_ids.values()
    ]
    alone = [
        write_alone(
            model,
            (*tree.state_ids, *action.token_ids, *node.marker_ids),
            5,
            renderer.end_id,
            renderer.grammar(node.head),
        )
        for tree in asked
        for action in tree.actions
        for node in action.texts
    ]
    assert written == alone

    manifest = replace(save_tiny_checkpoint(tmp_path / "other").manifest, model=settings)
    expected = probe_logits(Checkpoint(manifest, model, backbone.tokenizer))
    save_checkpoint(tmp_path / "saved", manifest=manifest, model=model, tokenizer=backbone.tokenizer)
    assert reload_difference(tmp_path / "saved", expected) == 0


def test_attention_by_trees_is_used_wherever_an_architecture_leaves_the_choice(tmp_path: Path) -> None:
    names = ("qwen3", "gpt_neox", "gpt2")
    models = [WorldModel(build(name), settings_of(tmp_path), seed=0) for name in names]

    assert [model.backbone.config._attn_implementation for model in models] == [TREE_ATTENTION] * 3


def test_layers_of_another_architecture_are_chosen_too_or_that_is_refused() -> None:
    chosen = build("gpt_neox")
    keep_layers(chosen, (0, 2))
    assert chosen.config.num_hidden_layers == 2
    base: Any = chosen.base_model
    assert [layer.attention.layer_idx for layer in base.layers] == [0, 1]

    with pytest.raises(CheckpointError, match=r"model\.kept_layers: the layers of a GPT2LMHeadModel cannot be chosen"):
        keep_layers(build("gpt2"), (0, 2))


def test_what_cannot_be_a_backbone_is_refused_with_the_reason(tmp_path: Path) -> None:
    encoder = BertForMaskedLM(BertConfig(**SIZES, intermediate_size=64))
    folder = save(encoder, tmp_path / "encoder")
    with pytest.raises(
        CheckpointError, match="is BertForMaskedLM, which does not write from left to right; choose a c"
    ):
        load_backbone(settings_of(folder), cache_folder=tmp_path, seed=0)

    folder = save(build("gpt2"), tmp_path / "endless", eos_token=None)
    with pytest.raises(CheckpointError, match="has no end token, which ends texts and pads rows; set eos_token in"):
        load_backbone(settings_of(folder), cache_folder=tmp_path, seed=0)

    folder = save(build("qwen3"), tmp_path / "short")
    wide = replace(settings_of(folder), max_state_tokens=CONTEXT)
    with pytest.raises(CheckpointError, match=r"reads 1024 tokens, .* need 1248; lower them or choose another base"):
        load_backbone(wide, cache_folder=tmp_path, seed=0)

    with pytest.raises(
        CheckpointError, match=r"model\.base: '.*nowhere' cannot be loaded \(.*\); give the folder of a"
    ):
        load_backbone(settings_of(tmp_path / "nowhere"), cache_folder=tmp_path, seed=0)


def test_a_tokenizer_without_a_padding_token_will_do(tmp_path: Path) -> None:
    folder = save(build("gpt2"), tmp_path / "base", pad_token=None)

    backbone = load_backbone(settings_of(folder), cache_folder=tmp_path, seed=0)

    assert PromptRenderer(backbone.tokenizer, max_state_tokens=64).end_id == backbone.tokenizer.eos_token_id
