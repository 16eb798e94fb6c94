"""Checkpoints in the layouts of programs that quantize, packed number by number as those document them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from weights_rig import llama_config, llama_tensors, write_model

SIZES = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 2}
Tensors = dict[str, torch.Tensor]
#: The columns in which AutoAWQ's packer puts eight numbers into a word (awq/utils/packing_utils.py).
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
#: The sixteen numbers of NF4 (bitsandbytes, functional.py: create_normal_map).
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
    *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941),
    *(0.7229568362236023, 1.0),
)


def base_tensors() -> Tensors:
    return llama_tensors(layers=2, hidden=128, width=192)


def write_base(path: Path) -> Path:
    return write_model(path, base_tensors(), config=llama_config(**SIZES))


def into_words(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Along the last dimension, the first number in the lowest bits: one bit after the other, in Python."""
    rows = []
    for row in values.reshape(-1, values.shape[-1]).tolist():
        whole = sum(int(value) << (at * bits) for at, value in enumerate(row))
        count = math.ceil(len(row) * bits / 32)
        words = [(whole >> (32 * at)) & 0xFFFFFFFF for at in range(count)]
        rows.append([word - (1 << 32) if word >> 31 else word for word in words])
    return torch.tensor(rows, dtype=torch.int32)


def grouped(weight: torch.Tensor, bits: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Integers, scales (fp16) and zeros of groups of inputs, asymmetric: [out, in], [out, g], [out, g]."""
    rows, columns = weight.shape
    groups = weight.float().reshape(rows, columns // size, size)
    low, high, most = groups.amin(-1), groups.amax(-1), (1 << bits) - 1
    scales = ((high - low) / most).to(torch.float16)
    zeros = (-low / scales.float()).round().clamp(1, most)
    q = (groups / scales.float().unsqueeze(-1) + zeros.unsqueeze(-1)).round().clamp(0, most)
    return q.reshape(rows, columns).long(), scales, zeros.long()


def gptq(weight: torch.Tensor, bits: int, size: int, *, shuffled: bool) -> tuple[Tensors, torch.Tensor]:
    """GPTQ's tensors of a matrix, and the numbers that they stand for."""
    columns = weight.shape[1]
    order = torch.randperm(columns, generator=torch.Generator().manual_seed(3))
    order = order if shuffled else torch.arange(columns)
    q, scales, zeros = grouped(weight[:, order], bits, size)
    index = torch.empty(columns, dtype=torch.int32)
    index[order] = (torch.arange(columns) // size).int()
    back = torch.empty_like(q)
    back[:, order] = q
    made = scales.float()[:, index.long()] * (back - zeros[:, index.long()])
    return {
        "qweight": into_words(back, bits).T.contiguous(),
        "qzeros": into_words((zeros - 1).T.contiguous(), bits),
        "scales": scales.T.contiguous(),
        "g_idx": index,
    }, made


def awq(weight: torch.Tensor, size: int) -> tuple[Tensors, torch.Tensor]:
    """AutoAWQ's (GEMM) tensors of a matrix, and the numbers that they stand for."""
    q, scales, zeros = grouped(weight, 4, size)

    def packed(values: torch.Tensor) -> torch.Tensor:
        eights = values.T.reshape(values.shape[1], -1, 8)[..., AWQ_ORDER]
        return into_words(eights.reshape(values.shape[1], -1), 4)

    made = scales.float().repeat_interleave(size, 1) * (q - zeros.repeat_interleave(size, 1))
    return {"qweight": packed(q), "qzeros": packed(zeros), "scales": scales.T.contiguous()}, made


def fp8(weight: torch.Tensor, block: int) -> tuple[Tensors, torch.Tensor]:
    """An FP8 weight with a scale for each square (cut off at the edge), and the numbers it stands for."""
    rows, columns = weight.shape
    scales = torch.empty(math.ceil(rows / block), math.ceil(columns / block))
    stored, made = torch.empty_like(weight, dtype=torch.float8_e4m3fn), torch.empty(rows, columns)
    for i in range(scales.shape[0]):
        for j in range(scales.shape[1]):
            at = (slice(i * block, (i + 1) * block), slice(j * block, (j + 1) * block))
            scales[i, j] = weight[at].float().abs().max() / 448
            stored[at] = (weight[at].float() / scales[i, j]).to(torch.float8_e4m3fn)
            made[at] = stored[at].float() * scales[i, j]
    return {"weight": stored, "weight_scale_inv": scales}, made


def nf4(weight: torch.Tensor, block: int = 64) -> tuple[Tensors, torch.Tensor]:
    """bitsandbytes' NF4 tensors of a matrix, not nested, and the numbers that they stand for."""
    table = torch.tensor(NF4)
    blocks = weight.float().reshape(-1, block)
    largest = blocks.abs().amax(1)
    index = ((blocks / largest.unsqueeze(1)).unsqueeze(-1) - table).abs().argmin(-1)
    made = (table[index] * largest.unsqueeze(1)).reshape(weight.shape)
    flat = index.reshape(-1)
    state = {"quant_type": "nf4", "blocksize": block, "dtype": "bfloat16", "shape": list(weight.shape)}
    return {
        "weight": ((flat[0::2] << 4) | flat[1::2]).to(torch.uint8).unsqueeze(1),
        "weight.absmax": largest,
        "weight.quant_map": table,
        "weight.quant_state.bitsandbytes__nf4": torch.tensor(
            list(json.dumps(state).encode()), dtype=torch.uint8
        ),
    }, made


def int8(weight: torch.Tensor) -> tuple[Tensors, torch.Tensor]:
    """bitsandbytes' LLM.int8 tensors of a matrix, and the numbers that they stand for."""
    largest = weight.float().abs().amax(1)
    q = (weight.float() / largest.unsqueeze(1) * 127).round().to(torch.int8)
    parts = {"weight": q, "SCB": largest, "weight_format": torch.tensor(0, dtype=torch.uint8)}
    return parts, q.float() * largest.unsqueeze(1) / 127


def w4a16(weight: torch.Tensor, size: int = 32) -> tuple[Tensors, torch.Tensor]:
    """compressed-tensors' packed integers of four bits, symmetric, and the numbers that they stand for."""
    rows, columns = weight.shape
    groups = weight.float().reshape(rows, -1, size)
    scales = (groups.abs().amax(-1) / 7).to(torch.bfloat16)
    q = (groups / scales.float().unsqueeze(-1)).round().clamp(-8, 7).reshape(rows, columns)
    parts = {
        "weight_packed": into_words(q.long() + 8, 4),
        "weight_scale": scales,
        "weight_shape": torch.tensor([rows, columns]),
    }
    return parts, q * scales.float().repeat_interleave(size, 1)


def w8a8(weight: torch.Tensor) -> tuple[Tensors, torch.Tensor]:
    """compressed-tensors' integers of eight bits, a scale a row, and the numbers that they stand for."""
    scales = (weight.float().abs().amax(1, keepdim=True) / 127).to(torch.bfloat16)
    q = (weight.float() / scales.float()).round().clamp(-128, 127).to(torch.int8)
    return {"weight": q, "weight_scale": scales}, q.float() * scales.float()


def of_config_group(bits: int, strategy: str, size: int | None = None, **rest: Any) -> dict[str, Any]:
    """compressed-tensors' settings of one group for all linear layers."""
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "strategy": strategy, "group_size": size}
    kind = "int-quantized" if size is None else "pack-quantized"
    return {
        "quant_method": "compressed-tensors",
        "format": kind,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, **rest}},
    }


