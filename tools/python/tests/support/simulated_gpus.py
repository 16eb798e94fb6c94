"""Simulated GPUs: tensors that say they lie on `cuda:0`, `cuda:1`, … and are computed on the CPU.

An operation on tensors of two devices raises as on real GPUs; copies between devices are counted. Each GPU
says it is an idle H100. Numbers are the CPU's, to the bit.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

_CPU = torch.device("cpu")
_GIB = 1024**3
_FREE = 79 * _GIB
#: These take tensors of two devices.
_COPIES = ("aten::copy_", "aten::_to_copy")
#: Copies so far, by where from and where to.
copies: Counter[str] = Counter()


class OnGpu(torch.Tensor):
    """A tensor that says it lies on a GPU; its values are in `inner`."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor, device: torch.device) -> OnGpu:
        """Wrap a tensor of the CPU."""
        found: Any = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=device,
        )
        found.inner = inner
        return found  # type: ignore[no-any-return]

    def data_ptr(self) -> int:
        """The address of the values: tied weights are known by it."""
        return self.inner.data_ptr()

    @classmethod
    def __torch_dispatch__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute on the CPU, for operations outside of the mode."""
        return _computed(func, args, kwargs or {})


class _Gpus(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


def _whole(device: Any) -> torch.device:
    device = torch.device(device)
    return torch.device("cuda", 0) if device.type == "cuda" and device.index is None else device


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    name = func._schema.name
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    given = kwargs.get("device")
    target = None if given is None else _whole(given)
    gpus = {_whole(each.device) for each in tensors} - {_CPU}
    if not gpus and (target is None or target.type != "cuda"):
        return func(*args, **kwargs)
    _require_one_device(name, tensors)
    if name in _COPIES:
        source = _whole(tensors[-1].device)
        goal = _whole(tensors[0].device) if name == "aten::copy_" else (target or source)
        if source != goal:
            copies[f"{source} to {goal}"] += 1
    out = _on_cpu(func, args, kwargs)
    returns = func._schema.returns
    if returns and returns[0].alias_info is not None and returns[0].alias_info.is_write:
        return args[0]  # written in place
    device = target or _whole(tensors[0].device)
    if device == _CPU:
        device = next(iter(gpus)) if name not in _COPIES else _CPU
    if device == _CPU:
        return out
    return tree_map(lambda leaf: _placed(leaf, device), out)


def _require_one_device(name: str, tensors: list[torch.Tensor]) -> None:
    """As CUDA: scalars of the CPU may mix, and indices of the CPU."""
    if name in _COPIES:
        return
    indexing = name.startswith("aten::index") or name.startswith("aten::_index_put")
    found = {
        _whole(each.device)
        for each in tensors
        if each.device.type == "cuda" or (each.dim() > 0 and not indexing)
    }
    if len(found) > 1:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{' and '.join(sorted(map(str, found)))}! ({name})"
        )


def _on_cpu(func: Any, args: Any, kwargs: Any) -> Any:
    def values(leaf: Any) -> Any:
        return leaf.inner if isinstance(leaf, OnGpu) else leaf

    named = {key: tree_map(values, value) for key, value in kwargs.items()}
    if named.get("device") is not None:
        named["device"] = _CPU
    with torch._C._DisableTorchDispatch():
        return func(*tree_map(values, args), **named)


def _placed(leaf: Any, device: torch.device) -> Any:
    return OnGpu(leaf, device) if type(leaf) is torch.Tensor else leaf


def _answering(answer: Any) -> Any:
    return lambda *_given, **_named: answer


@contextmanager
def simulated(count: int) -> Iterator[None]:
    """Let torch, transformers and accelerate see that many GPUs; only for a process of its own.

    Loading must be in this thread (`HF_DEACTIVATE_ASYNC_LOAD=1`).
    """
    import accelerate.big_modeling
    import psutil
    import transformers.integrations.accelerate as placing
    import transformers.modeling_utils

    torch._C._ensureCUDADeviceGuardSet()
    torch._C._set_only_lift_cpu_tensors(True)
    cuda: Any = torch.cuda
    h100 = types.SimpleNamespace(
        total_memory=80 * _GIB, name="NVIDIA H100", major=9, minor=0, is_integrated=False
    )
    answers: dict[str, Any] = {
        "_lazy_init": None,
        "is_available": True,
        "is_initialized": True,
        "device_count": count,
        "current_device": 0,
        "mem_get_info": (_FREE, 80 * _GIB),
        "memory_allocated": 0,
        "max_memory_allocated": 0,
        "memory_reserved": 0,
        "is_bf16_supported": True,
        "get_device_capability": (9, 0),
        "get_device_name": h100.name,
        "get_device_properties": h100,
    }
    silent = (
        "set_device",
        "synchronize",
        "empty_cache",
        "reset_peak_memory_stats",
        "manual_seed",
        "manual_seed_all",
    )
    for name in (*answers, *silent):
        setattr(cuda, name, _answering(answers.get(name)))
    whole: Any = placing._get_device_map

    def device_map(*given: Any, **named: Any) -> Any:
        # Without CUDA torch does not read a number as a GPU.
        found = whole(*given, **named)
        return {
            name: torch.device("cuda", at) if isinstance(at, int) else at
            for name, at in (found or {}).items()
        } or found

    free = {**dict.fromkeys(range(count), _FREE), "cpu": psutil.virtual_memory().available}
    modules: Any = (placing, transformers.modeling_utils, accelerate.big_modeling)
    modules[0].accelerate_max_memory = lambda wanted=None: dict(free if wanted is None else wanted)
    modules[0]._get_device_map = modules[1]._get_device_map = device_map
    modules[1].caching_allocator_warmup = lambda *_given, **_named: None
    modules[2].check_cuda_p2p_ib_support = lambda: True
    with _Gpus():
        yield
