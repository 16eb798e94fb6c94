"""The imports of a warm host, in stages, and the stage that each kind of cell waits for.

A stage is complete once its modules are imported; a job waits for its own stage and those before it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

#: Environment variables for the imports only, not for jobs.
IMPORT_ENVIRONMENT = {
    # Counting GPUs must not initialise CUDA: no child of this process could use it then.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # A process with threads of its own cannot be forked safely.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # As InvarLock's own imports find them (validation.invarlock.process).
    "COLUMNS": "200",
    "NO_COLOR": "1",
}

_TORCH = ("numpy", "torch", "safetensors.torch")
_TRANSFORMERS = (
    "transformers",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "transformers.models.mistral.modeling_mistral",
    "transformers.models.mixtral.modeling_mixtral",
    "transformers.models.qwen2.modeling_qwen2",
)
_INVARLOCK = (
    "datasets",
    "invarlock.cli.commands.run",
    "invarlock.cli.commands.certify",
    "invarlock.cli.commands.report",
    "invarlock.core.runner",
    "invarlock.eval.data",
    "invarlock.guards.invariants",
    "invarlock.guards.rmt",
    "invarlock.guards.spectral",
    "invarlock.guards.variance",
    "invarlock.adapters",
    "invarlock.adapters.hf_causal",
    "invarlock.reporting.certificate",
    "invarlock.reporting.render",
)
_CERTIFYING = ("calibrate", "baseline", "certify", "guards", "certify012")
_LM_EVAL = ("lm_eval.tasks", "lm_eval.evaluator", "lm_eval.models.huggingface", "jinja2")


@dataclass(frozen=True)
class Stage:
    """Modules imported together, and the kinds of cells that need no later stage."""

    modules: tuple[str, ...]
    kinds: frozenset[str] = field(default_factory=frozenset)


STAGES = (
    Stage(
        (*_TORCH, "validation.cells.edit", "validation.cells.inject", "validation.cells.preset"),
        frozenset({"edit", "inject", "preset", "regression"}),
    ),
    Stage(
        (*_TRANSFORMERS, "validation.cells.setup", "validation.cells.adopt", "validation.cells.program"),
        frozenset({"setup", "adopt", "program"}),
    ),
    Stage(
        (
            *_INVARLOCK,
            *(f"validation.cells.{kind}" for kind in _CERTIFYING),
        ),
        frozenset(_CERTIFYING),
    ),
    Stage((*_LM_EVAL, "validation.cells.eval", "validation.cells.data"), frozenset({"eval", "data"})),
)


def load_task_index() -> None:
    """Have the index of lm-eval's own tasks once for all evaluations."""
    importlib.import_module("validation.evaluation.task_index").default_index()


def steps(stages: tuple[Stage, ...]) -> list[tuple[int, Callable[[], Any]]]:
    """The imports one by one, each with the number of its stage; a host takes requests between two."""
    return [
        (number, partial(importlib.import_module, name))
        for number, stage in enumerate(stages)
        for name in stage.modules
    ]


def stage_of(kind: str, stages: tuple[Stage, ...]) -> int:
    """The number of stages that a job of that kind needs; all of them for a kind that no stage names."""
    return next((number + 1 for number, stage in enumerate(stages) if kind in stage.kinds), len(stages))


def enter_import_environment() -> None:
    """Set this process's environment for imports, without the variables of a single InvarLock run."""
    for name in [name for name in os.environ if name.startswith("INVARLOCK_")]:
        del os.environ[name]
    os.environ.update(IMPORT_ENVIRONMENT)
