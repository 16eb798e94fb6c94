"""Attention of packs: every segment attends to all above it and, causally, to itself; no mask on a GPU.

transformers calls `attend` in place of its own attention while a layout is set. The keys and values that a
segment sees are laid out one after the other, by their positions, so that its tokens are the last of them:
causal attention aligned to the end, windows included, is all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface

from validation.evaluation.prefixes.packs import Pack

#: transformers' name for it. No function makes masks under this name, so models make none.
NAME = "shared_prefixes"
#: Flash attention's widest head, and what its width is a multiple of.
_WIDEST, _MULTIPLE = 256, 8


class Layout:
    """Where the tokens of a pack and what they see lie; on each device that asks."""

    def __init__(self, pack: Pack) -> None:
        self.segments = pack.segments
        self._keys = [
            place for each in pack.segments for start, end in each.seen for place in range(start, end)
        ]
        self._on: dict[torch.device, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}
        self._masks: dict[tuple[int, int, int | None], torch.Tensor | None] = {}
        self.most_queries = max(each.end - each.start for each in pack.segments)
        self.most_keys = max(each.keys for each in pack.segments)

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The places of all keys, and where each segment's queries and keys begin."""
        if device not in self._on:
            queries, keys = [0], [0]
            for each in self.segments:
                queries.append(each.end)
                keys.append(keys[-1] + each.keys)
            self._on[device] = (
                sent(self._keys, device),
                sent(queries, device, torch.int32),
                sent(keys, device, torch.int32),
            )
        return self._on[device]

    def mask(self, queries: int, keys: int, window: int | None) -> torch.Tensor | None:
        """`[queries, keys]`: what the last tokens of so many keys see; None: each all before it."""
        kind = (queries, keys, window)
        if kind not in self._masks:
            own = torch.arange(keys - queries, keys)[:, None]
            key = torch.arange(keys)[None, :]
            seen = key <= own
            if window is not None:
                seen &= own - key < window
            plain = queries == keys and (window is None or keys <= window)
            self._masks[kind] = None if plain else seen
        return self._masks[kind]


def sent(values: Any, device: torch.device, dtype: torch.dtype = torch.long) -> torch.Tensor:
    """Numbers on a device, which nothing waits for."""
    held = torch.tensor(values, dtype=dtype)
    return held.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else held.to(device)


_current: list[Layout] = []


@contextmanager
def attending(model: Any, layout: Layout) -> Iterator[None]:
    """Within it the model's attention is that of a pack."""
    configs = {id(each.config): each.config for each in model.modules() if hasattr(each, "config")}
    before = [(each, each._attn_implementation_internal) for each in configs.values()]
    _current.append(layout)
    try:
        for each, _ in before:
            each._attn_implementation_internal = NAME
        yield
    finally:
        for each, name in before:
            each._attn_implementation_internal = name
        _current.pop()


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers' attention functions: `[1, heads, tokens, width]` to `[1, tokens, heads, width]`."""
    unknown = [name for name in ("softcap", "s_aux", "position_bias") if named.get(name) is not None]
    if attention_mask is not None or unknown or not _current:
        raise RuntimeError(f"{type(module).__name__} asks for attention that packs do not know: {unknown}")
    layout = _current[-1]
    if query.is_cuda:
        return _flash(layout, query, key, value, scaling, sliding_window), None
    return _by_segment(layout, query, key, value, scaling, sliding_window), None


def flash_takes(width: int, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether a device has flash attention for heads of a width; on a CPU none is needed."""
    if device.type == "cpu":
        return True
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    half = dtype in (torch.bfloat16, torch.float16)
    modern = torch.cuda.get_device_capability(device) >= (8, 0)
    return half and modern and width <= _WIDEST and width % _MULTIPLE == 0


def _flash(
    layout: Layout,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    places, queries, keys = layout.on(query.device)
    found: torch.Tensor = torch.ops.aten._flash_attention_forward(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1).index_select(0, places),
        value[0].transpose(0, 1).index_select(0, places),
        queries,
        keys,
        layout.most_queries,
        layout.most_keys,
        0.0,
        True,
        False,
        scale=scaling,
        window_size_left=-1 if window is None else window - 1,
        window_size_right=0,
    )[0]
    return found.unsqueeze(0)


def _by_segment(
    layout: Layout,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Each segment for itself; the heads that share keys are laid behind one another rather than copied."""
    _, heads, tokens, _ = query.shape
    shared = key.shape[1]
    found = query.new_empty(1, tokens, heads, value.shape[-1])
    for each in layout.segments:
        own = query[:, :, each.start : each.end]
        keys, values = (torch.cat([of[:, :, a:b] for a, b in each.seen], dim=2) for of in (key, value))
        length = each.end - each.start
        mask = layout.mask(length, each.keys, window)
        if mask is None:
            answer = torch.nn.functional.scaled_dot_product_attention(
                own, keys, values, is_causal=True, scale=scaling, enable_gqa=heads != shared
            )
        else:
            answer = torch.nn.functional.scaled_dot_product_attention(
                own.reshape(1, shared, -1, own.shape[-1]),
                keys,
                values,
                attn_mask=mask.repeat(heads // shared, 1),
                scale=scaling,
            ).view(1, heads, length, -1)
        found[:, each.start : each.end] = answer.transpose(1, 2)
    return found


AttentionInterface.register(NAME, attend)
