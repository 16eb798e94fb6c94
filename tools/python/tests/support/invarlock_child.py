"""A process of its own for the real InvarLock: make a tiny model, then calibrate, preset and certify with it.

InvarLock leaves blocked sockets, seeds and one thread behind, so the tests do not call it themselves.
Run as `python invarlock_child.py <root>`; prints one JSON object: the exit code of each cell.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from invarlock.adapters.hf_causal import HF_Causal_Adapter
from invarlock.guards import variance
from invarlock.guards.rmt import RMTGuard
from invarlock.guards.variance import VarianceGuard
from invarlock_rig import spec_of, write_corpus
from safetensors.torch import load, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from validation.__main__ import main
from validation.invarlock import process as invarlock_process
from validation.invarlock.hooks import loading as invarlock_loading
from validation.invarlock.hooks import memory as invarlock_memory
from validation.job import Store
from validation.weights.store import locked_entry

WORDS = [f"w{number}" for number in range(40)]


RECIPES = {"": "a", "nan": "b", "missing_tensor": "c", "shape_mismatch": "d", "flat": "f", "loud": "9"}
QUERY = "model.layers.0.self_attn.q_proj.weight"


def make_entry(root: Path, name: str, *, error: str = "", layers: int = 1) -> dict[str, str]:
    """An untrained LLaMA as a store entry; an `error` puts a NaN or a rank of one into it, or other files."""
    torch.manual_seed(0)
    recipe = RECIPES[error] * 64
    with locked_entry(Store(root / "store", recipe)) as entry:
        config = LlamaConfig(
            vocab_size=len(WORDS) + 2,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=layers,
            num_attention_heads=2,
            max_position_embeddings=128,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
        )
        model = LlamaForCausalLM(config).to(torch.bfloat16)
        if error == "nan":
            with torch.no_grad():
                model.model.layers[0].self_attn.q_proj.weight[0, 0] = float("nan")
        if error == "flat":
            with torch.no_grad():
                model.model.layers[0].mlp.down_proj.weight.copy_(torch.ones(16, 32))
        if error == "loud":
            with torch.no_grad():
                model.lm_head.weight.mul_(100)
        model.save_pretrained(entry.draft)
        file = entry.draft / "model.safetensors"
        tensors = load(file.read_bytes())  # not mapped: the file is written anew
        if error == "missing_tensor":
            del tensors[QUERY]
        elif error == "shape_mismatch":
            tensors[QUERY] = torch.cat([tensors[QUERY], tensors[QUERY]])
        save_file(tensors, file, {"format": "pt"})
        vocabulary = {"<pad>": 0, "<eos>": 1} | {word: number + 2 for number, word in enumerate(WORDS)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")
        fast.save_pretrained(entry.draft)
        manifest = entry.commit("cpu")
    path = root / f"{name}.manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return {"path": str(root / "store" / recipe), "manifest": str(path), "sha256": "0" * 64}


def cell(root: Path, name: str, reads: dict[str, Any], spec: dict[str, Any], *, gpus: int = 0) -> int:
    """Run one cell of a job file; its exit code."""
    kind = ("cuda", "cuda-sm90") if gpus > 0 else ("cpu", "cpu")
    directories = {key: root / name / key for key in ("work", "logs", "out")}
    for directory in directories.values():
        directory.mkdir(parents=True)
    job = {
        "schema": 1,
        "cell": name,
        "kind": name.split("-")[0],
        "model": "tiny",
        "size_class": "tiny",
        "device": {"type": kind[0], "class": kind[1], "gpus": gpus, "threads": 1},
        "work": str(directories["work"]),
        "logs": str(directories["logs"]),
        "reads": reads,
        "parts": [{"name": name, "spec": spec, "out": str(directories["out"]), "store": None}],
    }
    file = root / name / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    return main(["--spec", str(file)])


@contextmanager
def broken_guard(after: int) -> Iterator[None]:
    """Let InvarLock's RMT guard raise, from its call number `after` on (0: the baseline's)."""
    whole = RMTGuard.validate
    calls = itertools.count()

    def validate(self: RMTGuard, *given: Any, **named: Any) -> Any:
        if next(calls) >= after:
            raise RuntimeError("the guard is broken")
        return whole(self, *given, **named)

    with mock.patch.object(RMTGuard, "validate", validate):
        yield


@contextmanager
def deaf_loader() -> Iterator[None]:
    """Let loading with an attention of one's choice fail: InvarLock then loads without."""
    whole = HF_Causal_Adapter.load_model

    def load_model(self: HF_Causal_Adapter, model: str, device: str = "auto", **given: Any) -> Any:
        if "attn_implementation" in given:
            raise ImportError("flash_attn_2_cuda.so: undefined symbol")
        return whole(self, model, device, **given)

    with mock.patch.object(HF_Causal_Adapter, "load_model", load_model):
        yield


