"""Reading and rewriting safetensors: against the public library, and memory against the model's size."""

from __future__ import annotations

import json
import os
import re
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from weights_rig import (
    EIGHT,
    fork_all,
    llama_tensors,
    load_model,
    make_job,
    recipe,
    stored,
    tree_bytes,
    write_model,
)

from validation.cells import edit
from validation.job import Fault, Store
from validation.weights.checkpoint import make_header, open_checkpoint, raw_bytes, read_shard, shard_names
from validation.weights.matrix import Piece
from validation.weights.rewrite import Copy, rewrite
from validation.weights.store import locked_entry


@pytest.mark.parametrize("shards", [1, 3])
def test_reads_what_the_library_wrote(tmp_path: Path, shards: int) -> None:
    tensors = llama_tensors()
    checkpoint = open_checkpoint(write_model(tmp_path, tensors, shards=shards))
    assert len(checkpoint.shards) == shards
    assert checkpoint.weights_bytes == sum(tensor.nbytes for tensor in tensors.values())
    assert checkpoint.tensors.keys() == tensors.keys()
    assert all(torch.equal(shard.read(stored), tensors[stored.name]) for shard, stored in checkpoint.each())
    assert torch.equal(checkpoint.read("lm_head.weight"), tensors["lm_head.weight"])


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    tensors = {
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "b": torch.arange(7, dtype=torch.int64),
        "flags": torch.tensor([True, False]),
        "transposed": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3).T,
    }
    file = tmp_path / "model.safetensors"
    header = make_header({name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()})
    file.write_bytes(header + b"".join(raw_bytes(tensor) for tensor in tensors.values()))
    loaded = load_file(file)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
    assert [stored.name for stored in read_shard(file).tensors if stored.bytes] == [
        "scalar",
        "b",
        "flags",
        "transposed",
    ]


@pytest.mark.parametrize("shards", [1, 4])
def test_a_rewrite_that_changes_nothing_is_the_same_bytes(tmp_path: Path, shards: int) -> None:
    source = write_model(tmp_path / "source", llama_tensors(), shards=shards)
    (source / "edit_metadata.json").write_text("{}")
    with locked_entry(Store(tmp_path / "store", recipe("a"))) as entry:
        rewrite(open_checkpoint(source), [Copy(entry, {}, lambda loaded: loaded.values)], "copy")
        copied = tree_bytes(entry.draft)
    (source / "edit_metadata.json").unlink()
    assert copied == tree_bytes(source)


def test_only_the_named_tensor_changes(tmp_path: Path) -> None:
    tensors = llama_tensors()
    source = write_model(tmp_path / "source", tensors, shards=2)
    name = "model.layers.1.mlp.up_proj.weight"
    piece = Piece(name, 0, (50, 32))
    with locked_entry(Store(tmp_path / "store", recipe("a"))) as entry:
        rewrite(open_checkpoint(source), [Copy(entry, {piece: []}, lambda loaded: -loaded.values)], "copy")
        entry.commit("cpu")
    changed = load_model(entry.path)
    assert torch.equal(changed.pop(name), -tensors.pop(name))
    assert all(torch.equal(changed[key], tensor) for key, tensor in tensors.items())
    assert json.loads((entry.path / "model.safetensors.index.json").read_text())["weight_map"].keys() > {name}


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-10],
        lambda raw: raw + b"more",
        lambda raw: raw[:4],
        lambda raw: struct.pack("<Q", 2**40) + raw[8:],
        lambda raw: raw[:8] + b"?" + raw[9:],
    ],
)
def test_a_broken_file_is_reported(tmp_path: Path, damage: object) -> None:
    write_model(tmp_path, llama_tensors())
    file = tmp_path / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(Fault, match=r"model\.safetensors") as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "bad_input"


def test_directories_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"config\.json"):
        open_checkpoint(tmp_path)
    with pytest.raises(Fault, match="has neither"):
        shard_names(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../secret"}}')
    with pytest.raises(Fault, match="elsewhere"):
        shard_names(tmp_path)


def one_shard(path: Path, header: object, data: int = 8) -> Path:
    """A model directory with this header (as JSON, or as it stands) and so many bytes of data."""
    write_model(path, llama_tensors())
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(data))
    return path


