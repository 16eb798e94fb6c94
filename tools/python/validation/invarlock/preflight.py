"""The preflight of an InvarLock run: settings and windows that it would refuse, with the number to change."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.invarlock.config import Settings, Slice
from validation.job import Fault

MINIMUMS_FILE = Path(__file__).parents[3] / "invarlock-minimums.json"
#: Profiles whose runs have minimums.
GUARDED_PROFILES = ("ci", "release")
#: How many lines of a corpus a problem names.
_SHOWN = 3


@dataclass(frozen=True)
class Minimums:
    """The minimums of a tier: windows in each arm, bootstrap replicates, tokens over both arms.

    Source: docs/formulas.md, "Windows and InvarLock minimums".
    """

    preview: int
    final: int
    bootstrap: int
    tokens: int
    token_tolerance: float

    @property
    def least_tokens(self) -> int:
        """Tokens below which the primary metric is never acceptable."""
        return int(self.tokens * (1.0 - self.token_tolerance))


def load_minimums(tier: str, path: Path = MINIMUMS_FILE) -> Minimums:
    """The minimums of a tier.

    Raises:
        Fault: `misconfigured` for a tier that is not in the table.
    """
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    tiers: dict[str, Any] = table["tiers"]
    if tier not in tiers:
        raise Fault("misconfigured", f"tier: '{tier}' is none of {', '.join(sorted(tiers))}")
    row = tiers[tier]
    return Minimums(row["preview"], row["final"], row["bootstrap"], row["tokens"], table["token_tolerance"])


def number_problems(settings: Settings, minimums: Minimums) -> list[str]:
    """The problems of windows, replicates, stride and tokens, compared with the tier's minimums."""
    problems = []
    tier = f"the {settings.tier} tier's minimum"
    guarded = settings.profile in GUARDED_PROFILES
    if guarded and settings.preview < minimums.preview:
        problems.append(f"windows.preview: {settings.preview} < {minimums.preview}, {tier}")
    if guarded and settings.final < minimums.final:
        problems.append(f"windows.final: {settings.final} < {minimums.final}, {tier}")
    if settings.preview != settings.final:
        problems.append(
            f"windows.final: {settings.final} is not {settings.preview} like windows.preview, arms are paired"
        )
    if guarded and settings.bootstrap < minimums.bootstrap:
        problems.append(f"bootstrap: {settings.bootstrap} < {minimums.bootstrap}, {tier}")
    if settings.stride != settings.seq_len:
        problems.append(
            f"stride: {settings.stride} is not seq_len ({settings.seq_len}), overlapping windows are refused"
        )
    tokens = settings.windows * settings.seq_len
    if guarded and tokens < minimums.least_tokens:
        least = -(-minimums.least_tokens // settings.windows) if settings.windows else minimums.least_tokens
        problems.append(
            f"seq_len: {settings.preview} + {settings.final} windows of {settings.seq_len} tokens are"
            f" {tokens} < {minimums.tokens} tokens, {tier}: at least {least}, or more windows"
        )
    if not 0.0 < settings.alpha < 1.0:
        problems.append(f"alpha: {settings.alpha} is not between 0 and 1")
    return problems


def line_problems(count: int, settings: Settings, part: Slice) -> list[str]:
    """The problem of a corpus with too few lines: a line is one window, and only one run uses it."""
    needed = part.count * settings.windows
    if count >= needed:
        return []
    return [
        f"corpus: {count} lines < {needed} = {part.count} runs × ({settings.preview} + {settings.final})"
        f" windows: add {needed - count} lines, or lower windows.preview and windows.final, or the runs"
    ]


def window_problems(
    texts: Sequence[str], encode: Callable[[str], list[int]], settings: Settings, first: int
) -> list[str]:
    """The problems of one run's lines as windows: lines that are too short, or equal to another.

    InvarLock pads a short line and counts only its real tokens. For two equal windows it removes windows from
    both arms without an error, and then fails because there are too few.

    Args:
        texts: The run's texts, in order.
        encode: The tokens of a text, cut at `seq_len`.
        settings: The cell's settings.
        first: The number of the first line in the corpus, from 1.
    """
    short: list[tuple[int, int]] = []
    alike: list[tuple[int, int]] = []
    seen: dict[tuple[int, ...], int] = {}
    for number, text in enumerate(texts, start=first):
        tokens = tuple(encode(text)[: settings.seq_len])
        if len(tokens) < settings.seq_len:
            short.append((number, len(tokens)))
        if tokens in seen:
            alike.append((number, seen[tokens]))
        seen.setdefault(tokens, number)
    problems = []
    if short:
        shown = ", ".join(f"line {number} has {tokens}" for number, tokens in short[:_SHOWN])
        problems.append(
            f"seq_len: {len(short)} corpus lines have fewer than {settings.seq_len} tokens ({shown}):"
            f" lower seq_len and stride to {min(tokens for _, tokens in short)}, or lengthen the lines"
        )
    if alike:
        shown = ", ".join(f"line {number} like line {other}" for number, other in alike[:_SHOWN])
        problems.append(
            f"corpus: {len(alike)} lines repeat the first {settings.seq_len} tokens of another ({shown}):"
            " InvarLock would drop windows"
        )
    return problems


def refuse(problems: Sequence[str]) -> None:
    """End the cell when there is a problem, naming every one.

    Raises:
        Fault: `misconfigured`.
    """
    if problems:
        raise Fault(
            "misconfigured",
            "InvarLock would refuse these settings:\n" + "\n".join(f"- {problem}" for problem in problems),
            "change the numbers in suite.yaml (or the corpus) and generate the suite again",
        )
