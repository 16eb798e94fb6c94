"""The hook into InvarLock's snapshots of a model: a digest of every tensor in place of a copy.

InvarLock 0.3.7 copies a model after loading it, by pickle into host memory (which takes twice the weights) or
to a temporary directory, and restores the copy before each of its evaluations. Nothing has changed the model
by then: the edit is `noop`, and no guard runs before the last evaluation (the one without guards is first).
So it is enough to check that the model is unchanged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from validation.job import Fault

#: The digest of each tensor's bits, by name.
Digests = dict[str, int]

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
#: Numbers converted to int64 at a time; with their keys and products they fit the CPU's cache.
_CHUNK = 1 << 16
#: On a GPU: enough to keep it busy, 32 MiB each.
_GPU_CHUNK = 1 << 22
_SEED = 1
#: A chunk's digest is multiplied by this for each chunk after it; it is odd, so invertible modulo 2^64.
_TURN = 6364136223846793005


def take_digests(adapter: Any, noted: Callable[[], AbstractContextManager[None]]) -> None:
    """Make an adapter take digests as snapshots, and compare them instead of restoring.

    Args:
        adapter: InvarLock's adapter; both of its methods to copy a model are replaced.
        noted: A context that keeps the faults, as InvarLock continues after one.
    """

    def snapshot(model: Any) -> Digests:
        with noted():
            return digests_of(model)

    def restore(model: Any, before: Digests) -> None:
        with noted():
            require_unchanged(model, before)

    adapter.snapshot = adapter.snapshot_chunked = snapshot
    adapter.restore = adapter.restore_chunked = restore


def digests_of(model: Any) -> Digests:
    """A digest of the bits of each parameter and buffer, taken on its device.

    Multilinear hashing modulo 2^64 (Carter and Wegman, 1979) with fixed random keys: a single changed number
    always shows, as keys are odd; many changed 16-bit numbers cancel with a probability of about 2^-48.

    Raises:
        Fault: `out_of_memory` on the GPU, or `internal` when a tensor has no digest.
    """
    keys: dict[torch.device, torch.Tensor] = {}
    try:
        with torch.no_grad():
            digests = {
                name: _digest(tensor, keys)
                for name, tensor in itertools.chain(model.named_parameters(), model.named_buffers())
            }
            return {name: int(digest) for name, digest in digests.items()}
    except torch.OutOfMemoryError as error:
        raise Fault("out_of_memory", f"{error} (digests of the loaded model)") from error
    except Exception as error:
        raise Fault("internal", f"no digest of the model: {type(error).__name__}: {error}") from error


def require_unchanged(model: Any, before: Digests) -> None:
    """Refuse a model whose tensors are not those of its digests.

    Raises:
        Fault: `internal`, with the names of some; as `digests_of`.
    """
    after = digests_of(model)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        raise Fault(
            "internal",
            f"InvarLock changed {len(changed)} of the model's tensors between two evaluations "
            f"({', '.join(changed[:3])}{', …' if len(changed) > 3 else ''})",
            "A buffer of positions follows windows longer than the model's positions: make windows shorter.",
        )


def _digest(tensor: torch.Tensor, keys: dict[torch.device, torch.Tensor]) -> torch.Tensor:
    device = tensor.device
    if device not in keys:
        generator = torch.Generator().manual_seed(_SEED)
        chunk = _GPU_CHUNK if tensor.is_cuda else _CHUNK
        drawn = torch.randint(-(2**63), 2**63 - 1, (chunk,), generator=generator)
        keys[device] = (drawn | 1).to(device)
    bits = tensor.detach().contiguous().reshape(-1).view(_INTEGERS[tensor.dtype.itemsize])
    digest = torch.zeros((), dtype=torch.int64, device=device)
    for start in range(0, bits.numel(), len(keys[device])):
        part = bits[start : start + len(keys[device])].to(torch.int64)
        digest = digest * _TURN + (part * keys[device][: part.numel()]).sum()
    return digest
