"""Log-probabilities at wanted places: the head of a model computes those alone, and in float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from validation.evaluation.prefixes.plan import Want

#: Logits taken to float32 at a time.
_CHUNK = 1 << 25


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


@contextmanager
def only_at(head: Any, line: torch.Tensor, place: torch.Tensor) -> Iterator[None]:
    """Within it the head of a model is given these places of these lines alone."""

    def chosen(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = given[0]
        return (hidden[line.to(hidden.device), place.to(hidden.device)].unsqueeze(0), *given[1:])

    handle = head.register_forward_pre_hook(chosen)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class Scores:
    """Answers that may still be computed on the device."""

    wants: list[Want]
    found: torch.Tensor

    @staticmethod
    def of(logits: torch.Tensor, wants: Sequence[tuple[int, Want]], send: Any) -> Scores:
        """Log-softmax in float32 of the rows of logits that wants name.

        Args:
            logits: `[places, vocabulary]`.
            wants: Each with its row.
            send: Takes a list of numbers to the logits' device.
        """
        totals, likeliest, largest = [], [], []
        step = max(1, _CHUNK // logits.shape[-1])
        for start in range(0, len(logits), step):
            wide = logits[start : start + step].float()
            totals.append(wide.logsumexp(-1))
            likeliest.append(wide.argmax(-1))
            largest.append(torch.maximum(wide.amax(-1), -wide.amin(-1)))
        rows = send([number for number, _ in wants], logits.device)
        targets = send([want.target for _, want in wants], logits.device)
        logprobs = logits[rows, targets].float() - torch.cat(totals)[rows]
        greedy = (torch.cat(likeliest)[rows] == targets).float()
        return Scores([want for _, want in wants], torch.stack([logprobs, greedy, torch.cat(largest)[rows]]))

    def answers(self) -> Iterator[Answer]:
        """Wait for the device, and read them."""
        for want, logprob, greedy, largest in zip(self.wants, *self.found.tolist(), strict=True):
            yield Answer(want.request, want.k, logprob, greedy == 1.0, largest)
