"""Computes packs on a model: all of a pack's nodes in one forward pass, each after what it begins with."""

from __future__ import annotations

from typing import Any

import torch

from validation.evaluation.prefixes.packed_attention import Layout, attending, sent
from validation.evaluation.prefixes.packs import Pack
from validation.evaluation.prefixes.scores import Scores, only_at


class Packed:
    """A model that computes packs.

    Args:
        model: A causal language model of transformers; it may lie on several devices.
        device: Where its inputs go.
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model, self._device = model, device
        self._head = model.get_output_embeddings()

    @torch.inference_mode()
    def pack(self, pack: Pack) -> Scores:
        """The scores of all wants of a pack; nothing here waits for the device."""
        places = sorted({want.place for want in pack.wants})
        row = {place: number for number, place in enumerate(places)}
        place = sent(places, self._device)
        with attending(self._model, Layout(pack)), only_at(self._head, torch.zeros_like(place), place):
            logits = self._model(
                input_ids=sent([pack.tokens], self._device),
                position_ids=sent([pack.positions], self._device),
                use_cache=False,
                return_dict=True,
            ).logits[0]
        return Scores.of(logits, [(row[want.place], want) for want in pack.wants], sent)