@contextmanager
def sly_loader() -> Iterator[None]:
    """Let the loader take another attention than it was asked for."""
    whole = HF_Causal_Adapter.load_model

    def load_model(self: HF_Causal_Adapter, model: str, device: str = "auto", **given: Any) -> Any:
        return whole(self, model, device, **given | {"attn_implementation": "sdpa"})

    with mock.patch.object(HF_Causal_Adapter, "load_model", load_model):
        yield


@contextmanager
def guard_without_memory() -> Iterator[None]:
    """Let the memory of a GPU run out in a guard that goes on without."""
    whole = RMTGuard.validate
    calls: list[None] = []

    def validate(self: RMTGuard, *given: Any, **named: Any) -> Any:
        calls.append(None)
        return whole(self, *given, **named)

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(RMTGuard, "validate", validate))
        for module in (invarlock_memory, invarlock_loading, invarlock_process):
            patches.enter_context(mock.patch.object(module, "shortages", lambda: len(calls)))
        yield


@contextmanager
def sizes_of_copies() -> Iterator[list[bool]]:
    """Whether the variance guard's copies are the small ones, each time it prepares."""
    whole, seen = VarianceGuard.prepare, []

    def prepare(self: VarianceGuard, *given: Any, **named: Any) -> Any:
        seen.append(variance.copy.deepcopy is invarlock_memory._deepcopy)
        return whole(self, *given, **named)

    with mock.patch.object(VarianceGuard, "prepare", prepare):
        yield seen


def file_read(path: Path) -> dict[str, Any]:
    """A file as an input."""
    return {"path": str(path), "manifest": None, "sha256": "0" * 64}


def make_corpus(root: Path) -> dict[str, Any]:
    """Two slices of random words, as an input."""
    generator = random.Random(7)
    texts = [" ".join(generator.choices(WORDS, k=140)) for _ in range(800)]
    return file_read(write_corpus(root / "heldout.jsonl", texts))


def run_all(root: Path) -> dict[str, int]:
    """Calibrate twice alike and once refused, make the preset, certify a copy and a broken subject."""
    corpus = make_corpus(root)
    baseline = make_entry(root, "baseline")
    broken = make_entry(root, "error_nan_injection", error="nan")
    reads = {"baseline": baseline, "corpus": corpus}

    def spec(index: int, **changes: Any) -> dict[str, Any]:
        return {**spec_of(**changes), "window_slice": {"index": index, "count": 2}}

    ends = {name: cell(root, name, reads, spec(0)) for name in ("calibrate-1", "calibrate-again")}
    with sizes_of_copies() as small:
        ends["calibrate-eager"] = cell(root, "calibrate-eager", reads, spec(0, attention="eager"))
    ends["copies"] = int(small != [True])
    with sly_loader():
        ends["calibrate-sly"] = cell(root, "calibrate-sly", reads, spec(0, attention="eager"))
    with guard_without_memory():
        ends["calibrate-short"] = cell(root, "calibrate-short", reads, spec(0))
    with deaf_loader():
        ends["calibrate-deaf"] = cell(root, "calibrate-deaf", reads, spec(0, attention="eager"))
    ends["calibrate-refused"] = cell(root, "calibrate-refused", reads, spec(0, bootstrap=1000))
    extract = file_read(root / "calibrate-1" / "out" / "extract.json")
    ends["preset"] = cell(root, "preset", {"calibration-1": extract}, {**spec(0), "runs": 1})
    reads["preset"] = file_read(root / "preset" / "out" / "preset.yaml")
    ends["certify-same"] = cell(root, "certify-same", {**reads, "subject": baseline}, spec(1))
    ends["certify-nan"] = cell(root, "certify-nan", {**reads, "subject": broken}, spec(1))
    ends["baseline-1"] = cell(root, "baseline-1", reads, spec(1))
    ends["baseline-again"] = cell(root, "baseline-again", reads, spec(1))
    shared = {**reads, "baseline-report": file_read(root / "baseline-1" / "out" / "report.json")}
    ends["certify-shared"] = cell(root, "certify-shared", {**shared, "subject": baseline}, spec(1))
    ends["certify-shared-nan"] = cell(root, "certify-shared-nan", {**shared, "subject": broken}, spec(1))
    for error in ("missing_tensor", "shape_mismatch"):
        subject = make_entry(root, f"error_{error}", error=error)
        name, told = f"certify-{error}", {**spec(1), "subject_error": error}
        ends[name] = cell(root, name, {**shared, "subject": subject}, told)
    ends["certify-foreign"] = cell(root, "certify-foreign", {**shared, "subject": baseline}, spec(0))
    with broken_guard(after=1):
        ends["certify-crash"] = cell(root, "certify-crash", {**reads, "subject": baseline}, spec(1))
    with broken_guard(after=0):
        ends["certify-blind"] = cell(root, "certify-blind", {**reads, "subject": baseline}, spec(1))
    return ends


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]))))
