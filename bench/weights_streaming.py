"""Peak memory and throughput on growing checkpoints: setup, the suite's eight edits in one pass, an error.

`PYTHONPATH=tools/python python bench/weights_streaming.py [--gib 1 2 4] [--edits NAME ...] [--directory DIR]
[--cuda] [--wide] [--at-a-time N]`

The checkpoints are LLaMA-like: hidden size 1024, MLP 4096, a 32,768-token vocabulary, untied. Their size is a
number of blocks: the largest tensor stays the same, and a flat peak shows as flat. Every cell runs in a
process of its own, whose peak resident set, Python and torch included, is held against the bound of four
largest tensors and 512 MiB. The plain copy writes the bytes that the edits write, brought to the disk as
theirs are, in the same directory, and hashes nothing; what the edits link costs neither. Needs ten times the
model's size of disk, or with `--at-a-time N` N + 2 times: the edits are then made in passes of N, each measured
against its copy and deleted.

On a GPU (`--cuda`) the bound is 4 GiB of host memory, CUDA's own included, and errors, which stay on the CPU,
are left out. A 7B model on a disk with 54 GiB free: `--cuda --wide --gib 13.5 --at-a-time 2`.
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

from validation.cells import edit
from validation.cells import inject
from validation.cells import setup
from validation.weights.checkpoint import make_header, open_checkpoint, raw_bytes
from validation.job import load_job
from validation.weights.rewrite import Loaded
from validation.weights.store import MANIFEST

WIDE = "--wide" in sys.argv
#: With --wide, a block is one of Mistral-7B's with as many heads for keys as for queries.
HIDDEN, WIDTH, VOCABULARY = (4096, 14_336, 32_768) if WIDE else (1024, 4096, 32_768)
BYTES_A_BLOCK = 2 * (HIDDEN * HIDDEN * 4 + HIDDEN * WIDTH * 3 + 2 * HIDDEN)
BYTES_BESIDE = 2 * (2 * VOCABULARY * HIDDEN + HIDDEN)
BLOCKS_A_SHARD = 2 if WIDE else 8
CUDA = "--cuda" in sys.argv
DEVICE = (
    {"type": "cuda", "class": "cuda", "gpus": 1, "threads": 4}
    if CUDA
    else {"type": "cpu", "class": "cpu", "gpus": 0, "threads": 1}
)
KINDS = {"setup": setup.run, "edit": edit.run, "inject": inject.run}

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
    """Measure each size in a directory of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, nargs="+", default=[1.0], help="sizes in GiB (default 1)")
    parser.add_argument("--edits", nargs="+", choices=EDITS, default=list(EDITS), help="default: all eight")
    parser.add_argument("--directory", type=Path, help="where to work (default: the temporary directory)")
    parser.add_argument(
        "--at-a-time", type=int, metavar="N", help="edits a pass, deleted after it (default: all, kept)"
    )
    parser.add_argument("--cuda", action="store_true", help="edits on the first GPU")
    parser.add_argument("--wide", action="store_true", help="blocks of a 7B model")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    for gib in arguments.gib:
        with tempfile.TemporaryDirectory(prefix="streaming-", dir=arguments.directory) as directory:
            measure(Path(directory), gib, arguments.edits, arguments.at_a_time)


def measure(work: Path, gib: float, edits: list[str], at_a_time: int | None) -> None:
    """Measure one size in an empty directory."""
    a_pass = at_a_time or len(edits)
    needed, free = (a_pass + 2) * gib, shutil.disk_usage(work).free / 2**30
    if needed > free:
        sys.exit(f"{work}: {free:.1f} GiB free, {needed:.1f} needed: give a lower --gib or --at-a-time")
    root, source = work / "store", work / "source"
    root.mkdir()
    make_model(source, max(1, round((gib * 2**30 - BYTES_BESIDE) / BYTES_A_BLOCK)))
    made = open_checkpoint(source)
    largest = max(stored.bytes for stored in made.tensors.values())
    bound = 4 << 30 if CUDA else 4 * largest + (512 << 20)
    print(
        f"model    {made.weights_bytes / 2**30:6.2f} GiB, largest tensor {largest / 2**20:.0f} MiB, "
        f"bound {bound / 2**20:.0f} MiB"
    )

    def tell(kind: str, said: dict[str, Any]) -> None:
        within = "within" if said["peak"] <= bound else "BEYOND"
        grown = said["peak"] - said["before"]
        print(
            f"{kind:8} {said['peak'] / 2**20:6.0f} MiB peak, {within} the bound; "
            f"{grown / 2**20:.0f} MiB grown; {said['seconds']:.1f} s"
            + (f"; GPU {said['gpu'] / largest:.1f} largest tensors" if said["gpu"] else ""),
            flush=True,
        )

    tell("setup", run(work, "setup", {"baseline": {"source": {"type": "path", "path": str(source)}}}))
    shutil.rmtree(source)
    passes = []
    for at in range(0, len(edits), a_pass):
        names = edits[at : at + a_pass]
        said = run(work, "edit", {name: EDITS[name] for name in names})
        tell("edit", said)
        passes.append(said | compare(work, names))
        written, copied = passes[-1]["written"] / 2**30, passes[-1]["copied"]
        print(f"         {written:.2f} GiB written; a plain copy of them {copied:.1f} s", flush=True)
        for name in names if at_a_time else []:
            shutil.rmtree(root / name)
    summarize(passes)
    if not CUDA:
        tell("inject", run(work, "inject", {"extreme_quant": {"error": "extreme_quant"}}))
    shutil.rmtree(root)


