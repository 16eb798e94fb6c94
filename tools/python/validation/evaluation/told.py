"""What lm-eval, transformers and the hub raise, as faults of a cell."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from validation.hub.faults import NETWORK, chain_of
from validation.job import Fault

#: Exceptions of the hub and the network, told by their names: their classes move between versions.
_UNAVAILABLE = NETWORK | frozenset(
    {
        "GatedRepoError",
        "RepositoryNotFoundError",
        "RevisionNotFoundError",
        "LocalEntryNotFoundError",
        "OfflineModeIsEnabled",
        "DatasetNotFoundError",
    }
)


@contextmanager
def told(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds as faults: `disk_full`, `unavailable`, else `misconfigured`."""
    try:
        yield
    except (Fault, MemoryError):
        raise
    except kinds as error:
        traceback.print_exc()  # for the log
        causes = list(chain_of(error))
        said = "; ".join(
            f"{type(each).__name__}: {str(each).strip().partition('\n')[0]}" for each in causes[:2]
        )
        message = f"{what} ({said})"
        if any(isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in causes):
            raise Fault("disk_full", message) from error
        if any(kind.__name__ in _UNAVAILABLE for each in causes for kind in type(each).__mro__):
            hint = "Check the network, and dataset_path of the task; gated data needs HF_TOKEN."
            raise Fault("unavailable", message, hint) from error
        raise Fault("misconfigured", message) from error
