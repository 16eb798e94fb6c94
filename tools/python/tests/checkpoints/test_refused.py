"""Directories as people have them that are no usable model: one sentence, by setup and by the doctor."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from repository import REPOSITORY
from safetensors.torch import save_file
from weights_rig import llama_config, llama_tensors, make_job, write_model, write_tokenizer

from validation.cells import setup
from validation.doctor.local import local_model
from validation.job import Fault
from validation.sources.intake import require_tokenizer
from validation.weights.checkpoint import make_header
from validation.weights.families import FAMILIES

UP = "model.layers.1.mlp.up_proj.weight"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
INDEX = "model.safetensors.index.json"


def llama(path: Path, **config: Any) -> Path:
    return write_model(path, llama_tensors(), shards=2, config=llama_config(**config))


def bare(path: Path, *names: str) -> None:
    path.mkdir()
    for name in names:
        (path / name).write_text("{}")


def changed(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = llama_tensors()
    change(tensors)
    write_model(path, tensors)


def lfs_weights(path: Path) -> None:
    for shard in llama(path).glob("*.safetensors"):
        shard.write_text(POINTER)


def half_download(path: Path) -> None:
    (llama(path) / "model-00002-of-00002.safetensors").unlink()


def unfinished(path: Path) -> None:
    half_download(path)
    left = path / ".cache" / "huggingface" / "download"
    left.mkdir(parents=True)
    (left / "model-00002.incomplete").write_bytes(b"")


def cut_off(path: Path) -> None:
    shard = llama(path) / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])


def lora(path: Path) -> None:
    bare(path, "adapter_model.safetensors", "README.md")
    (path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')


def ambiguous(path: Path) -> None:
    save_file(llama_tensors(), llama(path) / "model.safetensors")


def ambiguous_pickles(path: Path) -> None:
    bare(path, "pytorch_model.bin")
    (path / "config.json").write_text(json.dumps(llama_config()))
    index = {"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}
    (path / "pytorch_model-00001-of-00001.bin").touch()
    (path / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def multimodal_names(path: Path) -> None:
    tensors = llama_tensors()
    renamed = {name.replace("model.", "model.language_model.", 1): value for name, value in tensors.items()}
    write_model(path, renamed)


def float8(path: Path) -> None:
    tensors = llama_tensors()
    write_model(path, tensors)
    eight = {name: (torch.float8_e4m3fn if name == UP else t.dtype, t.shape) for name, t in tensors.items()}
    size = sum(torch.Size(shape).numel() * dtype.itemsize for dtype, shape in eight.values())
    (path / "model.safetensors").write_bytes(make_header(eight) + bytes(size))


def gptq_by_names(path: Path) -> None:
    def pack(tensors: dict[str, torch.Tensor]) -> None:
        tensors[UP.replace("weight", "qweight")] = torch.zeros(4, 50, dtype=torch.int32)
        del tensors[UP]

    changed(path, pack)


def config_only(**config: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        write_model(path, llama_tensors(), config=config)

    return make


def no_tokenizer(path: Path) -> None:
    llama(path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (path / name).unlink()


def broken_header(path: Path) -> None:
    llama(path)
    (path / "model-00001-of-00002.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")


#: What a directory is, how it is made, and what is said of it.
REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (lambda path: None, "no such directory"),
    "a file": (lambda path: path.write_text(""), "is a file, not a directory"),
    "empty": (lambda path: bare(path), "is empty"),
    "only hidden files": (lambda path: bare(path, ".gitattributes"), "is empty"),
    "no config.json": (lambda path: bare(path, "notes.txt"), r"has no config\.json"),
    "config.json alone": (
        lambda path: (bare(path), (path / "config.json").write_text(json.dumps(llama_config()))),
        "neither safetensors nor",
    ),
    "Git LFS pointers": (lfs_weights, "Git LFS pointers"),
    "tokenizer a Git LFS pointer": (
        lambda path: (llama(path) / "tokenizer.json").write_text(POINTER),
        r"tokenizer\.json: Git LFS pointers",
    ),
    "a missing shard": (half_download, "a half download .*model-00002-of-00002"),
    "an unfinished download": (unfinished, r"a half download .*unfinished: .*\.incomplete"),
    "a shard cut off": (cut_off, "bytes, its header describes"),
    "a damaged header": (broken_header, "not a safetensors file"),
    "a LoRA adapter": (lora, "only a LoRA adapter of org/base"),
    "GGUF": (lambda path: bare(path, "m.Q4_K_M.gguf", "config.json"), "only GGUF files"),
    "Meta's original format": (
        lambda path: bare(path, "consolidated.00.pth", "params.json"),
        "original format",
    ),
    "an index and one file": (ambiguous, "which is the model"),
    "a pickled index and one file": (ambiguous_pickles, "which is the model"),
    "quantized: quantization_config": (
        lambda path: llama(path, quantization_config={"quant_method": "gptq", "bits": 4}),
        "quantized already .quantization_config",
    ),
    "quantized: compression_config": (
        lambda path: llama(path, compression_config={"format": "pack-quantized"}),
        "quantized already .compression_config",
    ),
    "quantized: MLX": (
        lambda path: llama(path, quantization={"bits": 4}),
        "quantized already .quantization ",
    ),
    "quantized: in the part for text": (
        lambda path: llama(path, text_config={"quantization_config": {"bits": 4}}),
        "quantized already",
    ),
    "quantized: by names only": (gptq_by_names, r"quantized already \(.*qweight"),
    "quantized: 8-bit integers": (
        lambda path: changed(path, lambda t: t.update({UP: t[UP].to(torch.int8)})),
        r"packed, quantized weights .*up_proj\.weight \(int8\)",
    ),
    "quantized: 8-bit floats": (float8, r"packed, quantized weights .*\(float8_e4m3fn\)"),
    "names of a multimodal model": (multimodal_names, r"missing in the files: .*not of the model: "),
    "a tensor too few": (lambda path: changed(path, lambda t: t.pop(UP)), f"missing in the files: {UP}"),
    "a tensor too many": (
        lambda path: changed(path, lambda t: t.update({f"{UP}x": t[UP].clone()})),
        f"not of the model: {UP}x",
    ),
    "another model's config.json": (
        lambda path: write_model(path, llama_tensors(), config=llama_config(intermediate_size=64)),
        r"of another shape: .*\[50, 32\], \[64, 32\] in the model",
    ),
    "an encoder-decoder": (config_only(model_type="t5"), "'t5' is an encoder-decoder"),
    "an encoder": (config_only(model_type="bert"), "'bert' is an encoder"),
    "a state-space model": (config_only(model_type="mamba"), "'mamba' is a state-space"),
    "a recurrent model": (config_only(model_type="rwkv"), "'rwkv' is a state-space or recurrent"),
    "a model for pictures": (config_only(model_type="vit"), "'vit' is no language model"),
    "an architecture nobody knows": (config_only(model_type="llama9"), r"cannot read its config\.json"),
    "code of its own": (
        config_only(model_type="own", auto_map={"AutoConfig": "own.Own"}),
        r"cannot read its config\.json",
    ),
    "no tokenizer": (no_tokenizer, "its tokenizer"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_a_sentence_and_nothing_is_written(tmp_path: Path, kind: str) -> None:
    make, said = REFUSED[kind]
    model = tmp_path / "model"
    make(model)
    source = {"type": "path", "path": str(model)}
    job = make_job(tmp_path, "setup", {"baseline": {"source": source}}, store=tmp_path / "store")
    with pytest.raises(Fault, match=said) as caught:
        setup.run(job)
    assert caught.value.code == "bad_input" and str(caught.value).startswith(str(model))
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".locks"]
    assert not list(job.only.out.iterdir())
    found = local_model("model m", {"source": source}, False)
    assert (found["level"], found["message"]) == ("error", str(caught.value)) and found["fix"]


def test_a_tokenizer_that_needs_a_missing_package_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = llama(tmp_path / "model")

    def needs(*_: Any, **__: Any) -> Any:
        raise ImportError("LlamaTokenizer requires the blobfile library but it was not found")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", needs)
    with pytest.raises(Fault, match=r"needs a package that is missing .*blobfile") as caught:
        require_tokenizer(model, False)
    assert "npm run lock:python" in caught.value.hint


def test_a_sentencepiece_tokenizer_is_read(tmp_path: Path) -> None:
    import sentencepiece

    model = llama(tmp_path / "model", vocab_size=40)
    (model / "tokenizer.json").unlink()
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"the quick brown fox jumps over lazy dog {at % 7}" for at in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(model / "tokenizer"), vocab_size=38, minloglevel=2
    )
    (model / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    require_tokenizer(model, False)


def test_edits_that_cannot_be_made_are_told_by_the_doctor(tmp_path: Path) -> None:
    source = {"type": "path", "path": str(llama(tmp_path / "model"))}
    edits = [
        {"name": "good", "spec": {"type": "lowrank_svd", "rank": 4, "scope": "all"}},
        {"name": "svd_rank64_clean", "spec": {"type": "lowrank_svd", "rank": 64, "scope": "ffn"}},
    ]
    found = local_model("model m", {"source": source, "edits": edits}, False)
    assert found["level"] == "error"
    assert found["message"].startswith("svd_rank64_clean: changes nothing: rank 64, and no matrix")
    assert local_model("model m", {"source": source, "edits": edits[:1]}, False)["level"] == "ok"


def test_a_family_without_a_table_is_told_its_declaration_by_the_doctor(tmp_path: Path) -> None:
    transformers.ArceeForCausalLM(
        transformers.ArceeConfig(
            vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
        )
    ).save_pretrained(tmp_path / "model")
    write_tokenizer(tmp_path / "model")
    edits = [{"name": "quant", "spec": {"type": "quant_rtn", "bits": 8, "group_size": 16, "scope": "all"}}]
    model = {"source": {"type": "path", "path": str(tmp_path / "model")}, "edits": edits}
    found = local_model("model m", model, False)
    assert found["level"] == "error" and "'arcee' has no table" in found["message"]
    assert found["fix"].endswith(
        """; this fits its files:
    matrices:
      attn:
        - { tensor: 'model.layers.{block}.self_attn.q_proj.weight' }
        - { tensor: 'model.layers.{block}.self_attn.k_proj.weight' }
        - { tensor: 'model.layers.{block}.self_attn.v_proj.weight' }
        - { tensor: 'model.layers.{block}.self_attn.o_proj.weight' }
      ffn:
        - { tensor: 'model.layers.{block}.mlp.up_proj.weight' }
        - { tensor: 'model.layers.{block}.mlp.down_proj.weight' }"""
    )


def test_the_doctor_looks_at_a_model_in_milliseconds(tmp_path: Path) -> None:
    model = {"source": {"type": "path", "path": str(llama(tmp_path / "model"))}}
    local_model("model m", model, False)  # what is imported once
    began = time.process_time()
    for _ in range(13):
        assert local_model("model m", model, False)["level"] == "ok"
    assert time.process_time() - began < 13 * 0.5


def test_the_table_of_the_docs_has_every_kind() -> None:
    rows = (REPOSITORY / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    lacking = [kind for kind in (*REFUSED, *FAMILIES) if f"| {kind} " not in rows and f"`{kind}`" not in rows]
    assert not lacking
