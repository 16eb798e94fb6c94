"""A declaration of matrices for suite.yaml, made from the model that transformers builds of a checkpoint.

The modules of the model tell what a tensor is (a linear layer, a Conv1D stored `[in, out]`, stacked experts),
its place in them the order. Routers, gates, convolutions, norms and embeddings are left out.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from validation.job import Fault
from validation.weights.built import Built, build
from validation.weights.checkpoint import Checkpoint
from validation.weights.fused import WHOLE, divided, is_fused
from validation.weights.layout import group_of
from validation.weights.sizes import Sizes, size

Spec = dict[str, list[dict[str, Any]]]

#: Linear layers that choose, mix or time, and hold no knowledge of their own.
_NO_MATRIX = re.compile(
    r"(^|[._])(router|gate|gates|shared_expert_gate|score|in_proj_(a|b|ba)|x_proj|dt_proj)(\.weight)?$"
)
_GATE_UP = re.compile(r"(gate_up_proj|gate_and_up|w13|fc1_gate|gate_up)(\.weight)?$")
_OUT = re.compile(r"(attn|attention)\.(o_proj|out_proj|dense|c_proj|wo)\.weight$")


@dataclass(frozen=True)
class _Row:
    group: str
    tensor: str
    experts: bool = False
    transposed: bool = False
    parts: tuple[tuple[str, int], ...] = ()
    groups: int = 1
    whole: bool = False

    def spec(self) -> dict[str, Any]:
        """As suite.yaml's generator writes it."""
        parts = [list(part) for part in self.parts]
        return {
            "tensor": self.tensor,
            "experts": self.experts,
            "transposed": self.transposed,
            "groups": self.groups,
            "parts": parts,
        }

    def yaml(self) -> str:
        """As a person writes it."""
        more = [f"{name}: true" for name in ("experts", "transposed") if getattr(self, name)]
        if self.parts:
            equal = {share for _, share in self.parts} == {1}
            words = ", ".join(name if equal else f"{name}: {share}" for name, share in self.parts)
            more.append(f"parts: [{words}]" if equal else f"parts: {{ {words} }}")
        if self.groups > 1:
            more.append(f"groups: {self.groups}")
        # a mapping in YAML, and braces are in the names
        row = f"{{ {', '.join([f"tensor: '{self.tensor}'", *more])} }}"
        return f"{row} # {WHOLE}" if self.whole else row


def propose(checkpoint: Checkpoint, usable: Callable[[Spec], object]) -> str | None:
    """A `matrices:` to paste below the model in suite.yaml; None where none could be made that works.

    Args:
        checkpoint: The model; config.json lies beside it.
        usable: Raises a fault for a declaration that does not fit the checkpoint.
    """
    try:
        rows = list(_rows(checkpoint, build(checkpoint.path, checkpoint.described)))
        spec = {group: [row.spec() for row in rows if row.group == group] for group in ("attn", "ffn")}
        usable(spec)
    except Fault:
        return None
    lines = ["    matrices:"]
    for group in ("attn", "ffn"):
        if spec[group]:
            lines += [f"      {group}:", *(f"        - {row.yaml()}" for row in rows if row.group == group)]
    return "\n".join(lines)


def template(name: str) -> str:
    """The name with {block} and {expert} in place of its first numbers, and N in place of others."""
    words = iter(("{block}", "{expert}"))
    return re.sub(r"(?<=\.)\d+(?=\.)", lambda _: next(words, "N"), name)


def _rows(checkpoint: Checkpoint, built: Built) -> Iterator[_Row]:
    """One row for the like tensors of all blocks, in the order of the model."""
    text = [name for name, module in built.model.named_modules() if module is built.model.get_decoder()]
    # what goes out of an attention comes last, wherever its module was made
    place = {
        name: (name.rpartition(".")[0].rpartition(".")[0], _OUT.search(name) is not None, at)
        for at, name in enumerate(built.model.state_dict())
        if not text or name.startswith(text[0])
    }
    blocks = {parent: at for at, (parent, _, _) in enumerate(place.values())}
    names = [name for name, target in built.targets.items() if target in place]
    seen = set[str]()

    def order(name: str) -> tuple[int, bool, int]:
        parent, out, at = place[built.targets[name]]
        return blocks[parent], out, at

    for name in sorted(names, key=order):
        pattern = template(name)
        if pattern not in seen and "{block}" in pattern and "N" not in pattern.split("."):
            row = _row(pattern, name, checkpoint, built)
            if row is not None:
                seen.add(pattern)
                yield row


def _row(pattern: str, name: str, checkpoint: Checkpoint, built: Built) -> _Row | None:
    target, shape = built.targets[name], checkpoint.tensors[name].shape
    module, _, parameter = target.rpartition(".")
    owner = built.model.get_submodule(module)
    group = {"attention": "attn", "mlp": "ffn", "rest": None}[group_of(name, shape)]
    if group is None or len(shape) not in (2, 3) or parameter.endswith("bias") or _NO_MATRIX.search(name):
        return None
    config = Sizes(checkpoint.config)
    if len(shape) == 3:
        if _is_convolution(owner):
            return None
        transposed = getattr(owner, "is_transposed", None)
        if transposed is None:
            transposed = _ends_in_hidden(parameter, shape, config)
        parts, groups = _gate_and_up(name, owner, shape[-1 if transposed else -2])
        return _Row(group, pattern, True, bool(transposed), parts, groups)
    linear = importlib.import_module("torch.nn").Linear
    conv1d = importlib.import_module("transformers.pytorch_utils").Conv1D
    single_expert = "{expert}" in pattern
    if not isinstance(owner, (linear, conv1d)) and not single_expert:
        return None
    transposed = isinstance(owner, conv1d)
    outputs = shape[-1 if transposed else -2]
    if outputs == 1 or (not single_expert and outputs == size(config, *_EXPERTS)):
        return None
    parts, groups = _gate_and_up(name, owner, outputs)
    if not parts:
        parts, groups = divided(name, config, outputs)
    return _Row(group, pattern, False, transposed, parts, groups, whole=not parts and is_fused(name))


_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


def _is_convolution(module: Any) -> bool:
    return "Conv" in type(module).__name__ and type(module).__name__ != "Conv1D"


def _ends_in_hidden(parameter: str, shape: tuple[int, ...], config: Mapping[str, Any]) -> bool:
    """Whether experts are stored `[experts, in, out]`: the way out of an MLP ends in the hidden size."""
    hidden = size(config, "hidden_size")
    out = re.search(r"down|w2|out|fc2|c_proj", parameter) is not None
    return (shape[-1] == hidden) if out else (shape[-2] == hidden and shape[-1] != hidden)


def _gate_and_up(name: str, owner: Any, outputs: int) -> tuple[tuple[tuple[str, int], ...], int]:
    if not _GATE_UP.search(name) or outputs % 2 or getattr(owner, "has_gate", True) is False:
        return (), 1
    parts = (("gate", 1), ("up", 1))
    return parts, 1 if getattr(owner, "is_concatenated", True) else outputs // 2
