"""The configuration of an InvarLock run: the settings of a cell, and the documents made from them.

Pure: no torch, no InvarLock, no files. The documents are for InvarLock 0.3.7, where `dataset.provider` must
be a string (the mapping form breaks the pairing of windows) and the profile file overrides windows and
bootstrap. Source: docs/formulas.md, "InvarLock settings".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from validation.job import Fault

#: Providers that read files of this machine; any other may need the network.
LOCAL_PROVIDERS = ("local_jsonl", "local_jsonl_pairs")
#: Providers that need neither the network nor a file.
OFFLINE_PROVIDERS = (*LOCAL_PROVIDERS, "synthetic")

#: The name the run's slice of a local corpus has in the working directory.
CORPUS_FILE = "corpus.jsonl"


@dataclass(frozen=True)
class Slice:
    """The part of a local corpus that a run reads: lines [index·n, (index+1)·n), of `count` such parts."""

    index: int
    count: int


@dataclass(frozen=True)
class Settings:
    """The `invarlock` object of a cell's spec.

    `preview` and `final` are windows, `seq_len` and `stride` tokens, `bootstrap` replicates.
    """

    tier: str
    profile: str
    guards: tuple[str, ...]
    determinism: str
    dataset: dict[str, Any]
    seq_len: int
    stride: int
    preview: int
    final: int
    batch_size: int
    bootstrap: int
    alpha: float
    skip_overhead_check: bool
    pm_acceptance: tuple[float, float] | None
    trust_remote_code: bool = False
    attention: str = "auto"

    @property
    def windows(self) -> int:
        """Windows of one run, both arms together."""
        return self.preview + self.final

    @property
    def provider(self) -> str:
        """The dataset provider's name."""
        return str(self.dataset["provider"])

    @property
    def is_local(self) -> bool:
        """Whether the dataset is a file that the cell names (`reads.corpus`)."""
        return self.provider in LOCAL_PROVIDERS

    @property
    def text_field(self) -> str:
        """The field of a corpus line that holds its text."""
        return str(self.dataset.get("text_field", "text"))


