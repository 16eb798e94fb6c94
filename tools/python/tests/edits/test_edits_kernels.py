"""The GPU kernels give the same bits as torch's way on a CPU: by Triton's interpreter, or on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton comes with torch for Linux")

from repository import PYTHONPATH, SUPPORT

from validation.edits import kernels, lowrank_svd, magnitude_prune, parse_edit, subspace, thresholds
from validation.edits.base import Weights, largest_magnitude
from validation.edits.fp4_quant import LEVELS
from validation.edits.lowrank_svd import LowrankSvd, by_power_steps
from validation.edits.magnitude_prune import MagnitudePrune
from validation.edits.subspace import carefully, quickly
from validation.edits.thresholds import Thresholds, prune

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def matrix(seed: int, shape: tuple[int, int], kind: str, dtype: torch.dtype) -> torch.Tensor:
    """Weights of a kind: normal ones, ones with many equal magnitudes, ones with zeros of both signs."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator) * 0.02
    if kind == "ties":
        values = (values * 50).round() / 50
    if kind == "zeros":
        values[torch.rand(shape, generator=generator) < 0.3] = 0.0
        values[0] = 0.0
        values = -values
    return values.to(dtype)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two matrices are equal bit for bit, signs of zeros included."""
    kind = torch.int16 if one.dtype.itemsize == 2 else torch.int32
    return torch.equal(one.cpu().view(kind), other.cpu().view(kind))


def by_torch(values: torch.Tensor, spec: dict[str, Any]) -> torch.Tensor:
    """What the edit makes of a matrix on the CPU."""
    return parse_edit(spec).apply(Weights("w", values)).values


#: The interpreter rounds float32 to bfloat16 by cutting it off; a GPU does not.
FLOATS = [torch.float16, torch.float32, *([torch.bfloat16] if DEVICE.type == "cuda" else [])]
floats = st.sampled_from(FLOATS)
kinds = st.sampled_from(["normal", "ties", "zeros"])
halves = st.sampled_from([torch.bfloat16, torch.float16])
seeds = st.integers(0, 2**16)


@settings(max_examples=12, deadline=None)
@given(
    seeds,
    kinds,
    floats,
    st.sampled_from([16, 32, 128]),
    st.integers(2, 8),
)
def test_round_to_nearest(seed: int, kind: str, dtype: torch.dtype, size: int, bits: int) -> None:
    values = matrix(seed, (5, 256), kind, dtype)
    made = kernels.rtn(values.to(DEVICE), size, 2 ** (bits - 1) - 1)
    spec = {"type": "quant_rtn", "bits": bits, "group_size": size}
    assert same_bits(made, by_torch(values, spec))


@settings(max_examples=12, deadline=None)
@given(seeds, kinds, floats, st.sampled_from(sorted(LEVELS)))
def test_fp4(seed: int, kind: str, dtype: torch.dtype, name: str) -> None:
    values = matrix(seed, (7, 300), kind, dtype)
    made = kernels.fp4(values.to(DEVICE), largest_magnitude(values).to(DEVICE), LEVELS[name])
    assert same_bits(made, by_torch(values, {"type": "fp4_quant", "format": name}))


sparsities = st.lists(st.sampled_from([0.01, 0.1, 0.29, 0.5, 0.75, 0.9]), min_size=1, max_size=6, unique=True)


@settings(max_examples=8, deadline=None)
@given(seeds, kinds, halves, sparsities)
def test_pruning_takes_the_same_sets_from_one_count_or_says_that_it_may_not_have(
    seed: int, kind: str, dtype: torch.dtype, wanted: list[float]
) -> None:
    small = pytest.MonkeyPatch()
    small.setattr(thresholds, "_PROGRAMS", 16)
    try:
        values = matrix(seed, (40, 128), kind, dtype)
        counts = [int(values.numel() * sparsity) for sparsity in wanted]
        found = Thresholds(values.to(DEVICE), counts)
        made = [prune(values.to(DEVICE), found.of[count]) for count in counts]
    finally:
        small.undo()
    for sparsity, count, each in zip(wanted, counts, made, strict=True):
        if found.right(count):
            assert same_bits(each, by_torch(values, {"type": "magnitude_prune", "sparsity": sparsity}))
        else:
            # Every magnitude was in the sample, so only zeros can be what is pruned.
            assert int((values == 0).sum()) >= count


def test_a_sample_that_misses_is_noticed_and_pruned_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "_PROGRAMS", 16)
    monkeypatch.setattr(thresholds, "_SAMPLE", 8)
    monkeypatch.setattr(magnitude_prune, "on_gpu", lambda _: True)
    outcomes = []
    for kind in ("normal", "ties"):
        values = matrix(1, (40, 128), kind, torch.float16)
        prunings = [MagnitudePrune(sparsity) for sparsity in (0.1, 0.5, 0.9)]
        weights = Weights("w", values.to(DEVICE), edits=prunings)
        for edit in prunings:
            made = edit.apply(weights)
            wanted = edit.apply(Weights("w", values.float()))
            assert torch.equal(made.values.cpu().float(), wanted.values) and made.facts == wanted.facts
        outcomes += [weights.shared["cuts"].right(edit.count(values.numel())) for edit in prunings]
    assert set(outcomes) == {True, False}


def test_every_pruning_of_a_pass_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = matrix(1, (40, 128), "normal", torch.bfloat16)
    asked: list[list[int]] = []

    def counted(values: torch.Tensor, counts: list[int]) -> Thresholds:
        asked.append(counts)
        return Thresholds(values, counts)

    monkeypatch.setattr(thresholds, "_PROGRAMS", 16)
    monkeypatch.setattr(magnitude_prune, "Thresholds", counted)
    monkeypatch.setattr(magnitude_prune, "on_gpu", lambda _: True)
    prunings = [MagnitudePrune(sparsity) for sparsity in (0.5, 0.1, 0.00001)]
    together = Weights("w", values.to(DEVICE), edits=[*prunings, LowrankSvd(3)])
    made = [edit.apply(together) for edit in prunings]
    assert asked == [[512, 2560]]
    for edit, each in zip(prunings, made, strict=True):
        wanted = edit.apply(Weights("w", values.float()))
        assert torch.equal(each.values.cpu().float(), wanted.values) and each.facts == wanted.facts


@pytest.mark.parametrize("capability", ["90", "100"])
def test_every_kernel_compiles_for_gpus_that_are_not_here(capability: str, tmp_path: Path) -> None:
    script = SUPPORT / "kernels_compile.py"
    environment = {
        **os.environ,
        "PYTHONPATH": PYTHONPATH,
        "TRITON_INTERPRET": "0",
        "TRITON_CACHE_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, script, capability], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 12


def test_a_matrix_is_served_only_in_whole_groups() -> None:
    values = torch.zeros(4, 96)
    assert kernels.serves_groups(values, 32)
    assert not kernels.serves_groups(values, 64)
    assert not kernels.serves_groups(values, 48)


def test_where_kernels_cannot_be_built_that_is_reported_once_and_a_full_gpu_is_no_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(kernels, "emit", lambda _, message: said.append(message))
    kernels.available.cache_clear()
    assert kernels.available(DEVICE) and said == []

    def ends_with(error: Exception) -> Callable[..., torch.Tensor]:
        def raise_it(*_: object) -> torch.Tensor:
            raise error

        return raise_it

    for full in (torch.OutOfMemoryError("full"), RuntimeError("Triton Error [CUDA]: out of memory")):
        kernels.available.cache_clear()
        monkeypatch.setattr(kernels, "rtn", ends_with(full))
        with pytest.raises(type(full)):
            kernels.available(DEVICE)
    monkeypatch.setattr(kernels, "rtn", ends_with(RuntimeError("Failed to find C compiler.\nSet CC")))
    assert not kernels.available(DEVICE) and not kernels.available(DEVICE)
    assert said == ["edits without Triton's kernels, slower: RuntimeError: Failed to find C compiler."]
    kernels.available.cache_clear()


def spectrum(kind: str, size: int) -> torch.Tensor:
    """Singular values, falling: as of noise, by a power or a rate, with outliers, or of a lower rank."""
    at = torch.arange(1, size + 1, dtype=torch.float64)
    noise = 1.5 - at / size
    made = {
        "noise": noise,
        "1/sqrt(i)": at**-0.5,
        "1/i": at**-1,
        "1/i^2": at**-2,
        "exp(-i/10)": torch.exp(-at / 10),
        "outlier 2": torch.where(at == 1, 3.0, noise),
        "outlier 10": torch.where(at == 1, 15.0, noise),
        "outlier 100": torch.where(at == 1, 150.0, noise),
        "outlier 1000": torch.where(at <= 3, 1500.0, noise),
        "rank 8": torch.where(at <= 8, 1.0, 0.0),
        "rank 8 and dust": torch.where(at <= 8, 1.0, 1e-3),
    }
    return made[kind].double()


#: And whether the steps vouch for what they find.
SPECTRA = [
    ("noise", True),
    ("1/sqrt(i)", True),
    ("1/i", False),
    ("1/i^2", False),
    ("exp(-i/10)", False),
    ("outlier 2", True),
    ("outlier 10", False),
    ("outlier 100", False),
    ("outlier 1000", False),
    ("rank 8", False),
    ("rank 8 and dust", False),
]


def with_spectrum(kind: str, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    sides = [
        torch.linalg.qr(torch.randn(size, height, generator=generator, dtype=torch.float64))[0]
        for size in (height, width)
    ]
    made: torch.Tensor = (sides[0] * spectrum(kind, height)) @ sides[1].T
    return made.float()


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize(("kind", "vouched"), SPECTRA)
def test_power_steps_come_within_three_thousandths_of_the_optimum_or_say_that_they_may_not(
    kind: str, vouched: bool, scale: float
) -> None:
    wide = (with_spectrum(kind, 192, 500) * scale).to(DEVICE)
    found = quickly(wide, 24 + 16).leading(24)
    assert (found is not None) == vouched
    if found is None:
        return
    assert residual(wide, found) < 1.003 * optimum(wide, 24)
    singular = torch.linalg.svdvals(wide.double())
    assert torch.allclose(found[0].flip(0).sqrt()[:4], singular[:4], rtol=1e-2)
    again = quickly(wide, 24 + 16).leading(24)
    assert again is not None and all(torch.equal(*pair) for pair in zip(found, again, strict=True))


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize("kind", [kind for kind, _ in SPECTRA])
def test_careful_steps_come_within_three_thousandths_for_every_spectrum(kind: str, scale: float) -> None:
    wide = (with_spectrum(kind, 192, 500) * scale).to(DEVICE)
    space = carefully(wide, 24 + 16)
    for rank in (1, 8, 24):
        found = space.leading(rank)
        assert found is not None
        norm = float(wide.double().norm())
        assert residual(wide, found) < 1.003 * optimum(wide, rank) + 1e-7 * norm
        assert torch.allclose(found[1].T @ found[1], torch.eye(rank, device=DEVICE).double(), atol=1e-12)


def residual(wide: torch.Tensor, found: tuple[torch.Tensor, torch.Tensor]) -> float:
    exact, kept = wide.double(), found[1].double()
    return float((exact - kept @ (kept.T @ exact)).norm())


def optimum(wide: torch.Tensor, rank: int) -> float:
    return float(torch.linalg.svdvals(wide.double())[rank:].square().sum().sqrt())


def test_what_is_no_number_is_not_vouched_for() -> None:
    for bad in (torch.nan, torch.inf, 1e30, 1e-30):
        assert quickly((torch.randn(40, 60) * bad).to(DEVICE), 30).leading(8) is None


@pytest.mark.parametrize("kind", ["noise", "outlier 100"])
def test_ranks_share_a_subspace_and_neither_shows_in_the_other(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subspace, "VECTORS", 90)
    values = with_spectrum(kind, 192, 500).to(DEVICE)
    together = Weights("w", values)
    made = {rank: by_power_steps(together, rank) for rank in (24, 3, 40)}
    # what is beyond the common ranks has a subspace of its own
    ways = ["quickly"] if kind == "noise" else ["carefully", "quickly"]
    assert sorted(together.shared) == sorted(f"{count} vectors {way}" for count in (90, 104) for way in ways)
    for rank, each in made.items():
        alone = by_power_steps(Weights("w", values), rank)
        assert torch.equal(alone.values, each.values) and alone.facts == each.facts
        best = LowrankSvd(rank).apply(Weights("w", values.cpu()))
        left = [float((one.values.cpu() - values.cpu()).double().norm()) for one in (each, best)]
        assert left[0] <= 1.003 * left[1]


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["noise", "1/i", "outlier 100"]), st.sampled_from([1e-12, 1.0, 1e12]))
def test_halves_project_as_well_as_whole_numbers(seed: int, kind: str, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    kept = torch.linalg.qr(torch.randn(192, 24, generator=generator, dtype=torch.float64)).Q.to(DEVICE)
    part = (with_spectrum(kind, 192, 300).to(DEVICE) * scale).bfloat16()
    wanted = kept @ (kept.T @ part.double())
    off = (lowrank_svd._split(kept)(part).double() - wanted).norm() / wanted.norm()
    once = (wanted.bfloat16().double() - wanted).norm() / wanted.norm()
    assert off <= 1.001 * once


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", [kind for kind, _ in SPECTRA])
def test_low_rank_on_a_gpu_is_within_three_thousandths_of_a_cpus_optimum(kind: str) -> None:
    values = with_spectrum(kind, 192, 500)
    for each in (values, values.T.contiguous()):
        on_cpu, on_gpu = (LowrankSvd(24).apply(Weights("w", one)) for one in (each, each.cuda()))
        best = float((on_cpu.values - each).double().norm())
        made = float((on_gpu.values.cpu() - each).double().norm())
        assert made <= 1.003 * best + 2e-6 * float(each.double().norm())
        assert on_gpu.facts["energy_kept"] == pytest.approx(on_cpu.facts["energy_kept"], abs=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "spec",
    [
        {"type": "quant_rtn", "bits": 8, "group_size": 128},
        {"type": "fp4_quant", "format": "e2m1"},
        {"type": "magnitude_prune", "sparsity": 0.5},
    ],
)
def test_edits_on_a_gpu_and_on_a_cpu_make_the_same_bytes(spec: dict[str, Any]) -> None:
    values = matrix(1, (1000, 4096), "normal", torch.bfloat16)
    on_cpu, on_gpu = (parse_edit(spec).apply(Weights("w", each)) for each in (values, values.cuda()))
    assert same_bits(on_cpu.values, on_gpu.values)
    assert on_cpu.facts == on_gpu.facts
