"""Why the hub does not give a model or a data set, told by the names of exceptions.

Their classes move between versions of its libraries.
"""

from __future__ import annotations

from validation.doctor.finding import Finding, finding, first_line
from validation.hub.faults import chain_of

_NONE_SUCH = {
    "RepositoryNotFoundError",
    "RevisionNotFoundError",
    "HFValidationError",
    "DatasetNotFoundError",
}
_OFFLINE = {"OfflineModeIsEnabled", "LocalEntryNotFoundError"}
_THROTTLED = 429


def refused(what: str, where: str, error: BaseException) -> Finding:
    """The line of something that could not be had.

    Args:
        what: What was looked at.
        where: Its name on the hub.
        error: As it was raised; what lies behind it counts too.
    """
    chain = [each for each in chain_of(error) if isinstance(each, Exception)]
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    statuses = {getattr(getattr(each, "response", None), "status_code", None) for each in chain}
    # datasets keeps of the hub's exception only this sentence.
    if "GatedRepoError" in names or any("is a gated dataset" in str(each) for each in chain):
        return finding("error", what, f"{where}: gated", "Ask for access on its page, then set HF_TOKEN.")
    if _THROTTLED in statuses:
        return finding(
            "error",
            what,
            f"{where}: the hub was asked too often ({_THROTTLED})",
            "Wait some minutes, or set HF_TOKEN: it lets known users ask more.",
        )
    if names & _OFFLINE:
        return finding(
            "error",
            what,
            f"{where}: not whole in the local cache, and the hub is not asked (offline)",
            "Load it once where there is a network: the doctor does.",
        )
    if "EntryNotFoundError" in names and not names & _NONE_SUCH:
        return finding("error", what, f"{where}: {first_line(chain[0])}", "Check suite.yaml.")
    if names & _NONE_SUCH:
        return finding(
            "error",
            what,
            f"{where}: the hub has no such name or revision, or it is private",
            "Check suite.yaml, and HF_TOKEN if it is private.",
        )
    if statuses & {401, 403}:
        status = next(iter(statuses & {401, 403}))
        return finding(
            "error",
            what,
            f"{where}: the hub does not give it to you ({status})",
            "Set HF_TOKEN to one that may read it.",
        )
    return finding(
        "error",
        what,
        f"{where}: the hub cannot be reached ({type(error).__name__}: {first_line(chain[0])})",
        "Check network and proxy (HF_ENDPOINT), or download it first and set HF_HUB_OFFLINE=1.",
    )
