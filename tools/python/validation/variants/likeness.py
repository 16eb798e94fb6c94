"""What the change of a tensor looks like (pruned, quantized, of low rank, …): a guess from samples.

Values are read as bf16 stores them, so that every look allows for its rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from validation.edits.base import one_thread
from validation.variants.publish import rounded

#: Groups that quantizers share a scale in; then rows, then whole matrices.
_GROUPS = (32, 64, 128)
_SAMPLED_GROUPS = 256
#: Rows and columns of the part of a matrix whose rank is looked at.
_SIDE = 512
#: Half a unit in the last place of bf16, relative.
_ROUNDING = 2.0**-9
_WORDS = {
    "quantized": "rounded to {bits} bits, one scale a {group} (as round-to-nearest, GPTQ or AWQ do)",
    "pruned": "pruned to {sparsity:.0%} zeros{pattern}",
    "low_rank": "of low rank, about {rank} in a sample of {of}",
    "low_rank_change": "changed by a matrix of low rank, about {rank} (as a merged adapter does)",
    "scaled": "scaled by {factor:g}",
    "few_changed": "changed in few numbers, below 1 %",
    "changed": "changed everywhere, at full rank (as training or noise does)",
}


@dataclass(frozen=True)
class Likeness:
    """A kind of change, its strength, and the share of zeros afterwards."""

    kind: str
    zeros: float
    strength: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As a row of the metadata has them."""
        return {"looks_like": self.kind, "zeros": rounded(self.zeros), **self.strength}

    @property
    def words(self) -> str:
        """In words."""
        return _WORDS[self.kind].format(**{"group": "group", "pattern": "", **self._said()})

    def _said(self) -> dict[str, Any]:
        said = dict(self.strength)
        if isinstance(size := said.get("group_size"), int):
            said["group"] = f"group of {size}"
        elif size is not None:
            said["group"] = size
        if "pattern" in said:
            said["pattern"] = f" ({said['pattern']})"
        return said


def likeness(before: torch.Tensor, after: torch.Tensor) -> Likeness:
    """What a tensor's change looks like; a vector is a matrix of one row, experts lie below each other."""
    zeros = float((after == 0).sum()) / max(1, after.numel())
    if torch.equal(before, after):
        return Likeness("unchanged", zeros)
    if len(before) < 2 or not bool(torch.isfinite(after).all()):
        return Likeness(_plain(before, after), zeros)
    with one_thread():
        for kind, look in (
            ("scaled", _scaled),
            ("quantized", _quantized),
            ("pruned", _pruned),
            ("low_rank", _low_rank),
            ("low_rank_change", _low_rank_change),
        ):
            if (strength := look(before, after)) is not None:
                return Likeness(kind, zeros, strength)
    return Likeness(_plain(before, after), zeros)


def sentence(found: Sequence[Likeness]) -> str:
    """What most changed matrices look like, and how many; changed vectors are counted apart."""
    counted = Counter(each.words for each in found if each.kind != "unchanged")
    return "; ".join(
        f"{count} of {counted.total()} changed tensors {words}" for words, count in counted.most_common(4)
    )


def _plain(before: torch.Tensor, after: torch.Tensor) -> str:
    share = float((before != after).sum()) / max(1, before.numel())
    return "few_changed" if share < 0.01 else "changed"


