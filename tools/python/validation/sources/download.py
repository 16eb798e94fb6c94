"""The files of a model: downloaded from the hub, found in a directory, or trained here (facts models)."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from validation.facts import model as facts_model
from validation.hub.faults import NETWORK
from validation.job import Fault, Job, emit
from validation.sources.hub_space import progress_bar, require_space
from validation.sources.intake import require_model

#: Everything a model directory needs besides weights; code only where it is trusted.
FILES = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
_SAFETENSORS = ("model*.safetensors",)
_PICKLED = ("pytorch_model*.bin",)


def fetch(source: Mapping[str, Any], trusted: bool, job: Job) -> Path:
    """A directory with the model's files as they come (any dtype).

    Raises:
        Fault: `unavailable` when the hub cannot be reached, `hub_refused` when it does not have the model or
            refuses access, `bad_input` for a path without a model, `disk_full` as `require_space`.
    """
    kind = source.get("type")
    if kind == "hub":
        return download(str(source["id"]), str(source.get("revision") or "main"), trusted)
    if kind == "path":
        return find(str(source["path"]))
    if kind == "facts":
        made = job.work / "facts-model"
        made.mkdir(parents=True, exist_ok=True)
        facts_model.make(dict(source), made)
        return made
    raise Fault("bad_input", f"source type {kind!r} is none of hub, path, facts")


def source_id(source: Mapping[str, Any]) -> str:
    """The model's id for its profile, which depends on the specification only."""
    kind = source.get("type")
    if kind == "hub":
        return str(source["id"])
    return (
        str(source["path"]) if kind == "path" else f"facts-{source.get('architecture')}-{source.get('seed')}"
    )


def find(path: str) -> Path:
    """A local model directory; a relative path starts at the workspace.

    Raises:
        Fault: `bad_input` when it holds no model, as `require_model`.
    """
    found = Path(path).expanduser()
    if not found.is_absolute():
        found = Path(os.environ.get("NX_WORKSPACE_ROOT", os.curdir)) / found
    require_model(found)
    return found


def download(model: str, revision: str, trusted: bool) -> Path:
    """The files of a hub model in the hub's cache: safetensors if it has them, else pytorch_model*.bin.

    Raises:
        Fault: see `fetch`.
    """
    import huggingface_hub
    from huggingface_hub import constants

    files = [*FILES, *(("*.py",) if trusted else ())]
    emit("progress", message=f"downloading {model} at {revision}")
    cache = Path(constants.HF_HUB_CACHE)
    for weights in (_SAFETENSORS, _PICKLED):
        wanted = [*files, *weights]
        require_space(model, revision, wanted, cache)
        try:
            # Downloaded files stay in the cache, so that an interrupted download continues.
            found = Path(
                huggingface_hub.snapshot_download(
                    model,
                    revision=revision,
                    allow_patterns=wanted,
                    ignore_patterns=["*/*"],
                    tqdm_class=progress_bar(model),
                )
            )
        except Exception as error:
            fault = _fault(model, revision, error)
            if fault is None:
                raise
            raise fault from error
        if any(path for pattern in weights for path in found.glob(pattern)):
            emit("progress", message=f"downloaded {model} at {found.name}")
            return found
    raise Fault(
        "hub_refused",
        f"{model} at {revision}: neither {_SAFETENSORS[0]} nor {_PICKLED[0]} there",
        "Is it a transformers model? Offline, download it first, or give its directory as the model's path.",
    )


def in_cache(model: str, revision: str, trusted: bool) -> Path | None:
    """What `download` would give without asking the hub; None where files are missing."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    for weights in (_SAFETENSORS, _PICKLED):
        try:
            found = Path(
                huggingface_hub.snapshot_download(
                    model,
                    revision=revision,
                    allow_patterns=[*FILES, *(("*.py",) if trusted else ()), *weights],
                    ignore_patterns=["*/*"],
                    local_files_only=True,
                )
            )
        except (LocalEntryNotFoundError, ValueError):
            continue
        if (found / "config.json").is_file() and any(path for each in weights for path in found.glob(each)):
            return found
    return None


def has_weights(names: Iterable[str]) -> bool:
    """Whether a repository of these files has any that `download` takes as weights."""
    return any(fnmatch.fnmatch(name, each) for name in names for each in (*_SAFETENSORS, *_PICKLED))


def _fault(model: str, revision: str, error: Exception) -> Fault | None:
    """The fault for an exception of the hub, recognised by name: the classes move between its versions."""
    names = {kind.__name__ for kind in type(error).__mro__}
    where = f"{model} at {revision}"
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "GatedRepoError" in names:
        return Fault(
            "hub_refused",
            f"{where}: gated ({first})",
            f"Ask for access at https://huggingface.co/{model}, then set HF_TOKEN or run `hf auth login`.",
        )
    if "LocalEntryNotFoundError" in names or "OfflineModeIsEnabled" in names:
        return Fault(
            "unavailable",
            f"{where}: not in the local cache, and the hub cannot be reached ({first})",
            "Check the network (HF_HUB_OFFLINE, HF_ENDPOINT, proxy), or give a local directory as its path.",
        )
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"}:
        return Fault(
            "hub_refused",
            f"{where}: the hub has no such model or revision ({first})",
            "Check id and revision in suite.yaml; a private model needs HF_TOKEN.",
        )
    # The last: something else answers, a network that wants a login first.
    if names & (NETWORK | {"JSONDecodeError"}):
        return Fault(
            "unavailable", f"{where}: the download failed ({first})", "Run it again; what came stays cached."
        )
    return None
