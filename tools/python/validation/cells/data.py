"""Cell `data`: what the benchmarks and windows of a suite read from the hub, fetched once for all its cells.

Each part is a benchmark's task or the windows' provider. It is loaded as the evaluations and InvarLock load
it, at the commits that the suite is pinned to, into an entry of the weights store of its own, and before that
is published once more without the hub.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from validation.evaluation.lm_eval_adapter import TaskSource
from validation.evaluation.task_data import TaskData
from validation.hub.dataset_names import any_name
from validation.hub.offline import PREPARED, offline_caches, prepared_in
from validation.hub.revisions import at_revisions
from validation.invarlock.hub_rows import load_rows
from validation.job import Fault, Job, emit, write_json
from validation.weights.store import MANIFEST, locked_entry

NAME = "datasets.json"
#: What datasets leaves beside the data, and what tasks made of them.
_PASSING = ("*.lock", "cache-*.arrow", "tmp*")


def run(job: Job) -> None:
    """Fetch the data of each part if the store lacks them, and publish their manifest and their commits.

    Raises:
        Fault: as `TaskData` and `load_rows`; `bad_input` for a part without a place in the store.
    """
    trusted = any(part.spec.get("trust_task_code") is True for part in job.parts)
    source = TaskSource.of(job, trusted)
    tasks = [str(part.spec["task"]) for part in job.parts if "task" in part.spec]
    data = TaskData(source, tasks) if tasks else None
    taken: dict[str, str] = {}  # of what is not pinned, one commit for all parts
    for done, part in enumerate(job.parts):
        emit("progress", message=f"fetching {part.name}", done=done, total=len(job.parts))
        with locked_entry(part.place, rebuild=job.rebuild) as entry:
            if not entry.complete:
                revisions = {**taken, **part.spec["revisions"]}
                commits = _fetch(job.work / part.name, entry.draft, part.spec, revisions, data)
                taken |= commits
                write_json(entry.draft / NAME, {"schema": 1, "datasets": commits})
                entry.commit(job.device.device_class)
            write_json(part.out / MANIFEST, entry.manifest)
            shutil.copyfile(entry.path / NAME, part.out / NAME)
        emit("part", name=part.name)


def _fetch(
    work: Path, draft: Path, spec: dict[str, Any], revisions: dict[str, str], data: TaskData | None
) -> dict[str, str]:
    """Commit by id of the data sets that came."""

    def load(offline: bool) -> int:
        if data is not None and "task" in spec:
            return data.load(str(spec["task"]), offline=offline)
        return load_rows(str(spec["provider"]), offline=offline)

    prepared = draft / PREPARED
    with prepared_in(prepared), at_revisions(revisions) as taken:
        load(_no_hub())
    _require_single(prepared)
    _tidy(prepared)
    with offline_caches(work, [draft]), any_name():
        load(True)
    return dict(sorted(taken.items()))


def _no_hub() -> bool:
    import datasets.config

    return bool(datasets.config.HF_HUB_OFFLINE)


def _require_single(prepared: Path) -> None:
    """Offline nothing says which of two commits of one configuration is meant."""
    found: dict[Path, list[str]] = {}
    for info in prepared.glob("*/*/*/*/dataset_info.json"):
        found.setdefault(info.parents[2], []).append(info.parent.name)
    for config, commits in sorted(found.items()):
        if len(commits) > 1:
            raise Fault(
                "misconfigured",
                f"data set {config.parent.name.replace('___', '/')} ({config.name}) is wanted at "
                f"{len(commits)} commits: {', '.join(sorted(commits))}",
                "Tasks of one suite may name one revision of a data set (dataset_kwargs).",
            )


def _tidy(prepared: Path) -> None:
    shutil.rmtree(prepared / "downloads", ignore_errors=True)
    for pattern in _PASSING:
        for path in list(prepared.rglob(pattern)):
            path.unlink(missing_ok=True)
    for directory, _, _ in os.walk(prepared, topdown=False):
        if not any(Path(directory).iterdir()):
            Path(directory).rmdir()
