"""What a model directory is, before anything is made of it: whole and usable, or why not, in one sentence.

Only names, headers and small files are read, so that the doctor can ask for every model of a suite.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from validation.formats.table import OTHER_FILES, OTHER_KEYS, SETTINGS_KEYS, Recognised
from validation.job import Fault
from validation.sources.dequantized import open_dequantized
from validation.sources.tensors import PICKLED, PICKLED_INDEX, Source, open_source
from validation.weights.built import Built, build
from validation.weights.checkpoint import INDEX, SINGLE, read_json

_POINTER = b"version https://git-lfs.github.com/spec/v1"
_UNQUANTIZED = "Name the model's unquantized checkpoint in suite.yaml."
#: What programs call a file that they have not finished downloading.
_UNFINISHED = (".incomplete", ".part", ".partial", ".aria2", ".crdownload", ".tmp")
#: How the tensors are named that packed weights are unpacked with.
_PACKED = (
    *(".qweight", ".qzeros", ".scales", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".W_q"),
    *(".absmax", ".quant_map", "_blocks", "_scales"),
)
#: Files of Meta's own format.
_ORIGINAL = ("consolidated.*.pth", "consolidated*.safetensors", "params.json")


@dataclass(frozen=True)
class Intake:
    """A model directory that can be used: its tensors, and the model that transformers builds of them."""

    source: Source
    built: Built


def look(path: Path, trusted: bool, quantized: Recognised | None = None) -> Intake:
    """Open a model directory, and compare its files with the model that transformers builds from it.

    Args:
        path: the directory.
        trusted: whether its own Python files may run.
        quantized: the format of one whose packed tensors are read as the numbers that they stand for.

    Raises:
        Fault: `bad_input` for anything that is not a whole model with its tokenizer, or is quantized unasked.
    """
    require_model(path)
    if quantized is None:
        require_unquantized(path)
    try:
        source = open_source(path) if quantized is None else open_dequantized(path, quantized).source
    except Fault as fault:
        raise _unfinished(path, fault) from fault
    try:
        built = build(path, {each.name: (each.dtype, each.shape) for each in source.tensors}, trusted)
    except Fault as fault:
        raise _packed(path, source, fault) from fault
    require_tokenizer(path, trusted)
    return Intake(source, built)


def require_model(path: Path) -> None:
    """Refuse a directory that holds something else than a transformers model.

    Raises:
        Fault: `bad_input`, with what it holds and what to do.
    """
    if not path.is_dir():
        what = "is a file, not a directory" if path.exists() else "no such directory"
        raise Fault("bad_input", f"{path}: {what}", _as_saved())
    names = sorted(each.name for each in path.iterdir())
    if not [name for name in names if not name.startswith(".")]:
        raise Fault("bad_input", f"{path}: is empty", _as_saved())
    if pointers := sorted(_pointers(path)):
        raise Fault(
            "bad_input",
            f"{path}: {', '.join(pointers[:5])}: Git LFS pointers, not the files themselves",
            f"Fetch them: git -C {path} lfs pull (after git lfs install).",
        )
    weights = has_weights(path)
    if "adapter_config.json" in names and not weights:
        base = _named(path / "adapter_config.json", "base_model_name_or_path")
        raise Fault(
            "bad_input",
            f"{path}: only a LoRA adapter{f' of {base}' if base else ''}, not a model",
            "Merge it into its base model (peft: merge_and_unload) and name the directory of the result.",
        )
    if not weights and (gguf := [name for name in names if name.endswith(".gguf")]):
        raise Fault(
            "bad_input",
            f"{path}: only GGUF files ({', '.join(gguf[:3])}), not a transformers model",
            "Name the original checkpoint, or load it with transformers (gguf_file=…, dequantized) and "
            "save_pretrained.",
        )
    if "config.json" not in names:
        if any(any(path.glob(pattern)) for pattern in _ORIGINAL):
            raise Fault(
                "bad_input",
                f"{path}: has no config.json: the original format of its makers, not transformers'",
                "Convert it with transformers' script for it, or take the hub's checkpoint for transformers.",
            )
        raise Fault("bad_input", f"{path}: has no config.json", _as_saved())


def require_unquantized(path: Path) -> None:
    """Refuse packed weights, however their configuration says so; built.py finds those that do not say it.

    Raises:
        Fault: `bad_input`.
    """
    config = read_json(path / "config.json")
    parts = [
        config,
        *(value for key, value in config.items() if key.endswith("_config") and isinstance(value, Mapping)),
    ]
    said = [
        f"{key} in config.json" for part in parts for key in (*SETTINGS_KEYS, *OTHER_KEYS) if part.get(key)
    ]
    if said:
        raise _quantized(path, said)


def _packed(path: Path, source: Source, fault: Fault) -> Fault:
    """The fault of packed weights that config.json does not tell, where files or names do."""
    said = [name for name in OTHER_FILES if (path / name).is_file()]
    said += [each.name for each in source.tensors if each.name.endswith(_PACKED)][:3]
    return _quantized(path, said) if said else fault


def _quantized(path: Path, said: Sequence[str]) -> Fault:
    return Fault(
        "bad_input", f"{path}: the checkpoint is quantized already ({', '.join(said)})", _UNQUANTIZED
    )


def require_tokenizer(path: Path, trusted: bool) -> None:
    """Load the tokenizer as evaluations will.

    Raises:
        Fault: `bad_input` when there is none, or it needs a package that is missing.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), trust_remote_code=trusted, local_files_only=True)
        ids = tokenizer("The quick brown fox.")["input_ids"]
    except ImportError as error:
        raise Fault(
            "bad_input",
            f"{path}: its tokenizer needs a package that is missing ({_first_line(error)})",
            "Add it to tools/python/requirements.in, then: npm run lock:python, npx nx run tools:python-env",
        ) from error
    except Exception as error:  # transformers raises anything
        raise Fault(
            "bad_input",
            f"{path}: its tokenizer cannot be loaded ({_first_line(error)})",
            "The directory must hold the tokenizer's files (tokenizer.json or tokenizer.model, "
            "tokenizer_config.json).",
        ) from error
    if not ids:
        raise Fault(
            "bad_input",
            f"{path}: its tokenizer gives no tokens for a sentence",
            "The directory must hold the tokenizer's files (tokenizer.json or tokenizer.model).",
        )


