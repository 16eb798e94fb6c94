"""The devices that hold a loaded model's weights, and the check that a model is spread over its GPUs.

`device_map: auto` divides a model by its size over the visible GPUs and does not know the memory plan. With
few blocks the last of many GPUs may get none, and a model of one block stays on one GPU. What does not fit
into the free memory of the GPUs is put on the host or a disk, where computing is extremely slow. transformers
reports no error in any of these cases.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from validation.job import Device, Fault

_GIB = 1024**3


def sizes_of(model: Any) -> dict[str, int]:
    """Bytes of the parameters by device; parameters that did not fit the GPUs are on `meta`."""
    sizes: Counter[str] = Counter()
    for parameter in model.parameters():
        sizes[str(parameter.device)] += parameter.nbytes
    return dict(sorted(sizes.items()))


def described(sizes: dict[str, int]) -> str:
    """The sizes as text: `cuda:0 1.46 GiB, cuda:1 1.46 GiB`."""
    return ", ".join(f"{device} {size / _GIB:.2f} GiB" for device, size in sizes.items())


def placed_as_planned(model: Any, device: Device) -> dict[str, str]:
    """Check that a model is spread over the GPUs of the job; its placement as receipts record it.

    Raises:
        Fault: `out_of_memory` when part of it is not on a GPU, `misconfigured` when all of it is on one.
    """
    sizes = sizes_of(model)
    if any(not name.startswith("cuda") for name in sizes):
        raise Fault(
            "out_of_memory",
            f"the model does not fit the free memory of its {device.gpus} GPUs: {described(sizes)}"
            " (meta: left to the host or a disk)",
            "Let plans count on less memory of a GPU (GPU_MEMORY_PER_DEVICE), so that it gets more of them.",
        )
    if len(sizes) < 2:
        raise Fault(
            "misconfigured",
            f"the model is on one GPU alone ({described(sizes)}), not spread over the {device.gpus} planned",
            "A model of a block or two cannot be spread: let plans count on more memory of a GPU"
            " (GPU_MEMORY_PER_DEVICE, GPU_MEMORY_GB).",
        )
    return {"placed": described(sizes)}
