"""Kind `setup`: bf16 safetensors, tokenizer and profile, from each source; the hub's failures told apart."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors.torch import load_file
from weights_rig import llama_config, llama_tensors, load_model, make_job, write_model, write_tokenizer

from validation.cells import setup
from validation.facts import model as facts_model
from validation.job import Fault, Job, Read
from validation.sources import hub_space
from validation.sources.profile import active_bytes, make_profile
from validation.weights.store import MANIFEST, open_entry


def job_for(path: Path, source: Mapping[str, Any], *, trusted: bool = False) -> Job:
    spec = {"source": dict(source), "trust_remote_code": trusted}
    return make_job(path, "setup", {"baseline": spec}, store=path / "store")


def set_up(job: Job) -> Path:
    setup.run(job)
    assert job.only.store is not None
    entry = job.only.store.root / job.only.store.recipe
    assert (job.only.out / MANIFEST).read_bytes() == (entry / MANIFEST).read_bytes()
    assert (job.only.out / "profile.json").read_bytes() == (entry / "model_profile.json").read_bytes()
    return entry


def same(entry: Path, tensors: Mapping[str, torch.Tensor]) -> bool:
    made = load_model(entry)
    return made.keys() == tensors.keys() and all(
        torch.equal(made[key], tensor) for key, tensor in tensors.items()
    )


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are asked of nobody; test_hub_space.py looks at them."""
    monkeypatch.setattr(hub_space, "_sizes", lambda model, revision: None)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_directory_becomes_bf16(tmp_path: Path, shards: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(2)
    tensors = {
        name: torch.randn(t.shape, generator=generator).to(dtype) for name, t in llama_tensors().items()
    }
    # transformers knows this name of old checkpoints, and does not load it
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.arange(4.0)
    config = llama_config(dtype=str(dtype).removeprefix("torch."))
    model = write_model(tmp_path / "model", tensors, shards=shards, config=config)
    (model / "README.md").write_text("not needed")
    (model / "modeling.py").write_text("not trusted")
    entry = set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    del tensors["model.layers.0.self_attn.rotary_emb.inv_freq"]
    assert same(entry, {key: t.to(torch.bfloat16) for key, t in tensors.items()})
    assert json.loads((entry / "config.json").read_text())["dtype"] == "bfloat16"
    assert (entry / "tokenizer.json").is_file() and (entry / "generation_config.json").is_file()
    assert not (entry / "README.md").exists() and not (entry / "modeling.py").exists()
    total = 2 * sum(t.numel() for t in llama_tensors().values())
    index = json.loads((entry / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == total and index["weight_map"].keys() == tensors.keys()
    assert all(name in load_file(entry / file) for name, file in index["weight_map"].items())
    assert json.loads((entry / "model_profile.json").read_text())["weights_bytes"] == total


def test_shards_that_are_links_become_files_of_the_store(tmp_path: Path) -> None:
    """The hub's cache is made of links into its blobs; the store's bytes are its own."""
    model = write_model(tmp_path / "model", llama_tensors(), shards=2)
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for path in [*model.glob("*.safetensors"), model / "config.json", model / "tokenizer.json"]:
        path.rename(blobs / path.name)
        path.symlink_to(blobs / path.name)
    entry = set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert same(entry, llama_tensors())
    assert not [path for path in entry.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_weights(tmp_path: Path, shards: int, zipped: bool) -> None:
    tensors, model = {name: t.float() for name, t in llama_tensors().items()}, tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({**llama_config(), "torch_dtype": "float32"}))
    write_tokenizer(model)
    names = list(tensors)
    files = {"pytorch_model.bin": names} if shards == 1 else {"a.bin": names[:9], "b.bin": names[9:]}
    for file, mine in files.items():
        torch.save({n: tensors[n] for n in mine}, model / file, _use_new_zipfile_serialization=zipped)
    if shards > 1:
        weight_map = {name: file for file, mine in files.items() for name in mine}
        (model / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    entry = set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert same(entry, llama_tensors())
    config = json.loads((entry / "config.json").read_text())
    assert config["torch_dtype"] == config["dtype"] == "bfloat16"
    assert not list(entry.glob("*.bin*"))


def test_pickles_with_code_in_them_are_not_run(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(llama_config()))
    torch.save({"code": print, "weight": torch.ones(2)}, model / "pytorch_model.bin")
    with pytest.raises(Fault, match="weights_only") as caught:
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert caught.value.code == "bad_input"


class Unsafe:
    """Its pickle asks for a call when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("called"),))


def saved(value: object, *, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointers"),
        (saved({"w": torch.ones(9)})[:-40], "damaged"),
        (b"PK\x03\x04" + bytes(200), "damaged"),
        (saved({"w": Unsafe()}, zipped=False), "damaged"),
        (saved([torch.ones(2)]), "holds a list"),
        (saved({}), "no tensors"),
        (saved({"state_dict": {"w": torch.ones(2)}}), "no tensors"),
        (saved({"w": torch.ones(2, dtype=torch.complex64)}), "w is torch.complex64"),
        (saved({"w": torch.eye(2).to_sparse()}), "w is torch.float32, torch.sparse_coo"),
    ],
)
def test_pickles_that_are_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    monkeypatch.chdir(tmp_path)
    (model / "config.json").write_text(json.dumps(llama_config()))
    (model / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(Fault, match=message) as caught:
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert caught.value.code == "bad_input"
    assert not Path("called").exists()
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".locks"]


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"w": "../secret.bin"}, "elsewhere"),
        ({"w": 3}, "elsewhere"),
        ({}, "names no tensors"),
        ([], "names no tensors"),
        ({"w": "a.bin", "lost": "a.bin"}, "no shard has what the index names: lost"),
        ({"w": "a.bin", "x": "b.bin"}, "in more than one shard: w"),
    ],
)
def test_a_pickled_index_that_is_no_model(tmp_path: Path, weight_map: object, message: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(llama_config()))
    (model / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    for file in (model / "a.bin", model / "b.bin", tmp_path / "secret.bin"):
        torch.save({"w": torch.ones(2)}, file)
    with pytest.raises(Fault, match=message) as caught:
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert caught.value.code == "bad_input"


def test_an_index_that_names_too_much_is_no_baseline(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", llama_tensors(), shards=2)
    index = json.loads((model / "model.safetensors.index.json").read_text())
    index["weight_map"]["lost"] = "model-00002-of-00002.safetensors"
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Fault, match="lost") as caught:
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert caught.value.code == "bad_input"


def test_an_entry_of_a_store_as_the_source(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", llama_tensors())
    first = set_up(job_for(tmp_path / "first", {"type": "path", "path": str(model)}))
    own = {MANIFEST, "edit_metadata.json", "error_metadata.json"}
    source = tmp_path / "source"
    shutil.copytree(first, source)
    for name in own - {MANIFEST}:
        (source / name).write_text("{}")
    job = job_for(tmp_path / "second", {"type": "path", "path": str(source)})
    entry = set_up(job)
    assert open_entry_of(job) == entry
    assert same(entry, llama_tensors())
    listed = {file["path"] for file in json.loads((entry / MANIFEST).read_text())["files"]}
    assert (
        not listed & own
        and {"model.safetensors.index.json", "tokenizer.json", "model_profile.json"} <= listed
    )
    assert json.loads((entry / "model_profile.json").read_text())["model_id"] == str(source)


def test_a_null_quantization_is_none(tmp_path: Path) -> None:
    config = llama_config(quantization_config=None)
    model = write_model(tmp_path / "model", llama_tensors(), config=config)
    assert same(set_up(job_for(tmp_path, {"type": "path", "path": str(model)})), llama_tensors())


def test_remote_code_only_when_trusted(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", llama_tensors())
    (model / "modeling.py").write_text("trusted")
    assert (
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}, trusted=True)) / "modeling.py"
    ).is_file()


def test_a_path_from_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "weights" / "mine", llama_tensors())
    monkeypatch.setenv("NX_WORKSPACE_ROOT", str(tmp_path))
    entry = set_up(job_for(tmp_path, {"type": "path", "path": "weights/mine"}))
    assert json.loads((entry / "model_profile.json").read_text())["model_id"] == "weights/mine"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "no such directory"),
        ("empty", "is empty"),
        ("no config", r"has no config\.json"),
        ("no weights", "neither"),
        ("quantized", "quantized"),
    ],
)
def test_directories_that_are_no_model(tmp_path: Path, what: str, message: str) -> None:
    model = tmp_path / "model"
    if what != "missing":
        model.mkdir()
    if what == "no config":
        write_model(model, llama_tensors())
        (model / "config.json").unlink()
    if what == "no weights":
        (model / "config.json").write_text(json.dumps(llama_config()))
    if what == "quantized":
        write_model(model, llama_tensors(), config=llama_config(quantization_config={"bits": 4}))
    with pytest.raises(Fault, match=message) as caught:
        set_up(job_for(tmp_path, {"type": "path", "path": str(model)}))
    assert caught.value.code == "bad_input"
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".locks"]


def test_facts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(spec: dict[str, Any], destination: Path) -> None:
        made.append(spec["seed"])
        write_model(destination, llama_tensors())

    monkeypatch.setattr(facts_model, "make", make)
    source = {"type": "facts", "architecture": "llama", "seed": 7}
    job = job_for(tmp_path, source)
    entry = set_up(job)
    assert same(entry, llama_tensors())
    assert json.loads((entry / "model_profile.json").read_text())["model_id"] == "facts-llama-7"
    (job.only.out / MANIFEST).unlink()
    set_up(job)
    assert made == [7] and not list(job.work.iterdir())
    assert open_entry_of(job) == entry


def open_entry_of(job: Job) -> Path:
    assert job.only.store is not None
    return open_entry(Read(job.only.store.root / job.only.store.recipe, job.only.out / MANIFEST, ""))


def test_hub_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = write_model(tmp_path / "snapshot", llama_tensors()), []

    def snapshot_download(repo: str, **options: Any) -> str:
        asked.append((repo, options["revision"], options["allow_patterns"]))
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    entry = set_up(job_for(tmp_path, {"type": "hub", "id": "someone/model", "revision": "abc"}))
    assert same(entry, llama_tensors())
    (only,) = asked
    assert only[:2] == ("someone/model", "abc")
    assert "model*.safetensors" in only[2] and not [
        pattern for pattern in only[2] if "bin" in pattern or "py" in pattern
    ]


def test_hub_without_safetensors_gives_pickles_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path / "snapshot", llama_tensors())
    (model / "model.safetensors").unlink()

    def snapshot_download(repo: str, **options: Any) -> str:
        if "pytorch_model*.bin" in options["allow_patterns"]:
            torch.save(llama_tensors(), model / "pytorch_model.bin")
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert same(
        set_up(job_for(tmp_path, {"type": "hub", "id": "someone/model", "revision": "main"})), llama_tensors()
    )


def hub_error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "said the hub")
    return error


@pytest.mark.parametrize(
    ("kind", "code", "hint"),
    [
        (GatedRepoError, "hub_refused", "HF_TOKEN"),
        (RepositoryNotFoundError, "hub_refused", "Check id and revision"),
        (LocalEntryNotFoundError, "unavailable", "local directory"),
        (ConnectionError, "unavailable", "Run it again"),
    ],
)
def test_the_hub_says_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], code: str, hint: str
) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise hub_error(kind)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(Fault, match="someone/model at main") as caught:
        set_up(job_for(tmp_path, {"type": "hub", "id": "someone/model", "revision": "main"}))
    assert caught.value.code == code and hint in caught.value.hint


def test_the_real_client_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Fault) as caught:
        set_up(job_for(tmp_path, {"type": "hub", "id": "someone/model", "revision": "main"}))
    assert caught.value.code == "unavailable" and "HF_HUB_OFFLINE" in caught.value.hint


def test_what_a_token_goes_through_of_a_mixture_of_experts() -> None:
    """Two of eight, as Mixtral names them and as transformers does; shared experts see every token."""
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": 100,
        "model.layers.0.block_sparse_moe.experts.0.w1.weight": 300,
        "model.layers.0.mlp.experts.gate_up_proj": 500,
        "model.layers.0.mlp.shared_experts.up_proj.weight": 40,
    }
    assert active_bytes(tensors, {"num_local_experts": 8, "num_experts_per_tok": 2}) == 140 + 200
    assert active_bytes(tensors, {"n_routed_experts": 4, "num_experts_per_tok": 1}) == 140 + 200
    assert active_bytes(tensors, {"num_experts": 8}) == 940
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}
    assert "active_weights_bytes" not in make_profile("gpt2", 940, 2, gpt2, 940)
    assert make_profile("moe", 940, 2, gpt2, 340)["active_weights_bytes"] == 340


def test_profile_of_other_architectures() -> None:
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}
    assert make_profile("gpt2", 2**30, 2, gpt2) == {
        "model_id": "gpt2",
        "weights_bytes": 2**30,
        "weights_gb": 1.0,
        "hidden_size": 768,
        "num_layers": 12,
        "num_heads": 12,
        "num_kv_heads": 12,
        "max_position_embeddings": 1024,
        "dtype_bytes": 2,
    }
    assert make_profile("gpt2", 2**30, 2, gpt2 | {"vocab_size": 50_257})["vocab_size"] == 50_257
    with pytest.raises(Fault, match="does not give num_layers"):
        make_profile("odd", 1, 2, {name: value for name, value in gpt2.items() if name != "n_layer"})
