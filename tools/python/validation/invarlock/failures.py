"""The meaning of a failed InvarLock run, found in its text: a refused subject, or a fault with its cause.

Exit code 3 means both a refused subject and bad settings. Pure. The texts are those of InvarLock 0.3.7. Its
core runner catches every exception (out of memory too) and the command then prints `E001 … evaluation windows
were not produced`; the cause is in the run's events, and that of a failed load in the causes of the
exception. Both are part of the evidence, and the real causes are searched first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from validation.compute.numerics import EAGER_HINT
from validation.job import Fault, FaultCode


@dataclass(frozen=True)
class Ended:
    """The end of an InvarLock command.

    `output` is what it printed, `causes` the exceptions behind its end, outermost first, `events` the errors
    its runs logged, in order. `made_up` is what it loaded a broken subject without (see `structure`).
    """

    exit_code: int
    output: str
    causes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the command failed, or a run within it failed and the command continued."""
        return self.exit_code != 0 or bool(self.events)


@dataclass(frozen=True)
class Refused:
    """InvarLock refused the subject: a result, not a fault."""

    reason: str


#: Texts about a subject (phase 2 of `certify`); the same about a baseline is a fault.
_REFUSED = (
    (r"Primary metric degraded or non-finite", "the primary metric is degraded or not finite"),
    (
        r"Guard overhead gate exceeded",
        "the guards change the subject's primary metric by more than their budget",
    ),
    (
        r"(Evaluation failed|Guard '\w+' prepare failed|execution failed)[^\n]*"
        # Only texts about the numbers: for a ratio `nan` next to another error, that error is the cause.
        r"(non-?finite|infs or nans|contains? (nan|inf)s?\b|did not converge|failed to converge)",
        "its numbers cannot be evaluated",
    ),
)

#: What InvarLock says of a model that it cannot load: of a subject broken on purpose, a refusal.
_NOT_LOADED = r"E201\] MODEL-LOAD-FAILED"

_CAUSES: tuple[tuple[FaultCode, str, str], ...] = (
    (
        "host_out_of_memory",
        r"(?<!OutOf)MemoryError|can't allocate memory|DefaultCPUAllocator|Cannot allocate memory",
        "",
    ),
    ("out_of_memory", r"out of memory|OutOfMemoryError|not enough memory|STATUS_ALLOC_FAILED", ""),
    ("disk_full", r"No space left on device|Disk quota exceeded", ""),
    # Of a data set; datasets keeps of the hub's own exception only its sentence.
    (
        "hub_refused",
        r"DatasetNotFoundError",
        "the dataset is gated, private or not on the hub: HF_TOKEN must be one that may read it",
    ),
    (
        "unavailable",
        r"OfflineModeIsEnabled|LocalEntryNotFoundError|HfHubHTTPError|Couldn't reach"
        r"|Connection ?(Error|refused|reset)|Max retries exceeded"
        r"|timed out|TimeoutError|(Read|Connect)Timeout"
        r"|Name or service not known|Temporary failure in name resolution",
        "the dataset comes from the hub: check the network, or use a local corpus (provider local_jsonl)",
    ),
    (
        "misconfigured",
        r"Network access disabled by InvarLock",
        "only a dataset from the hub may use the network; the weights must be complete in the store",
    ),
    (
        "misconfigured",
        r"ImportError: (?!cannot import name)[^\n]*flash[-_ ]?att(n|ention)"
        r"|FlashAttention\w* has been toggled on",
        EAGER_HINT,
    ),
    (
        "weights_missing",
        _NOT_LOADED,
        "the weights cannot be loaded: remove their entry from the store and build them again",
    ),
    (
        "misconfigured",
        r"ADAPTER-STRUCTURE-INVALID",
        "InvarLock knows no layers of this architecture: take another model (docs/checkpoints.md)",
    ),
    (
        "misconfigured",
        r"E005\] INSUFFICIENT-SAMPLE",
        "windows or bootstrap replicates lie under the tier's minimums",
    ),
    (
        "misconfigured",
        r"window_overlap_fraction|Window count mismatch|NO-SAMPLES|mismatched preview/final counts"
        r"|non-overlapping windows|POLICY-PARAM-INVALID",
        "check windows, stride and the corpus",
    ),
    (
        "misconfigured",
        r"Invalid tier|Unknown profile|Unknown provider|E308\]|Device validation failed"
        r"|does not define a pad token|Preset not found|DEPENDENCY-MISSING",
        "check tier, profile, dataset, tokenizer and device",
    ),
    (
        "misconfigured",
        r"Guard overhead gate exceeded",
        "the guards change the baseline's own primary metric: set skip_overhead_check",
    ),
)

