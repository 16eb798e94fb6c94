"""Small models of the architectures of suites b200 and laptop: random weights, a tokenizer of 1,000 entries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from prose import Prose
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

#: Larger than 256, so that a low-rank edit of rank 256 takes something away.
_HIDDEN, _INNER, _HEADS = 320, 512, 5
_VOCABULARY = 1000


@dataclass(frozen=True)
class Small:
    """A model as its repository has it: `family` as transformers names it, `changes` to its configuration.

    `shards` are its files of weights; `pickled` ones are pytorch_model*.bin. `prefix` begins the names of the
    tensors in transformers, and not in its files.
    """

    id: str
    family: str
    changes: dict[str, Any]
    shards: int = 1
    pickled: bool = False
    prefix: str = ""
    dtype: torch.dtype = torch.bfloat16


_GQA = {"num_key_value_heads": 1}
_TIED = {"tie_word_embeddings": True}
#: Families whose tokenizers put nothing before a text.
_BARE = ("Qwen2", "GPT2", "GPTNeoX")
#: Families whose configurations name these otherwise, or not at all.
_OWN_SIZES = ("GPT2", "OPT", "GPTNeoX")
MODELS = (
    Small("mistralai/Mistral-7B-v0.1", "Mistral", _GQA | {"sliding_window": None}, shards=2),
    Small("NousResearch/Llama-2-13b-hf", "Llama", {}, shards=2, pickled=True, dtype=torch.float16),
    Small("Qwen/Qwen2.5-14B", "Qwen2", _GQA),
    Small("Qwen/Qwen2.5-32B", "Qwen2", _GQA | {"intermediate_size": 640}),
    Small("01-ai/Yi-34B", "Llama", _GQA),
    Small(
        "mistralai/Mixtral-8x7B-v0.1", "Mixtral", _GQA | {"num_local_experts": 8, "num_experts_per_tok": 2}
    ),
    Small("NousResearch/Llama-2-70b-hf", "Llama", _GQA | {"intermediate_size": 640}, shards=3),
    Small("Qwen/Qwen1.5-72B", "Qwen2", {}),
    Small("HuggingFaceTB/SmolLM2-135M", "Llama", _GQA | _TIED),
    Small("HuggingFaceTB/SmolLM2-360M", "Llama", _GQA | _TIED),
    Small("openai-community/gpt2", "GPT2", _TIED, prefix="transformer.", dtype=torch.float32),
    Small("distilbert/distilgpt2", "GPT2", _TIED, dtype=torch.float32),
    Small("Qwen/Qwen2.5-0.5B", "Qwen2", _GQA | _TIED),
    # InvarLock 0.3.7 does not find the layers of these two.
    Small(
        "facebook/opt-125m",
        "OPT",
        _TIED | {"ffn_dim": _INNER, "word_embed_proj_dim": _HIDDEN},
        pickled=True,
        dtype=torch.float16,
    ),
    Small("EleutherAI/pythia-160m", "GPTNeoX", {}, dtype=torch.float16),
)


def write_models(root: Path) -> None:
    """Every model's repository under `<root>/<namespace>/<name>`."""
    tokenizer = _train_tokenizer()
    for index, small in enumerate(MODELS):
        directory = root / small.id
        directory.mkdir(parents=True)
        _write_tokenizer(tokenizer, small, directory)
        _write_model(small, seed=index, directory=directory)


def _train_tokenizer() -> Tokenizer:
    """Byte-level BPE on the prose of all texts."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=["<s>", "</s>", "<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    prose = Prose("tokenizer")
    tokenizer.train_from_iterator([prose.paragraph(200) for _ in range(400)], trainer)
    return tokenizer


def _write_tokenizer(trained: Tokenizer, small: Small, directory: Path) -> None:
    """As the family has it: LLaMA's and Mistral's begin a text with `<s>` and have no token to pad with."""
    tokenizer = Tokenizer.from_str(trained.to_str())
    if small.family in _BARE:
        special = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    else:
        special = {"bos_token": "<s>", "eos_token": "</s>"}
        begin = tokenizer.token_to_id("<s>")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", begin)]
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=4096, clean_up_tokenization_spaces=False, **special
    ).save_pretrained(directory)


def _write_model(small: Small, seed: int, directory: Path) -> None:
    torch.manual_seed(seed)
    sizes = {} if small.family in ("GPT2", "OPT") else {"intermediate_size": _INNER}
    if small.family not in _OWN_SIZES:
        sizes["num_key_value_heads"] = _HEADS
    config = getattr(transformers, f"{small.family}Config")(
        vocab_size=_VOCABULARY,
        hidden_size=_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=_HEADS,
        max_position_embeddings=4096,
        **{"tie_word_embeddings": False} | sizes | small.changes,
        bos_token_id=0,
        eos_token_id=2 if small.family in _BARE else 1,
    )
    model = transformers.AutoModelForCausalLM.from_config(config).to(small.dtype).eval()
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    model.save_pretrained(directory, max_shard_size=-(-size // small.shards) + (1 << 16))
    if small.prefix:
        _rename(directory / "model.safetensors", small.prefix)
    if small.pickled:
        _pickle(directory)


def _rename(file: Path, prefix: str) -> None:
    """As GPT-2's checkpoint: saved from the model without its head, with the masks that its attention had then."""
    tensors = {name.removeprefix(prefix): tensor for name, tensor in load_file(file).items()}
    blocks = {name.split(".attn.")[0] for name in tensors if ".attn." in name}
    tensors |= {f"{block}.attn.bias": torch.ones(1, 1, 64, 64).tril() for block in blocks}
    save_file(tensors, file, {"format": "pt"})


def _pickle(directory: Path) -> None:
    """Safetensors into the older format, with its index where there are several files."""
    if (directory / "model.safetensors").exists():
        torch.save(load_file(directory / "model.safetensors"), directory / "pytorch_model.bin")
        (directory / "model.safetensors").unlink()
        return
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    renamed = {
        name: name.replace("model-", "pytorch_model-").replace(".safetensors", ".bin")
        for name in sorted(set(index["weight_map"].values()))
    }
    for old, new in renamed.items():
        torch.save(load_file(directory / old), directory / new)
        (directory / old).unlink()
    (directory / "model.safetensors.index.json").unlink()
    index["weight_map"] = {name: renamed[file] for name, file in index["weight_map"].items()}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2, sort_keys=True))


def files_of(directory: Path) -> Iterator[Path]:
    """All files of a repository."""
    return (path for path in sorted(directory.rglob("*")) if path.is_file())
