"""Whether an edited checkpoint is a variant of its baseline: what is refused, and what is only told.

Both are models that transformers builds on the meta device (weights/built.py); no numbers are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.job import Fault
from validation.weights.built import Built, build
from validation.weights.checkpoint import Checkpoint
from validation.weights.listing import listed
from validation.weights.sizes import load_config, sizes_of

#: Sizes by the names that transformers gives them, and the word for each.
_SIZES = {
    "vocab_size": "vocabulary",
    "num_hidden_layers": "layers",
    "hidden_size": "hidden size",
    "intermediate_size": "intermediate size",
    "num_attention_heads": "attention heads",
    "num_key_value_heads": "key-value heads",
    "head_dim": "head size",
    "num_local_experts": "experts",
    "num_experts": "experts",
    "n_routed_experts": "experts",
}
#: Of a configuration, what says nothing of the model: who wrote it, how it is stored or loaded.
_ASIDE = frozenset(
    {
        *("_name_or_path", "name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures"),
        *(
            "use_cache",
            "id2label",
            "label2id",
            "return_dict",
            "auto_map",
            "_attn_implementation",
            "problem_type",
        ),
        *("quantization_config", "compression_config"),
        *("output_attentions", "output_hidden_states", "attn_implementation", "chunk_size_feed_forward"),
    }
)
_HINT = "Name the checkpoint that was made of this model, or give it the model that it was made of."
#: Texts whose tokens are compared: prose, numbers, code, other scripts, blanks.
_PROBES = (
    "The quick brown fox jumps over the lazy dog, doesn't it?",
    "In 1998, 3.14159 of 2,048 (or 50%) were e-mailed to a@b.org.",
    "def f(x):\n    return {'a': x ** 2, \"b\": [x] * 3}\n",
    "Größe, déjà vu, 你好世界, Привет, שלום, 🙂  two  blanks\tand a tab",
)
_SHOWN = 5


@dataclass(frozen=True)
class Side:
    """One of the two: where it lies, the model that transformers builds of it, and what messages call it."""

    path: Path
    built: Built
    name: str

    @classmethod
    def of_baseline(cls, baseline: Checkpoint, trusted: bool) -> Side:
        """The baseline as the store has it."""
        return cls(baseline.path, build(baseline.path, baseline.described, trusted), "the baseline")


def differences(baseline: Side, checkpoint: Side, trusted: bool) -> list[str]:
    """What differs beside the weights, in words.

    Raises:
        Fault: `bad_edit` where the two cannot be compared: another architecture, size or vocabulary, other
            tensors, a tokenizer that gives other tokens.
    """
    configs = [sizes_of(load_config(side.path, trusted)) for side in (baseline, checkpoint)]
    _require_same_model(configs[0], configs[1], checkpoint)
    _require_same_tensors(baseline, checkpoint)
    return [*_other_settings(configs[0], configs[1]), *_tokenizers(baseline, checkpoint, trusted)]


def _refusal(checkpoint: Side, problem: str) -> Fault:
    return Fault("bad_edit", f"{checkpoint.name} is no variant of its model: {problem}", _HINT)


def _require_same_model(before: Mapping[str, Any], after: Mapping[str, Any], checkpoint: Side) -> None:
    kinds = [str(each.get("model_type")) for each in (before, after)]
    if kinds[0] != kinds[1]:
        raise _refusal(checkpoint, f"another architecture, {kinds[1]!r}, the baseline is {kinds[0]!r}")
    wrong = [
        f"{word} {after.get(key)}, the baseline has {before.get(key)}"
        for key, word in _SIZES.items()
        if before.get(key) != after.get(key)
    ]
    if wrong:
        raise _refusal(checkpoint, "; ".join(wrong))


def _require_same_tensors(baseline: Side, checkpoint: Side) -> None:
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in side.built.model.state_dict().items()}
        for side in (baseline, checkpoint)
    ]
    wrong = [
        f"{word}: {listed(names)}"
        for word, names in (
            ("it lacks", shapes[0].keys() - shapes[1].keys()),
            ("only it has", shapes[1].keys() - shapes[0].keys()),
            (
                "of another shape",
                [name for name in shapes[0].keys() & shapes[1].keys() if shapes[0][name] != shapes[1][name]],
            ),
        )
        if names
    ]
    if wrong:
        raise _refusal(checkpoint, "; ".join(wrong))


def _other_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys = sorted(key for key in before.keys() | after.keys() if key not in _ASIDE)
    return [
        f"config.json: {key} is {after.get(key)!r}, {before.get(key)!r} in the baseline"
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _tokenizers(baseline: Side, checkpoint: Side, trusted: bool) -> list[str]:
    """The baseline's tokenizer is used for both, so what it would do otherwise is only told."""
    from transformers import AutoTokenizer

    before, after = (
        AutoTokenizer.from_pretrained(str(side.path), trust_remote_code=trusted, local_files_only=True)
        for side in (baseline, checkpoint)
    )
    vocabulary, other = before.get_vocab(), after.get_vocab()
    if moved := sorted(token for token, number in vocabulary.items() if other.get(token) != number):
        shown = ", ".join(map(repr, moved[:_SHOWN]))
        raise _refusal(
            checkpoint,
            f"another vocabulary: {len(moved)} of the baseline's {len(vocabulary)} tokens are missing "
            f"or have another number ({shown})",
        )
    for text in _PROBES:
        ids = [each(text, add_special_tokens=False)["input_ids"] for each in (before, after)]
        if ids[0] != ids[1] and not set(ids[1]) - set(vocabulary.values()):
            raise _refusal(checkpoint, f"its tokenizer divides text into other tokens ({text[:20]!r}…)")
    told = []
    if more := sorted(other.keys() - vocabulary.keys(), key=lambda token: (other[token], token)):
        told.append(f"tokenizer: {len(more)} tokens more ({', '.join(map(repr, more[:_SHOWN]))})")
    for name in ("bos_token", "eos_token", "pad_token", "unk_token", "padding_side", "chat_template"):
        pair = [getattr(each, name, None) for each in (before, after)]
        if pair[0] != pair[1]:
            told.append(
                f"tokenizer: another {name}"
                + ("" if name == "chat_template" else f", {pair[1]!r}, not {pair[0]!r}")
            )
    whole = [each(_PROBES[0])["input_ids"] for each in (before, after)]
    if whole[0] != whole[1]:
        told.append("tokenizer: other special tokens around a text")
    return [f"{line}; the baseline's is used" for line in told]
