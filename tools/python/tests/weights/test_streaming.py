"""Shards bounded and linked; memory that does not grow; deaths at any moment; any number of threads."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from weights_rig import (
    EIGHT,
    ENVIRONMENT,
    as_job_file,
    fork,
    fork_all,
    llama_config,
    llama_tensors,
    load_model,
    make_job,
    stored,
    tree_bytes,
    write_model,
)

from validation.cells import edit, inject, setup
from validation.edits import parse_edit
from validation.edits.base import Weights
from validation.job import Job, Read
from validation.variants.errors import ERRORS
from validation.weights import layout
from validation.weights.layout import GROUPS, group_of, plan_shards
from validation.weights.store import MANIFEST

INDEX = "model.safetensors.index.json"
NAMES = [f"model.layers.{n}.{part}" for n in range(3) for part in ("mlp.up.weight", "self_attn.q.weight")]
TENSORS = st.tuples(st.sampled_from([*NAMES, "lm_head.weight"]), st.integers(1, 60))


@pytest.mark.parametrize(
    ("name", "shape", "group"),
    [
        ("model.layers.3.self_attn.q_proj.weight", (8, 8), "attention"),
        ("model.layers.3.self_attn.q_proj.bias", (8,), "rest"),
        ("model.layers.3.block_sparse_moe.experts.0.w1.weight", (8, 8), "mlp"),
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 8, 8), "mlp"),
        ("transformer.h.0.self_attention.query_key_value.weight", (8, 8), "attention"),
        ("transformer.h.0.mlp.dense_h_to_4h.weight", (8, 8), "mlp"),
        ("h.0.attn.c_attn.weight", (8, 8), "attention"),
        ("model.decoder.layers.0.fc1.weight", (8, 8), "mlp"),
        ("transformer.blocks.1.ffn.up_proj.weight", (8, 8), "mlp"),
        ("model.layers.0.input_layernorm.weight", (8,), "rest"),
        ("model.embed_tokens.weight", (8, 8), "rest"),
        ("lm_head.weight", (8, 8), "rest"),
    ],
)
def test_groups_of_tensors(name: str, shape: tuple[int, ...], group: str) -> None:
    assert group_of(name, shape) == group


@settings(max_examples=60, deadline=None)
@given(st.lists(TENSORS, min_size=1, max_size=30), st.integers(1, 100))
def test_shards_are_bounded_of_one_group_and_hold_all(rows: list[tuple[str, int]], limit: int) -> None:
    tensors = [(f"{name}.{at}", torch.bfloat16, (1, size)) for at, (name, size) in enumerate(rows)]
    shards = plan_shards(tensors, 2 * limit)
    assert sorted(each for shard in shards for each in shard.tensors) == sorted(tensors)
    order: list[str] = []
    for shard in shards:
        (group,) = {group_of(name, shape) for name, _, shape in shard.tensors}
        order.append(group)
        assert len(shard.tensors) == 1 or sum(shape[1] for *_, shape in shard.tensors) <= limit
    assert order == sorted(order, key=lambda group: GROUPS.index(group))  # type: ignore[arg-type]
    for group in GROUPS:
        mine = [each for shard in shards for each in shard.tensors if group_of(each[0], each[2]) == group]
        assert mine == [each for each in tensors if group_of(each[0], each[2]) == group]
    count = len(shards)
    assert [shard.file for shard in shards] == (
        ["model.safetensors"]
        if count == 1
        else [f"model-{at:05d}-of-{count:05d}.safetensors" for at in range(1, count + 1)]
    )


def set_up(path: Path, tensors: dict[str, torch.Tensor] | None = None, shards: int = 2) -> Read:
    """A baseline that `setup` laid out."""
    model = write_model(path / "model", tensors or llama_tensors(), shards=shards)
    job = make_job(
        path, "setup", {"setup": {"source": {"type": "path", "path": str(model)}}}, store=path / "store"
    )
    setup.run(job)
    return Read(entry_of(job), job.only.out / MANIFEST, "")


def entry_of(job: Job, name: str | None = None) -> Path:
    (store,) = {part.store for part in job.parts if name in (None, part.name)}
    assert store is not None
    return store.root / store.recipe


def test_a_baseline_in_many_small_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SHARD_BYTES", 9000)
    tensors = llama_tensors()
    baseline = set_up(tmp_path, tensors)
    files = sorted(baseline.path.glob("*.safetensors"))
    index = json.loads((baseline.path / INDEX).read_text())
    assert len(files) > 8 and {path.name for path in files} == set(index["weight_map"].values())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in tensors.values())
    for path in files:
        held = load_file(path)  # the public reader
        assert {key: path.name for key in held}.items() <= index["weight_map"].items()
        assert len(held) == 1 or path.stat().st_size < 9000 + 2000
        assert all(torch.equal(tensor, tensors[key]) for key, tensor in held.items())


def digests(entry: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in entry.iterdir()
        if path.name != MANIFEST
    }


def said(entry: Path) -> dict[str, str]:
    return {file["path"]: file["sha256"] for file in json.loads((entry / MANIFEST).read_text())["files"]}


def linked(entry: Path, baseline: Path) -> set[str]:
    return {path.name for path in entry.glob("*.safetensors") if path.samefile(baseline / path.name)}


def groups_in(entry: Path, names: set[str]) -> set[str]:
    held = {key: tensor for name in names for key, tensor in load_file(entry / name).items()}
    return {group_of(key, tensor.shape) for key, tensor in held.items()}


def test_shards_an_edit_leaves_alone_are_linked(tmp_path: Path) -> None:
    baseline = set_up(tmp_path)
    job = make_job(tmp_path, "edit", EIGHT, store=tmp_path / "store", baseline=baseline)
    edit.run(job)
    total = sum(path.stat().st_size for path in baseline.path.glob("*.safetensors"))
    for name, spec in EIGHT.items():
        entry = entry_of(job, name)
        expected = {"rest"} if spec["scope"] == "all" else {"rest", "attention"}
        assert groups_in(entry, linked(entry, baseline.path)) == expected
        assert said(entry) == digests(entry)
        totals = json.loads((entry / edit.METADATA).read_text())["totals"]
        assert totals["bytes_written"] + totals["bytes_linked"] == total
        assert totals["bytes_linked"] == sum(
            (entry / shard).stat().st_size for shard in linked(entry, baseline.path)
        )
    entry, before = entry_of(job, "fp4_e2m1_clean"), load_model(entry_of(job, "fp4_e2m1_clean"))
    for path in baseline.path.iterdir():
        path.unlink()
    assert all(torch.equal(tensor, before[key]) for key, tensor in load_model(entry).items())


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_writes_the_shards_of_its_matrices_only(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SHARD_BYTES", 9000)
    baseline = set_up(tmp_path)
    job = make_job(
        tmp_path, "inject", {"error": {"error": kind}}, store=tmp_path / "store", baseline=baseline
    )
    inject.run(job)
    entry = entry_of(job)
    written = {path.name for path in entry.glob("*.safetensors")} - linked(entry, baseline.path)
    assert said(entry) == digests(entry)
    groups = {
        "extreme_quant": {"attention", "mlp"},
        "rank_collapse": {"attention"},
        "norm_collapse": {"attention"},
    }
    if kind in groups:
        assert groups_in(entry, written) == groups[kind]
    else:
        assert len(written) == 1


def test_where_nothing_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = set_up(tmp_path)
    trees = []
    for name in ("linked", "copied"):
        job = make_job(
            tmp_path / name, "edit", {"e": EIGHT["fp4_e2m1_clean"]}, store=tmp_path / name, baseline=baseline
        )
        if name == "copied":
            monkeypatch.setattr(Path, "hardlink_to", refuse)
        edit.run(job)
        trees.append(tree_bytes(entry_of(job)))
        assert bool(linked(entry_of(job), baseline.path)) == (name == "linked")
    assert trees[0] == trees[1]


def refuse(*_: object) -> None:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


PEAK = """
import sys
from validation.__main__ import main
code = main(["--spec", sys.argv[1]])
status = open("/proc/self/status").read()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_bounded_by_the_largest_tensor(tmp_path: Path) -> None:
    """All of a process: Python and torch, and edits of a model of over four times the largest tensor.

    Torch alone takes 500 to 560 MiB, as many pages of its libraries as the system chose to map.
    """
    tensors = llama_tensors(layers=20, hidden=512, width=2048, vocabulary=65_536)
    largest = max(tensor.nbytes for tensor in tensors.values())
    assert sum(tensor.nbytes for tensor in tensors.values()) > 4 * largest
    baseline = stored(tmp_path / "store", write_model(tmp_path / "model", tensors))
    del tensors
    specs = {name: spec for name, spec in EIGHT.items() if spec["scope"] == "all"}
    job = make_job(tmp_path, "edit", specs, store=tmp_path / "store", baseline=baseline)
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, as_job_file(job, tmp_path / "job.json")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ended.stdout) * 1024 <= 4 * largest + (576 << 20)


