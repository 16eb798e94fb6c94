"""From requests to answers, by rows or by packs; a device short of memory is given less at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from validation.evaluation.prefixes.forward import Forward
from validation.evaluation.prefixes.packed import Packed
from validation.evaluation.prefixes.packs import Pack, Room, packs
from validation.evaluation.prefixes.plan import Budget, Group, Plan, Request, plan
from validation.evaluation.prefixes.scores import Answer, Scores


@dataclass
class Found:
    """What was found for requests.

    Attributes:
        computed: tokens that were computed, without what fills batches up.
    """

    requests: Sequence[Request]
    computed: int = 0
    logprobs: list[list[float]] = field(init=False)
    greedy: list[bool] = field(init=False)
    largest: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self.logprobs = [[math.nan] * len(each.targets) for each in self.requests]
        self.greedy = [True] * len(self.requests)
        self.largest = [[0.0] * len(each.targets) for each in self.requests]

    def add(self, answers: Iterable[Answer]) -> None:
        """Write answers down, each where it belongs."""
        for answer in answers:
            self.logprobs[answer.request][answer.k] = answer.logprob
            self.greedy[answer.request] &= answer.greedy
            self.largest[answer.request][answer.k] = answer.largest

    @property
    def answers(self) -> list[tuple[float, bool]]:
        """As lm-eval has them."""
        return [
            (math.fsum(each), likeliest) for each, likeliest in zip(self.logprobs, self.greedy, strict=True)
        ]


@dataclass
class Rows:
    """Rows with masks, behind trunks whose keys are kept.

    Attributes:
        branches: whether a row may hold several branches.
        halves: whether less may be asked for than the budget.
    """

    forward: Forward
    budget: Budget
    branches: bool
    halves: bool

    def found(self, requests: Sequence[Request]) -> Found:
        """Everything."""
        budget = self.budget
        planned = plan(requests, budget, branches=self.branches)
        found = Found(requests, planned.computed)
        waiting = list(planned.groups)
        while waiting:
            answers = self._group(planned, waiting[0])
            if answers is None:  # and all it held is free again
                torch.cuda.empty_cache()
                budget = budget.halved()
                waiting = list(planned.regrouped(waiting, budget))
                continue
            del waiting[0]
            found.add(answers)
        return found

    def _group(self, planned: Plan, group: Group) -> list[Answer] | None:
        """Its answers; None where there was no memory for it, and less can be asked for at a time."""
        try:
            return self.forward.group(planned, group)
        except torch.OutOfMemoryError:
            if not self.halves or max(map(len, (group.trunks, *group.batches))) < 2:
                raise
            return None


@dataclass
class Packs:
    """Packs without masks.

    Attributes:
        halves: as of `Rows`.
    """

    packed: Packed
    room: Room
    halves: bool

    def found(self, requests: Sequence[Request]) -> Found:
        """Everything. A pack's answers are read while the device computes the next one."""
        found = Found(requests)
        room, waiting = self.room, packs(requests, self.room)
        before: Scores | None = None
        while waiting:
            scores = self._pack(waiting[0])
            if scores is None:  # and all it held is free again
                torch.cuda.empty_cache()
                room = room.halved()
                waiting = _repacked(requests, waiting, room)
                continue
            found.computed += len(waiting[0].tokens)
            del waiting[0]
            if before is not None:
                found.add(before.answers())
            before = scores
        if before is not None:
            found.add(before.answers())
        return found

    def _pack(self, pack: Pack) -> Scores | None:
        try:
            return self.packed.pack(pack)
        except torch.OutOfMemoryError:
            if not self.halves or len({want.request for want in pack.wants}) < 2:
                raise
            return None


def _repacked(requests: Sequence[Request], waiting: Sequence[Pack], room: Room) -> list[Pack]:
    """What is left of requests, for less room."""
    left = sorted({want.request for pack in waiting for want in pack.wants})
    found = packs([requests[number] for number in left], room)
    for pack in found:
        pack.wants = [want.of(left[want.request]) for want in pack.wants]
    return found
