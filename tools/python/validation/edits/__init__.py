"""The edits of weights by the type that a suite names; a new edit is a module here and a row of `EDITS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from validation.edits.base import Edit
from validation.edits.fp4_quant import Fp4Quant
from validation.edits.gaussian_noise import GaussianNoise
from validation.edits.lowrank_svd import LowrankSvd
from validation.edits.magnitude_prune import MagnitudePrune
from validation.edits.quant_rtn import QuantRtn
from validation.edits.scale import Scale
from validation.edits.zero_blocks import ZeroBlocks
from validation.job import Fault

EDITS: dict[str, Callable[[Mapping[str, Any]], Edit]] = {
    "quant_rtn": QuantRtn.parse,
    "fp4_quant": Fp4Quant.parse,
    "magnitude_prune": MagnitudePrune.parse,
    "lowrank_svd": LowrankSvd.parse,
    "gaussian_noise": GaussianNoise.parse,
    "scale": Scale.parse,
    "zero_blocks": ZeroBlocks.parse,
}


def parse_edit(spec: Mapping[str, Any]) -> Edit:
    """The edit of a specification.

    Raises:
        Fault: `bad_edit` for an unknown type or a parameter out of range.
    """
    parse = EDITS.get(str(spec.get("type")))
    if parse is None:
        raise Fault("bad_edit", f"edit type {spec.get('type')!r} is none of {', '.join(EDITS)}")
    return parse(spec)
