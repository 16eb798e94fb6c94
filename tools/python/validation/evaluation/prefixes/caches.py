"""Keys and values of trunks: kept once, and laid before those of the rows that follow, a layer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class _BehindTrunk(DynamicLayer):  # type: ignore[misc]
    """A layer whose rows go on from kept keys and values; it keeps nothing of the rows themselves."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, places: Sequence[int]) -> None:
        super().__init__()
        self._kept = (keys, values)
        self._places = places
        self._length = keys.shape[-2]
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **named: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of the trunks and of the rows behind them."""
        keys, values = (self._of_rows(each) for each in self._kept)
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)

    def get_seq_length(self) -> int:
        """Tokens of the trunks, filled up."""
        return self._length

    def _of_rows(self, kept: torch.Tensor) -> torch.Tensor:
        """A view where all rows go on from one trunk, or from all trunks in their order."""
        first = self._places[0]
        if all(place == first for place in self._places):
            return kept[first : first + 1].expand(len(self._places), *kept.shape[1:])
        if list(self._places) == list(range(first, first + len(self._places))):
            return kept[first : first + len(self._places)]
        return kept.index_select(0, torch.tensor(self._places, device=kept.device))


def kept_cache() -> Any:
    """For a forward pass over trunks: every layer keeps all keys and values, sliding windows too."""
    return DynamicCache()


def trunk_cache(kept: Sequence[tuple[torch.Tensor, torch.Tensor]], places: Sequence[int]) -> Any:
    """For rows behind trunks: `places` says of each row which of the kept trunks."""
    cache = DynamicCache()
    cache.layers = [_BehindTrunk(keys, values, places) for keys, values in kept]
    return cache