def _sample(values: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many rows, evenly spread."""
    if len(values) <= most:
        return values
    return values[torch.linspace(0, len(values) - 1, most).long()]


def _scaled(before: torch.Tensor, after: torch.Tensor) -> dict[str, Any] | None:
    old, new = _sample(before, _SIDE).double(), _sample(after, _SIDE).double()
    square = float((old * old).sum())
    factor = float((old * new).sum()) / square if square else 1.0
    left = float((new - factor * old).norm())
    if abs(factor - 1) > 2 * _ROUNDING and left <= 2 * _ROUNDING * float(new.norm()):
        return {"factor": float(f"{factor:.3g}")}
    return None


def _quantized(before: torch.Tensor, after: torch.Tensor) -> dict[str, Any] | None:
    """Few levels in each group, or levels on a grid; by rows, else by columns (matrices stored [in, out])."""
    for old, new in ((before, after), (before.T, after.T)):
        found = _few_levels(new)
        if found is None or _few_levels(old) == found:
            found = _on_grid(new)
            found = None if found is not None and _on_grid(old) == found else found
        if found is not None:
            return found
    return None


def _few_levels(values: torch.Tensor) -> dict[str, Any] | None:
    best: tuple[int, int] | None = None
    width = values.shape[1]
    for size in [*(each for each in _GROUPS if width % each == 0 and each < width), width]:
        groups = _groups(values, size)
        bits = max(1, (int(_distinct(groups).max()) - 1).bit_length())
        if 2 ** (bits + 1) <= size and _repeats(groups) and (best is None or bits <= best[0]):
            best = (bits, size)
    if best is None:
        return None
    bits, size = best
    whole = _sample(values, _SAMPLED_GROUPS)
    if size == width and len(torch.unique(whole)) <= 2**bits:
        return {"bits": bits, "group_size": "matrix"}
    return {"bits": bits, "group_size": "row" if size == width else size}


def _groups(values: torch.Tensor, size: int) -> torch.Tensor:
    # rows first: a matrix seen by columns would be copied whole
    return _sample(_sample(values, _SAMPLED_GROUPS).reshape(-1, size), _SAMPLED_GROUPS).float()


def _distinct(groups: torch.Tensor) -> torch.Tensor:
    ordered = groups.sort(dim=1).values
    return (ordered.diff(dim=1) != 0).sum(dim=1) + 1


def _repeats(groups: torch.Tensor) -> bool:
    """Whether numbers other than zero come again: in a pruned matrix they do not."""
    other = (groups != 0).sum(dim=1)
    levels = _distinct(groups) - (other < groups.shape[1]).long()
    return float(levels.sum()) <= 0.6 * float(other.sum())


def _on_grid(values: torch.Tensor) -> dict[str, Any] | None:
    """Multiples of a step that the largest magnitude of each group gives, from 8 bits down to 5."""
    width = values.shape[1]
    for size in [width, *(each for each in reversed(_GROUPS) if width % each == 0 and each < width)]:
        groups = _groups(values, size)
        peak = groups.abs().amax(dim=1, keepdim=True)
        groups, peak = groups[(peak > 0).squeeze(1)], peak[peak > 0].unsqueeze(1)
        for bits in (8, 7, 6, 5):
            for levels in (2 ** (bits - 1) - 1, 2 ** (bits - 1)):
                steps = groups / peak * levels
                near = (steps - steps.round()).abs() <= 0.02 + steps.abs() * 2 * _ROUNDING
                told = (steps.abs() <= 24) & (steps.abs() > 0)
                # as many small steps as a grid of so few levels must have
                if int(told.sum()) >= 64 and float((near & told).sum()) >= 0.97 * float(told.sum()):
                    return {"bits": bits, "group_size": "row" if size == width else size}
    return None


def _pruned(before: torch.Tensor, after: torch.Tensor) -> dict[str, Any] | None:
    new_zeros = (after == 0) & (before != 0)
    sparsity = float((after == 0).sum()) / after.numel()
    changed = float((before != after).sum())
    if sparsity < 0.02 or float(new_zeros.sum()) < 0.3 * changed:
        return None
    found: dict[str, Any] = {"sparsity": rounded(sparsity)}
    if after.shape[1] % 4 == 0 and sparsity >= 0.49:
        fours = (after == 0).reshape(-1, 4).sum(dim=1)
        if float((fours >= 2).sum()) >= 0.999 * len(fours):
            found["pattern"] = "2:4"
    return found


def _corner(values: torch.Tensor) -> torch.Tensor:
    return _sample(_sample(values, _SIDE).T, _SIDE).T.double()


def _noise(values: torch.Tensor) -> float:
    """The norm of bf16's rounding for each number, root mean square."""
    return float(values.square().mean().sqrt()) * _ROUNDING / 3**0.5


def _rank(values: torch.Tensor, noise: float) -> tuple[int, torch.Tensor]:
    height, width = values.shape
    singular = torch.linalg.svdvals(values)
    return int((singular > 2 * noise * (height**0.5 + width**0.5)).sum()), singular


def _low_rank(before: torch.Tensor, after: torch.Tensor) -> dict[str, Any] | None:
    old, new = _corner(before), _corner(after)
    of, noise = min(new.shape), _noise(new)
    rank, _ = _rank(new, noise)
    if rank > 0.75 * of or rank > 0.9 * _rank(old, noise)[0]:
        return None
    return {"rank": rank, "of": of}


def _low_rank_change(before: torch.Tensor, after: torch.Tensor) -> dict[str, Any] | None:
    old, new = _corner(before), _corner(after)
    noise = _noise(new)
    rank, singular = _rank(new - old, noise)
    left = float((singular[rank:] ** 2).sum()) ** 0.5
    if not 1 <= rank <= min(new.shape) / 4 or left > 1.5 * noise * new.numel() ** 0.5:
        return None
    return {"rank": rank}
