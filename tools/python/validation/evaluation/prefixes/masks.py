"""What each token of a row may see, as the masks that attention adds to its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Masks:
    """How a model is told.

    Attributes:
        positions: whether it takes masks and positions; else it sees a row by the order of its tokens.
        mapped: whether it takes a mask for each kind of layer.
        window: tokens that a layer with a sliding window sees.
        chunk: tokens of a chunk, where a layer sees its own chunk only.
        dtype: the model's.
    """

    positions: bool
    mapped: bool
    window: int | None
    chunk: int | None
    dtype: torch.dtype

    @staticmethod
    def of_model(config: Mapping[str, Any], *, positions: bool, mapped: bool, dtype: torch.dtype) -> Masks:
        """By its config.json."""
        text = config.get("text_config") or config
        return Masks(positions, mapped, text.get("sliding_window"), text.get("attention_chunk_size"), dtype)

    def of(self, ends: torch.Tensor, positions: torch.Tensor, behind: list[int] | None, before: int) -> Any:
        """A mask, or one for each kind of layer.

        Args:
            ends: `[rows, width]`, as in `Row`.
            positions: `[rows, width]`.
            behind: The lengths of the rows' trunks; None where there are none.
            before: Keys of each trunk, filled up.
        """
        rows, width = ends.shape
        place = torch.arange(width, device=ends.device)
        own = (place[:, None] >= place[None, :]) & (place[:, None] < ends[:, None, :])
        keys = positions
        if behind is not None:
            kept = torch.arange(before, device=ends.device)
            lengths = torch.tensor(behind, device=ends.device)
            seen = (kept < lengths[:, None])[:, None, :].expand(rows, width, before)
            own = torch.cat([seen, own], dim=-1)
            keys = torch.cat([kept.expand(rows, before), positions], dim=-1)
        if not self.mapped:
            return self._added(own if self.window is None else own & self._near(positions, keys))
        masks = {"full_attention": self._added(own)}
        if self.window is not None:
            masks["sliding_attention"] = self._added(own & self._near(positions, keys))
        if self.chunk is not None:
            same = positions[:, :, None] // self.chunk == keys[:, None, :] // self.chunk
            masks["chunked_attention"] = self._added(own & same)
        return masks

    def _near(self, positions: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        assert self.window is not None
        return positions[:, :, None] - keys[:, None, :] < self.window

    def _added(self, seen: torch.Tensor) -> torch.Tensor:
        """`[rows, 1, width, keys]`: 0 where seen, the least number elsewhere."""
        mask = torch.zeros(seen.shape, dtype=self.dtype, device=seen.device)
        return mask.masked_fill_(~seen, torch.finfo(self.dtype).min).unsqueeze(1)
