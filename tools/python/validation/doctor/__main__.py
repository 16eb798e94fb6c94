"""`python -m validation.doctor`: answers questions about this host, one JSON finding in each line.

Questions come as JSON on standard input: the suite's models, benchmark tasks, datasets and windows. The data
of benchmarks and windows is loaded as the suite's `data` cell loads it, at the commits that `nx g` recorded,
or read from the store where that cell has put it. Tokenizers are loaded too: megabytes, which the run then
finds in the hub's cache. No weights are downloaded, and nothing when offline.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from validation.doctor.checkpoints import checkpoints
from validation.doctor.cuda import accelerator
from validation.doctor.data import datasets, tasks
from validation.doctor.finding import Finding, finding
from validation.doctor.formats import formats
from validation.doctor.hub import models
from validation.job import Fault

#: Distributions whose versions matter: the lock file pins them, this check finds what is installed.
_NEEDED = ("torch", "transformers", "lm_eval", "invarlock", "datasets", "safetensors", "accelerate")
_INVARLOCK = "0.3.7"
_REPAIR = "Run: npx nx run tools:python-env --force"


def main() -> int:
    """Answer every question; a check that fails itself is reported as an error and stops no other."""
    questions: dict[str, Any] = json.load(sys.stdin)
    answers = sys.stdout
    # What libraries print is no answer.
    with (
        contextlib.redirect_stdout(sys.stderr),
        tempfile.TemporaryDirectory(prefix="validation-doctor-") as work,
    ):
        questions["work"] = work
        for check in (versions, accelerator, models, checkpoints, formats, datasets, windows, tasks):
            for found in _guarded(check, questions):
                print(json.dumps(found), file=answers, flush=True)
    return 0


def _guarded(
    check: Callable[[Mapping[str, Any]], Iterator[Finding]], questions: Mapping[str, Any]
) -> Iterator[Finding]:
    try:
        yield from check(questions)
    except Fault as fault:
        yield finding("error", check.__name__, str(fault), fault.hint or "Check the file that it names.")
    except Exception as error:  # an exception of a library is the answer of this check
        yield finding("error", check.__name__, f"{type(error).__name__}: {error}", _REPAIR)


def windows(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether every model's windows exist, counted by InvarLock's own provider."""
    if questions.get("windows"):
        from validation.doctor.windows import windows as count

        yield from count(questions)


def versions(_: Mapping[str, Any]) -> Iterator[Finding]:
    """Python (the environment is made with 3.12 or later) and the libraries that results depend on."""
    yield finding("ok", "Python", platform.python_version())
    for name in _NEEDED:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield finding("error", name, "is not installed", _REPAIR)
            continue
        if name == "invarlock" and found != _INVARLOCK:
            yield finding("error", name, f"{found}; the suite judges {_INVARLOCK}", _REPAIR)
        else:
            yield finding("ok", name, found)


if __name__ == "__main__":
    sys.exit(main())
