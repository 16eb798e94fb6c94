"""Products of bf16 on a CPU without instructions for them: a process that may not use what this CPU has."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from repository import PYTHONPATH

from validation.compute import cpu_products

#: Prints of each product its error, and whether it is the float32 product rounded; in a process of its own.
COMPARE = """
import json
import torch
from torch.nn.functional import linear
from validation.compute import cpu_products

torch.manual_seed(0)
A, B, BIAS, X, Y, TWO = (
    torch.randn(shape, dtype=torch.bfloat16)
    for shape in ((17, 40), (40, 23), (23,), (6, 9, 16), (6, 16, 5), (1, 1, 5))
)

def products(dtype):
    a, b, bias, x, y, two = (tensor.to(dtype) for tensor in (A, B, BIAS, X, Y, TWO))
    weights = a.clone().requires_grad_()
    (weights @ b).sum().backward()
    return {
        "mm": a @ b,
        "addmm": torch.addmm(bias, a, b, beta=0.5, alpha=2),
        "addmm of one": torch.addmm(bias[:1], a, b),
        "linear": linear(a, b.T, bias),
        "bmm": x @ y,
        "baddbmm": torch.baddbmm(two, x, y, alpha=0.5),
        "gradient": weights.grad,
    }

assert not cpu_products.multiplies_bf16()
f32, f64, results = products(torch.float32), products(torch.float64), {}
for part in (cpu_products.PART, 400):
    cpu_products.PART = part
    assert cpu_products.fast_products() == "float32"
    for name, tensor in products(torch.bfloat16).items():
        assert tensor.dtype is torch.bfloat16, name
        error = (tensor.double() - f64[name]).norm() / f64[name].norm()
        results[f"{name} {part}"] = [float(error), torch.equal(tensor, f32[name].bfloat16())]
for before in (f32, f64):
    assert all(torch.equal(tensor, before[name]) for name, tensor in products(before["mm"].dtype).items())
assert (A[:0] @ B).shape == (0, 23) and not (A[:, :0] @ B[:0]).any()
try:
    A @ B.float()
    raise SystemExit("two types at once were taken")
except RuntimeError:
    pass
print(json.dumps(results))
"""


def test_they_are_the_float32_products_rounded_once() -> None:
    env = {
        **os.environ,
        "PYTHONPATH": PYTHONPATH,
        "ATEN_CPU_CAPABILITY": "default",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPARE], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) == 14
    for name, (error, same) in results.items():
        # In parts the order of a sum may be another, and with it a rounding: 2^-9 of a number at most.
        assert error < 2**-9 and (same or not name.endswith(str(cpu_products.PART))), (name, error)


def test_a_cpu_with_instructions_keeps_pytorchs_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_products, "multiplies_bf16", lambda: True)
    monkeypatch.setattr(cpu_products, "_install", lambda: pytest.fail("there is no need to"))
    assert cpu_products.fast_products() == "bfloat16"


@pytest.mark.parametrize(
    ("machine", "capability", "bf16", "amx", "expected"),
    [
        ("x86_64", "AVX2", True, True, False),
        ("x86_64", "AVX512", False, False, False),
        ("x86_64", "AVX512", True, False, True),
        ("AMD64", "AVX512_VNNI", False, True, True),
        ("x86_64", "DEFAULT", False, False, False),
    ],
)
def test_what_a_cpu_multiplies(
    monkeypatch: pytest.MonkeyPatch, machine: str, capability: str, bf16: bool, amx: bool, expected: bool
) -> None:
    monkeypatch.setattr(cpu_products.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert cpu_products.multiplies_bf16() is expected