#: The first causes of the table are those of the machine: they are searched before a refusal of the subject.
_FIRST = 3

#: The text that follows any failure of a run: used only when there is no other evidence.
_PAIRING = r"E001\] PAIR(ING|ED)-"

_TAIL = 12


def explain(ended: Ended, *, broken: bool = False) -> Refused | Fault:
    """The meaning of a failed run: the subject was refused, or a fault with the lines that matter.

    Args:
        ended: the end of the run.
        broken: whether the subject's files are not the model, on purpose.
    """
    evidence = "\n".join((_squeeze(ended.output), *ended.causes, *ended.events))
    for code, pattern, hint in _CAUSES[:_FIRST]:
        if found := re.search(pattern, evidence, re.IGNORECASE):
            return _fault(code, _line_of(evidence, found), hint)
    if "PHASE 2/3" in evidence:
        if broken and re.search(_NOT_LOADED, evidence):
            return Refused(f"it cannot be loaded ({_root(ended)})")
        for pattern, reason in _REFUSED:
            if re.search(pattern, evidence, re.IGNORECASE):
                return Refused(reason)
    for code, pattern, hint in _CAUSES[_FIRST:]:
        if found := re.search(pattern, evidence, re.IGNORECASE):
            line = _line_of(evidence, found)
            # InvarLock's text about a failed load does not contain the reason.
            root = _root(ended) if code == "weights_missing" and ended.causes else line
            return _fault(code, line if root == line else f"{line} ({root})", hint)
    if not ended.events and (found := re.search(_PAIRING, evidence)):
        return _fault("misconfigured", _line_of(evidence, found), "check windows, stride and the corpus")
    return Fault("internal", f"InvarLock failed (exit code {ended.exit_code}):\n{tail(ended)}")


def refusal_of(ended: Ended, *, broken: bool = False) -> Refused | None:
    """The refusal of a subject; None for a run that ended well.

    Raises:
        Fault: the run, not the subject, failed.
    """
    if not ended.failed:
        return None
    meaning = explain(ended, broken=broken)
    if isinstance(meaning, Fault):
        raise meaning
    return meaning


def baseline_fault(ended: Ended) -> Fault:
    """The fault of a failed run on a baseline, which nothing may refuse."""
    meaning = explain(ended)
    return Fault("bad_input", f"baseline: {meaning.reason}") if isinstance(meaning, Refused) else meaning


def _root(ended: Ended) -> str:
    return ended.causes[-1].partition("\n")[0] if ended.causes else "without a reason"


def tail(ended: Ended) -> str:
    """The last relevant lines: of the output, then the causes and the events."""
    lines = [line for line in _squeeze(ended.output).split("\n") if line and not _is_ornament(line)]
    return "\n".join((*lines[-_TAIL:], *ended.causes, *ended.events))


def _fault(code: FaultCode, line: str, hint: str) -> Fault:
    return Fault(code, f"InvarLock: {line}", hint)


def _line_of(text: str, found: re.Match[str]) -> str:
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start : len(text) if end < 0 else end].strip()


def _is_ornament(line: str) -> bool:
    return not re.search(r"\w", line) or line.startswith("[INIT]") or "Loading weights" in line


def _squeeze(output: str) -> str:
    """The output without the console's line breaks: a line starts with a tag, a bar or a capital letter."""
    lines: list[str] = []
    for raw in output.replace("\r", "\n").split("\n"):
        line = " ".join(raw.split())
        if lines and lines[-1] and line and not re.match(r"[\[═┌│└├A-Z(]", line):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)