def parse_settings(spec: dict[str, Any]) -> Settings:
    """Read `spec["invarlock"]`.

    Raises:
        Fault: `bad_input` when a field is missing or has the wrong type.
    """
    try:
        raw = spec["invarlock"]
        acceptance = raw.get("pm_acceptance")
        dataset = dict(raw["dataset"])
        if not isinstance(dataset["provider"], str):
            raise TypeError("dataset.provider must be a string")
        return Settings(
            tier=str(raw["tier"]),
            profile=str(raw["profile"]),
            guards=tuple(str(name) for name in raw["guards"]),
            determinism=str(raw["determinism"]),
            dataset=dataset,
            seq_len=int(raw["seq_len"]),
            stride=int(raw["stride"]),
            preview=int(raw["preview"]),
            final=int(raw["final"]),
            batch_size=int(raw["batch_size"]),
            bootstrap=int(raw["bootstrap"]),
            alpha=float(raw["alpha"]),
            skip_overhead_check=bool(raw["skip_overhead_check"]),
            pm_acceptance=(float(acceptance[0]), float(acceptance[1])) if acceptance else None,
            trust_remote_code=raw.get("trust_remote_code") is True,
            attention=str(raw.get("attention", "auto")),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Fault("bad_input", f"spec.invarlock: {type(error).__name__}: {error}") from error


def parse_slice(spec: dict[str, Any]) -> Slice:
    """Read `spec["window_slice"]`; without one the run uses the whole corpus.

    Raises:
        Fault: `bad_input` when the slice lies outside its count.
    """
    raw = spec.get("window_slice")
    if raw is None:
        return Slice(0, 1)
    try:
        part = Slice(int(raw["index"]), int(raw["count"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Fault("bad_input", f"spec.window_slice: {type(error).__name__}: {error}") from error
    if not 0 <= part.index < part.count:
        raise Fault("bad_input", f"spec.window_slice: index {part.index} is not below count {part.count}")
    return part


def dataset_seed(run: int) -> int:
    """Seed of run k = 1, 2, …: 41 + k (docs/formulas.md, "InvarLock settings")."""
    return 41 + run


def dataset_document(settings: Settings) -> dict[str, Any]:
    """The `dataset` section of a preset: without a path, so that it is the same on every machine.

    A run adds `file` (and its own seed), see `place_dataset`.
    """
    document: dict[str, Any] = {**settings.dataset}
    document.setdefault("split", "validation")
    document |= {
        "seq_len": settings.seq_len,
        "stride": settings.stride,
        "preview_n": settings.preview,
        "final_n": settings.final,
        "seed": dataset_seed(1),
    }
    if settings.is_local:
        document["text_field"] = settings.text_field
        document["max_samples"] = settings.windows
    return document


def run_document(settings: Settings) -> dict[str, Any]:
    """The part that every run and the preset share: dataset, batch size, guard order, acceptance range.

    `primary_metric.acceptance_range` replaces the tier's ratio limit: InvarLock compares with its
    maximum, and for perplexity never with its minimum.
    """
    document: dict[str, Any] = {
        "dataset": dataset_document(settings),
        "eval": {"batch_size": settings.batch_size},
        "guards": {"order": list(settings.guards)},
        "accelerator": {"compile": settings.determinism != "strict"},
    }
    if settings.pm_acceptance is not None:
        low, high = settings.pm_acceptance
        document["primary_metric"] = {"acceptance_range": {"min": low, "max": high}}
    return document


def place_dataset(document: dict[str, Any], settings: Settings, seed: int) -> dict[str, Any]:
    """The document of one run: its seed, and for a local corpus the file with its slice."""
    dataset = {**document["dataset"], "seed": seed}
    if settings.is_local:
        dataset["file"] = CORPUS_FILE
    return {**document, "dataset": dataset}


def noop_document(settings: Settings, model: str, seed: int) -> dict[str, Any]:
    """The configuration of `invarlock run` on an unedited model (a calibration)."""
    return subject_document(place_dataset(run_document(settings), settings, seed), settings, model)


def subject_document(placed: dict[str, Any], settings: Settings, model: str) -> dict[str, Any]:
    """The configuration of `invarlock run` on an unchanged model, for a preset placed by `place_dataset`.

    `certify` makes the same of a preset for its baseline.
    """
    return {
        "model": {"id": model, "adapter": "auto"},
        "edit": {"name": "noop", "plan": {}},
        **placed,
        "output": {"dir": "runs"},
        "context": {"profile": settings.profile, "tier": settings.tier},
    }


def profile_document(settings: Settings, *, spread: bool, attention: str | None = None) -> dict[str, Any]:
    """`runtime/profiles/<profile>.yaml`: without it the profile's 200 + 200 windows override the preset's.

    Args:
        settings: The cell's settings.
        spread: Whether the loader spreads the model over the visible GPUs.
        attention: transformers' name of the attention to load models with; None leaves it to transformers.
    """
    document: dict[str, Any] = {
        "dataset": {"preview_n": settings.preview, "final_n": settings.final},
        "eval": {"bootstrap": {"replicates": settings.bootstrap, "alpha": settings.alpha}},
    }
    model = {"device_map": "auto"} if spread else {}
    if attention is not None:
        model["attn_implementation"] = attention
    if model:
        document["model"] = model
    return document


def run_environment(
    settings: Settings, config_root: str, threads: int, *, allow_network: bool = True
) -> dict[str, str]:
    """The INVARLOCK_ variables of a run, which replace the caller's: those could change results unnoticed."""
    variables = {
        "INVARLOCK_CONFIG_ROOT": config_root,
        "INVARLOCK_STORE_EVAL_WINDOWS": "1",
        # Always the same, whatever memory is free at that moment; see `hooks.snapshot`.
        "INVARLOCK_SNAPSHOT_MODE": "bytes",
        # Always set: otherwise ALLOW_REMOTE_CODE and similar variables of the caller would decide.
        "INVARLOCK_TRUST_REMOTE_CODE": "1" if settings.trust_remote_code else "0",
    }
    if settings.provider not in OFFLINE_PROVIDERS and allow_network:
        variables["INVARLOCK_ALLOW_NETWORK"] = "1"
    if settings.skip_overhead_check:
        variables["INVARLOCK_SKIP_OVERHEAD_CHECK"] = "1"
    if settings.determinism != "strict":
        variables["INVARLOCK_OMP_THREADS"] = str(threads)
    return variables


def preset_problems(preset: dict[str, Any], settings: Settings) -> list[str]:
    """The differences between a preset and the cell's settings: such a preset was made for another suite."""
    expected = run_document(settings)
    found = [
        f"preset dataset.{key}: {preset.get('dataset', {}).get(key)!r}, the suite says {value!r}"
        for key, value in expected["dataset"].items()
        if preset.get("dataset", {}).get(key) != value
    ]
    order = preset.get("guards", {}).get("order")
    if order != expected["guards"]["order"]:
        found.append(f"preset guards.order: {order!r}, the suite says {expected['guards']['order']!r}")
    return found
