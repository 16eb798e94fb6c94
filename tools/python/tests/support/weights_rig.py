"""Small checkpoints, jobs and stores for the tests of edits, errors and setup."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from repository import PYTHONPATH
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from validation.job import Device, Job, Part, Read, Store
from validation.weights.store import MANIFEST, locked_entry

#: For child processes: the package and this module, wherever they start.
#: Of a cell's process, which has no interpreter of Triton's.
ENVIRONMENT = {
    **os.environ,
    "TRITON_INTERPRET": "0",
    "PYTHONPATH": PYTHONPATH,
    "OMP_NUM_THREADS": "1",
}

#: All eight edits, scaled to the small checkpoints here.
EIGHT: dict[str, dict[str, Any]] = {
    "quant_8bit_clean": {"type": "quant_rtn", "bits": 8, "group_size": 16, "scope": "ffn"},
    "fp4_e2m1_clean": {"type": "fp4_quant", "format": "e2m1", "scope": "ffn"},
    "prune_10pct_clean": {"type": "magnitude_prune", "sparsity": 0.1, "scope": "ffn"},
    "svd_rank8_clean": {"type": "lowrank_svd", "rank": 8, "scope": "ffn"},
    "quant_4bit_stress": {"type": "quant_rtn", "bits": 4, "group_size": 20, "scope": "all"},
    "fp4_aggressive_stress": {"type": "fp4_quant", "format": "aggressive", "scope": "all"},
    "prune_50pct_stress": {"type": "magnitude_prune", "sparsity": 0.5, "scope": "all"},
    "svd_rank4_stress": {"type": "lowrank_svd", "rank": 4, "scope": "all"},
}

#: Edits whose one number is a strength, for ladders; `zero_blocks` strikes some blocks only.
STRENGTHS: dict[str, dict[str, Any]] = {
    "noise_0_1_all": {"type": "gaussian_noise", "sigma": 0.1, "scope": "all"},
    "noise_2_ffn": {"type": "gaussian_noise", "sigma": 2, "scope": "ffn"},
    "scale_1_1x_all": {"type": "scale", "factor": 1.1, "scope": "all"},
    "zero_2blocks_ffn": {"type": "zero_blocks", "count": 2, "scope": "ffn"},
}


@st.composite
def weight_matrices(
    draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = (torch.bfloat16, torch.float32)
) -> torch.Tensor:
    """Matrices of odd sizes: normal, with many equal magnitudes, with rows of zeros, or all zero.

    Some are stored transposed, as GPT-2's are.
    """
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["normal", "ties", "zero rows", "zeros"]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    values = torch.randn(height, width, generator=generator) * draw(st.sampled_from([1e-3, 0.02, 1.0]))
    if kind == "ties":
        values = torch.randint(-3, 4, (height, width), generator=generator) * 0.125
    if kind == "zero rows":
        values[:: draw(st.integers(1, 3))] = 0
    if kind == "zeros":
        values.zero_()
    values = values.to(draw(st.sampled_from(dtypes)))
    return values.T.contiguous().T if draw(st.booleans()) else values


def llama_tensors(
    *, layers: int = 3, hidden: int = 32, width: int = 50, vocabulary: int = 40, seed: int = 1
) -> dict[str, torch.Tensor]:
    """The tensors of a LLaMA checkpoint in bf16 (two key-value heads of four)."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}"
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (hidden, hidden) for name in "qo"}
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (hidden // 2, hidden) for name in "kv"}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (width, hidden) for name in ("gate", "up")}
        shapes |= {f"{at}.mlp.down_proj.weight": (hidden, width)}
        shapes |= {f"{at}.{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
    shapes |= {"model.norm.weight": (hidden,), "lm_head.weight": (vocabulary, hidden)}
    return {
        name: (torch.randn(shape, generator=generator) * 0.05).to(torch.bfloat16)
        for name, shape in shapes.items()
    }


def llama_config(**changes: Any) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "vocab_size": 40,
        "hidden_size": 32,
        "intermediate_size": 50,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "dtype": "bfloat16",
        **changes,
    }


def write_model(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    *,
    shards: int = 1,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model directory with the public library, in so many shards."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config or llama_config()))
    write_tokenizer(path)
    (path / "generation_config.json").write_text("{}")
    if shards == 1:
        save_file(dict(tensors), path / "model.safetensors", metadata={"format": "pt"})
        return path
    names, weight_map = list(tensors), {}
    for index in range(shards):
        file = f"model-{index + 1:05d}-of-{shards:05d}.safetensors"
        mine = names[index * len(names) // shards : (index + 1) * len(names) // shards]
        save_file({name: tensors[name] for name in mine}, path / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(mine, file))
    size = sum(tensor.nbytes for tensor in tensors.values())
    index_file = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index_file))
    return path


def write_tokenizer(path: Path) -> None:
    """A tokenizer of 33 letters and signs, as transformers saves it; it fits any architecture's class."""
    signs = ["<eos>", "<pad>", "<unk>", *"abcdefghijklmnopqrstuvwxyzT.Ġ▁"]
    tokenizer = Tokenizer(BPE({sign: at for at, sign in enumerate(signs)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(path)


def load_model(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a model directory, by the public library."""
    return {
        name: tensor
        for file in sorted(path.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def fork(task: Callable[[], Any]) -> multiprocessing.process.BaseProcess:
    """Start a task in a process that has everything imported."""
    process = multiprocessing.get_context("fork").Process(target=task)
    with warnings.catch_warnings():  # threads of imported libraries are idle, and the children use none
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process


def fork_all(*tasks: Callable[[], Any]) -> list[int | None]:
    """Run tasks at once, each in its own process; their exit codes."""
    ready = multiprocessing.get_context("fork").Barrier(len(tasks))

    def started(task: Callable[[], Any]) -> None:
        ready.wait(30)
        task()

    processes = [fork(partial(started, task)) for task in tasks]
    for process in processes:
        process.join(60)
        process.kill()
    return [process.exitcode for process in processes]


def recipe(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def stored(root: Path, model: Path, name: str = "baseline") -> Read:
    """Put a model directory into a store under `root`, with its manifest beside the store."""
    with locked_entry(Store(root, recipe(name))) as entry:
        for file in model.iterdir():
            shutil.copyfile(file, entry.draft / file.name)
        entry.commit("cpu")
    manifest = root.parent / f"{name}.manifest.json"
    shutil.copyfile(entry.path / MANIFEST, manifest)
    return Read(entry.path, manifest, hashlib.sha256(manifest.read_bytes()).hexdigest())


def make_job(
    work: Path,
    kind: str,
    specs: Mapping[str, Mapping[str, Any]],
    *,
    store: Path,
    baseline: Read | None = None,
    threads: int = 1,
) -> Job:
    """A job with a part a spec; recipes are digests of the specs."""
    parts = []
    for name, spec in specs.items():
        out = work / "out" / name
        out.mkdir(parents=True, exist_ok=True)
        parts.append(Part(name, dict(spec), out, Store(store, recipe(json.dumps(spec, sort_keys=True)))))
    scratch = work / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return Job(
        cell=f"suite.model.variant:{kind}",
        kind=kind,
        model="model",
        size_class="tiny",
        device=Device("cpu", "cpu", 0, threads),
        work=scratch,
        logs=scratch,
        reads={"baseline": baseline} if baseline else {},
        parts=tuple(parts),
    )


def as_job_file(job: Job, path: Path) -> Path:
    """The same job as a file for `python -m validation`."""
    baseline = job.reads["baseline"]
    value = {
        "schema": 1,
        "cell": job.cell,
        "kind": job.kind,
        "model": job.model,
        "size_class": job.size_class,
        "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
        "work": str(job.work),
        "logs": str(job.logs),
        "reads": {
            "baseline": {
                "path": str(baseline.path),
                "manifest": str(baseline.manifest),
                "sha256": baseline.sha256,
            }
        },
        "parts": [
            {
                "name": part.name,
                "spec": part.spec,
                "out": str(part.out),
                "store": {"root": str(part.store.root), "recipe": part.store.recipe} if part.store else None,
            }
            for part in job.parts
        ],
    }
    path.write_text(json.dumps(value))
    return path


def tree_bytes(path: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }
