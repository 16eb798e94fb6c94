"""The adapter of InvarLock 0.3.7: the commands `run` and `certify`, and the names it is given for models.

InvarLock guesses a model's family from its *path*: `opt`, `phi`, `bert`, `gpt`, `t5` or `yi` anywhere in it,
for example in `/opt/models` or a user's name, selects another tokenizer or even another loss. So it is given
links in the working directory whose names contain only the model's own architecture.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from validation.invarlock.config import Settings, parse_slice
from validation.invarlock.failures import Ended
from validation.invarlock.process import RUNS, call
from validation.invarlock.windows import prepare_windows
from validation.job import Fault, Job, write_json, write_text
from validation.weights.store import open_entry

#: Architectures that have a suitable profile in InvarLock; any other gets the neutral one.
_FAMILIES = ("mixtral", "mistral", "qwen")
_CERTIFICATES = Path("certificates")
_BASELINE_REPORT = Path("baseline_report.json")


def link_model(work: Path, role: str, entry: Path) -> str:
    """Link a store entry under a relative name that contains the architecture and nothing else.

    Returns:
        The path to give InvarLock, relative to the working directory.

    Raises:
        Fault: `weights_missing` when the entry has no readable config.json.
    """
    try:
        architecture = str(
            json.loads((entry / "config.json").read_text(encoding="utf-8")).get("model_type", "")
        )
    except (OSError, ValueError) as error:
        raise Fault("weights_missing", f"{entry}: no readable config.json ({error})") from error
    family = next((name for name in _FAMILIES if name in architecture), "causal")
    link = Path("models") / family / role
    (work / link).parent.mkdir(parents=True, exist_ok=True)
    (work / link).symlink_to(entry.resolve(), target_is_directory=True)
    return str(link)


def prepare_baseline(job: Job, settings: Settings) -> str:
    """Link the baseline of a cell, and write the windows of its run.

    Returns:
        As `link_model`.

    Raises:
        Fault: as `link_model`, `prepare_windows` and `load_tokenizer`; `weights_missing` without its weights.
    """
    model = link_read(job, "baseline")
    prepare_windows(
        job, settings, parse_slice(job.only.spec), lambda: load_encoder(settings, job.work, model)
    )
    return model


def link_read(job: Job, role: str) -> str:
    """Link the model that a cell reads in a role, as `link_model`."""
    return link_model(job.work, role, open_entry(job.read(role)))


#: Any text: a tokenizer that gives no tokens for it is not usable.
_SENTENCE = "The quick brown fox jumps over the lazy dog."


def load_tokenizer(work: Path, model: str) -> Any:
    """The tokenizer InvarLock will use for a model that `link_model` shows.

    Raises:
        Fault: `misconfigured` for a model without a tokenizer of its own, or one that cannot pad.
    """
    with contextlib.chdir(work):
        profiles = importlib.import_module("invarlock.model_profile")
        try:
            tokenizer, _ = profiles.resolve_tokenizer(
                profiles.detect_model_profile(model_id=model, adapter="auto")
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise Fault("misconfigured", f"tokenizer of the model: {error}") from error
    # InvarLock falls back to GPT-2's tokenizer, and transformers offline to an empty one.
    if tokenizer.name_or_path != model or not tokenizer.encode(_SENTENCE):
        raise Fault(
            "misconfigured",
            f"tokenizer of the model: not loaded from the weights ({tokenizer.name_or_path!r} was taken)",
            "The model's directory must hold its tokenizer's files.",
        )
    if tokenizer.pad_token_id is None:
        raise Fault("misconfigured", "tokenizer of the model: neither a pad nor an eos token")
    return tokenizer


def load_encoder(settings: Settings, work: Path, model: str) -> Callable[[str], list[int]]:
    """The encoder InvarLock will use for the model, cut at `seq_len` tokens.

    Raises:
        Fault: as `load_tokenizer`.
    """
    return encoder(load_tokenizer(work, model), settings.seq_len)


def encoder(tokenizer: Any, limit: int) -> Callable[[str], list[int]]:
    """The tokens of a text, cut at the limit."""
    return lambda text: list(tokenizer.encode(text, truncation=True, max_length=limit))


def run_noop(job: Job, settings: Settings, document: dict[str, Any]) -> tuple[Ended, Path | None]:
    """Run `invarlock run` on a configuration; returns its end, and the report's path when it wrote one.

    Raises:
        Fault: as `process.call`.
    """
    _write_yaml(job.work / "run.yaml", document)

    def command() -> None:
        importlib.import_module("invarlock.cli.commands.run").run_command(
            config="run.yaml",
            profile=settings.profile,
            tier=settings.tier,
            device=job.device.type,
            out=str(RUNS / "source"),
            edit_label="noop",  # as `certify` labels its baseline
            no_color=True,
        )

    ended = call(job, settings, command)
    return ended, report_of(job.work, "source")


def run_certify(
    job: Job,
    settings: Settings,
    baseline: str,
    subject: str,
    preset: dict[str, Any],
    baseline_report: dict[str, Any] | None,
    *,
    broken: bool = False,
) -> tuple[Ended, Path | None]:
    """Run `invarlock certify`; returns its end, and the certificate's path when it wrote one.

    Without a report of the baseline, InvarLock evaluates it first. A `broken` subject is not the model that
    its config.json describes, and InvarLock is to do with it what it would do without the suite.

    Raises:
        Fault: as `process.call`.
    """
    _write_yaml(job.work / "preset.yaml", preset)
    if baseline_report is not None:
        write_json(job.work / _BASELINE_REPORT, baseline_report, allow_nan=True)

    def command() -> None:
        importlib.import_module("invarlock.cli.commands.certify").certify_command(
            source=baseline,
            edited=subject,
            edit_label="custom",
            baseline_report=str(_BASELINE_REPORT) if baseline_report is not None else None,
            profile=settings.profile,
            tier=settings.tier,
            device=job.device.type,
            preset="preset.yaml",
            out=str(RUNS),
            cert_out=str(_CERTIFICATES),
            no_color=True,
        )

    ended = call(job, settings, command, job.work / subject if broken else None)
    certificate = job.work / _CERTIFICATES / "evaluation.cert.json"
    return ended, certificate if certificate.is_file() else None


def report_of(work: Path, arm: str) -> Path | None:
    """The report of an arm: `source` (the baseline) or `edited` (the subject)."""
    found = sorted((work / RUNS / arm).glob("*/report.json"))
    return found[-1] if found else None


def guard_order_used(work: Path) -> list[str] | None:
    """The guard order of the subject's resolved configuration, which `certify` wrote."""
    path = work / ".certify_tmp" / "edited_noop.yaml"
    if not path.is_file():
        return None
    order = yaml.safe_load(path.read_text(encoding="utf-8")).get("guards", {}).get("order")
    return [str(name) for name in order] if isinstance(order, list) else None


def _write_yaml(path: Path, document: dict[str, Any]) -> None:
    write_text(path, yaml.safe_dump(document, sort_keys=False))
