"""Computes the rows of a plan on a model: keys and values of trunks once, logits at wanted places only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from validation.evaluation.prefixes.caches import kept_cache, trunk_cache
from validation.evaluation.prefixes.masks import Masks
from validation.evaluation.prefixes.plan import Group, Plan, Row

#: Logits taken to float32 at a time.
_CHUNK = 1024


@dataclass(frozen=True)
class Answer:
    """Of a want: its request, which of the targets, the log-probability, whether it was the likeliest.

    `largest` is the logit farthest from 0 there, which says how coarsely bf16 holds them.
    """

    request: int
    k: int
    logprob: float
    greedy: bool
    largest: float


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
        found: list[_Scores] = []
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

    def _rows(self, rows: Sequence[Row], cache: Any, behind: list[int] | None, before: int) -> _Scores:
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
        with self._only(line or [0], place or [0]):
            logits = self._model(
                **named, past_key_values=cache, use_cache=cache is not None, return_dict=True
            ).logits[0]
        at = {key: number for number, key in enumerate(zip(line, place, strict=True))}
        wants = [(at[number, want.place], want) for number, row in enumerate(rows) for want in row.wants]
        return _Scores.of(logits, wants)

    @contextmanager
    def _only(self, line: list[int], place: list[int]) -> Iterator[None]:
        """Within it the head of the model is given these places alone."""

        def chosen(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden = given[0]
            lines = torch.tensor(line, device=hidden.device)
            places = torch.tensor(place, device=hidden.device)
            return (hidden[lines, places].unsqueeze(0), *given[1:])

        handle = self._head.register_forward_pre_hook(chosen)
        try:
            yield
        finally:
            handle.remove()


@dataclass(frozen=True)
class _Scores:
    """Answers that may still be computed on the device."""

    wants: list[Any]
    logprobs: torch.Tensor
    greedy: torch.Tensor
    largest: torch.Tensor

    @staticmethod
    def of(logits: torch.Tensor, wants: Sequence[tuple[int, Any]]) -> _Scores:
        """Log-softmax in float32 of the rows of logits that wants name."""
        totals, likeliest, largest = [], [], []
        for start in range(0, len(logits), _CHUNK):
            wide = logits[start : start + _CHUNK].float()
            totals.append(wide.logsumexp(-1))
            likeliest.append(wide.argmax(-1))
            largest.append(wide.abs().amax(-1))
        rows = torch.tensor([number for number, _ in wants], dtype=torch.long, device=logits.device)
        targets = torch.tensor([want.target for _, want in wants], dtype=torch.long, device=logits.device)
        logprobs = logits[rows, targets].float() - torch.cat(totals)[rows]
        greedy = torch.cat(likeliest)[rows] == targets
        return _Scores([want for _, want in wants], logprobs, greedy, torch.cat(largest)[rows])

    def answers(self) -> Iterator[Answer]:
        """Wait for the device, and read them."""
        found = (self.logprobs.tolist(), self.greedy.tolist(), self.largest.tolist())
        for want, logprob, greedy, largest in zip(self.wants, *found, strict=True):
            yield Answer(want.request, want.k, logprob, greedy, largest)


def kept_bytes(config: Mapping[str, Any], width: int = 2) -> int:
    """Bytes of keys and values of a token, at most: of as many heads as the model has keys for."""
    text = config.get("text_config") or config

    def number(*names: str) -> int | None:
        return next((int(text[name]) for name in names if isinstance(text.get(name), int)), None)

    layers = number("num_hidden_layers", "n_layer", "n_layers") or 1
    heads = number("num_attention_heads", "n_head", "n_heads") or 1
    hidden = number("hidden_size", "n_embd", "d_model") or 1
    shared = number("num_key_value_heads", "num_kv_heads") or heads
    return 2 * layers * shared * (number("head_dim") or hidden // heads) * width
