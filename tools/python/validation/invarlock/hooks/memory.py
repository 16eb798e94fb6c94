"""The hook into InvarLock's GPU memory: small copies in the variance guard, and detected memory shortages."""

from __future__ import annotations

import contextlib
import copy
import importlib
import re
import sys
import types
from collections.abc import Iterator, MutableMapping
from typing import Any

from validation.job import Fault

#: What `equalise_residual_variance` of InvarLock 0.3.7 scales: the output projections of `attn` and `mlp`.
_SCALED = re.compile(r"(^|\.)(attn\.(c_proj|out_proj)|mlp\.(c_proj|down_proj|fc2))\.weight$")


@contextlib.contextmanager
def small_copies() -> Iterator[None]:
    """Make the variance guard copy only the tensors it scales, and into host memory.

    To find its scales it scales the model and then restores the whole state from a copy on the GPU. That
    needs twice the weights, and most models fit their GPUs only once. Its second copy, a quarter of the
    weights, with which it can undo the scales after a failure, also goes to host memory.
    """
    module: Any = importlib.import_module("invarlock.guards.variance")
    guard = module.VarianceGuard
    deepcopy, push = module.copy, guard._push_checkpoint
    module.copy = types.SimpleNamespace(deepcopy=_deepcopy)
    guard._push_checkpoint = _push_checkpoint
    try:
        yield
    finally:
        module.copy, guard._push_checkpoint = deepcopy, push


def _deepcopy(value: Any, memo: dict[int, Any] | None = None) -> Any:
    import torch

    if isinstance(value, MutableMapping) and any(isinstance(each, torch.Tensor) for each in value.values()):
        made = copy.copy(value)  # keeps torch's metadata of module versions
        made.update({name: value[name].to("cpu", copy=True) for name in value if _SCALED.search(name)})
        return made
    return copy.deepcopy(value, memo)


def _push_checkpoint(guard: Any, _model: Any) -> None:
    """As the guard's own method, with copies in host memory."""
    targets = guard._target_modules.items()
    kept = {name: each.weight.data.to("cpu", copy=True) for name, each in targets if hasattr(each, "weight")}
    if kept:
        guard._checkpoint_stack.append(kept)


def shortages() -> int:
    """How often torch ran out of GPU memory in this process so far."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(
        int(torch.cuda.memory_stats(gpu).get("num_ooms", 0)) for gpu in range(torch.cuda.device_count())
    )


def require_memory(before: int) -> None:
    """Refuse a run in which GPU memory ran out: InvarLock's guards catch that and then measure nothing.

    Raises:
        Fault: `out_of_memory` when there are more shortages than before.
    """
    if shortages() > before:
        raise Fault(
            "out_of_memory", "CUDA out of memory: in a step of InvarLock's, which may go on without it"
        )
