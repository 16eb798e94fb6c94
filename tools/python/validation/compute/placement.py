"""Where a loaded model's weights lie, and whether a model planned for several GPUs is spread over GPUs.

`device_map: auto` divides a model by its size over the visible GPUs, whatever memory the plan counts on: over
all of two or three, while few blocks may leave the last of many without any. What their free memory does not
hold is left to the host or a disk, where computing takes for ever; a model of one block stays on one GPU.
transformers ends well all the same.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from validation.job import Device, Fault

_GIB = 1024**3


def sizes_of(model: Any) -> dict[str, int]:
    """Bytes of the parameters by device; what lies outside of GPUs for want of memory is on `meta`."""
    sizes: Counter[str] = Counter()
    for parameter in model.parameters():
        sizes[str(parameter.device)] += parameter.nbytes
    return dict(sorted(sizes.items()))


def told(sizes: dict[str, int]) -> str:
    """In words: `cuda:0 1.46 GiB, cuda:1 1.46 GiB`."""
    return ", ".join(f"{device} {size / _GIB:.2f} GiB" for device, size in sizes.items())


def placed_as_planned(model: Any, device: Device) -> dict[str, str]:
    """Where a model lies that should be spread over the job's GPUs, as receipts have it.

    Raises:
        Fault: `out_of_memory` when part of it lies outside of GPUs, `misconfigured` when all of it on one.
    """
    sizes = sizes_of(model)
    if any(not name.startswith("cuda") for name in sizes):
        raise Fault(
            "out_of_memory",
            f"the model does not fit the free memory of its {device.gpus} GPUs: {told(sizes)}"
            " (meta: left to the host or a disk)",
            "Let plans count on less memory of a GPU (GPU_MEMORY_PER_DEVICE), so that it gets more of them.",
        )
    if len(sizes) < 2:
        raise Fault(
            "misconfigured",
            f"the model lies on one GPU alone ({told(sizes)}), not spread over the {device.gpus} planned",
            "A model of a block or two cannot be spread: let plans count on more memory of a GPU"
            " (GPU_MEMORY_PER_DEVICE, GPU_MEMORY_GB).",
        )
    return {"placed": told(sizes)}
