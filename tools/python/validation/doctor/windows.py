"""The doctor's check that the windows of a suite exist, with each model's own tokenizer and corpus.

A tokenizer comes from the weights store, the model's directory or the hub's cache. Unless the doctor is
offline, a missing one and the text of wikitext2 are downloaded from the hub: megabytes, and no weights.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation.doctor.data import as_the_run_has
from validation.doctor.finding import Finding, finding, first_line
from validation.doctor.layers import unknown_structure
from validation.doctor.lines import count_lines
from validation.doctor.rows import count_rows
from validation.facts.model import build_tokenizer
from validation.invarlock.adapter import link_model, load_tokenizer
from validation.invarlock.config import parse_settings
from validation.invarlock.preflight import load_minimums, number_problems
from validation.job import Fault
from validation.sources.download import FILES, find
from validation.weights.checkpoint import read_json

#: Files that make a tokenizer.
_TOKENIZER = ("*token*.json", "vocab*", "merges.txt", "*.model", "*.tiktoken", "generation_config.json")
_AGAIN = "Run the doctor again where there is a network, or once the model's setup is done."


def windows(questions: Mapping[str, Any]) -> Iterator[Finding]:
    """Check every model's windows; a fault of one stops no other."""
    counted: dict[str, Finding] = {}
    for question in questions.get("windows", ()):
        try:
            yield check(question, bool(questions.get("offline")), counted, Path(questions["work"]))
        except Fault as fault:
            yield finding(
                "error",
                f"windows of {question['model']}",
                str(fault),
                fault.hint or "Check dataset and windows in suite.yaml.",
            )


def check(
    question: Mapping[str, Any],
    offline: bool,
    counted: dict[str, Finding] | None = None,
    place: Path | None = None,
) -> Finding:
    """Check one model's windows.

    Args:
        question: `model`, `size_class`, `source`, `link` (to its weights in the store), `invarlock` (as in a
            cell's spec), `runs` (each `run` and perhaps `window_slice`), `corpus`, the file or None, and of a
            data set of the hub what `as_the_run_has` takes.
        offline: Ask no hub.
        counted: What was counted before, where models with one tokenizer find it.
        place: A directory of the doctor's, for what several models read; None: of this one alone.

    Raises:
        Fault: for a model without a usable tokenizer, or a corpus that cannot be read.
    """
    what = f"windows of {question['model']}"
    counted = {} if counted is None else counted
    settings = parse_settings({"invarlock": question["invarlock"]})
    minimums = load_minimums(settings.tier)
    if refused := number_problems(settings, minimums):
        return finding("error", what, "; ".join(refused), "Change the numbers in suite.yaml.")
    with tempfile.TemporaryDirectory(prefix="validation-doctor-") as directory:
        work = Path(directory)
        try:
            files = _tokenizer_files(question, work, offline)
        except Fault:
            raise
        except Exception as error:  # any exception of the hub; the check of the model says what to do
            return finding("warning", what, f"not counted, no tokenizer here ({first_line(error)})", _AGAIN)
        if (found := unknown_structure(files, settings.trust_remote_code)) is not None:
            return finding(
                "error",
                f"InvarLock of {question['model']}",
                f"InvarLock 0.3.7 finds no layers in {found}: every calibration and certificate would fail",
                "Take another model, of an architecture that it knows (docs/checkpoints.md).",
            )
        key = _counted_as(question, files)
        if key not in counted:
            tokenizer = load_tokenizer(work, link_model(work, "baseline", files))
            if settings.is_local:
                counted[key] = count_lines(what, question, settings, minimums, tokenizer, work)
            else:
                with as_the_run_has(question, place or work):
                    counted[key] = count_rows(what, question, settings, minimums, tokenizer)
        return {**counted[key], "what": what}


def _counted_as(question: Mapping[str, Any], files: Path) -> str:
    """What windows depend on: models of one tokenizer and the same settings have the same."""
    digest = hashlib.sha256()
    asked = {name: question[name] for name in ("size_class", "invarlock", "runs", "corpus")}
    digest.update(json.dumps(asked, sort_keys=True).encode())
    digest.update(str(read_json(files / "config.json").get("model_type")).encode())
    for pattern in _TOKENIZER:
        for path in sorted(files.glob(pattern)):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _tokenizer_files(question: Mapping[str, Any], work: Path, offline: bool) -> Path:
    """A directory with the model's tokenizer and configuration."""
    link, source = Path(question["link"]), question["source"]
    if (link / "config.json").is_file():
        return link
    match source["type"]:
        case "path":
            return find(str(source["path"]))
        case "facts":
            made = work / "facts"
            build_tokenizer().save_pretrained(made)
            (made / "config.json").write_text(json.dumps({"model_type": source["architecture"]}))
            return made
    import huggingface_hub

    return Path(
        huggingface_hub.snapshot_download(
            str(source["id"]),
            revision=str(source.get("revision") or "main"),
            allow_patterns=list(FILES),
            ignore_patterns=["*/*"],
            local_files_only=offline,
        )
    )
