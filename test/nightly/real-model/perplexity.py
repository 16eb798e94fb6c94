"""Perplexities of a suite's models computed once more, by other code, and compared with InvarLock's.

`python perplexity.py OUTPUT CORPUS BASELINE`: OUTPUT is output/<suite>/<model>, CORPUS the suite's text,
BASELINE the directory of the unedited weights. For the baseline and each edit: a LLaMA of some lines here, no
transformers, in float32; the windows must be beginnings of lines of the corpus, tokenized anew. Prints a JSON
object: by variant, both perplexities of the final windows.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional


class Llama:
    """Rotary positions, grouped keys and values, a gated MLP, the embedding as the head."""

    def __init__(self, directory: Path) -> None:
        self._config = json.loads((directory / "config.json").read_text())
        files = sorted(directory.glob("*.safetensors"))
        self._weights = {name: t.float() for file in files for name, t in load_file(file).items()}

    def logits(self, ids: Tensor) -> Tensor:
        """Of the next token at each place of the windows `[window, place]`."""
        config, weight = self._config, self._weights
        heads, kept = config["num_attention_heads"], config["num_key_value_heads"]
        size = config["hidden_size"] // heads
        cos, sin = self._rotation(ids.shape[1], size)
        hidden = weight["model.embed_tokens.weight"][ids]
        for layer in range(config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            name = f"{prefix}self_attn."
            normed = self._norm(hidden, f"{prefix}input_layernorm.weight")
            query, key, value = (
                (normed @ weight[f"{name}{part}_proj.weight"].T).unflatten(-1, (count, size)).transpose(1, 2)
                for part, count in (("q", heads), ("k", kept), ("v", kept))
            )
            query, key = (each * cos + _turned(each) * sin for each in (query, key))
            key, value = (each.repeat_interleave(heads // kept, dim=1) for each in (key, value))
            scores = query @ key.transpose(-1, -2) / math.sqrt(size)
            later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
            mixed = scores.masked_fill(later, -math.inf).softmax(-1) @ value
            hidden = hidden + mixed.transpose(1, 2).flatten(-2) @ weight[f"{name}o_proj.weight"].T
            normed = self._norm(hidden, f"{prefix}post_attention_layernorm.weight")
            gate, up = (normed @ weight[f"{prefix}mlp.{part}_proj.weight"].T for part in ("gate", "up"))
            hidden = hidden + (functional.silu(gate) * up) @ weight[f"{prefix}mlp.down_proj.weight"].T
        head = weight.get("lm_head.weight", weight["model.embed_tokens.weight"])
        return self._norm(hidden, "model.norm.weight") @ head.T

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        scale = torch.rsqrt(hidden.square().mean(-1, keepdim=True) + self._config["rms_norm_eps"])
        return hidden * scale * self._weights[name]

    def _rotation(self, length: int, size: int) -> tuple[Tensor, Tensor]:
        theta = self._config.get("rope_theta") or self._config["rope_parameters"]["rope_theta"]
        angles = torch.arange(length)[:, None] * theta ** (-torch.arange(0, size, 2) / size)
        return torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()


def _turned(each: Tensor) -> Tensor:
    first, second = each.chunk(2, -1)
    return torch.cat([-second, first], -1)


def perplexity(model: Llama, windows: Tensor) -> float:
    """Of all tokens but each window's first."""
    losses = []
    with torch.inference_mode():
        for batch in windows.split(8):
            scores = model.logits(batch)[:, :-1].flatten(0, 1)
            losses.append(functional.cross_entropy(scores, batch[:, 1:].flatten(), reduction="none"))
    return math.exp(torch.cat(losses).double().mean().item())


def windows_of(report: dict[str, Any], corpus: Path, tokenizer: Tokenizer) -> Tensor:
    """The final windows of a report, as they lie in the corpus.

    Raises:
        SystemExit: A window is not the beginning of a line.
    """
    used = [tuple(ids) for ids in report["evaluation_windows"]["final"]["input_ids"]]
    length = len(used[0])
    texts = [json.loads(line)["text"] for line in corpus.read_text().splitlines()]
    lines = {tuple(tokenizer.encode(text).ids[:length]) for text in texts}
    foreign = [ids for ids in used if ids not in lines]
    if foreign:
        raise SystemExit(f"{len(foreign)} of {len(used)} windows are no line of {corpus}")
    return torch.tensor(used)


def main() -> None:
    """Compare, and print both."""
    parser = argparse.ArgumentParser()
    for name in ("output", "corpus", "baseline"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(given.baseline / "tokenizer.json"))
    report = json.loads((given.output / "certificates/baseline/run_1/report.json").read_text())["report"]
    windows = windows_of(report, given.corpus, tokenizer)
    theirs = report["metrics"]["primary_metric"]["final"]
    found = {"baseline": (theirs, perplexity(Llama(given.baseline), windows))}
    for file in sorted(given.output.glob("certificates/*/run_1/evaluation.cert.json")):
        edit = file.parent.parent.name
        if (given.output / "models" / edit).is_dir():
            theirs = json.loads(file.read_text())["primary_metric"]["final"]
            found[edit] = (theirs, perplexity(Llama(given.output / "models" / edit), windows))
    print(json.dumps({name: {"invarlock": a, "here": b} for name, (a, b) in found.items()}))


if __name__ == "__main__":
    main()
