"""Numbers of few bits as files pack them: integers in words, four-bit floats in bytes, powers of two."""

from __future__ import annotations

from collections.abc import Sequence

import torch

#: The sixteen values of a four-bit float (E2M1): the sign is the highest bit.
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
_WORD = 32


def unpacked(words: torch.Tensor, bits: int) -> torch.Tensor:
    """The integers in rows of int32, number k at bit k times `bits`, the lowest first; also across words."""
    count = words.shape[-1] * _WORD // bits
    at = torch.arange(count) * bits
    word, shift = at // _WORD, at % _WORD
    wide = words.to(torch.int64) & 0xFFFFFFFF
    low = wide[..., word] >> shift
    following = wide[..., (word + 1).clamp(max=words.shape[-1] - 1)] << (_WORD - shift)
    values = torch.where(shift + bits > _WORD, low | following, low) & ((1 << bits) - 1)
    return values.to(torch.int32)


def four_bit_floats(packed: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Two numbers a byte, the first in the lower half; the last dimension is twice as long."""
    values = torch.tensor(E2M1, dtype=dtype)
    halves = torch.stack([packed & 0xF, packed >> 4], dim=-1)
    return values[halves.long()].reshape(*packed.shape[:-1], 2 * packed.shape[-1])


def scale_numbers(scale: torch.Tensor) -> torch.Tensor:
    """Scales in float32; bytes are exponents of two with a bias of 127."""
    if scale.dtype == torch.uint8:
        return torch.exp2(scale.to(torch.float32) - 127)
    return scale.to(torch.float32)


def over_blocks(scale: torch.Tensor, shape: Sequence[int], block: Sequence[int]) -> torch.Tensor:
    """A scale for each number of a tensor, from one for each block of it; the last blocks may be cut off."""
    for at, size in enumerate(block):
        scale = scale.repeat_interleave(size, dim=at)
    return scale[tuple(slice(size) for size in shape)]