def jobs(path: Path) -> dict[str, tuple[Callable[[Job], None], Job]]:
    """A job of each kind that makes weights, on a model that takes a while."""
    tensors = llama_tensors(layers=4, hidden=128, width=1024, vocabulary=512)
    config = llama_config(num_hidden_layers=4, hidden_size=128, intermediate_size=1024, vocab_size=512)
    model, store = write_model(path / "model", tensors, shards=4, config=config), path / "store"
    source = {"source": {"type": "path", "path": str(model)}}
    baseline = stored(store, model)
    return {
        "setup": (setup.run, make_job(path / "s", "setup", {"setup": source}, store=store)),
        "edit": (edit.run, make_job(path / "e", "edit", EIGHT, store=store, baseline=baseline)),
        "inject": (
            inject.run,
            make_job(path / "i", "inject", {"e": {"error": "extreme_quant"}}, store=store, baseline=baseline),
        ),
    }


@pytest.mark.parametrize("kind", ["setup", "edit", "inject"])
def test_killed_at_any_moment_the_store_has_whole_entries_only(tmp_path: Path, kind: str) -> None:
    run, undisturbed = jobs(tmp_path / "undisturbed")[kind]
    began = time.monotonic()
    assert fork_all(lambda: run(undisturbed)) == [0]
    lasted, moments = time.monotonic() - began, random.Random(kind)
    run, job = jobs(tmp_path / "killed")[kind]
    store = tmp_path / "killed" / "store"
    ends = []
    for attempt in range(8):
        process = fork(lambda: run(job))
        time.sleep(lasted * moments.uniform(attempt / 8, (attempt + 1) / 8))
        process.kill()
        process.join()
        ends.append(process.exitcode)
        for entry in store.iterdir():
            if not entry.name.startswith("."):
                assert said(entry) == digests(entry), f"after {attempt + 1} deaths"
        if process.exitcode == 0:
            # The machine was busy when the time was taken, and is idle now.
            lasted /= 2
    assert ends.count(-signal.SIGKILL) > 0, ends
    assert fork_all(lambda: run(job)) == [0]
    assert not list(store.glob(".tmp-*"))
    for part, other in zip(job.parts, undisturbed.parts, strict=True):
        assert part.store is not None and other.store is not None
        made = tree_bytes(part.store.root / part.store.recipe)
        if kind != "setup":  # its profile names the source's path
            assert made == tree_bytes(other.store.root / other.store.recipe)
        assert (part.out / MANIFEST).read_bytes() == made[MANIFEST]


@pytest.mark.parametrize("name", [name for name in EIGHT if name.endswith("stress")])
def test_any_number_of_threads_gives_the_same_bits(tmp_path: Path, name: str) -> None:
    weights = torch.randn(513, 1100, generator=torch.Generator().manual_seed(4)).to(torch.bfloat16)

    def with_threads(count: int) -> Callable[[], None]:
        def task() -> None:
            from threadpoolctl import threadpool_limits

            torch.set_num_threads(count)
            with threadpool_limits(limits=count):
                edited = parse_edit(EIGHT[name]).apply(Weights("w", weights))
            torch.save((edited.values, edited.facts), tmp_path / str(count))

        return task

    assert fork_all(with_threads(1), with_threads(2), with_threads(3)) == [0, 0, 0]
    one, *others = (torch.load(tmp_path / str(count)) for count in (1, 2, 3))
    assert not torch.equal(one[0], weights)
    assert all(torch.equal(one[0], values) and one[1] == facts for values, facts in others)
