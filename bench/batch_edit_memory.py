"""Peak memory and throughput of a batch edit: the eight edits of the suite on a 1 GiB LLaMA-like checkpoint.

`PYTHONPATH=tools/python python bench/batch_edit_memory.py [--gib 1] [--directory DIR]`

The checkpoint has blocks of hidden size 1024 and MLP size 4096 (a 32,768-token vocabulary, untied): matrices
small enough that the exact low-rank edits, an eigenproblem a matrix, end in about a minute on one core.
`--gib` changes the number of blocks only: the largest tensor stays the same, and a flat peak shows as flat.
The edits run in a child process, so its peak resident set is theirs alone; what is resident before a tensor
is read (interpreter and torch) is taken off in "grown". The plain copy writes the same bytes, brought to disk
as the edits are, in the same directory, and hashes nothing. Needs ten times the model's size of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from validation import edit
from validation.checkpoint import make_header, open_checkpoint, raw_bytes
from validation.job import Store, load_job
from validation.rewrite import Loaded
from validation.store import MANIFEST, locked_entry

HIDDEN, WIDTH, VOCABULARY = 1024, 4096, 32_768
BYTES_A_BLOCK = 2 * (HIDDEN * HIDDEN * 4 + HIDDEN * WIDTH * 3 + 2 * HIDDEN)
BYTES_BESIDE = 2 * (2 * VOCABULARY * HIDDEN + HIDDEN)
BLOCKS_A_SHARD = 8

EDITS: dict[str, dict[str, Any]] = {
    "quant_8bit_clean": {"type": "quant_rtn", "bits": 8, "group_size": 128, "scope": "ffn"},
    "fp4_e2m1_clean": {"type": "fp4_quant", "format": "e2m1", "scope": "ffn"},
    "prune_10pct_clean": {"type": "magnitude_prune", "sparsity": 0.1, "scope": "ffn"},
    "svd_rank256_clean": {"type": "lowrank_svd", "rank": 256, "scope": "ffn"},
    "quant_4bit_stress": {"type": "quant_rtn", "bits": 4, "group_size": 32, "scope": "all"},
    "fp4_aggressive_stress": {"type": "fp4_quant", "format": "aggressive", "scope": "all"},
    "prune_50pct_stress": {"type": "magnitude_prune", "sparsity": 0.5, "scope": "all"},
    "svd_rank32_stress": {"type": "lowrank_svd", "rank": 32, "scope": "all"},
}


def main() -> None:
    """Make the checkpoint, edit it in a child process, copy it plainly, and print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=1.0, help="size of the model in GiB (default 1)")
    parser.add_argument("--directory", type=Path, help="where to work (default: the temporary directory)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    with tempfile.TemporaryDirectory(prefix="batch-edit-", dir=arguments.directory) as directory:
        measure(Path(directory), arguments.gib)


def measure(work: Path, gib: float) -> None:
    """Measure in an empty directory."""
    root = work / "store"
    blocks = max(1, round((gib * 2**30 - BYTES_BESIDE) / BYTES_A_BLOCK))
    with locked_entry(Store(root, "baseline")) as entry:
        make_model(entry.draft, blocks)
        entry.commit()
    source = open_checkpoint(entry.path)
    model, largest = source.weights_bytes, max(stored.bytes for stored in source.tensors.values())
    print(f"model    {model / 2**30:6.2f} GiB, {blocks} blocks, largest tensor {largest / 2**20:.0f} MiB")

    job_file = work / "job.json"
    job_file.write_text(json.dumps(make_job(work, root, entry.path)))
    command = [sys.executable, __file__, "--child", str(job_file)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(ended.stdout)
    peak, grown = said["peak"], said["peak"] - said["before"]
    print(
        f"peak     {peak / 2**20:6.0f} MiB resident: {peak / model:.2f} of the model; "
        f"grown by {grown / 2**20:.0f} MiB: {grown / model:.2f} of it, {grown / largest:.1f} largest tensors"
    )
    written = len(EDITS) * model / 2**30
    seconds, copied = said["seconds"], copy_plainly(entry.path, work / "copy")
    print(
        f"edits    {seconds:6.1f} s for 8 copies, {written:.1f} GiB: {written / seconds:.3f} GiB/s, of which"
    )
    for name, spent in said["spent"].items():
        print(f"         {spent:6.1f} s {name}")
    print(f"copy     {copied:6.1f} s for the same bytes, plainly: {written / copied:.3f} GiB/s")
    print(f"ratio    {seconds / copied:6.1f} times a plain copy")


def copy_plainly(source: Path, target: Path) -> float:
    """Seconds to copy a model's files as often as there are edits, each copy brought to the disk."""
    began = time.monotonic()
    for _ in EDITS:
        target.mkdir()
        for path in source.iterdir():
            shutil.copyfile(path, target / path.name)
            with (target / path.name).open("rb") as handle:
                os.fsync(handle.fileno())
        shutil.rmtree(target)
    return time.monotonic() - began


def child(job_file: Path) -> None:
    """Run the job as a cell's process does; say the peak before and after, in bytes, and the seconds."""
    spent: dict[str, float] = defaultdict(float)
    change = edit.Edition.change

    def timed(edition: edit.Edition, loaded: Loaded) -> torch.Tensor:
        began = time.monotonic()
        result = change(edition, loaded)
        spent[f"{edition.spec['type']} {edition.spec['scope']}"] += time.monotonic() - began
        return result

    job = load_job(job_file)
    before, began = reset_peak(), time.monotonic()
    with mock.patch.object(edit.Edition, "change", timed):
        edit.run(job)
    seconds = time.monotonic() - began
    spent["everything else: reading, hashing, writing, syncing"] = seconds - sum(spent.values())
    print(json.dumps({"before": before, "peak": memory("VmHWM"), "seconds": seconds, "spent": spent}))


def reset_peak() -> int:
    """Let the peak begin anew (the import of torch has one that would hide ours); the bytes resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(key: str) -> int:
    """A figure of this process, in bytes: VmRSS, resident now; VmHWM, the most since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def make_job(work: Path, root: Path, baseline: Path) -> dict[str, Any]:
    """The job file of a batch of all edits."""
    parts = []
    for name, spec in EDITS.items():
        out = work / "out" / name
        out.mkdir(parents=True)
        parts.append(
            {"name": name, "spec": spec, "out": str(out), "store": {"root": str(root), "recipe": name}}
        )
    read = {"path": str(baseline), "manifest": str(baseline / MANIFEST), "sha256": ""}
    return {
        "schema": 1,
        "cell": "bench.model.edits:edit",
        "kind": "edit",
        "model": "model",
        "size_class": "tiny",
        "device": {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1},
        "work": str(work),
        "logs": str(work),
        "reads": {"baseline": read},
        "parts": parts,
    }


def make_model(path: Path, blocks: int) -> None:
    """Write the checkpoint, a shard at a time."""
    config = {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": WIDTH,
        "num_hidden_layers": blocks,
        "num_attention_heads": 16,
        "vocab_size": VOCABULARY,
        "dtype": "bfloat16",
    }
    (path / "config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(1)
    shards = [
        block_shapes(range(at, min(at + BLOCKS_A_SHARD, blocks))) for at in range(0, blocks, BLOCKS_A_SHARD)
    ]
    shards[0] = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), **shards[0]}
    shards[-1] |= {"model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}
    weight_map: dict[str, str] = {}
    for number, shapes in enumerate(shards):
        name = f"model-{number + 1:05d}-of-{len(shards):05d}.safetensors"
        with (path / name).open("wb") as handle:
            handle.write(make_header({key: (torch.bfloat16, shape) for key, shape in shapes.items()}))
            for shape in shapes.values():
                handle.write(raw_bytes((torch.randn(shape, generator=generator) * 0.02).to(torch.bfloat16)))
        weight_map.update(dict.fromkeys(shapes, name))
    index = {"metadata": {"total_size": BYTES_BESIDE + blocks * BYTES_A_BLOCK}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))


def block_shapes(blocks: range) -> dict[str, tuple[int, ...]]:
    """The tensors of these blocks."""
    shapes: dict[str, tuple[int, ...]] = {}
    for block in blocks:
        at = f"model.layers.{block}"
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in "qkvo"}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (WIDTH, HIDDEN) for name in ("gate", "up")}
        shapes |= {f"{at}.mlp.down_proj.weight": (HIDDEN, WIDTH)}
        shapes |= {f"{at}.{name}_layernorm.weight": (HIDDEN,) for name in ("input", "post_attention")}
    return shapes


if __name__ == "__main__":
    main()
