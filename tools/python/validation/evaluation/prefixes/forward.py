"""Computes the rows of a plan on a model: keys and values of trunks once, logits at wanted places only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from validation.evaluation.prefixes.caches import kept_cache, trunk_cache
from validation.evaluation.prefixes.masks import Masks
from validation.evaluation.prefixes.packed_attention import sent
from validation.evaluation.prefixes.plan import Group, Plan, Row
from validation.evaluation.prefixes.scores import Answer, Scores, only_at


class Forward:
    """A model that computes rows.

    Args:
        model: A causal language model of transformers; it may lie on several devices.
        masks: How its attention is told what a token sees.
        device: Where its inputs go.
    """

    def __init__(self, model: Any, masks: Masks, device: torch.device) -> None:
        self._model, self._masks, self._device = model, masks, device
        self._head = model.get_output_embeddings()
        self._multiple = 8 if device.type == "cuda" else 1

    @torch.inference_mode()
    def group(self, plan: Plan, group: Group) -> list[Answer]:
        """The answers to all wants of a group's rows."""
        found: list[Scores] = []
        kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        length = 0
        if group.trunks:
            cache = kept_cache()
            trunks = [plan.rows[number] for number in group.trunks]
            length = self._padded(trunks)
            found.append(self._rows(trunks, cache, None, 0))
            kept = [(layer.keys, layer.values) for layer in cache.layers]
        index = {number: place for place, number in enumerate(group.trunks)}
        for batch in group.batches:
            rows = [plan.rows[number] for number in batch]
            places = [index[row.trunk] for row in rows if row.trunk is not None]
            behind = [len(plan.rows[row.trunk]) for row in rows if row.trunk is not None]
            cache = trunk_cache(kept, places) if places else None
            found.append(self._rows(rows, cache, behind or None, length))
        return [answer for each in found for answer in each.answers()]

    def _padded(self, rows: Sequence[Row]) -> int:
        longest = max(map(len, rows))
        return -(-longest // self._multiple) * self._multiple

    def _rows(self, rows: Sequence[Row], cache: Any, behind: list[int] | None, before: int) -> Scores:
        """One forward pass. `behind`: the trunks' lengths; `before`: the keys kept of each, filled up."""
        width = self._padded(rows)

        def filled(lists: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
            table = [[*each, *([filler] * (width - len(each)))] for each in lists]
            return torch.tensor(table, device=self._device)

        named: dict[str, Any] = {"input_ids": filled([row.tokens for row in rows], 0)}
        branched = any(end < len(row) for row in rows for end in row.ends)
        if self._masks.positions and (branched or behind is not None):
            ends = filled([row.ends for row in rows], width)
            positions = filled([row.positions for row in rows], 0)
            named["position_ids"] = positions
            named["attention_mask"] = self._masks.of(ends, positions, behind, before)
        places = [sorted({want.place for want in row.wants}) for row in rows]
        line = [number for number, each in enumerate(places) for _ in each]
        place = [each for some in places for each in some]
        with only_at(self._head, sent(line or [0], self._device), sent(place or [0], self._device)):
            logits = self._model(
                **named, past_key_values=cache, use_cache=cache is not None, return_dict=True
            ).logits[0]
        at = {key: number for number, key in enumerate(zip(line, place, strict=True))}
        wants = [(at[number, want.place], want) for number, row in enumerate(rows) for want in row.wants]
        return Scores.of(logits, wants, sent)
