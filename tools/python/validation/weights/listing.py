"""Many names of tensors as a short text: those that differ only in their numbers are told together."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: How many groups of names a text shows.
_SHOWN = 12
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


def listed(names: Iterable[str]) -> str:
    """`model.layers.{0, 5}.mlp.up_proj.weight, lm_head.weight`, and how many are not shown."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=_natural):
        first = _NUMBER.search(name)
        key = name if first is None else f"{name[: first.start()]}\0{name[first.end() :]}"
        groups.setdefault(key, []).append("" if first is None else first.group())
    shown = [
        key.replace("\0", numbers[0] if len(numbers) == 1 else f"{{{_ranges(numbers)}}}")
        for key, numbers in list(groups.items())[:_SHOWN]
    ]
    left = sum(len(numbers) for numbers in list(groups.values())[_SHOWN:])
    return ", ".join(shown) + (f" and {left} more" if left else "")


def _ranges(numbers: list[str]) -> str:
    """`0-3, 7`."""
    runs: list[list[int]] = []
    for number in sorted({int(each) for each in numbers}):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
