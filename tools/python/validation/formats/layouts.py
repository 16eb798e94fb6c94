"""How the tensors of each format lie: which belong together, by the ends of their names; what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from validation.formats import decoders
from validation.job import Fault

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Layout:
    """Tensors that are one of the model's.

    Attributes:
        anchor: what the name of the one that is always there ends with.
        parts: endings of all, after the same beginning; those in `optional` may be missing.
        made: ending of the model's tensor.
        decode: its numbers, of the parts by their endings and the settings of the format.
        optional: see parts.
        aside: endings of tensors that hold nothing of the weights (scales of activations).
    """

    anchor: str
    parts: tuple[str, ...]
    made: str
    decode: Callable[[Tensors, Mapping[str, Any]], torch.Tensor]
    optional: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()


_ACTIVATIONS = (
    *(".input_scale", ".input_zero_point", ".input_global_scale", ".input_g_idx"),
    *(".output_scale", ".output_zero_point", ".k_scale", ".v_scale", ".q_scale", ".activation_scale"),
)
#: torchao's kinds of tensors that can be read without it.
TORCHAO_KINDS = ("Int8Tensor", "Float8Tensor", "IntxUnpackedToInt8Tensor")
_PACKED = ("qweight", "qzeros", "scales")
_COMPRESSED_OPTIONAL = (
    *("weight", "weight_packed", "weight_shape", "weight_zero_point", "weight_global_scale", "weight_g_idx"),
)
LAYOUTS: dict[str, Layout] = {
    "gptq": Layout("qweight", _PACKED, "weight", decoders.gptq, ("g_idx",)),
    "awq": Layout("qweight", _PACKED, "weight", decoders.awq),
    "fp8": Layout(
        "weight_scale_inv", ("weight", "weight_scale_inv"), "weight", decoders.fp8, (), _ACTIVATIONS
    ),
    "mxfp4": Layout("_blocks", ("_blocks", "_scales"), "", decoders.mxfp4),
    "compressed-tensors": Layout(
        "weight_scale",
        ("weight_scale",),
        "weight",
        decoders.compressed,
        _COMPRESSED_OPTIONAL,
        _ACTIVATIONS,
    ),
    "bitsandbytes-8bit": Layout(
        "SCB", ("weight", "SCB"), "weight", decoders.eight_bit, (), (".weight_format",)
    ),
    "bitsandbytes-4bit": Layout(
        "weight.absmax",
        ("weight", "weight.absmax", "weight.quant_map"),
        "weight",
        decoders.four_bit,
        ("weight.nested_absmax", "weight.nested_quant_map", *decoders.STATES),
    ),
}


def require_readable(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse the kinds within a format whose tensors lie otherwise.

    Raises:
        Fault: `bad_input`.
    """
    problem = _REFUSALS[name](settings) if name in _REFUSALS else None
    if problem is not None:
        raise Fault("bad_input", f"not dequantised here: {problem}", "Dequantise it with its own program.")


def _gptq_refusal(settings: Mapping[str, Any]) -> str | None:
    kind = settings.get("checkpoint_format", "gptq")
    if settings.get("bits") not in (2, 3, 4, 8):
        return f"GPTQ with bits {settings.get('bits')!r}; 2, 3, 4 and 8 are"
    if settings.get("dynamic"):
        return "GPTQ with settings of its own for some modules (dynamic)"
    return None if kind in ("gptq", "gptq_v2") else f"GPTQ in the layout of {kind}; gptq and gptq_v2 are"


def _awq_refusal(settings: Mapping[str, Any]) -> str | None:
    kind = str(settings.get("version", "gemm")).lower()
    bits = settings.get("bits", settings.get("w_bit", 4))
    if bits != 4:
        return f"AWQ with bits {bits!r}; 4 are"
    return None if kind in ("gemm", "exllama", "ipex") else f"AWQ in the layout of {kind}; gemm is"


_COMPRESSED_KINDS = {
    *("int-quantized", "float-quantized", "naive-quantized", "pack-quantized", "mixed-precision", "dense"),
    *("nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized"),
}


def _compressed_refusal(settings: Mapping[str, Any]) -> str | None:
    groups = (settings.get("config_groups") or {}).values()
    kinds = {settings.get("format"), *(each.get("format") for each in groups if isinstance(each, Mapping))}
    if other := sorted(str(kind) for kind in kinds - {None} - _COMPRESSED_KINDS):
        return f"compressed-tensors in the layout of {', '.join(other)}"
    if (settings.get("transform_config") or {}).get("config_groups"):
        return "compressed-tensors with rotated weights (transform_config)"
    if (settings.get("sparsity_config") or {}).get("format") not in (None, "dense"):
        return "compressed-tensors with sparse weights (sparsity_config)"
    return None


_REFUSALS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "gptq": _gptq_refusal,
    "awq": _awq_refusal,
    "compressed-tensors": _compressed_refusal,
}
