"""Why an InvarLock run ended as it did, told by its text.

Exit code 3 means both a refused subject and bad settings. Pure. The texts are those of InvarLock 0.3.7. Its
core runner swallows every exception (out of memory too) and the command then says `E001 … evaluation windows
were not produced`; the cause stands in the run's events, and that of a failed load in the exception's causes.
Both are part of the evidence, and real causes are looked for first.
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
    its runs logged, in order.
    """

    exit_code: int
    output: str
    causes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it ended badly, or a run within it did and the command went on."""
        return self.exit_code != 0 or bool(self.events)


@dataclass(frozen=True)
class Refused:
    """InvarLock refused the subject: a result, not a fault."""

    reason: str


#: Said of a subject (phase 2 of `certify`); the same of a baseline is a fault.
_REFUSED = (
    (r"Primary metric degraded or non-finite", "the primary metric is degraded or not finite"),
    (
        r"Guard overhead gate exceeded",
        "the guards change the subject's primary metric by more than their budget",
    ),
    (
        r"(Evaluation failed|Guard '\w+' prepare failed|execution failed)[^\n]*"
        # Of the numbers themselves: a ratio that reads `nan` beside some other error is that other error.
        r"(non-?finite|infs or nans|contains? (nan|inf)s?\b|did not converge|failed to converge)",
        "its numbers cannot be evaluated",
    ),
)

_CAUSES: tuple[tuple[FaultCode, str, str], ...] = (
    (
        "host_out_of_memory",
        r"(?<!OutOf)MemoryError|can't allocate memory|DefaultCPUAllocator|Cannot allocate memory",
        "",
    ),
    ("out_of_memory", r"out of memory|OutOfMemoryError|not enough memory|STATUS_ALLOC_FAILED", ""),
    ("disk_full", r"No space left on device|Disk quota exceeded", ""),
    (
        "unavailable",
        r"OfflineModeIsEnabled|Couldn't reach|Connection ?(Error|refused|reset)|Max retries exceeded"
        r"|timed out|TimeoutError|(Read|Connect)Timeout"
        r"|Name or service not known|Temporary failure in name resolution",
        "the dataset comes from the hub: check the network, or use a local corpus (provider local_jsonl)",
    ),
    (
        "misconfigured",
        r"Network access disabled by InvarLock",
        "only a dataset from the hub may use the network; the weights must be whole in the store",
    ),
    (
        "misconfigured",
        r"ImportError: (?!cannot import name)[^\n]*flash[-_ ]?att(n|ention)"
        r"|FlashAttention\w* has been toggled on",
        EAGER_HINT,
    ),
    (
        "weights_missing",
        r"E201\] MODEL-LOAD-FAILED",
        "the weights cannot be loaded: remove their entry from the store and make them again",
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

#: Causes of the machine, at the head of the table: they are looked for before a refusal of the subject.
_FIRST = 3

#: Said when nothing better is known: it follows from any failure of a run.
_PAIRING = r"E001\] PAIR(ING|ED)-"

_TAIL = 12


def explain(ended: Ended) -> Refused | Fault:
    """The meaning of a failed run: the subject was refused, or a fault with the lines that matter."""
    evidence = "\n".join((_squeeze(ended.output), *ended.causes, *ended.events))
    for code, pattern, hint in _CAUSES[:_FIRST]:
        if found := re.search(pattern, evidence, re.IGNORECASE):
            return _fault(code, _line_of(evidence, found), hint)
    if "PHASE 2/3" in evidence:
        for pattern, reason in _REFUSED:
            if re.search(pattern, evidence, re.IGNORECASE):
                return Refused(reason)
    for code, pattern, hint in _CAUSES[_FIRST:]:
        if found := re.search(pattern, evidence, re.IGNORECASE):
            line = _line_of(evidence, found)
            # InvarLock's sentence about a failed load does not say why.
            root = ended.causes[-1].partition("\n")[0] if code == "weights_missing" and ended.causes else line
            return _fault(code, line if root == line else f"{line} ({root})", hint)
    if not ended.events and (found := re.search(_PAIRING, evidence)):
        return _fault("misconfigured", _line_of(evidence, found), "check windows, stride and the corpus")
    return Fault("internal", f"InvarLock failed (exit code {ended.exit_code}):\n{tail(ended)}")


def tail(ended: Ended) -> str:
    """The last lines that matter: what was printed, then the causes and the events."""
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
    """The output with the console's breaks undone: a line starts with a tag, a bar or a capital letter."""
    lines: list[str] = []
    for raw in output.replace("\r", "\n").split("\n"):
        line = " ".join(raw.split())
        if lines and lines[-1] and line and not re.match(r"[\[═┌│└├A-Z(]", line):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)