def summarize(passes: list[dict[str, Any]]) -> None:
    """Say what all passes wrote, how long they took, and how long the plain copies."""
    total = {
        key: sum(said[key] for said in passes) for key in ("seconds", "copied", "written", "linked", "edited")
    }
    print(
        f"         {total['written'] / 2**30:.2f} GiB written ({total['edited'] / 2**30:.2f} of them of edited "
        f"matrices), {total['linked'] / 2**30:.2f} GiB linked, in {len(passes)} passes; of the time"
    )
    spent: dict[str, float] = defaultdict(float)
    for said in passes:
        for name, seconds in said["spent"].items():
            spent[name] += seconds
    for name, seconds in spent.items():
        print(f"         {seconds:6.1f} s {name}")
    speed = total["written"] / 2**30 / total["seconds"]
    print(
        f"copy     {total['copied']:6.1f} s for the bytes written, plainly, {total['seconds']:.1f} s for the edits: "
        f"{speed:.2f} GiB/s, {total['copied'] / total['seconds']:.2f} times the speed of the copy"
    )


def compare(work: Path, edits: list[str]) -> dict[str, Any]:
    """Bytes the edits wrote and linked, and the seconds of a plain copy of the former."""
    baseline = work / "store" / "baseline"
    entries = [work / "store" / name for name in edits]
    written, linked = 0, 0
    for entry in entries:
        for path in entry.glob("*.safetensors"):
            size = path.stat().st_size
            if path.samefile(baseline / path.name):
                linked += size
            else:
                written += size
    copied = copy_plainly(entries, baseline, work / "copy")
    edited = sum(
        2 * json.loads((entry / "edit_metadata.json").read_text())["totals"]["parameters_edited"]
        for entry in entries
    )
    return {"written": written, "linked": linked, "edited": edited, "copied": copied}


def copy_plainly(entries: list[Path], baseline: Path, target: Path) -> float:
    """Seconds to copy the shards that were written, each copy brought to the disk."""
    began = time.monotonic()
    for entry in entries:
        target.mkdir()
        for path in entry.glob("*.safetensors"):
            if not path.samefile(baseline / path.name):
                shutil.copyfile(path, target / path.name)
                with (target / path.name).open("rb") as handle:
                    os.fsync(handle.fileno())
        shutil.rmtree(target)
    return time.monotonic() - began


def run(work: Path, kind: str, specs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Run a job in a child process; what it says of itself."""
    job_file = work / f"{kind}.json"
    job_file.write_text(json.dumps(make_job(work, kind, specs)))
    flags = [flag for flag, given in (("--cuda", CUDA), ("--wide", WIDE)) if given]
    command = [sys.executable, __file__, *flags, "--child", str(job_file)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, text=True, check=True)
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def child(job_file: Path) -> None:
    """Run the job as a cell's process does; say the peak before and after, in bytes, and the seconds."""
    spent: dict[str, float] = defaultdict(float)
    change = edit.Edition.change

    def timed(edition: edit.Edition, loaded: Loaded) -> torch.Tensor:
        began = time.monotonic()
        result = change(edition, loaded)
        if CUDA:
            torch.cuda.synchronize()
        spent[f"{edition.spec['type']} {edition.spec['scope']}"] += time.monotonic() - began
        return result

    job = load_job(job_file)
    before, began = reset_peak(), time.monotonic()
    with mock.patch.object(edit.Edition, "change", timed):
        KINDS[job.kind](job)
    seconds = time.monotonic() - began
    spent["everything else: reading, hashing, writing, syncing"] = seconds - sum(spent.values())
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0
    print(
        json.dumps(
            {"before": before, "peak": memory("VmHWM"), "gpu": gpu, "seconds": seconds, "spent": spent}
        )
    )


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


def make_job(work: Path, kind: str, specs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The job file of a cell; recipes are the names."""
    parts = []
    for name, spec in specs.items():
        out = work / "out" / name
        out.mkdir(parents=True)
        store = {"root": str(work / "store"), "recipe": name}
        parts.append({"name": name, "spec": spec, "out": str(out), "store": store})
    baseline = work / "store" / "baseline"
    read = {"path": str(baseline), "manifest": str(baseline / MANIFEST), "sha256": ""}
    return {
        "schema": 1,
        "cell": f"bench.model.variant:{kind}",
        "kind": kind,
        "model": "model",
        "size_class": "tiny",
        "device": DEVICE,
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
        "max_position_embeddings": 2048,
        "vocab_size": VOCABULARY,
        "dtype": "bfloat16",
    }
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    device = "cuda" if CUDA else "cpu"
    generator = torch.Generator(device=device).manual_seed(1)
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
                values = torch.randn(shape, generator=generator, device=device) * 0.02
                handle.write(raw_bytes(values.to(torch.bfloat16).cpu()))
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
