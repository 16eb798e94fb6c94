"""How a run computes: determinism, attention, compilation; set before a model loads, told for receipts."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from validation.job import Device, Fault, emit

#: cuBLAS reads it when its first handle is made, so it is set before any CUDA work.
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
STRICT_CUBLAS = ":32768:8"


def apply_determinism(mode: str, device: Device) -> dict[str, Any]:
    """Set TF32, cuDNN's benchmark and cuBLAS's workspace as the seed's modes have them.

    Args:
        mode: `throughput` (TF32 and cuDNN benchmark on) or `strict` (both off, deterministic cuBLAS).
        device: Where the job runs; a CPU has no such switches, and they are set all the same.

    Returns:
        What now holds, for the receipt.

    Raises:
        Fault: `bad_input` for another mode.
    """
    if mode not in ("throughput", "strict"):
        raise Fault("bad_input", f"determinism {mode!r} is none of throughput, strict")
    strict = mode == "strict"
    if strict:
        os.environ[CUBLAS] = STRICT_CUBLAS
    else:
        os.environ.pop(CUBLAS, None)
    import torch

    torch.backends.cuda.matmul.allow_tf32 = not strict
    torch.backends.cudnn.allow_tf32 = not strict
    torch.backends.cudnn.benchmark = not strict
    return {
        "determinism": mode,
        "tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cublas_workspace": os.environ.get(CUBLAS),
        "device": device.type,
        "gpus": device.gpus,
    }


def attention_of(weights: Path, wanted: str, device: Device, trust_remote_code: bool) -> str | None:
    """Transformers' name of the attention to load a model with; None leaves the choice to transformers.

    `eager` is always eager. `auto` is flash attention where it is installed (GPUs only) and the architecture
    supports it, eager where it is installed and the architecture does not, else transformers' own choice.
    """
    if wanted == "eager":
        return "eager"
    if device.type != "cuda" or importlib.util.find_spec("flash_attn") is None:
        return None
    return "flash_attention_2" if _supports_flash(weights, trust_remote_code) else "eager"


def _supports_flash(weights: Path, trust_remote_code: bool) -> bool:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(weights), trust_remote_code=trust_remote_code)
    model = AutoModelForCausalLM._model_mapping.get(type(config), None)
    if isinstance(model, tuple):
        model = model[0]
    names = ("_supports_flash_attn", "_supports_flash_attn_2")
    return any(getattr(model, name, False) for name in names)


def compiles(wanted: bool | str, device: Device) -> bool:
    """Whether lm-eval's model is compiled: `auto` on one GPU (sharding hooks and CPUs gain nothing)."""
    if isinstance(wanted, bool):
        return wanted
    return device.type == "cuda" and device.gpus == 1


def tell(settings: dict[str, Any]) -> None:
    """Report how the run computes; it becomes `settings` of the receipt."""
    emit("settings", values=settings)
