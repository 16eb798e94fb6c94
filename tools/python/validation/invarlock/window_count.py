"""The number of windows that a corpus gives a run, counted as InvarLock and the model's tokenizer do.

InvarLock 0.3.7 joins no texts: a row of wikitext2, or a line of a local corpus, is one window, cut at
`seq_len` tokens or padded to them. So a longer `seq_len` gives no more tokens than the rows have, and a
shorter one no more windows.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from validation.invarlock.config import Settings
from validation.invarlock.preflight import GUARDED_PROFILES, Minimums

#: Smallest number of windows by which InvarLock shortens an arm when windows are equal.
_STEP = 5


@dataclass(frozen=True)
class Drawn:
    """The windows of one run, both arms together.

    `distinct` counts different ones among `windows`; `tokens` are real tokens, padding apart; `longest` is
    the number of real tokens in the longest window.
    """

    windows: int
    distinct: int
    tokens: int
    longest: int


@dataclass(frozen=True)
class Choice:
    """Windows that a tier accepts: tokens of a window, windows an arm, real tokens of the poorest run."""

    seq_len: int
    arm: int
    tokens: int


def draw(provider: Any, tokenizer: Any, settings: Settings, seed: int) -> Drawn:
    """Draw the windows of a run.

    Args:
        provider: A provider of `invarlock.eval.data`.
        tokenizer: The model's, as InvarLock loads it.
        settings: `seq_len`, `stride`, `preview`, `final` and the split are read.
        seed: The run's data set seed; a local corpus ignores it.

    Returns:
        What InvarLock would evaluate; zeros where it refuses the corpus.
    """
    refused = importlib.import_module("invarlock.core.exceptions").DataError
    try:
        arms = provider.windows(
            tokenizer,
            seq_len=settings.seq_len,
            stride=settings.stride,
            preview_n=settings.preview,
            final_n=settings.final,
            seed=seed,
            split=str(settings.dataset.get("split", "validation")),
        )
    except refused:
        return Drawn(0, 0, 0, 0)
    rows = [
        tuple(token for token, real in zip(ids, mask, strict=True) if real)
        for arm in arms
        for ids, mask in zip(arm.input_ids, arm.attention_masks, strict=True)
    ]
    lengths = [len(row) for row in rows]
    return Drawn(len(rows), len(set(rows)), sum(lengths), max(lengths, default=0))


def least_tokens(settings: Settings, minimums: Minimums) -> int:
    """Tokens below which no certificate of the profile finds the primary metric acceptable."""
    return minimums.least_tokens if settings.profile in GUARDED_PROFILES else 0


def least_arm(settings: Settings, minimums: Minimums) -> int:
    """The smallest number of windows in an arm."""
    return max(minimums.preview, minimums.final) if settings.profile in GUARDED_PROFILES else 1


def problems(settings: Settings, minimums: Minimums, drawn: Sequence[Drawn]) -> list[str]:
    """The problems of the runs' windows that InvarLock would refuse, each for the worst run."""
    found = []
    fewest = min(each.windows for each in drawn)
    if fewest < settings.windows:
        found.append("the corpus has too few rows" if fewest == 0 else f"a run gets {fewest}")
    if alike := max(each.windows - each.distinct for each in drawn):
        found.append(f"{alike} are like another one, and InvarLock would drop them")
    tokens, least = min(each.tokens for each in drawn), least_tokens(settings, minimums)
    if fewest and tokens < least:
        found.append(
            f"{tokens} tokens in a run without padding, and tier {settings.tier} asks at least {least}:"
            " every certificate would find the primary metric not acceptable"
        )
    return found


def at(settings: Settings, seq_len: int, arm: int) -> Settings:
    """The settings with other windows: adjoining, `seq_len` tokens each, `arm` of them in both arms."""
    return replace(settings, seq_len=seq_len, stride=seq_len, preview=arm, final=arm)


def largest(
    settings: Settings, minimums: Minimums, capacity: int, draws: Callable[[Settings], Sequence[Drawn]]
) -> Choice | None:
    """The largest number of windows of `seq_len` tokens that every run gets, all different.

    Args:
        settings: Of the runs; their numbers of windows don't matter.
        minimums: Of the tier.
        capacity: Rows that can be windows.
        draws: Draws the windows of every run.

    Returns:
        None where the most are fewer windows or tokens than the minimums.
    """
    arm = capacity // 2
    while arm >= least_arm(settings, minimums):
        drawn = draws(at(settings, settings.seq_len, arm))
        lacking = max(2 * arm - each.distinct for each in drawn)
        if lacking == 0:
            tokens = min(each.tokens for each in drawn)
            fine = tokens >= least_tokens(settings, minimums)
            return Choice(settings.seq_len, arm, tokens) if fine else None
        arm -= max(_STEP, min(lacking, arm // 2))
    return None


def fewest(
    settings: Settings, minimums: Minimums, most: Choice, draws: Callable[[Settings], Sequence[Drawn]]
) -> Choice:
    """About the fewest windows of `most.seq_len` tokens that the minimums allow: they take the least time."""
    each = most.tokens / (2 * most.arm)
    arm = max(least_arm(settings, minimums), math.ceil(least_tokens(settings, minimums) / (2 * each)))
    while arm < most.arm:
        drawn = draws(at(settings, most.seq_len, arm))
        tokens = min(each.tokens for each in drawn)
        if all(each.distinct == 2 * arm for each in drawn) and tokens >= least_tokens(settings, minimums):
            return Choice(most.seq_len, arm, tokens)
        arm += max(1, arm // 50)
    return most


def as_yaml(size_class: str, choice: Choice) -> str:
    """The choice in the form of suite.yaml."""
    numbers = (
        f"seq_len: {choice.seq_len}, stride: {choice.seq_len}, preview: {choice.arm}, final: {choice.arm}"
    )
    return f"windows: {{ {size_class}: {{ {numbers} }} }}"
