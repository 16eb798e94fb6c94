"""Compiles every kernel of the edits for a GPU that need not be here; run as a script with the capability."""

from __future__ import annotations

import sys
from unittest import mock

import torch

with mock.patch.object(torch.cuda, "is_available", return_value=True):
    from validation.edits import kernels, thresholds

from triton import compile as build
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

POINTERS = {
    "bits": "*i16",
    "bounds": "*fp32",
    "found": "*i64",
    "histogram": "*i32",
    "result": "*bf16",
    "peak": "*fp32",
    "table": "*i32",
    "top": "fp32",
    "totals": "*i64",
    "values": "*bf16",
    "wanted": "*i64",
}
BLOCK = {"BLOCK": kernels._BLOCK}
STRETCH = {"BLOCK": thresholds._BLOCK}
WINDOW = {"WINDOW": thresholds.WINDOW}
PROGRAMS = {"PROGRAMS": thresholds._PROGRAMS}
#: With the constants and warps they are called with.
KERNELS = [
    (kernels._rtn, {"GROUP": 128, "GROUPS": 8}, 4),
    (kernels._rtn, {"GROUP": 32, "GROUPS": 32}, 4),
    (kernels._bounds, {"STEPS": 7, "WIDTH": 8}, 1),
    (kernels._fp4, {"STEPS": 7, **BLOCK}, 2),
    (thresholds._sample, STRETCH, 4),
    (thresholds._choose, {**WINDOW, "BLOCK": thresholds._MAGNITUDES}, 32),
    (thresholds._count, {"NUMBER": 1, **PROGRAMS, **WINDOW, **STRETCH}, 4),
    (thresholds._count, {"NUMBER": 2, **PROGRAMS, **WINDOW, **STRETCH}, 4),
    (thresholds._total, {**PROGRAMS, **WINDOW, "ROWS": thresholds._PROGRAMS}, 8),
    (thresholds._decide, {**PROGRAMS, **WINDOW, "ROWS": thresholds._PROGRAMS}, 32),
    (thresholds._cut, {"BLOCK": thresholds._CUT}, 32),
    (thresholds._prune, STRETCH, 4),
]

target = GPUTarget("cuda", int(sys.argv[1]), 32)
for kernel, constants, warps in KERNELS:
    names = list(kernel.arg_names)
    # of pruning, the result is bits too; the table of FP4 has levels, not counts
    types = POINTERS | ({"result": "*i16"} if "bits" in names else {})
    types |= {"table": "*fp32"} if "bounds" in names else {}
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in names}
    source = ASTSource(kernel, signature, {(names.index(name),): value for name, value in constants.items()})
    made = build(source, target=target, options={"num_warps": warps})
    print(kernel.__name__, len(made.asm["cubin"]))
