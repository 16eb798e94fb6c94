"""The memory and disk use of a cell's process, which its receipt records."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_IO = Path("/proc/self/io")


def usage() -> dict[str, int | None]:
    """The use of this process so far, in bytes; None where it cannot be measured.

    `peak_rss_bytes`: largest resident set of this process or of one of its ended children.
    `peak_gpu_bytes`: the most that torch's tensors held, summed over the visible GPUs. The CUDA context and
    the allocator's reserve are not included (nvidia-smi includes them). `bytes_written`: bytes that this
    process and its ended children passed to write calls, flushed to disk or not.
    """
    return {
        "peak_rss_bytes": _peak_rss_bytes(),
        "peak_gpu_bytes": _peak_gpu_bytes(),
        "bytes_written": _bytes_written(_IO),
    }


def _peak_rss_bytes() -> int:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_gpu_bytes() -> int | None:
    """None for a cell that has not used CUDA: asking must not import torch, nor start a context."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return sum(int(torch.cuda.max_memory_allocated(gpu)) for gpu in range(torch.cuda.device_count()))


def _bytes_written(path: Path) -> int | None:
    try:
        fields = dict(line.split(": ", 1) for line in path.read_text(encoding="ascii").splitlines())
        return int(fields["wchar"])
    except (OSError, ValueError, KeyError):
        return None
