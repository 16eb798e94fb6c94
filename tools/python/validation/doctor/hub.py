"""The doctor's check that models are available: in a directory, in the hub's cache, or on the hub.

The hub is asked for information about a repository and whether it gives its files; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.doctor.finding import Finding, finding
from validation.doctor.local import local_model
from validation.doctor.refused import refused
from validation.sources.download import has_weights, in_cache

_HUB_TIMEOUT_S = 10.0


def models(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """The origin of each model, and whether it is available there."""
    for model in questions["models"]:
        source = model["source"] or {}
        what = f"model {model['name']}"
        trusted = model.get("trust_remote_code") is True
        if trusted:
            yield finding(
                "warning",
                what,
                "code of its repository is run (trust_remote_code)",
                "Read that code, and pin its revision in suite.yaml.",
            )
        match source.get("type"):
            case "hub" if model.get("stored"):
                where = f"{source['id']} at {source.get('revision') or 'main'}"
                yield finding("ok", what, f"{where}: its weights are in the store")
            case "hub":
                yield hub_model(what, source, trusted, bool(questions.get("offline")))
            case "path":
                yield local_model(what, model, trusted)
            case _:
                yield finding("ok", what, "is made here")


def hub_model(what: str, source: Mapping[str, Any], trusted: bool, offline: bool) -> Finding:
    """Whether a model or checkpoint is in the local cache, or at the hub."""
    from huggingface_hub import constants

    repository, revision = str(source["id"]), str(source.get("revision") or "main")
    where = f"{repository} at {revision}"
    cached = in_cache(repository, revision, trusted)
    lacks = "not whole in the local cache"
    if cached is not None:
        weights, missing = _weights_in(cached)
        if weights and not missing:
            return finding("ok", what, f"{where}: in the local cache ({len(weights)} files of weights)")
        lacks = f"incomplete in the local cache ({missing[0] if missing else 'the weights'} is missing)"
    if offline or constants.HF_HUB_OFFLINE:
        return finding(
            "error",
            what,
            f"{where}: {lacks}, and the hub is not asked (offline)",
            "Download it where there is a network, or give its directory as the model's path.",
        )
    try:
        return _at_the_hub(what, where, repository, revision)
    except Exception as error:  # the hub's and the network's exceptions are told by their names
        return refused(what, where, error)


def _at_the_hub(what: str, where: str, repository: str, revision: str) -> Finding:
    import huggingface_hub

    api = huggingface_hub.HfApi()
    info = api.model_info(repository, revision=revision, timeout=_HUB_TIMEOUT_S)
    # The information about a gated model is public, its files are only for approved users.
    api.auth_check(repository)
    names = [file.rfilename for file in info.siblings or []]
    if "config.json" not in names or not has_weights(names):
        lacking = "no config.json" if "config.json" not in names else "no model*.safetensors or .bin weights"
        return finding(
            "error",
            what,
            f"{where}: there is {lacking} in it",
            "Name a repository as transformers' save_pretrained writes it.",
        )
    huggingface_hub.get_hf_file_metadata(
        huggingface_hub.hf_hub_url(repository, "config.json", revision=info.sha), timeout=_HUB_TIMEOUT_S
    )
    named = "" if info.id in (None, repository) else f" as {info.id}"
    return finding("ok", what, f"{where}: the hub has it{named} ({(info.sha or '')[:12]})")


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
    found = [path.name for pattern in ("*.safetensors", "*.bin") for path in directory.glob(pattern)]
    # A shard's name says that there are others, and an index of them.
    return found, [INDEX] if any("-of-" in name for name in found) else []
