"""The doctor's look at what is evaluated in its quantized format: its package, and a device that runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.formats.table import FORMATS, Format
from validation.formats.unfit import unfit


def formats(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Each edit that the suite takes `as: quantized`; one taken dequantized needs neither."""
    for each in questions.get("formats", ()):
        what, package = str(each["what"]), str(each["package"])
        row: Format = next(one for one in FORMATS if one.name == each["format"])
        capability = _capability(questions)
        found = [*_missing(what, row, package), *_unfit(what, row, capability)]
        where = "a CPU" if capability is None else "this host's GPUs"
        yield from found or [finding("ok", what, f"{row.called}, evaluated as it is by {package} on {where}")]


def _missing(what: str, row: Format, package: str) -> Iterator[Finding]:
    name, _, version = package.partition("==")
    directory = Path(sys.prefix) / "overlays" / name
    if not (directory / f"{name.replace('-', '_')}-{version}.dist-info").is_dir():
        yield finding(
            "error",
            what,
            f"{row.called} is run by {package}, which is not installed",
            "Run: npx nx run tools:python-env",
        )


def _unfit(what: str, row: Format, capability: tuple[int, int] | None) -> Iterator[Finding]:
    if why := unfit(row, capability):
        yield finding(
            "error", what, why, "Take it as: dequantized, or run its evaluations on a host with such a GPU."
        )


def _capability(questions: Mapping[str, Any]) -> tuple[int, int] | None:
    """The least of this host's GPUs; None where cells run on the CPU."""
    import torch

    if not questions.get("driver") or not torch.cuda.is_available():
        return None
    return min(torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count()))
