"""The doctor's check that torch, the NVIDIA driver and the GPUs are compatible."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.compute import flash_check
from validation.compute.numerics import Flash, installed_flash
from validation.doctor.finding import Finding, finding

#: The oldest driver (Linux) that runs programs built for a CUDA major version (NVIDIA's "CUDA Compatibility",
#: minor version compatibility).
_LEAST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
_LOCK = "lock a torch built for another CUDA (tools/python/requirements.in)"


@dataclass(frozen=True)
class Driver:
    """The driver as nvidia-smi reports it: its version, and the newest CUDA it supports, if reported."""

    version: str
    cuda: str | None


@dataclass(frozen=True)
class Torch:
    """The installed torch: the CUDA version it is built for (None: CPUs), and whether it finds a GPU."""

    version: str
    cuda: str | None
    usable: bool


def accelerator(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare driver, CUDA and the kernels of this torch: a mismatch would fail at the first kernel."""
    import torch

    raw = questions.get("driver")
    driver = None if raw is None else Driver(str(raw["version"]), raw.get("cuda"))
    usable = torch.cuda.is_available()
    yield judge_driver(Torch(str(torch.__version__), torch.version.cuda, usable), driver)
    if not usable:
        return
    known = set(torch.cuda.get_arch_list())
    for index in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(index)
        yield judge_kernels(index, name, torch.cuda.get_device_capability(index), known)
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    yield judge_compiler(compiler, Path(sysconfig.get_path("include")) / "Python.h")
    flash = installed_flash()
    yield judge_flash(flash, None if flash.version is None else flash_check.problem())


def judge_flash(flash: Flash, problem: str | None) -> Finding:
    """One line: the version that works, or the reason that models are loaded without."""
    what = "flash attention"
    if flash.version is None:
        return finding("ok", what, f"not installed: {flash.reason}; models load with transformers' own")
    if problem is None:
        return finding("ok", what, flash.version)
    return finding(
        "error",
        what,
        f"{flash.version} does not work here: {problem}",
        "Run: npx nx run tools:python-env --force. Or make the suite with SKIP_FLASH_ATTN=true.",
    )


def judge_driver(torch: Torch, driver: Driver | None) -> Finding:
    """One line: whether torch runs on this driver, and what to install if it does not."""
    if driver is None:
        where = "a CUDA device, but nvidia-smi shows none to lease" if torch.usable else "no CUDA device"
        return finding("ok", "torch", f"{torch.version}, {where}")
    has = f"driver {driver.version}" + ("" if driver.cuda is None else f" (CUDA {driver.cuda})")
    if torch.cuda is None:
        return finding(
            "error",
            "driver",
            f"{has}, but torch {torch.version} is built for CPUs: no cell could use a GPU",
            f"Set accelerator: cpu in workspace-config/site.yaml, or {_LOCK}.",
        )
    wants = f"torch {torch.version} is built for CUDA {torch.cuda}"
    least = _LEAST_DRIVER.get(_numbers(torch.cuda)[0])
    too_old = least is not None and _numbers(driver.version) < _numbers(least)
    if not torch.usable:
        if too_old:
            return finding(
                "error",
                "driver",
                f"{has}; {wants}, which needs driver {least} or newer",
                f"Install a newer driver, or {_LOCK}.",
            )
        return finding(
            "error",
            "driver",
            f"{has}; {wants}, which this driver runs, but torch finds no usable GPU",
            "See what torch.cuda.init() says: device files in a container, a driver updated while it ran.",
        )
    if too_old:
        return finding("ok", "driver", f"{has}; {wants}, which runs here by CUDA's compatibility package")
    if driver.cuda is not None and _numbers(driver.cuda) < _numbers(torch.cuda):
        return finding(
            "warning",
            "driver",
            f"{has}; {wants}: it runs, but kernels that are compiled at run time may not",
            f"Install a driver made for CUDA {torch.cuda} or newer.",
        )
    return finding("ok", "driver", f"{has}; {wants}")


def judge_kernels(index: int, name: str, capability: tuple[int, int], known: Collection[str]) -> Finding:
    """One line a GPU: whether this build has kernels for it, compiled or to be compiled (PTX)."""
    major, minor = capability
    what = f"torch on GPU {index}"
    # Kernels of a minor version run on later ones of the same major version.
    compiled = any(f"sm_{major}{lower}" in known for lower in range(minor + 1))
    if compiled or any(
        _numbers(arch)[0] <= major * 10 + minor for arch in known if arch.startswith("compute_")
    ):
        return finding("ok", what, f"{name}, sm_{major}{minor}")
    return finding(
        "error",
        what,
        f"{name}: this build of torch has no kernels for sm_{major}{minor}",
        "Lock a newer torch (tools/python/requirements.in), and look at the driver's version.",
    )


def judge_compiler(compiler: str | None, header: Path) -> Finding:
    """One line: whether Triton can build the kernels of edits, for which it compiles a few lines of C."""
    lacking = [
        *([] if compiler else ["a C compiler (gcc or clang)"]),
        *([] if header.is_file() else [f"Python's headers ({header})"]),
    ]
    if not lacking:
        return finding("ok", "edit kernels", f"Triton builds them with {compiler}")
    return finding(
        "warning",
        "edit kernels",
        f"Triton lacks {' and '.join(lacking)}: edits go without its kernels on GPUs, slower, the same bits",
        "Install them: gcc, and python3-dev or its like.",
    )


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison: `12.4`, `550.54.15`, `compute_90`."""
    digits = "".join(each if each.isdigit() else " " for each in version)
    return tuple(int(each) for each in digits.split()) or (0,)
