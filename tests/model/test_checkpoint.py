"""A checkpoint says what it is, comes back as it was, and is refused when it does not fit."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.builders_model import TINY_MODEL, save_tiny_checkpoint
from wm_pipeline.domain.errors import CheckpointError, FormatVersionError
from wm_pipeline.model.backbone import build_tiny_backbone, keep_layers
from wm_pipeline.model.checkpoint import (
    CHECKPOINT_FORMAT,
    load_checkpoint,
    probe_logits,
    read_manifest,
    reload_difference,
    save_checkpoint,
    update_manifest,
)
from wm_pipeline.model.settings import Compute


@pytest.mark.parametrize("compute", [Compute.FP32, Compute.BF16])
def test_a_reloaded_checkpoint_answers_exactly_as_before(tmp_path: Path, compute: Compute) -> None:
    saved = save_tiny_checkpoint(tmp_path / "c", seed=1, settings=replace(TINY_MODEL, compute=compute))

    assert reload_difference(tmp_path / "c", probe_logits(saved)) == 0.0
    assert load_checkpoint(tmp_path / "c").manifest == saved.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_reloaded_checkpoint_answers_exactly_wherever_its_weights_lay_in_memory(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "c", seed=1)
    for parameter in saved.model.parameters():
        room = torch.empty(parameter.numel() + 1)[1:].view(parameter.shape)  # as a piece of an engine's one buffer
        parameter.data = room.copy_(parameter.data)

    assert reload_difference(tmp_path / "c", probe_logits(saved)) == 0.0


def test_a_loaded_checkpoint_has_no_weight_that_begins_anywhere_in_memory(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c", seed=1)

    starts = {parameter.data_ptr() % 64 for parameter in load_checkpoint(tmp_path / "c").model.parameters()}

    assert starts == {0}


def test_a_checkpoint_lies_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "run[1] a%20b what? 50% #1"
    saved = save_tiny_checkpoint(folder)

    assert load_checkpoint(folder).manifest == saved.manifest
    assert list(tmp_path.iterdir()) == [folder]


def test_a_weight_whose_values_bf16_has_is_stored_in_half_the_bytes_and_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "whole", seed=1)
    embedding = saved.model.backbone.get_input_embeddings().weight
    embedding.data = embedding.data.to(torch.bfloat16).float()
    before = {name: tensor.clone() for name, tensor in saved.model.state_dict().items()}

    save_checkpoint(tmp_path / "c", manifest=saved.manifest, model=saved.model, tokenizer=saved.tokenizer)

    stored = load_file(tmp_path / "c" / "backbone" / "model.safetensors")
    assert {name for name, tensor in stored.items() if tensor.dtype is torch.bfloat16} >= {"model.embed_tokens.weight"}
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16, torch.float32}
    after = load_checkpoint(tmp_path / "c", for_training=True).model.state_dict()
    assert after.keys() == before.keys()
    assert all(after[name].dtype is torch.float32 and after[name].equal(before[name]) for name in before)


def test_the_version_follows_the_weights(tmp_path: Path) -> None:
    first = save_tiny_checkpoint(tmp_path / "a", seed=1)
    same = save_tiny_checkpoint(tmp_path / "b", seed=1)
    other = save_tiny_checkpoint(tmp_path / "c", seed=2)

    assert first.manifest.model_version == same.manifest.model_version != other.manifest.model_version


def test_saving_again_replaces_the_folder(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c", seed=1)
    second = save_tiny_checkpoint(tmp_path / "c", seed=2)

    assert read_manifest(tmp_path / "c") == second.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_weights_from_elsewhere_are_saved_instead_of_the_models_own(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "a", seed=1)
    doubled = {name: tensor * 2 for name, tensor in saved.model.state_dict().items()}

    save_checkpoint(
        tmp_path / "b", manifest=saved.manifest, model=saved.model, tokenizer=saved.tokenizer, weights=doubled
    )

    head = load_checkpoint(tmp_path / "b").model.heads["risk"]
    assert isinstance(head, torch.nn.Linear)
    assert torch.equal(head.weight, doubled["heads.risk.weight"])


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_manifest(tmp_path / "none")

    assert str(caught.value) == (
        f"expected a checkpoint folder with manifest.json at {str(tmp_path / 'none')!r}, found none; "
        "train one (`wm_pipeline.train.run`) or correct the path"
    )


@pytest.mark.parametrize("version", [99, float(CHECKPOINT_FORMAT), str(CHECKPOINT_FORMAT)])
def test_another_format_version_is_refused(tmp_path: Path, version: object) -> None:
    folder = tmp_path / "c"
    save_tiny_checkpoint(folder, seed=1)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format_version": version}))

    with pytest.raises(FormatVersionError) as caught:
        load_checkpoint(folder)

    assert str(caught.value) == (
        f"checkpoint {str(folder)!r} has format {version!r}, this code reads {CHECKPOINT_FORMAT}; train it again"
    )


def test_another_taxonomy_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    saved = save_tiny_checkpoint(folder, seed=1)
    update_manifest(folder, replace(saved.manifest, tag_paths=("a > b > c",)))

    with pytest.raises(CheckpointError, match="knows 1 consequence tags, the taxonomy has other"):
        load_checkpoint(folder)


FILES = ("judge.safetensors", "backbone/model.safetensors", "backbone/config.json", "backbone/tokenizer.json")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    saved = save_tiny_checkpoint(tmp_path / "own", seed=1).manifest
    save_tiny_checkpoint(tmp_path / "other", seed=2)
    other = (tmp_path / "other" / name).read_bytes()
    file = tmp_path / "own" / name
    file.write_bytes(other if other != file.read_bytes() else other[:-1])

    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(tmp_path / "own")

    found = hashlib.sha256(file.read_bytes()).hexdigest()
    assert str(refused.value) == (
        f"{file} is not what checkpoint {saved.model_version} was saved with: expected SHA-256 {saved.files[name]}, "
        f"found {found}; restore the folder or train it again"
    )


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c", seed=1)
    (tmp_path / "c" / "judge.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"/judge\.safetensors is not what .*, found no file; restore the folder"):
        load_checkpoint(tmp_path / "c")


def test_a_flipped_bit_of_a_manifest_is_refused_wherever_it_is(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "c", seed=1)
    path = tmp_path / "c" / "manifest.json"
    whole = path.read_bytes()

    for at in range(0, 8 * len(whole.strip()), 41):  # every bit of a byte has its turn
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        with pytest.raises((CheckpointError, FormatVersionError)):
            read_manifest(tmp_path / "c")


def test_a_threshold_that_was_edited_in_the_manifest_is_refused(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "c", seed=1).manifest
    path = tmp_path / "c" / "manifest.json"
    edited = json.loads(path.read_text())
    edited["thresholds"]["execute_below"] = 0.99
    path.write_text(json.dumps(edited))

    with pytest.raises(CheckpointError, match=r"^the manifest of .* was changed after it was written; restore"):
        load_checkpoint(tmp_path / "c")

    update_manifest(tmp_path / "c", saved)
    assert load_checkpoint(tmp_path / "c").manifest == saved


def test_kept_layers_are_renumbered_for_the_cache() -> None:
    backbone = build_tiny_backbone(seed=0)

    keep_layers(backbone.model, (1,))

    assert backbone.model.config.num_hidden_layers == 1
    base: Any = backbone.model.base_model
    assert [layer.self_attn.layer_idx for layer in base.layers] == [0]


@pytest.mark.parametrize("kept", [(), (0, 2), (1, 0), (0, 0)], ids=["none", "beyond", "falling", "twice"])
def test_impossible_layers_are_refused(kept: tuple[int, ...]) -> None:
    backbone = build_tiny_backbone(seed=0)

    with pytest.raises(CheckpointError) as caught:
        keep_layers(backbone.model, kept)

    assert str(caught.value) == f"model.kept_layers: expected rising indices between 0 and 1, found {kept!r}"


def test_weights_that_read_with_another_sentence_encoder_are_refused_and_their_manifest_is_read(tmp_path: Path) -> None:
    saved = save_tiny_checkpoint(tmp_path / "c").manifest
    update_manifest(tmp_path / "c", replace(saved, encoder_version="other"))

    assert read_manifest(tmp_path / "c").encoder_version == "other"
    with pytest.raises(CheckpointError, match="reads with sentence encoder tiny of version other, installed is tiny; "):
        load_checkpoint(tmp_path / "c")
