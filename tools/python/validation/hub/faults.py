"""Why the hub does not give a data set, as a fault: one sentence, and what to do.

Exceptions are told by their names: their classes move between the versions of its libraries.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from validation.job import Fault

_NONE_SUCH = {
    "RepositoryNotFoundError",
    "RevisionNotFoundError",
    "HFValidationError",
    "HfUriError",
    "DatasetNotFoundError",
}
#: Exceptions of the network, by their names: the classes move between versions of the hub's package.
NETWORK = frozenset(
    {
        *("HfHubHTTPError", "HTTPError", "TransportError"),
        *("ConnectionError", "TimeoutError", "RequestException"),
    }
)
_UNREACHED = NETWORK | {
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "IncompleteRead",
    "JSONDecodeError",  # something else answers: a network that wants a login first
}
_AGAIN = "Run it again; what came stays in the hub's cache."


def fault_of(what: str, error: Exception, *, offline: bool = False) -> Fault | None:
    """The fault of something that could not be fetched; None when it is no matter of the hub or the disk.

    Args:
        what: What was fetched.
        error: As it was raised; what lies behind it counts too.
        offline: Whether the hub is not to be asked.
    """
    chain = list(chain_of(error))
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    statuses = {getattr(getattr(each, "response", None), "status_code", None) for each in chain}
    said = first_line(error)
    if any(isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in chain):
        return Fault("disk_full", f"{what}: {said}", "Free some space, or set HF_HOME to a larger disk.")
    # datasets keeps of the hub's exception only this sentence.
    if "GatedRepoError" in names or any("is a gated dataset" in str(each) for each in chain):
        hint = "Ask for access on its page at the hub, then set HF_TOKEN or run `hf auth login`."
        return Fault("hub_refused", f"{what}: gated ({said})", hint)
    if 429 in statuses:
        hint = "Wait some minutes and run it again, or set HF_TOKEN: the hub lets known users ask more."
        return Fault("unavailable", f"{what}: the hub was asked too often (429)", hint)
    if offline and names & (_NONE_SUCH | _UNREACHED):
        hint = "Unset it for this cell, which fetches once what all others read offline."
        return Fault("unavailable", f"{what}: the hub is not asked (HF_HUB_OFFLINE is set)", hint)
    if names & _NONE_SUCH:
        hint = "Check the name in suite.yaml or in the task's file; a private one needs HF_TOKEN."
        return Fault("hub_refused", f"{what}: the hub has no such data set or revision ({said})", hint)
    if statuses & {401, 403}:
        hint = "Set HF_TOKEN to one that may read it."
        return Fault("hub_refused", f"{what}: the hub does not give it to you ({said})", hint)
    if names & _UNREACHED:
        hint = f"Check network and proxy (HF_ENDPOINT). {_AGAIN}"
        return Fault("unavailable", f"{what}: the hub cannot be reached ({said})", hint)
    return None


def first_line(error: BaseException) -> str:
    """Its class and the first line of what it says."""
    text = str(error).strip()
    kind = type(error).__name__
    return f"{kind}: {text.splitlines()[0]}" if text else kind


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An exception and those behind it."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        seen.append(at)
        yield at
        at = at.__cause__ or at.__context__