def row(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ([], 0),
        (None, 0),
        ({}, 0),
        ({"__metadata__": {"format": "pt"}}, 0),
        ({"w": None}, 8),
        ({"w": "text"}, 8),
        (b"[" * 100_000, 0),
        (row(dtype=["F32"]), 8),
        (row(dtype="F8_E4M3"), 8),
        (row(shape="2"), 8),
        (row(shape=[3]), 8),
        (row(shape=[-2]), 8),
        (row(shape=[2.0]), 8),
        (row(shape=[True, 2]), 8),
        (row(offsets=[0.0, 8.0]), 8),
        (row(offsets=[8, 0]), 8),
        (row(offsets=[8, 16]), 16),
        (row(offsets=[0, 8, 8]), 8),
        (row(offsets=None), 8),
        (row() | {"v": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, 12),
        (row() | {"v": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]}}, 20),
    ],
)
def test_a_header_that_is_no_model_is_reported(tmp_path: Path, header: object, data: int) -> None:
    with pytest.raises(Fault, match=re.escape(str(tmp_path))) as caught:
        open_checkpoint(one_shard(tmp_path, header, data))
    assert caught.value.code == "bad_input"


def test_a_plain_header_is_read(tmp_path: Path) -> None:
    assert torch.equal(open_checkpoint(one_shard(tmp_path, row())).read("w"), torch.zeros(2))


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"weight_map": {}},
        {"weight_map": []},
        {"weight_map": ["model.safetensors"]},
        *({"weight_map": {"w": name}} for name in (1, None, ["a"], "", "..", ".", "a/b", "a\\b", "a\0b")),
    ],
)
def test_an_index_of_nothing_or_of_files_elsewhere(tmp_path: Path, index: object) -> None:
    write_model(tmp_path, llama_tensors())
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Fault, match=r"index\.json") as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "bad_input"


def test_an_index_that_names_what_no_shard_has(tmp_path: Path) -> None:
    write_model(tmp_path, llama_tensors(), shards=2)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    index["weight_map"]["lost.weight"] = "model-00001-of-00002.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Fault, match=r"lost\.weight") as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "bad_input"


def test_json_nested_too_deep(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(Fault, match="not JSON") as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "bad_input"


def peak_growth(work: Path, layers: int) -> int:
    """Bytes by which the peak of a process grows that makes all eight edits of a model."""
    tensors = llama_tensors(layers=layers, hidden=128, width=2048, vocabulary=4096)
    baseline = stored(work / "store", write_model(work / "model", tensors, shards=2))
    del tensors
    job = make_job(work, "edit", EIGHT, store=work / "store", baseline=baseline)

    def measure() -> None:
        torch.linalg.eigh(torch.eye(128, dtype=torch.float64))  # the library's own memory is not the question
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        edit.run(job)
        (work / "grown").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))

    assert fork_all(measure) == [0]
    return int((work / "grown").read_text()) * 1024


def test_peak_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    small, large = peak_growth(tmp_path / "small", 4), peak_growth(tmp_path / "large", 28)
    grown = 24 * sum(
        t.nbytes for name, t in llama_tensors(hidden=128, width=2048).items() if "layers.0." in name
    )
    assert grown > 35e6
    assert large - small < grown / 2


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def make_header_of_the_whole_file(path: Path) -> None:
    """A gigabyte of holes that claims to be one header."""
    with path.open("wb") as file:
        file.write(struct.pack("<Q", (1 << 30) - 8))
        file.truncate(1 << 30)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("damage", [make_pipe, make_device, make_header_of_the_whole_file])
def test_what_would_never_end_is_refused_at_once(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    write_model(tmp_path, llama_tensors())
    damage(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Fault, match=rf"{name}.*(no regular file|bytes)|has neither {name}") as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "bad_input"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100e6