def has_weights(path: Path) -> bool:
    """Whether there are weights by the names that transformers loads, or an index of them."""
    found = (SINGLE, INDEX, PICKLED, PICKLED_INDEX)
    return any((path / name).is_file() for name in found) or any(path.glob("model-*-of-*.safetensors"))


def _unfinished(path: Path, fault: Fault) -> Fault:
    """The fault of an interrupted download, where there are signs of one."""
    left = sorted(
        found.relative_to(path).as_posix()
        for found in path.rglob("*")
        if found.suffix in _UNFINISHED and found.is_file()
    )
    lost = [name for name in _indexed(path) if not (path / name).is_file()]
    if not left and not lost:
        return fault
    signs = (
        f"{len(lost)} of the files that its index names are missing: {', '.join(lost[:5])}" if lost else ""
    )
    signs += ("; " if signs and left else "") + (f"unfinished: {', '.join(left[:5])}" if left else "")
    return Fault("bad_input", f"{path}: a half download ({signs})", "Finish or repeat the download.")


def _indexed(path: Path) -> Iterator[str]:
    for index in (INDEX, PICKLED_INDEX):
        if (path / index).is_file():
            named = read_json(path / index).get("weight_map")
            names = named.values() if isinstance(named, dict) else ()
            yield from sorted({name for name in names if isinstance(name, str)})


def _pointers(path: Path) -> Iterator[str]:
    for file in path.iterdir():
        # a pointer has three short lines
        if file.is_file() and file.stat().st_size < 1024:
            with file.open("rb") as handle:
                if handle.read(len(_POINTER)) == _POINTER:
                    yield file.name


def _named(path: Path, key: str) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get(key) or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _as_saved() -> str:
    return "The model's path in suite.yaml must name a directory as transformers' save_pretrained writes."
