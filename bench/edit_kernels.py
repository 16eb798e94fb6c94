"""Edit kernels against a copy and against the original script's way, in the same run on one GPU.

    PYTHONPATH=tools/python python bench/edit_kernels.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch

from validation.edits import parse_edit
from validation.edits.base import Edit, Weights, largest_magnitude
from validation.edits.lowrank_svd import LowrankSvd

ROUNDS = 15
#: Calls between two looks at the clock: as in a run, the next is submitted while one computes.
CALLS = 8
#: One layer's MLP of a 7B model.
SHAPE = (43_008, 4_096)
#: One matrix of it, the hardest case for low rank: Gaussian, its singular values hardly fall.
MATRIX = (14_336, 4_096)


def milliseconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median time of a call on the GPU."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        for _ in range(CALLS):
            work()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / CALLS)
    return median(times)


def main() -> None:
    """Print a line a kernel."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device here: the edit kernels are measured on a GPU")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {SHAPE} bf16")
    values = torch.randn(SHAPE, device="cuda").mul_(0.02).to(torch.bfloat16)
    target = torch.empty_like(values)
    copy = milliseconds(lambda: target.copy_(values))
    line("copy", copy, copy)
    look = milliseconds(lambda: largest_magnitude(values))
    line("the look for NaN, and max |w|", look, copy, "once for all edits of a matrix")
    for spec in (
        {"type": "quant_rtn", "bits": 8, "group_size": 128},
        {"type": "quant_rtn", "bits": 4, "group_size": 32},
        {"type": "fp4_quant", "format": "e2m1"},
        {"type": "magnitude_prune", "sparsity": 0.1},
        {"type": "magnitude_prune", "sparsity": 0.5},
    ):
        measure(values, copy, [parse_edit(spec)], " ".join(str(value) for value in spec.values()))
    prunings = [parse_edit({"type": "magnitude_prune", "sparsity": sparsity}) for sparsity in (0.1, 0.5)]
    measure(values, copy, prunings, "both prunings, one count")
    line("reference: prune by kthvalue", milliseconds(lambda: reference_prune(values, 0.1), 3), copy)
    low_rank("Gaussian", torch.randn(MATRIX, device="cuda"))
    spread = torch.randn(MATRIX, device="cuda")
    spread[:, 0] *= 100
    low_rank("Gaussian, one column 100 x", spread)


def measure(values: torch.Tensor, copy: float, edits: list[Edit], name: str) -> None:
    """A line for edits of one matrix in a pass, after the look at its numbers."""
    peak = largest_magnitude(values)

    def work() -> None:
        weights = Weights("w", values, {"peak": peak}, edits)
        for edit in edits:
            edit.apply(weights)

    line(name, milliseconds(work), copy, f"memory {memory(work) / values.nbytes:.2f} x the matrix beside it")


def memory(work: Callable[[], Any]) -> int:
    """Most bytes that a call allocates."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return torch.cuda.max_memory_allocated() - before


def reference_prune(values: torch.Tensor, sparsity: float) -> torch.Tensor:
    """As the original script does."""
    flat = values.abs().flatten()
    threshold = torch.kthvalue(flat, int(flat.numel() * sparsity)).values
    return torch.where(values.abs() <= threshold, torch.zeros_like(values), values)


def low_rank(name: str, values: torch.Tensor) -> None:
    """Against svd_lowrank, and residuals against the optimum; both ranks in a pass against each alone."""
    matrix = values.mul_(0.02).to(torch.bfloat16)
    wide = matrix.float()
    exact = wide.double()
    spectrum = torch.linalg.eigvalsh(exact.T @ exact)
    del exact
    print(f"  low rank of {MATRIX}, {name}")

    def work(*ranks: int) -> list[torch.Tensor]:
        weights = Weights("w", matrix, {})
        return [LowrankSvd(rank).apply(weights).values for rank in ranks]

    def reference(rank: int) -> torch.Tensor:
        u, s, v = torch.svd_lowrank(matrix.float(), q=rank, niter=2)
        return ((u * s) @ v.T).to(matrix.dtype)

    for rank in (256, 32):
        best = float(spectrum[:-rank].sum()) ** 0.5
        u, s, v = torch.svd_lowrank(wide, q=rank, niter=2)
        made = {"svd_lowrank": (u * s) @ v.T, "its edit": reference(rank), "here": work(rank)[0]}
        times = {
            "svd_lowrank": milliseconds(partial(torch.svd_lowrank, wide, q=rank, niter=2), 5),
            "its edit": milliseconds(partial(reference, rank), 5),
            "here": milliseconds(partial(work, rank), 5),
        }
        for who, result in made.items():
            residual = float((wide - result.float()).double().norm()) / best
            print(f"    rank {rank:3} {who:12} {times[who]:8.1f} ms, residual {residual:.4f} x the optimum")
    both = milliseconds(partial(work, 256, 32), 5)
    used = 1 + memory(partial(work, 256, 32)) / matrix.nbytes
    print(f"    both ranks in a pass  {both:8.1f} ms; at most {used:.1f} x the matrix, itself counted")


def line(name: str, ms: float, copy: float, more: str = "") -> None:
    """One figure."""
    print(f"  {name:34} {ms:8.3f} ms  {ms / copy:6.2f} x a copy  {more}")


if __name__ == "__main__":
    main()
