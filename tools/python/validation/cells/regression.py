"""Cell `regression`: InvarLock 0.17 compares how a subject and its baseline answered one half of the items.

Its decision is the result, whatever its exit code: 0 for a pass, 7 for any other decision. The other codes
are faults.
"""

from __future__ import annotations

import shutil

from validation.invarlock.newer.captured import of_half, policy_of, read_answers, write_project
from validation.invarlock.newer.overlay import fault_of, require_overlay, run_overlay
from validation.job import Fault, Job, emit

_DECIDED = (0, 7)
#: InvarLock's exit code for inputs it refuses.
_REFUSED = 2


def run(job: Job) -> None:
    """Write evaluation.report.json, InvarLock's own report.

    Raises:
        Fault: `misconfigured` without this InvarLock, `bad_input` for outcomes that cannot be compared,
            `internal` when InvarLock fails.
    """
    part = job.only
    directory = require_overlay(str(part.spec["invarlock"]))
    half = str(part.spec["half"])
    sides = [
        [read.path for name, read in sorted(job.reads.items()) if name.startswith(f"{side}-outcomes")]
        for side in ("baseline", "subject")
    ]
    baseline, subject = (of_half(read_answers(paths), half) for paths in sides)
    digests = (job.read("baseline").sha256, job.read("subject").sha256)
    write_project(job.work, baseline, subject, policy_of(part.spec["policy"]), digests)
    emit("progress", message=f"InvarLock compares {len(subject)} answers", done=0, total=1)
    done = run_overlay(
        directory, ["evaluate", "request.yaml", "--unsigned", "--json", "--fail-on-policy"], job.work
    )
    if done.exit_code not in _DECIDED:
        raise fault_of(done, "bad_input" if done.exit_code == _REFUSED else "internal")
    report = job.work / "evidence" / "reports" / "evaluation.report.json"
    if not report.is_file():
        raise Fault("internal", f"InvarLock ended well but wrote no report:\n{done.said}")
    shutil.copyfile(report, part.out / report.name)
    emit("part", name=part.name)
