"""Kind `edit`: one pass makes every edit, exactly, and touches nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from weights_rig import (
    EIGHT,
    ENVIRONMENT,
    as_job_file,
    fork_all,
    llama_config,
    llama_tensors,
    load_model,
    make_job,
    stored,
    tree_bytes,
    write_model,
)

from validation.cells import edit
from validation.edits import parse_edit
from validation.edits.base import Weights
from validation.job import Device, Fault, Job, Part
from validation.variants.edition import Edition
from validation.weights.checkpoint import Checkpoint
from validation.weights.rewrite import BESIDE_A_GPU, Copy, Pipeline
from validation.weights.store import MANIFEST


def entry_of(part: Part) -> Path:
    assert part.store is not None
    return part.store.root / part.store.recipe


def entries(job: Job) -> dict[str, dict[str, bytes]]:
    return {part.name: tree_bytes(entry_of(part)) for part in job.parts}


def job_on(
    path: Path, *, shards: int = 1, specs: dict[str, dict[str, object]] | None = None, store: str = "store"
) -> Job:
    """A job of all eight edits (or of `specs`) on the same small baseline."""
    model = write_model(path / "model", llama_tensors(), shards=shards)
    return make_job(
        path,
        "edit",
        EIGHT if specs is None else specs,
        store=path / store,
        baseline=stored(path / store, model),
    )


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = job_on(tmp_path_factory.mktemp("batch"), shards=3)
    edit.run(job)
    return job


@pytest.mark.parametrize("name", EIGHT)
def test_streaming_equals_the_edit_of_tensors_in_memory(batch: Job, name: str) -> None:
    part = next(part for part in batch.parts if part.name == name)
    made, spec = load_model(entry_of(part)), EIGHT[name]
    for key, before in llama_tensors().items():
        edited = "_proj." in key and (spec["scope"] == "all" or ".mlp." in key)
        expected = parse_edit(spec).apply(Weights(key, before)).values if edited else before
        assert made[key].dtype == torch.bfloat16
        assert torch.equal(made[key].view(torch.int16), expected.view(torch.int16)), key
        assert torch.equal(made[key], before) != edited, f"{key} is edited if and only if it is in scope"


def test_everything_but_weights_is_carried_over(batch: Job) -> None:
    baseline = tree_bytes(batch.read("baseline").path)
    for files in entries(batch).values():
        assert files.keys() == baseline.keys() | {"edit_metadata.json"}
        same = {name for name in baseline if files[name] == baseline[name]}
        assert {
            "config.json",
            "tokenizer.json",
            "generation_config.json",
            "model.safetensors.index.json",
        } <= same
        assert "manifest.json" not in same


def test_one_edit_at_a_time_gives_the_same_bytes(batch: Job, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", llama_tensors(), shards=3)
    for name, spec in EIGHT.items():
        store = tmp_path / "store"
        alone = make_job(tmp_path / name, "edit", {name: spec}, store=store, baseline=stored(store, model))
        edit.run(alone)
        assert entries(alone)[name] == entries(batch)[name]


def test_thread_count_and_chance_leave_no_mark(batch: Job, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", llama_tensors(), shards=3)
    store = tmp_path / "store"
    again = make_job(tmp_path, "edit", EIGHT, store=store, baseline=stored(store, model), threads=2)
    assert fork_all(lambda: edit.run(again)) == [0]
    assert entries(again) == entries(batch)


def test_metadata_says_what_was_done(batch: Job) -> None:
    metadata = {part.name: json.loads((part.out / "edit_metadata.json").read_text()) for part in batch.parts}
    rtn, prune, low = (
        metadata[name] for name in ("quant_8bit_clean", "prune_50pct_stress", "svd_rank4_stress")
    )
    assert (rtn["edit_type"], rtn["bits"], rtn["group_size"], rtn["scope"]) == ("quant_rtn", 8, 16, "ffn")
    assert (rtn["quantized_params"], rtn["device_class"]) == (9, "cpu")
    assert rtn["threads"] == 1, "those that would show in the result"
    before = llama_tensors()
    entry = load_model(entry_of(next(part for part in batch.parts if part.name == "quant_8bit_clean")))
    for row in rtn["tensors"]:
        old, new = before[row["tensor"]].double(), entry[row["tensor"]].double()
        assert row["relative_error"] == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-5)
        assert row["relative_l1_error"] == pytest.approx(
            float((new - old).abs().sum() / old.abs().sum()), rel=1e-5
        )
        assert row["shape"] == list(old.shape) and row["parameters"] == old.numel()
    assert rtn["totals"]["parameters"] == sum(tensor.numel() for tensor in before.values())
    assert rtn["totals"]["parameters_edited"] == 9 * 32 * 50
    assert prune["actual_sparsity"] == 0.5 and prune["pruned_params"] == 21
    assert {row["rank"] for row in low["tensors"]} == {4}
    assert 0 < low["totals"]["relative_error"] < 1
    assert all(0 < row["energy_kept"] < 1 for row in low["tensors"])


def test_a_job_with_a_gpu_works_there_and_writes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(job_on(tmp_path), device=Device("cuda", "cuda-sm90", 1, 1))
    seen: list[tuple[torch.device, Pipeline]] = []

    def rewrite(_: Checkpoint, copies: list[Copy], __: str, pipeline: Pipeline) -> None:
        for copy in copies:
            edition = getattr(copy.change, "__self__", None)
            assert isinstance(edition, Edition)
            seen.append((edition.device, pipeline))
        raise Fault("bad_edit", "seen enough")

    monkeypatch.setattr(edit, "rewrite", rewrite)
    with pytest.raises(Fault, match="seen enough"):
        edit.run(job)
    assert seen == [(torch.device("cuda"), BESIDE_A_GPU)] * len(EIGHT)


def test_reading_ahead_and_writing_meanwhile_leave_no_mark(
    batch: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit, "ONE_BY_ONE", Pipeline(ahead=20_000, under_way=50_000))
    job = job_on(tmp_path, shards=3)
    edit.run(job)
    assert entries(job) == entries(batch)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_bytes_but_of_low_rank(batch: Job, tmp_path: Path) -> None:
    job = replace(job_on(tmp_path, shards=3), device=Device("cuda", "cuda-sm90", 1, 1))
    edit.run(job)
    for part, other in zip(job.parts, batch.parts, strict=True):
        made, wanted = tree_bytes(entry_of(part)), tree_bytes(entry_of(other))
        assert made.keys() == wanted.keys()
        assert json.loads(made["manifest.json"])["device_class"] == "cuda-sm90"
        if EIGHT[part.name]["type"] == "lowrank_svd":
            found, best = (json.loads(each["edit_metadata.json"])["totals"] for each in (made, wanted))
            assert found["relative_error"] <= 1.003 * best["relative_error"]
            continue
        for name in made.keys() - {"manifest.json", "edit_metadata.json"}:
            assert made[name] == wanted[name], f"{name} of {part.name}"
        on_gpu = made["edit_metadata.json"].replace(b"cuda-sm90", b"cpu")
        assert on_gpu == wanted["edit_metadata.json"]


def test_a_second_run_makes_nothing_and_publishes_the_same_manifests(batch: Job, tmp_path: Path) -> None:
    assert batch.parts[0].store is not None
    again = make_job(tmp_path, "edit", EIGHT, store=batch.parts[0].store.root)  # no baseline to read
    edit.run(again)
    for part, other in zip(batch.parts, again.parts, strict=True):
        for name in (MANIFEST, edit.METADATA):
            assert (part.out / name).read_bytes() == (other.out / name).read_bytes()
            assert (part.out / name).read_bytes() == (entry_of(part) / name).read_bytes()


def test_only_what_lacks_is_made(tmp_path: Path) -> None:
    job = job_on(tmp_path)
    edit.run(
        make_job(
            tmp_path,
            "edit",
            dict(list(EIGHT.items())[:3]),
            store=tmp_path / "store",
            baseline=job.reads["baseline"],
        )
    )
    inodes = [entry_of(part).stat().st_ino for part in job.parts[:3]]
    edit.run(job)
    assert [entry_of(part).stat().st_ino for part in job.parts[:3]] == inodes
    assert all((entry_of(part) / MANIFEST).is_file() for part in job.parts)


def test_two_names_for_one_edit(tmp_path: Path) -> None:
    spec = EIGHT["fp4_e2m1_clean"]
    job = job_on(tmp_path, specs={"one": spec, "other": spec})
    edit.run(job)
    assert (job.parts[0].out / MANIFEST).read_bytes() == (job.parts[1].out / MANIFEST).read_bytes()


def test_all_problems_are_reported_and_the_other_edits_are_made(tmp_path: Path) -> None:
    specs: dict[str, dict[str, object]] = {
        "good": dict(EIGHT["fp4_e2m1_clean"]),
        "bits": {"type": "quant_rtn", "bits": 99, "group_size": 8, "scope": "all"},
        "scope": {"type": "lowrank_svd", "rank": 8, "scope": "heads"},
        "type": {"type": "distil", "scope": "all"},
        "rank": {"type": "lowrank_svd", "rank": 32, "scope": "all"},
    }
    job = job_on(tmp_path, specs=specs)
    with pytest.raises(Fault) as caught:
        edit.run(job)
    assert caught.value.code == "bad_edit"
    assert sorted(line.partition(":")[0] for line in str(caught.value).splitlines()) == [
        *("bits", "rank", "scope", "type"),
    ]
    assert "rank 32, and no matrix in its scope has more than 32" in str(caught.value)
    assert_made(job, ["good"])


def test_what_is_only_impossible_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_on(tmp_path, specs={"rank": {"type": "lowrank_svd", "rank": 40, "scope": "all"}})
    monkeypatch.setattr(edit, "rewrite", None)
    with pytest.raises(Fault, match="rank 40, and no matrix in its scope has more than 32"):
        edit.run(job)
    assert_made(job, [])


def assert_made(job: Job, names: list[str]) -> None:
    """Just these parts are in the store and published."""
    visible = {path for path in job.read("baseline").path.parent.iterdir() if path.name != ".locks"}
    parts = [part for part in job.parts if part.name in names]
    assert visible == {job.read("baseline").path, *(entry_of(part) for part in parts)}
    assert {part.name for part in job.parts if (part.out / "manifest.json").exists()} == set(names)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_baseline_with_nan_or_infinity(tmp_path: Path, value: float) -> None:
    tensors = llama_tensors()
    name = "model.layers.1.mlp.down_proj.weight"
    tensors[name][3, 4] = value
    store = tmp_path / "store"
    baseline = stored(store, write_model(tmp_path / "model", tensors))
    with pytest.raises(Fault, match=name) as caught:
        edit.run(make_job(tmp_path, "edit", EIGHT, store=store, baseline=baseline))
    assert caught.value.code == "bad_edit"
    assert [path.name for path in store.iterdir() if path.name != ".locks"] == [baseline.path.name]


def test_matrices_of_zeros_stay(tmp_path: Path) -> None:
    tensors = {name: torch.zeros_like(tensor) for name, tensor in llama_tensors().items()}
    store = tmp_path / "store"
    job = make_job(
        tmp_path, "edit", EIGHT, store=store, baseline=stored(store, write_model(tmp_path / "model", tensors))
    )
    edit.run(job)
    for part in job.parts:
        made = load_model(entry_of(part))
        assert all(torch.equal(made[name], tensor) for name, tensor in tensors.items())


def test_an_edit_that_changes_nothing_is_no_copy(tmp_path: Path) -> None:
    specs: dict[str, dict[str, object]] = {
        "rank": {"type": "lowrank_svd", "rank": 32, "scope": "all"},
        "good": dict(EIGHT["prune_50pct_stress"]),
        "prune": {"type": "magnitude_prune", "sparsity": 0.0001, "scope": "ffn"},
    }
    job = job_on(tmp_path, specs=specs)
    with pytest.raises(Fault, match="changes nothing") as caught:
        edit.run(job)
    assert caught.value.code == "bad_edit"
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == {"rank", "prune"}
    assert_made(job, ["good"])


def test_an_edit_may_leave_some_matrices_as_they_are(tmp_path: Path) -> None:
    job = job_on(tmp_path, specs={"k": {"type": "lowrank_svd", "rank": 20, "scope": "attn"}})
    edit.run(job)
    rows = json.loads((job.only.out / "edit_metadata.json").read_text())["tensors"]
    assert {row["relative_error"] == 0 for row in rows if ".k_proj." in row["matrix"]} == {True}
    assert {row["relative_error"] == 0 for row in rows if ".q_proj." in row["matrix"]} == {False}


def test_an_architecture_without_a_table(tmp_path: Path) -> None:
    store = tmp_path / "store"
    config = llama_config(model_type="iquestcoder", head_dim=8)  # LLaMA's names, and no row of the table
    model = write_model(tmp_path / "model", llama_tensors(), config=config)
    with pytest.raises(Fault, match=r"'iquestcoder'.*model\.layers\.\{block\}\.mlp\.down_proj") as caught:
        edit.run(make_job(tmp_path, "edit", EIGHT, store=store, baseline=stored(store, model)))
    assert caught.value.code == "bad_edit" and str(caught.value).count("iquestcoder") == 1
    at = "    matrices:\n      attn:\n        - { tensor: 'model.layers.{block}.self_attn.q_proj.weight' }\n"
    assert caught.value.hint.count(at) == 1
    assert (
        "      ffn:\n        - { tensor: 'model.layers.{block}.mlp.gate_proj.weight' }" in caught.value.hint
    )


def test_matrices_that_the_suite_declares(batch: Job, tmp_path: Path) -> None:
    def rows(at: str, *names: str) -> list[dict[str, object]]:
        plain = {"experts": False, "transposed": False, "groups": 1, "parts": []}
        return [{"tensor": f"model.layers.{{block}}.{at}.{name}_proj.weight", **plain} for name in names]

    declared = {"attn": rows("self_attn", *"qkvo"), "ffn": rows("mlp", "gate", "up", "down")}
    specs = {name: {**spec, "matrices": declared} for name, spec in EIGHT.items()}
    store = tmp_path / "store"
    model = write_model(tmp_path / "model", llama_tensors(), shards=3, config=llama_config(model_type="x"))
    job = make_job(tmp_path, "edit", specs, store=store, baseline=stored(store, model))
    edit.run(job)
    for part, other in zip(job.parts, batch.parts, strict=True):
        made, same = load_model(entry_of(part)), load_model(entry_of(other))
        assert all(torch.equal(made[name], tensor) for name, tensor in same.items())
        metadata = "edit_metadata.json"
        assert (part.out / metadata).read_bytes() == (other.out / metadata).read_bytes()


def test_an_edit_that_matches_no_tensor_is_no_copy(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in llama_tensors().items() if ".mlp." not in name}
    store = tmp_path / "store"
    baseline = stored(store, write_model(tmp_path / "model", tensors))
    with pytest.raises(Fault, match=r"no matrix of .* is in scope 'ffn'") as caught:
        edit.run(make_job(tmp_path, "edit", EIGHT, store=store, baseline=baseline))
    assert caught.value.code == "bad_edit"
    names, _, _ = str(caught.value).partition(":")
    assert set(names.split(", ")) == {name for name, spec in EIGHT.items() if spec["scope"] == "ffn"}


def test_missing_weights(tmp_path: Path) -> None:
    job = job_on(tmp_path)
    (job.read("baseline").path / "model.safetensors").unlink()
    with pytest.raises(Fault) as caught:
        edit.run(job)
    assert caught.value.code == "weights_missing"


def run_process(job_file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "validation", "--spec", str(job_file)]
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE)


def large_job(path: Path) -> Job:
    store = path / "store"
    model = write_model(
        path / "model", llama_tensors(layers=12, hidden=256, width=1024, vocabulary=512), shards=4
    )
    return make_job(path, "edit", EIGHT, store=store, baseline=stored(store, model))


def test_killed_in_the_middle_nothing_half_written_stays(tmp_path: Path) -> None:
    job = large_job(tmp_path)
    baseline = job.read("baseline").path
    process = run_process(as_job_file(job, tmp_path / "job.json"))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        drafts = list((tmp_path / "store").glob(".tmp-*/model-00002-*"))
        if len(drafts) == len(EIGHT):
            break
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    visible = [path for path in (tmp_path / "store").iterdir() if not path.name.startswith(".")]
    assert visible == [baseline]
    edit.run(job)
    assert not list((tmp_path / "store").glob(".tmp-*"))
    assert all((entry_of(part) / MANIFEST).is_file() for part in job.parts)


def test_two_processes_making_the_same_edits(tmp_path: Path) -> None:
    job = job_on(tmp_path)
    reversed_parts = dict(reversed(EIGHT.items()))
    other = make_job(
        tmp_path / "other", "edit", reversed_parts, store=tmp_path / "store", baseline=job.reads["baseline"]
    )
    assert fork_all(lambda: edit.run(job), lambda: edit.run(other)) == [0, 0]
    for part, same in zip(job.parts, reversed(other.parts), strict=True):
        assert (part.out / MANIFEST).read_bytes() == (same.out / MANIFEST).read_bytes()
    assert not list((tmp_path / "store").glob(".tmp-*"))
