"""Edit kernels against a copy and against the reference suite's way, in the same run on one GPU.

    PYTHONPATH=tools/python python bench/edit_kernels.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from validation.edits import parse_edit
from validation.edits.base import Weights

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
    specs = [
        {"type": "quant_rtn", "bits": 8, "group_size": 128},
        {"type": "quant_rtn", "bits": 4, "group_size": 32},
        {"type": "fp4_quant", "format": "e2m1"},
        {"type": "magnitude_prune", "sparsity": 0.1},
        {"type": "magnitude_prune", "sparsity": 0.5},
    ]
    for spec in specs:
        edit = parse_edit(spec)
        shared: dict[str, Any] = {}
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        alone = milliseconds(lambda: edit.apply(Weights("w", values, {})))
        peak = (torch.cuda.max_memory_allocated() - before) / values.nbytes
        again = milliseconds(lambda: edit.apply(Weights("w", values, shared)))
        name = " ".join(str(value) for value in spec.values())
        line(name, alone, copy, f"beside another edit {again:.3f} ms ({again / copy:.2f} x), memory {peak:.2f} x")
    line("reference: prune by kthvalue", milliseconds(lambda: reference_prune(values, 0.1), 3), copy)
    low_rank()


def reference_prune(values: torch.Tensor, sparsity: float) -> torch.Tensor:
    """As the reference suite does."""
    flat = values.abs().flatten()
    threshold = torch.kthvalue(flat, int(flat.numel() * sparsity)).values
    return torch.where(values.abs() <= threshold, torch.zeros_like(values), values)


def low_rank() -> None:
    """Rank 256 and 32 against svd_lowrank, and residuals against the optimum."""
    matrix = torch.randn(MATRIX, device="cuda").mul_(0.02).to(torch.bfloat16)
    wide = matrix.float()
    spectrum = torch.linalg.eigvalsh(wide.double().T @ wide.double())
    for rank in (256, 32):
        best = float(spectrum[:-rank].sum()) ** 0.5

        def residual(made: torch.Tensor, best: float = best) -> float:
            return float((wide.double() - made.double()).norm()) / best

        def reference(rank: int = rank) -> torch.Tensor:
            u, s, v = torch.svd_lowrank(wide, q=rank, niter=2)
            return (u * s) @ v.T

        edit = parse_edit({"type": "lowrank_svd", "rank": rank})
        shared: dict[str, Any] = {}
        old = milliseconds(reference, 5)
        new = milliseconds(lambda edit=edit: edit.apply(Weights("w", matrix, {})), 5)
        edit.apply(Weights("w", matrix, shared))
        beside = milliseconds(lambda edit=edit, shared=shared: edit.apply(Weights("w", matrix, shared)), 5)
        made = edit.apply(Weights("w", matrix, {})).values
        print(
            f"  rank {rank}: svd_lowrank {old:.1f} ms, residual {residual(reference()):.4f} x the optimum; "
            f"here {new:.1f} ms ({beside:.1f} beside another rank), {residual(made):.4f} x, bf16 rounding included"
        )


def line(name: str, ms: float, copy: float, more: str = "") -> None:
    """One figure."""
    print(f"  {name:34} {ms:8.3f} ms  {ms / copy:6.2f} x a copy  {more}")


if __name__ == "__main__":
    main()
