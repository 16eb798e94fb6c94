"""The numeric settings of a run: determinism, attention, compilation; set before a model is loaded."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.compute.cpu_products import fast_products
from validation.job import Device, Fault, emit

#: cuBLAS reads it when its first handle is made, so it is set before any CUDA work.
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
STRICT_CUBLAS = ":32768:8"
#: The widest head that flash attention 2 has kernels for.
FLASH_HEAD_DIM = 256
#: What to do about an attention that does not work.
EAGER_HINT = "`attention: eager` in suite.yaml (SKIP_FLASH_ATTN=true) does without."


def apply_determinism(mode: str, device: Device) -> dict[str, Any]:
    """Set TF32, cuDNN's benchmark and cuBLAS's workspace for a mode (docs/settings.md, B200_DETERMINISM).

    On a CPU, products of bf16 take their fastest way too (see `cpu_products`), in either mode.

    Args:
        mode: `throughput` (TF32 and cuDNN benchmark on) or `strict` (both off, deterministic cuBLAS).
        device: Where the job runs; on a CPU the switches have no effect; they are set all the same.

    Returns:
        The settings now in force, for the receipt.

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
        **({"cpu_products": fast_products()} if device.type == "cpu" else {}),
        "device": device.type,
        "gpus": device.gpus,
    }


@dataclass(frozen=True)
class Attention:
    """The attention to load a model with, by transformers' name (None: its own choice), and the reason."""

    name: str | None
    reason: str

    @property
    def settings(self) -> dict[str, str]:
        """The choice as receipts record it."""
        return {"attention": self.name or "transformers' own", "attention_why": self.reason}

    def with_masks(self) -> Attention:
        """One that takes masks, which say what a token sees where prefixes are shared."""
        if self.name != "flash_attention_2":
            return self
        return Attention(None, f"shared prefixes need masks, which {self.reason} does not take")


@dataclass(frozen=True)
class Flash:
    """Flash attention in this environment: its version, or None and the reason it is missing."""

    version: str | None
    reason: str = ""


@dataclass(frozen=True)
class Architecture:
    """What decides for a model: whether its class supports flash attention, ALiBi, and the head width."""

    name: str
    supports_flash: bool
    alibi: bool = False
    head_dim: int | None = None


def choose_attention(
    wanted: str, device_type: str, flash: Flash, architecture: Architecture | None
) -> Attention:
    """Flash attention where it is installed (GPUs only) and the architecture supports it, eager where not.

    Where it is not installed, or there is no GPU, the choice is left to transformers.

    Args:
        wanted: `auto`, or `eager`, which is always eager.
        device_type: `cuda` or `cpu`.
        flash: What is installed.
        architecture: The model's; needed only where the other arguments leave a choice.
    """
    if wanted == "eager":
        return Attention("eager", "the suite asks for it")
    if device_type != "cuda":
        return Attention(None, "no GPU")
    if flash.version is None or architecture is None:
        return Attention(None, f"flash attention is not installed: {flash.reason}")
    if not architecture.supports_flash:
        return Attention("eager", f"{architecture.name} does not support flash attention")
    if architecture.alibi:
        return Attention("eager", "flash attention knows no ALiBi")
    if architecture.head_dim is not None and architecture.head_dim > FLASH_HEAD_DIM:
        return Attention(
            "eager", f"a head has {architecture.head_dim} dimensions; flash attention takes {FLASH_HEAD_DIM}"
        )
    return Attention("flash_attention_2", f"flash-attn {flash.version}")


def attention_of(weights: Path, wanted: str, device: Device, trust_remote_code: bool) -> Attention:
    """The attention to load a model with, chosen by the model, the device and this environment."""
    flash = installed_flash()
    asked = wanted != "eager" and device.type == "cuda" and flash.version is not None
    architecture = _architecture(weights, trust_remote_code) if asked else None
    return choose_attention(wanted, device.type, flash, architecture)


def installed_flash() -> Flash:
    """The installed version; without one, the reason that the installation of the environment recorded."""
    try:
        return Flash(importlib.metadata.version("flash-attn"))
    except importlib.metadata.PackageNotFoundError:
        pass
    try:
        record = json.loads((Path(sys.prefix) / "flash-attn.json").read_text(encoding="utf-8"))
        return Flash(None, str(record["why"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Flash(None, "it was not looked for")


def _architecture(weights: Path, trust_remote_code: bool) -> Architecture:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(weights), trust_remote_code=trust_remote_code)
    model = AutoModelForCausalLM._model_mapping.get(type(config), None)
    if isinstance(model, tuple):
        model = model[0]
    names = ("_supports_flash_attn", "_supports_flash_attn_2")
    hidden, heads = getattr(config, "hidden_size", None), getattr(config, "num_attention_heads", None)
    return Architecture(
        name=getattr(model, "__name__", type(config).__name__),
        supports_flash=any(getattr(model, name, False) for name in names),
        alibi=bool(getattr(config, "alibi", False)),
        head_dim=getattr(config, "head_dim", None) or (hidden // heads if hidden and heads else None),
    )


def compiles(wanted: bool | str, device: Device) -> bool:
    """Whether lm-eval's model is compiled: with `auto` on one GPU only; elsewhere it would not be faster."""
    if isinstance(wanted, bool):
        return wanted
    return device.type == "cuda" and device.gpus == 1


def report_settings(settings: dict[str, Any]) -> None:
    """Report the numeric settings of the run, which become `settings` of the receipt."""
    emit("settings", values=settings)
