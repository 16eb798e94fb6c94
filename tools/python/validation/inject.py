"""Kind `inject`: a copy of a baseline with one deliberate error in it, and the proof that it is there.

| error | where | what |
|---|---|---|
| nan_injection | [0, 0] of the first block's first matrix | NaN |
| inf_injection | [0, 0] of the first attention matrix | +Inf |
| extreme_quant | all matrices of all blocks | 2-bit RTN, one scale a matrix |
| scale_explosion | the first MLP matrix | times 100 |
| zero_layer | the first matrix of block num_layers // 2 | zeros |

"First" is the order of the family's table: attention before MLP, as in the model, whatever the file's order.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from validation.checkpoint import Checkpoint, open_checkpoint, raw_bytes
from validation.edits.base import Weights
from validation.edits.quant_rtn import QuantRtn
from validation.families import Matrix, matrices
from validation.job import Fault, Job, write_json
from validation.rewrite import Copy, Loaded, rewrite
from validation.store import locked_entry, open_entry
from validation.variant import compute_device, finite, publish, rounded

METADATA = "error_metadata.json"
SCALE = 100.0

ByTensor = dict[str, list[Matrix]]


@dataclass(frozen=True)
class Error:
    """An error: the matrices it strikes, what it makes of one, and how to see that it did.

    `spot` says that only [0, 0] changes; `holds(before, after)` looks at a matrix as read back.
    """

    strikes: Callable[[list[Matrix]], list[Matrix]]
    make: Callable[[torch.Tensor], torch.Tensor]
    holds: Callable[[torch.Tensor, torch.Tensor], bool]
    spot: bool = False


def _spot(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def make(values: torch.Tensor) -> torch.Tensor:
        result = values.clone()
        result[0, 0] = value
        return result

    return make


def _spot_holds(is_it: Callable[[float], bool]) -> Callable[[torch.Tensor, torch.Tensor], bool]:
    def holds(before: torch.Tensor, after: torch.Tensor) -> bool:
        undone = after.clone()
        undone[0, 0] = before[0, 0]
        return is_it(float(after[0, 0])) and raw_bytes(undone) == raw_bytes(before)

    return holds


def _two_bits(values: torch.Tensor) -> torch.Tensor:
    return QuantRtn(bits=2, group_size=None).apply(Weights("", values)).values


def _has_two_bits(_: torch.Tensor, after: torch.Tensor) -> bool:
    magnitudes = after.abs()
    return bool(((magnitudes == 0) | (magnitudes == magnitudes.max())).all())


def _middle(found: list[Matrix]) -> list[Matrix]:
    middle = (max(matrix.block for matrix in found) + 1) // 2
    return [matrix for matrix in found if matrix.block == middle][:1]


ERRORS: dict[str, Error] = {
    "nan_injection": Error(lambda found: found[:1], _spot(math.nan), _spot_holds(math.isnan), spot=True),
    "inf_injection": Error(
        lambda found: [matrix for matrix in found if matrix.group == "attn"][:1],
        _spot(math.inf),
        _spot_holds(lambda value: value == math.inf),
        spot=True,
    ),
    "extreme_quant": Error(lambda found: found, _two_bits, _has_two_bits),
    "scale_explosion": Error(
        lambda found: [matrix for matrix in found if matrix.group == "ffn"][:1],
        lambda values: values * SCALE,
        lambda before, after: torch.equal(before * SCALE, after),
    ),
    "zero_layer": Error(_middle, torch.zeros_like, lambda _, after: not bool(after.any())),
}


def run(job: Job) -> None:
    """Make the error model of the job if the store lacks it, and publish its manifest and metadata."""
    torch.set_num_threads(max(1, job.device.threads))
    part = job.only
    if part.store is None:
        raise Fault("bad_input", f"part {part.name} names no place in the weights store")
    kind = str(part.spec.get("error"))
    error = ERRORS.get(kind)
    if error is None:
        raise Fault("bad_input", f"error '{kind}' is none of {', '.join(ERRORS)}")
    with locked_entry(part.store, remake=job.remake) as entry:
        if not entry.complete:
            source = open_checkpoint(open_entry(job.read("baseline")))
            found = error.strikes(matrices(source))
            if not found:
                raise Fault("bad_edit", f"{source.path}: has no matrix for {kind}")
            targets: ByTensor = defaultdict(list)
            for matrix in found:
                targets[matrix.tensor].append(matrix)
            device = compute_device(job)

            def change(loaded: Loaded) -> torch.Tensor:
                result = loaded.values.clone()
                for matrix in targets[loaded.stored.name]:
                    values = finite(matrix, matrix.of(loaded.values).to(device))
                    matrix.of(result).copy_(error.make(values))
                return result

            rewrite(source, [Copy(entry, targets.keys(), change)], f"{kind}")
            described = prove(source, open_checkpoint(entry.draft), kind, targets)
            write_json(entry.draft / METADATA, described)
            entry.commit()
        publish(entry, part, METADATA)


def prove(source: Checkpoint, copy: Checkpoint, kind: str, targets: ByTensor) -> dict[str, Any]:
    """Read both checkpoints again: the error is where it belongs, everything else is the same bits.

    Returns:
        The metadata of the error, with what was read back.

    Raises:
        Fault: `bad_edit` when the baseline already was like that; `internal` when the proof fails.
    """
    error = ERRORS[kind]
    norms, changed, spot = [0.0, 0.0], False, (0.0, 0.0)
    for (shard, stored), (other, again) in zip(source.each(), copy.each(), strict=True):
        before, after = shard.read(stored), other.read(again)
        same = raw_bytes(before) == raw_bytes(after)
        found = targets.get(stored.name, [])
        if stored.name != again.name or (not found and not same):
            raise Fault("internal", f"{other.path}: {stored.name} differs from the baseline, and should not")
        changed |= not same
        for matrix in found:
            old, new = matrix.of(before), matrix.of(after)
            if not error.holds(old, new):
                raise Fault("internal", f"{other.path}: {matrix.name}, read back, does not have the {kind}")
            if error.spot:
                spot = (float(old[0, 0]), float(new[0, 0]))
            else:
                norms = [total + _square(values) for total, values in zip(norms, (old, new), strict=True)]
            matrix.of(after).copy_(old)
        if found and raw_bytes(before) != raw_bytes(after):
            raise Fault(
                "internal", f"{other.path}: {stored.name} differs from the baseline beside its {kind}"
            )
    if not changed:
        raise Fault("bad_edit", f"{source.path}: already is as {kind} would make it; nothing to detect")
    return _metadata(kind, [matrix for found in targets.values() for matrix in found], spot, norms)


def _metadata(
    kind: str, found: list[Matrix], spot: tuple[float, float], norms: list[float]
) -> dict[str, Any]:
    first = found[0]
    read_back: list[dict[str, Any]] = (
        [{"value": _strict(value)} for value in spot]
        if ERRORS[kind].spot
        else [{"frobenius": rounded(math.sqrt(value))} for value in norms]
    )
    described: dict[str, Any] = {
        "schema": 1,
        "error_type": kind,
        "injected": True,
        "proved_by_reading_back": True,
        "index": [0, 0] if ERRORS[kind].spot else None,
        "before": read_back[0],
        "after": read_back[1],
    }
    if kind == "extreme_quant":
        return described | {
            "tensor": None,
            "tensors": list(dict.fromkeys(matrix.tensor for matrix in found)),
            "quantized_params": len(found),
        }
    described |= {
        "tensor": first.tensor,
        "matrix": first.name,
        "target_param": first.tensor,
        "target_block": first.block,
    }
    return described | ({"scale_factor": SCALE} if kind == "scale_explosion" else {})


def _strict(value: float) -> float | str:
    """A number, or for what strict JSON lacks its name."""
    return value if math.isfinite(value) else str(value)


def _square(values: torch.Tensor) -> float:
    return float(values.float().square().sum(dtype=torch.float64))
