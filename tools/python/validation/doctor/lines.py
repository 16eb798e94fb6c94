"""The doctor's count of windows in a local corpus, in which every run has its own lines."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.invarlock import window_count
from validation.invarlock.adapter import encoder
from validation.invarlock.config import Settings, Slice, dataset_seed, parse_slice
from validation.invarlock.preflight import Minimums, line_problems, window_problems
from validation.invarlock.window_count import Choice, Drawn, draw
from validation.invarlock.windows import read_lines, slice_of, text_of

#: Tokens beyond which the length of a line does not matter.
_WHOLE = 1 << 14


def count_lines(
    what: str,
    question: Mapping[str, Any],
    settings: Settings,
    minimums: Minimums,
    tokenizer: Any,
    work: Path,
) -> Finding:
    """Draw the windows of every run from its slice; where they are refused, search for valid ones."""
    lines = read_lines(Path(question["corpus"]))
    slices = sorted({parse_slice(each) for each in question["runs"]}, key=lambda part: part.index)
    count = max(part.count for part in slices)
    encode = encoder(tokenizer, _WHOLE)
    tokens = [tuple(encode(text_of(line, settings.text_field) or "")) for line in lines]
    asked = (
        f"{settings.preview} + {settings.final} windows of {settings.seq_len} tokens in each of {count} runs"
    )
    found = line_problems(len(lines), settings, Slice(0, count))
    drawn: list[Drawn] = []
    if not found:
        for part in slices:
            own = slice_of(lines, settings, part)
            drawn.append(draw(_provider(own, settings, work), tokenizer, settings, dataset_seed(1)))
        read = [text_of(line, settings.text_field) or "" for line in lines[: count * settings.windows]]
        found = window_problems(read, encode, settings, 1) or window_count.problems(settings, minimums, drawn)
    if not found:
        least = window_count.least_tokens(settings, minimums)
        fewest = min(each.tokens for each in drawn)
        read_of = f"{count * settings.windows} of {len(lines)} lines"
        return finding("ok", what, f"{asked}: {read_of}, at least {fewest} tokens a run ({least} needed)")
    return finding(
        "error", what, f"{asked}: {'; '.join(found)}", _fix(question, settings, minimums, count, tokens)
    )


def _fix(
    question: Mapping[str, Any],
    settings: Settings,
    minimums: Minimums,
    count: int,
    tokens: Sequence[tuple[int, ...]],
) -> str:
    """The fix: the largest valid choice, or what the corpus would need for one."""
    most = largest(settings, minimums, count, tokens)
    if most is not None:
        choice = window_count.as_yaml(question["size_class"], most)
        return (
            f"Set {choice} in suite.yaml, the largest valid choice, and generate the projects again (nx g)."
        )
    arm = window_count.least_arm(settings, minimums)
    length = -(-window_count.least_tokens(settings, minimums) // (2 * arm))
    return (
        f"No windows of it are valid: {count} runs need {2 * arm * count} different lines, of {length} tokens"
        " or more if there are no more lines than that."
    )


def largest(
    settings: Settings, minimums: Minimums, count: int, tokens: Sequence[tuple[int, ...]]
) -> Choice | None:
    """The largest windows that the corpus gives `count` runs: all lines, cut to the shortest.

    Args:
        settings: Of the runs; their numbers of windows don't matter.
        minimums: Of the tier.
        count: Runs that have lines of their own.
        tokens: The tokens of each line, uncut.
    """
    arm = len(tokens) // count // 2
    used = tokens[: 2 * arm * count]
    length = min((len(each) for each in used), default=0)
    if arm < window_count.least_arm(settings, minimums) or length == 0:
        return None
    enough = 2 * arm * length >= window_count.least_tokens(settings, minimums)
    distinct = len({each[:length] for each in used}) == len(used)
    return Choice(length, arm, 2 * arm * length) if enough and distinct else None


def _provider(lines: Sequence[str], settings: Settings, work: Path) -> Any:
    """InvarLock's own provider, on the slice of a run."""
    file = work / "corpus.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = importlib.import_module("invarlock.eval.data")
    return data.get_provider(
        settings.provider, file=str(file), text_field=settings.text_field, max_samples=settings.windows
    )
