"""Which weights a stage trains: all, the last layers, or LoRA adapters."""

from typing import Any

from wm_pipeline.domain.errors import SettingsError
from wm_pipeline.model.settings import Trained, TrainSettings
from wm_pipeline.model.world_model import WorldModel


def freeze_parameters(model: WorldModel, settings: TrainSettings) -> Any:
    """Freeze weights that are not trained, in place; heads always train. Returns the adapters, for `merge_adapters`.

    Raises SettingsError when the backbone has fewer layers than are asked for, or for adapters under ZeRO-3.
    """
    backbone: Any = model.backbone
    if settings.gradient_checkpointing:
        backbone.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if settings.trained is Trained.LAST_LAYERS:
        layers = getattr(backbone.base_model, "layers", ())
        if not 0 < settings.trained_layers <= len(layers):
            raise SettingsError(
                f"train.trained_layers: expected 1 to {len(layers)} layers of a {type(backbone).__name__}, "
                f"found {settings.trained_layers}"
            )
        for layer in layers[: -settings.trained_layers]:
            layer.requires_grad_(False)
    if settings.trained is not Trained.LORA:
        return None
    if settings.zero_stage == 3:
        raise SettingsError("train.zero_stage: adapters are merged from whole weights; take 2 at most with LoRA")
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(r=settings.lora_rank, lora_alpha=2 * settings.lora_rank, target_modules="all-linear")
    return LoraModel(backbone, config, "default")


def merge_adapters(model: WorldModel, adapters: Any) -> None:
    """Add the adapters to the weights that they adapt (Hu et al. 2021, arXiv 2106.09685); the model is then plain."""
    if adapters is not None:
        model.backbone = adapters.merge_and_unload()