#: By name: settings in config.json, and the packing of a matrix.
MADE: dict[str, tuple[dict[str, Any], Any]] = {
    "gptq-4": (
        {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": False, "sym": False},
        lambda weight: gptq(weight, 4, 32, shuffled=False),
    ),
    "gptq-4-act-order": (
        {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": True, "checkpoint_format": "gptq"},
        lambda weight: gptq(weight, 4, 32, shuffled=True),
    ),
    "gptq-3": (
        {"quant_method": "gptq", "bits": 3, "group_size": 64, "desc_act": False, "sym": False},
        lambda weight: gptq(weight, 3, 64, shuffled=False),
    ),
    "gptq-8": (
        {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": False},
        lambda weight: gptq(weight, 8, weight.shape[1], shuffled=False),
    ),
    "awq": (
        {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True},
        lambda weight: awq(weight, 32),
    ),
    "fp8": (
        {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [80, 80]},
        lambda weight: fp8(weight, 80),
    ),
    "bitsandbytes-4bit": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        nf4,
    ),
    "bitsandbytes-8bit": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, int8),
    "w4a16": (of_config_group(4, "group", 32), w4a16),
    "w8a8": (
        of_config_group(
            8,
            "channel",
            input_activations={
                **{"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
            },
        ),
        w8a8,
    ),
}


def write_quantized(path: Path, name: str, *, shards: int = 1) -> tuple[Path, Tensors]:
    """A checkpoint of the base model in a layout of `MADE`, and all its numbers in float32."""
    settings, pack = MADE[name]
    files: Tensors = {}
    numbers: Tensors = {}
    for tensor, values in base_tensors().items():
        if values.ndim == 2 and "proj" in tensor:
            parts, numbers[tensor] = pack(values)
            files |= {f"{tensor.removesuffix('weight')}{part}": each for part, each in parts.items()}
        else:
            files[tensor], numbers[tensor] = values, values.float()
    config = llama_config(**SIZES, quantization_config=settings)
    return write_model(path, files, shards=shards, config=config), numbers
