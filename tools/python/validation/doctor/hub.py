"""The doctor's check that models and data sets are available: in a directory, the hub's cache, or the hub.

The hub is asked only for information about a repository; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.job import Fault

_HUB_TIMEOUT_S = 10.0


def models(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """The origin of each model, and whether it is available there."""
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
                yield _local_model(what, str(source["path"]))
            case _:
                yield finding("ok", what, "is made here")


def _local_model(what: str, path: str) -> Finding:
    from validation.sources.download import find

    try:
        return finding("ok", what, str(find(path)))
    except Fault as fault:
        return finding("error", what, str(fault), fault.hint)


def _hub_model(what: str, source: Mapping[str, Any], offline: bool) -> Finding:
    import huggingface_hub

    repository, revision = str(source["id"]), str(source.get("revision") or "main")
    where = f"{repository} at {revision}"
    cached = huggingface_hub.try_to_load_from_cache(repository, "config.json", revision=revision)
    lacks = "not in the local cache"
    if isinstance(cached, str):
        weights, missing = _weights_in(Path(cached).parent)
        if weights and not missing:
            return finding("ok", what, f"{where}: in the local cache ({len(weights)} files of weights)")
        lacks = f"incomplete in the local cache ({f'{missing[0]} is missing' if missing else 'no weights'})"
    if offline or huggingface_hub.constants.HF_HUB_OFFLINE:
        return finding(
            "error",
            what,
            f"{where}: {lacks}, and the hub is not asked (offline)",
            "Download it where there is a network, or give its directory as the model's path.",
        )
    try:
        info = huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=_HUB_TIMEOUT_S)
        # The information about a gated model is public, its files are only for approved users.
        huggingface_hub.HfApi().auth_check(repository)
    except Exception as error:
        return _hub_error(what, where, error)
    return finding("ok", what, f"{where}: the hub has it ({(info.sha or '')[:12]})")


def _weights_in(directory: Path) -> tuple[list[str], list[str]]:
    """The weight files in a directory of the hub's cache, and those that its index names but are missing."""
    from validation.sources.tensors import PICKLED_INDEX
    from validation.weights.checkpoint import INDEX

    for index in (INDEX, PICKLED_INDEX):
        try:
            named = sorted(
                set(json.loads((directory / index).read_text(encoding="utf-8"))["weight_map"].values())
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        return named, [name for name in named if not (directory / str(name)).is_file()]
    return [path.name for pattern in ("*.safetensors", "*.bin") for path in directory.glob(pattern)], []


def _hub_error(what: str, where: str, error: Exception) -> Finding:
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names:
        return finding("error", what, f"{where}: gated", "Ask for access on its page, then set HF_TOKEN.")
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"}:
        return finding(
            "error",
            what,
            f"{where}: the hub has no such name or revision, or it is private",
            "Check suite.yaml, and HF_TOKEN if it is private.",
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return finding(
            "error",
            what,
            f"{where}: the hub does not give it to you ({status})",
            "Set HF_TOKEN to one that may read it.",
        )
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return finding(
        "error",
        what,
        f"{where}: the hub cannot be reached ({type(error).__name__}: {first})",
        "Check network and proxy (HF_ENDPOINT), or download it first and set HF_HUB_OFFLINE=1.",
    )


def datasets(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the data set of the windows is available; a local corpus was checked with suite.yaml."""
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
