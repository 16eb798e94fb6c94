"""Whether answers of the shared way are trusted: a sample of them against lm-eval's own.

Pure. Two ways of computing the same number in bf16 differ as lm-eval's own do: in a batch, and one by one
with plain attention. So that is the yardstick. A batch size alone would be none: where a GPU takes the same
kernels for both, it changes no bit, while the shared way must take another kernel for its attention.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: How far, of a number, it may be from what bf16 holds of it: half a unit in the last of eight places.
ROUNDING = 2.0**-9
#: Of the yardstick, how much a difference may be.
FACTOR = 2.0


@dataclass(frozen=True)
class Sample:
    """What a sample showed; log-likelihoods in nats.

    Attributes:
        requests: how many were asked both ways.
        difference: the largest between the shared way and lm-eval's.
        batch_change: the largest between lm-eval's two, in a batch and one by one.
        bound: what the difference could have been where it came nearest to it or went beyond.
        greedy: how many have another `is_greedy`.
        trusted: whether no difference is beyond its bound.
    """

    requests: int
    difference: float
    batch_change: float
    bound: float
    greedy: int
    trusted: bool


def places(count: int) -> list[int]:
    """Which requests are asked both ways: one of 64, at least 4 and at most 16, evenly spread."""
    wanted = min(count, max(4, min(16, count // 64)))
    return sorted({index * count // wanted for index in range(wanted)}) if count else []


Answers = Sequence[tuple[float, bool]]


def rounding(largest: Sequence[float], layers: int) -> float:
    """How coarse a log-likelihood is in bf16, by the largest logit at each of its tokens.

    On a token's way through a model, bf16 holds its states after each of two additions a layer, and its
    logits. Each rounds by up to `ROUNDING` of what it holds; independent ones add up as the root of their
    number, over a token's way and over tokens.
    """
    finite = [each for each in largest if math.isfinite(each)]
    return ROUNDING * math.sqrt(2 * layers + 1) * max(finite, default=0.0) * math.sqrt(len(largest))


def compare(shared: Answers, together: Answers, one_by_one: Answers, roundings: Sequence[float]) -> Sample:
    """Compare a sample's answers.

    The bound of a log-likelihood is `FACTOR` times the larger of: what the change from a batch to one by one
    did to any of the sample, and its own rounding.
    """
    change = max(
        (_apart(one[0], other[0]) for one, other in zip(together, one_by_one, strict=True)), default=0.0
    )
    change = change if math.isfinite(change) else 0.0
    worst, bound, largest, greedy = -math.inf, 0.0, 0.0, 0
    for own, one, other, coarse in zip(shared, together, one_by_one, roundings, strict=True):
        apart = min(_apart(own[0], one[0]), _apart(own[0], other[0]))
        allowed = FACTOR * max(change, coarse)
        largest = max(largest, apart)
        if apart - allowed > worst:
            worst, bound = apart - allowed, allowed
        greedy += own[1] not in (one[1], other[1])
    return Sample(len(shared), largest, change, bound, greedy, worst <= 0)


def _apart(one: float, other: float) -> float:
    """How far; 0 between two that are not numbers, or the same infinity."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    apart = abs(one - other)
    return math.inf if math.isnan(apart) else apart
