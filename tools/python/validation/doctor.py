"""`python -m validation.doctor`: what only Python can tell of a host, a JSON finding a line.

Questions come as JSON on standard input: the suite's models, benchmark tasks and datasets. Nothing is
downloaded.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.job import Fault

Finding = dict[str, str]

#: Versions the suite is made for, by distribution: the lock file pins them, a look here tells what is loaded.
_NEEDED = ("torch", "transformers", "lm_eval", "invarlock", "datasets", "safetensors", "accelerate")
_INVARLOCK = "0.3.7"
_HUB_TIMEOUT_S = 10.0
_MEND = "Run: npx nx run tools:python-env --force"


def finding(level: str, what: str, message: str, fix: str = "") -> Finding:
    """One line: `level` is ok, warning or error."""
    return {"level": level, "what": what, "message": message, "fix": fix}


def main() -> int:
    """Answer every question; a check that breaks is an error of its own and stops no other."""
    questions: dict[str, Any] = json.load(sys.stdin)
    for check in (versions, accelerator, models, tasks, datasets):
        for found in _guarded(check, questions):
            print(json.dumps(found), flush=True)
    return 0


def _guarded(
    check: Callable[[Mapping[str, Any]], Iterator[Finding]], questions: Mapping[str, Any]
) -> Iterator[Finding]:
    try:
        yield from check(questions)
    except Fault as fault:
        yield finding("error", check.__name__, str(fault), fault.hint)
    except Exception as error:  # whatever a library throws is this check's answer
        yield finding("error", check.__name__, f"{type(error).__name__}: {error}", _MEND)


def versions(_: Mapping[str, Any]) -> Iterator[Finding]:
    """Python (the environment is made with 3.12 or later) and the libraries that results depend on."""
    yield finding("ok", "Python", platform.python_version())
    for name in _NEEDED:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield finding("error", name, "is not installed", _MEND)
            continue
        if name == "invarlock" and found != _INVARLOCK:
            yield finding("error", name, f"{found}; the suite judges {_INVARLOCK}", _MEND)
        else:
            yield finding("ok", name, found)


def accelerator(_: Mapping[str, Any]) -> Iterator[Finding]:
    """CUDA as torch sees it: a GPU whose architecture the build lacks fails at the first kernel."""
    import torch

    if not torch.cuda.is_available():
        yield finding("ok", "torch", f"{torch.__version__}, no CUDA device")
        return
    known = set(torch.cuda.get_arch_list())
    for index in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(index)
        what = f"torch on GPU {index}"
        name = f"{torch.cuda.get_device_name(index)}, CUDA {torch.version.cuda}"
        if f"sm_{major}{minor}" in known or any(arch.startswith(f"compute_{major}") for arch in known):
            yield finding("ok", what, name)
        else:
            yield finding(
                "error",
                what,
                f"{name}: this build of torch has no kernels for sm_{major}{minor}",
                "Lock a newer torch (tools/python/requirements.in), and look at the driver's version.",
            )


def models(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Where each model would come from, and whether it does."""
    for model in questions["models"]:
        source = model["source"] or {}
        what = f"model {model['name']}"
        if model.get("trust_remote_code"):
            yield finding(
                "warning",
                what,
                "code of its repository is run (trust_remote_code)",
                "Read that code, and pin its revision in suite.yaml.",
            )
        match source.get("type"):
            case "hub":
                yield _hub_model(what, source, bool(questions.get("offline")))
            case "path":
                from validation.download import find

                yield finding("ok", what, str(find(str(source["path"]))))
            case _:
                yield finding("ok", what, "is made here")


def _hub_model(what: str, source: Mapping[str, Any], offline: bool) -> Finding:
    import huggingface_hub

    repository, revision = str(source["id"]), str(source.get("revision") or "main")
    where = f"{repository} at {revision}"
    cached = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision=revision)
    if isinstance(cached, str):
        weights = [*Path(cached).parent.glob("*.safetensors"), *Path(cached).parent.glob("*.bin")]
        if weights:
            return finding("ok", what, f"{where}: in the local cache ({len(weights)} files of weights)")
    if offline or huggingface_hub.constants.HF_HUB_OFFLINE:
        return finding(
            "error",
            what,
            f"{where}: not in the local cache, and the hub is not asked (offline)",
            "Download it where there is a network, or give its directory as the model's path.",
        )
    try:
        huggingface_hub.HfApi().auth_check(repository)
        info = huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=_HUB_TIMEOUT_S)
    except Exception as error:
        return _hub_error(what, where, error)
    return finding("ok", what, f"{where}: the hub has it ({(info.sha or '')[:12]})")


def _hub_error(what: str, where: str, error: Exception) -> Finding:
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names:
        return finding("error", what, f"{where}: gated", "Ask for access on its page, then set HF_TOKEN.")
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError"}:
        return finding("error", what, f"{where}: the hub has no such model or revision", "Check suite.yaml.")
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return finding(
        "error",
        what,
        f"{where}: the hub cannot be reached ({type(error).__name__}: {first})",
        "Check network and proxy (HF_ENDPOINT), or download it first and set HF_HUB_OFFLINE=1.",
    )


def tasks(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether lm-eval knows every benchmark."""
    wanted: list[str] = questions["tasks"]
    if not wanted:
        return
    from validation.lm_eval_adapter import TaskSource

    directory = questions.get("include_path")
    source = TaskSource(Path(directory) if directory else None)
    if source.covers(wanted):
        yield finding("ok", "lm-eval tasks", f"{', '.join(wanted)} ({directory})")
        return
    from lm_eval.tasks import TaskManager

    known = set(TaskManager(include_path=directory).all_tasks)
    missing = [name for name in wanted if name not in known]
    if missing:
        yield finding(
            "error", "lm-eval tasks", f"unknown: {', '.join(missing)}", "Check benchmarks in suite.yaml."
        )
    else:
        yield finding("ok", "lm-eval tasks", ", ".join(wanted))


def datasets(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the windows' data set is at hand; a local corpus was looked at with suite.yaml."""
    import huggingface_hub

    for provider in questions["datasets"]:
        what = f"dataset {provider}"
        if provider != "wikitext2":
            yield finding("ok", what, "a file of the suite")
            continue
        from datasets import config

        cache = Path(config.HF_DATASETS_CACHE)
        if any(cache.glob("*wikitext*")):
            yield finding("ok", what, f"in the local cache ({cache})")
        elif questions.get("offline") or huggingface_hub.constants.HF_HUB_OFFLINE:
            yield finding(
                "error",
                what,
                "not in the local cache, and the hub is not asked (offline)",
                "Load it once where there is a network, or use provider: local_jsonl.",
            )
        else:
            try:
                huggingface_hub.HfApi().dataset_info("Salesforce/wikitext", timeout=_HUB_TIMEOUT_S)
            except Exception as error:
                yield _hub_error(what, "Salesforce/wikitext", error)
            else:
                yield finding("ok", what, "the hub has it")


if __name__ == "__main__":
    sys.exit(main())
