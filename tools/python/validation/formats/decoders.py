"""The numbers that packed tensors stand for, format by format: in float32, or in bf16 where that is exact.

The formulas are those of the programs that write the formats, without their rounding in between;
docs/quantized-checkpoints.md lists them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch

from validation.formats.numbers import four_bit_floats, over_blocks, scale_numbers, unpacked

Tensors = Mapping[str, torch.Tensor]
#: Order of the columns of eight numbers that AWQ packs into one word.
_AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
_NO_SCALES = "scales that fit no group size of its configuration"
#: Of bitsandbytes' four bits: where the shape and the block size of a tensor are written, as JSON.
STATES = ("weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4")


class Unreadable(Exception):
    """Tensors that are not as the format lays them out, in words."""


def gptq(parts: Tensors, settings: Mapping[str, Any]) -> torch.Tensor:
    """s[g] (q - z[g]); a zero is stored as one less, but for `gptq_v2`."""
    bits = int(settings["bits"])
    q = unpacked(parts["qweight"].T.contiguous(), bits)
    zeros = unpacked(parts["qzeros"], bits)[:, : q.shape[0]]
    if settings.get("checkpoint_format") != "gptq_v2":
        zeros = zeros + 1
    scales, inputs = parts["scales"].float(), q.shape[1]
    group = _group_of(parts.get("g_idx"), inputs, scales.shape[0], [int(settings.get("group_size", -1))])
    return (q - zeros[group].T) * scales[group].T


def awq(parts: Tensors, settings: Mapping[str, Any]) -> torch.Tensor:
    """s[g] (q - z[g])."""
    bits = int(settings.get("bits", settings.get("w_bit", 4)))
    size = int(settings.get("group_size", settings.get("q_group_size", -1)))
    inverse = torch.tensor(sorted(range(8), key=lambda at: _AWQ_ORDER[at]))

    def columns(packed: torch.Tensor) -> torch.Tensor:
        values = unpacked(packed, bits)
        return values.reshape(values.shape[0], -1, 8)[..., inverse].reshape(values.shape)

    q, zeros, scales = columns(parts["qweight"]), columns(parts["qzeros"]), parts["scales"].float()
    group = _group_of(None, q.shape[0], scales.shape[0], [size])
    return ((q - zeros[group]) * scales[group]).T.contiguous()


def fp8(parts: Tensors, settings: Mapping[str, Any]) -> torch.Tensor:
    """Q s, a scale for each block of `weight_block_size` or one for the whole."""
    q, scale = parts["weight"].float(), scale_numbers(parts["weight_scale_inv"])
    if scale.numel() == 1:
        return q * scale.reshape(())
    rows, columns = settings.get("weight_block_size") or (1, 32)
    if tuple(scale.shape) != (math.ceil(q.shape[0] / rows), math.ceil(q.shape[1] / columns)):
        raise Unreadable(f"{list(scale.shape)} scales for blocks of {rows} by {columns} in {list(q.shape)}")
    return q * over_blocks(scale, q.shape, (rows, columns))


def mxfp4(parts: Tensors, _: Mapping[str, Any]) -> torch.Tensor:
    """Experts of 32 numbers a scale, stored as [experts, out, in] and used as [experts, in, out].

    An expert at a time, in bf16: it holds every number of the format.
    """
    blocks, scales = parts["_blocks"], parts["_scales"]
    experts, rows, groups, half = blocks.shape
    made = torch.empty(experts, groups * half * 2, rows, dtype=torch.bfloat16)
    for at in range(experts):
        values = four_bit_floats(blocks[at], torch.bfloat16)
        exact = torch.ldexp(values, scales[at].to(torch.int32).unsqueeze(-1) - 127)
        made[at] = exact.reshape(rows, -1).T
    return made


def compressed(parts: Tensors, settings: Mapping[str, Any]) -> torch.Tensor:
    """S (q - z), and of NVFP4 s / global; bits, groups and blocks are those of a group of the settings."""
    rules = [
        group["weights"]
        for group in (settings.get("config_groups") or {}).values()
        if isinstance(group, Mapping) and isinstance(group.get("weights"), Mapping)
    ]
    scale, packed = parts["weight_scale"], parts.get("weight_packed")
    zeros = parts.get("weight_zero_point")
    if packed is not None and packed.dtype == torch.uint8:
        q = four_bit_floats(packed)
    elif packed is not None:
        rows, columns = (int(each) for each in parts["weight_shape"].tolist())
        bits = _bits_of(packed, columns, rules)
        offset = 1 << (bits - 1)
        q = unpacked(packed, bits)[:, :columns] - offset
        if zeros is not None and zeros.dtype == torch.int32:
            zeros = unpacked(zeros.T.contiguous(), bits)[:, :rows].T - offset
    elif (weight := parts.get("weight")) is not None:
        q = weight.float()
    else:
        raise Unreadable("a scale without weights")
    s, z = scale_numbers(scale), None if zeros is None else zeros.float()
    if (whole := parts.get("weight_global_scale")) is not None:
        s = s / whole.float().reshape(())
    shape = tuple(q.shape)
    numbers = q.float() if z is None else q.float() - _spread(z, shape, parts, rules)
    return numbers * _spread(s, shape, parts, rules)


def _spread(
    scale: torch.Tensor, shape: tuple[int, ...], parts: Tensors, rules: list[Mapping[str, Any]]
) -> torch.Tensor:
    """A scale for each number: of one for all, for rows, for groups of a row, or for blocks."""
    if scale.numel() == 1:
        return scale.reshape(())
    if scale.ndim == 1:
        scale = scale.unsqueeze(-1)
    rows, groups = scale.shape
    if rows == shape[0]:
        sizes = [int(rule["group_size"]) for rule in rules if (rule.get("group_size") or 0) > 0]
        group = _group_of(parts.get("weight_g_idx"), shape[1], groups, sizes)
        return scale[:, group]
    for rule in rules:
        if (block := rule.get("block_structure")) and (rows, groups) == tuple(
            math.ceil(size / each) for size, each in zip(shape, block, strict=True)
        ):
            return over_blocks(scale, shape, (int(block[0]), int(block[1])))
    raise Unreadable(_NO_SCALES)


def _bits_of(packed: torch.Tensor, columns: int, rules: list[Mapping[str, Any]]) -> int:
    fit = {int(rule["num_bits"]) for rule in rules if rule.get("type", "int") == "int"}
    fit = {bits for bits in fit if math.ceil(columns * bits / 32) == packed.shape[1]}
    if len(fit) != 1:
        raise Unreadable(f"{packed.shape[1]} words a row for {columns} numbers fit no bits of its groups")
    return fit.pop()


def _group_of(index: torch.Tensor | None, inputs: int, groups: int, sizes: list[int]) -> torch.Tensor:
    """The group of each input: as an index says, else in turn."""
    if index is not None and index.numel() == inputs and int(index.min()) >= 0:
        if int(index.max()) >= groups:
            raise Unreadable(f"an index of group {int(index.max())}, and {groups} groups of scales")
        return index.long()
    if groups == 1:
        return torch.zeros(inputs, dtype=torch.int64)
    fit = {size for size in sizes if size > 0 and math.ceil(inputs / size) == groups}
    if len(fit) != 1:
        raise Unreadable(_NO_SCALES)
    return torch.arange(inputs) // fit.pop()


def eight_bit(parts: Tensors, _: Mapping[str, Any]) -> torch.Tensor:
    """Q s / 127, a scale for each row."""
    return parts["weight"].float() * (parts["SCB"].float() / 127).unsqueeze(-1)


def four_bit(parts: Tensors, _: Mapping[str, Any]) -> torch.Tensor:
    """A number of a table by its index, the higher half of a byte first, times its block's largest."""
    (state,) = (parts[each] for each in STATES if each in parts)
    said = json.loads(bytes(state.tolist()).decode("utf-8"))
    packed = parts["weight"].reshape(-1)
    if packed.dtype != torch.uint8:
        packed = packed.view(torch.uint8)
    index = torch.stack([packed >> 4, packed & 0xF], dim=-1).reshape(-1).long()
    largest = parts["weight.absmax"]
    if "weight.nested_absmax" in parts:
        blocks = parts["weight.nested_absmax"].float().repeat_interleave(int(said["nested_blocksize"]))
        table = parts["weight.nested_quant_map"].float()
        largest = table[largest.long()] * blocks[: largest.numel()] + float(said["nested_offset"])
    count = math.prod(said["shape"])
    scale = largest.float().repeat_interleave(int(said["blocksize"]))[:count]
    return (parts["weight.quant_map"].float()[index[:count]] * scale).reshape(said["shape"])


def torchao(parts: Tensors, said: Mapping[str, Any]) -> torch.Tensor:
    """S (q - z), a scale for each block of `block_size`, of a tensor as the file's header describes it."""
    q, s = parts["qdata"].float(), parts["scale"].float()
    if (zeros := parts.get("zero_point")) is None:
        return q * _of_blocks(s, q, said)
    return (q - _of_blocks(zeros.float(), q, said)) * _of_blocks(s, q, said)


def _of_blocks(scale: torch.Tensor, q: torch.Tensor, said: Mapping[str, Any]) -> torch.Tensor:
    block = [int(each) for each in said.get("block_size") or q.shape]
    counts = [math.ceil(size / each) for size, each in zip(q.shape, block, strict=True)]
    if scale.numel() != math.prod(counts):
        raise Unreadable(f"{list(scale.shape)} scales for blocks of {block} in {list(q.shape)}")
    return over_blocks(scale.reshape(counts), q.shape, block)
