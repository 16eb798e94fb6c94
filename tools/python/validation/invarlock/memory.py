"""GPU memory of an InvarLock run: the variance guard's copies kept small, shortages that torch saw told."""

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
    """Let the variance guard copy of a model only what it scales, and into the memory of the host.

    To find its scales it scales the model and then puts its whole state back, a copy that it made on the GPU:
    twice the weights, and most models fit their GPUs once. What it keeps while it writes the scales, to undo
    that should it fail, a quarter of the weights, goes to the host as well.
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
        made = copy.copy(value)  # with the versions of modules that torch's state has
        made.update({name: value[name].to("cpu", copy=True) for name in value if _SCALED.search(name)})
        return made
    return copy.deepcopy(value, memo)


def _push_checkpoint(guard: Any, _model: Any) -> None:
    """As the guard's own."""
    targets = guard._target_modules.items()
    kept = {name: each.weight.data.to("cpu", copy=True) for name, each in targets if hasattr(each, "weight")}
    if kept:
        guard._checkpoint_stack.append(kept)


def shortages() -> int:
    """How often torch found no memory on a GPU, in this process so far."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(
        int(torch.cuda.memory_stats(gpu).get("num_ooms", 0)) for gpu in range(torch.cuda.device_count())
    )


def require_memory(before: int) -> None:
    """Refuse a run in which a GPU's memory ran out: InvarLock's guards catch that too, and do nothing then.

    Raises:
        Fault: `out_of_memory` when there are more shortages than before.
    """
    if shortages() > before:
        raise Fault(
            "out_of_memory", "CUDA out of memory: in a step of InvarLock's, which may go on without it"
        )
