"""In which number type matrices are multiplied on a device."""

import torch

from wm_pipeline.model.settings import Compute


def is_low_precision(device: torch.device, compute: Compute) -> bool:
    """Whether matrices are multiplied in bf16 on this device."""
    if compute is not Compute.AUTO:
        return compute is Compute.BF16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # torch has no public name for these two; both have been there since 2.6.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device, compute: Compute) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_low_precision(device, compute))
