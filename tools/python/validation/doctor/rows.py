"""The doctor's count of windows in a data set whose rows InvarLock draws by seed (wikitext2)."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from validation.doctor.finding import Finding, finding, first_line
from validation.invarlock import window_count
from validation.invarlock.config import Settings, dataset_seed
from validation.invarlock.preflight import Minimums
from validation.invarlock.window_count import Choice, Drawn, draw

#: A shorter seq_len is suggested when it is at most this share of the one asked for.
_SHORTER = 0.5
_ROUND = 64
_AGAIN = "and generate the projects again (nx g)."


def count_rows(
    what: str, question: Mapping[str, Any], settings: Settings, minimums: Minimums, tokenizer: Any
) -> Finding:
    """Draw the windows of every run as InvarLock will; where they are refused, search for valid ones."""
    seeds = sorted({dataset_seed(int(each["run"])) for each in question["runs"]})
    split = str(settings.dataset.get("split", "validation"))
    data = importlib.import_module("invarlock.eval.data")
    provider = data.get_provider(settings.provider, emit=lambda *_: None)
    # InvarLock's own cache holds only what is as long as was asked for: each draw would ask the hub again.
    provider.load = functools.cache(provider.load)

    def draws(given: Settings) -> list[Drawn]:
        return [draw(provider, tokenizer, given, seed) for seed in seeds]

    def rows(given: Settings) -> int:
        found = provider.estimate_capacity(tokenizer, seq_len=given.seq_len, stride=given.stride, split=split)
        return int(found["available_unique"])

    try:
        capacity = rows(settings)
    except Exception as error:  # datasets has an exception for each reason
        message = f"not counted, {settings.provider} cannot be loaded ({first_line(error)})"
        return finding("warning", what, message, f"See the line of the dataset {settings.provider}.")
    asked = f"{settings.preview} + {settings.final} windows of {settings.seq_len} tokens"
    drawn = draws(settings)
    found = window_count.problems(settings, minimums, drawn)
    if not found:
        return _valid(what, question, settings, minimums, drawn, f"{asked}, {capacity} rows ({split})")
    wrong = f"{asked}: {'; '.join(found)}; the {split} split has {capacity} rows that differ"
    # Rows that were cut have more tokens to give.
    for length in (settings.seq_len, _rounded(_longest(provider, tokenizer, split))):
        given = window_count.at(settings, length, settings.preview)
        most = window_count.largest(given, minimums, rows(given), draws)
        if most is not None:
            least = window_count.fewest(given, minimums, most, draws)
            return finding("error", what, wrong, _choices(question, least, most))
    fix = "No windows of it are valid: take another split (dataset.split), or provider: local_jsonl."
    return finding("error", what, wrong, fix)


def _longest(provider: Any, tokenizer: Any, split: str) -> int:
    """Tokens of the longest row."""
    return max(len(ids) for ids in tokenizer(provider.load(split=split))["input_ids"])


def _rounded(tokens: int) -> int:
    return max(1, -(-tokens // _ROUND)) * _ROUND


def _valid(
    what: str,
    question: Mapping[str, Any],
    settings: Settings,
    minimums: Minimums,
    drawn: Sequence[Drawn],
    counted: str,
) -> Finding:
    """The finding for valid windows; a warning where most of the computation would be padding."""
    tokens, longest = min(each.tokens for each in drawn), max(each.longest for each in drawn)
    message = (
        f"{counted}, at least {tokens} tokens a run ({window_count.least_tokens(settings, minimums)} needed)"
    )
    shorter = _rounded(longest)
    if shorter > settings.seq_len * _SHORTER:
        return finding("ok", what, message)
    choice = window_count.as_yaml(question["size_class"], Choice(shorter, settings.preview, tokens))
    return finding(
        "warning",
        what,
        f"{message}; the longest has {longest}, and what seq_len is longer is padding that is computed",
        f"For the same windows in less time set {choice} in suite.yaml, {_AGAIN}",
    )


def _choices(question: Mapping[str, Any], least: Choice, most: Choice) -> str:
    """The fix: the valid choice that takes the least time, and the largest."""
    size_class = question["size_class"]
    if least.arm == most.arm:
        return (
            f"Set {window_count.as_yaml(size_class, most)} in suite.yaml, the largest valid choice, {_AGAIN}"
        )
    choice = window_count.as_yaml(size_class, least)
    return (
        f"Set {choice} in suite.yaml ({least.tokens} tokens; the largest valid choice is"
        f" {most.arm} + {most.arm}, {most.tokens} tokens), {_AGAIN}"
    )
