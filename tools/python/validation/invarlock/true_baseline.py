"""The guards spectral and RMT, prepared on the true baseline and then asked about a subject.

`certify` prepares its guards on the subject, so they compare it with itself. InvarLock applies an edit
between preparing its guards and asking them: here that edit loads the subject's weights into the baseline,
which puts the comparison where it belongs. The run ends when its guards have answered.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from validation.compute.whole_load import whole_loads
from validation.invarlock.config import Settings
from validation.invarlock.failures import Ended
from validation.invarlock.process import RUNS, call
from validation.job import Fault, Job, write_text

GUARDS = ("spectral", "rmt")

#: What a guard said: its own result, as InvarLock's runner gets it.
Answers = dict[str, dict[str, Any]]


class _Answered(BaseException):
    """Ends a run whose guards have answered: no error, so that nothing catches it on the way."""


def ask_guards(
    job: Job, settings: Settings, document: dict[str, Any], subject: str
) -> tuple[Ended, Answers | None]:
    """Run InvarLock on the baseline of a configuration, with an edit that loads a subject's weights.

    Returns:
        The end of the run, and what each guard said; None when the run ended before they were asked.

    Raises:
        Fault: as `process.call`; `bad_input` when the subject's tensors are not the baseline's.
    """
    answers: list[Answers] = []
    faults: list[Fault] = []

    def command() -> None:
        run = importlib.import_module("invarlock.cli.commands.run").run_command
        with _loading(subject, settings, faults), _stopping(answers), contextlib.suppress(_Answered):
            run(
                config="run.yaml",
                profile=settings.profile,
                tier=settings.tier,
                device=job.device.type,
                out=str(RUNS / "edited"),
                edit_label="noop",
                no_color=True,
            )

    ordered = {**document, "guards": {**document["guards"], "order": list(GUARDS)}}
    write_text(job.work / "run.yaml", yaml.safe_dump(ordered, sort_keys=False))
    ended = call(job, settings, command)
    if faults:
        raise faults[0]
    return ended, answers[0] if answers else None


@contextlib.contextmanager
def _loading(subject: str, settings: Settings, faults: list[Fault]) -> Iterator[None]:
    """Make InvarLock's edit `noop` load the weights of a model directory."""
    edit: Any = importlib.import_module("invarlock.edits.noop").NoopEdit
    plain: Callable[..., dict[str, Any]] = edit.apply

    def apply(self: Any, model: Any, adapter: Any, **plan: Any) -> dict[str, Any]:
        trusted = {"trust_remote_code": True} if settings.trust_remote_code else {}
        try:
            with whole_loads():
                take_weights(model, adapter.load_model(subject, device="cpu", **trusted))
        except Fault as fault:
            faults.append(fault)  # InvarLock makes a report of any exception
            raise
        return plain(self, model, adapter, **plan)

    edit.apply = apply
    try:
        yield
    finally:
        edit.apply = plain


@contextlib.contextmanager
def _stopping(answers: list[Answers]) -> Iterator[None]:
    """Keep what the guards of a run say, and end it there."""
    runner: Any = importlib.import_module("invarlock.core.runner").CoreRunner
    plain: Callable[..., Answers] = runner._guard_phase

    def guard_phase(self: Any, *given: Any, **named: Any) -> Answers:
        answers.append(plain(self, *given, **named))
        raise _Answered

    runner._guard_phase = guard_phase
    try:
        yield
    finally:
        runner._guard_phase = plain


def take_weights(model: Any, other: Any) -> None:
    """Put another model's parameters and buffers in place of a model's own, each on its device.

    Parameters are replaced, not overwritten: a tied pair of which the other model has two is then two here.

    Raises:
        Fault: `bad_input` when one has a tensor that the other has not, or has in another shape.
    """
    torch: Any = importlib.import_module("torch")
    theirs = dict(other.named_modules())
    taken: dict[int, Any] = {}
    for name, module in model.named_modules():
        source = theirs.pop(name, None)
        for kind in ("_parameters", "_buffers"):
            own: dict[str, Any] = getattr(module, kind)
            new: dict[str, Any] = getattr(source, kind, {})
            if _shapes(own) != _shapes(new):
                raise Fault(
                    "bad_input", f"the subject's {name or 'model'} has other tensors: {_differing(own, new)}"
                )
            for key, tensor in own.items():
                if tensor is None:
                    continue
                # What is one tensor in the other model stays one.
                if id(new[key]) not in taken:
                    moved = new[key].detach().to(device=tensor.device, dtype=tensor.dtype)
                    parameter = kind == "_parameters"
                    taken[id(new[key])] = (
                        torch.nn.Parameter(moved, requires_grad=False) if parameter else moved
                    )
                own[key] = taken[id(new[key])]
    if theirs:
        raise Fault("bad_input", f"the subject has modules that the baseline lacks: {sorted(theirs)[:3]}")


def _shapes(tensors: dict[str, Any]) -> dict[str, tuple[int, ...] | None]:
    return {name: None if each is None else tuple(each.shape) for name, each in tensors.items()}


def _differing(own: dict[str, Any], new: dict[str, Any]) -> str:
    before, after = _shapes(own), _shapes(new)
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return ", ".join(f"{name} {after.get(name)} instead of {before.get(name)}" for name in names[:3])
