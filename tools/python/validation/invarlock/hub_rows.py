"""Loads the rows that InvarLock makes its windows of, as its runs do."""

from __future__ import annotations

import importlib
import traceback
from typing import Any

from validation.hub.faults import fault_of, first_line
from validation.job import Fault


def load_rows(provider: str, *, offline: bool) -> int:
    """The rows of a provider's data set; returns how many of them can be windows.

    Every split comes with one of them, so that which of them a run reads does not matter here.

    Raises:
        Fault: as `fault_of`; `misconfigured` for a provider that cannot be loaded, or has no rows.
    """
    data: Any = importlib.import_module("invarlock.eval.data")
    try:
        rows = data.get_provider(provider, emit=lambda *_: None).load(split="validation")
    except Exception as error:
        traceback.print_exc()  # for the log
        fault = fault_of(f"data set {provider}", error, offline=offline)
        raise fault or Fault(
            "misconfigured", f"data set {provider} cannot be loaded ({first_line(error)})"
        ) from error
    if not rows:
        raise Fault("misconfigured", f"data set {provider}: its validation split has no text")
    return len(rows)
