"""The tensors of a quantized checkpoint as the model's own: packed ones as the numbers they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from validation.formats import decoders
from validation.formats.decoders import Tensors, Unreadable
from validation.formats.layouts import LAYOUTS, TORCHAO_KINDS, Layout, require_readable
from validation.formats.table import Recognised
from validation.job import Fault
from validation.sources.tensors import Source, SourceTensor, Stream, blocks_of
from validation.weights.checkpoint import Shard, Stored, read_shards
from validation.weights.listing import listed


@dataclass(frozen=True)
class Packed:
    """A tensor of the model that the files hold in parts: their names by role, and settings."""

    name: str
    parts: Mapping[str, str]
    settings: Mapping[str, Any]
    layout: Layout | None


@dataclass(frozen=True)
class Dequantized:
    """A quantized checkpoint, read as if it were not."""

    path: Path
    found: Recognised
    shards: tuple[Shard, ...]

    @cached_property
    def _stored(self) -> dict[str, tuple[Shard, Stored]]:
        return {stored.name: (shard, stored) for shard in self.shards for stored in shard.tensors}

    @cached_property
    def packed(self) -> dict[str, Packed]:
        """The packed tensors by the model's names."""
        if self.found.format.layout == "torchao":
            return {each.name: each for each in self._torchao()}
        layout = LAYOUTS[self.found.format.layout or ""]
        return {each.name: each for each in self._by_endings(layout)}

    def _by_endings(self, layout: Layout) -> Iterator[Packed]:
        dot = "" if layout.anchor.startswith("_") else "."
        for name in self._stored:
            if not name.endswith(dot + layout.anchor):
                continue
            stem = name.removesuffix(layout.anchor)
            parts = {
                each: stem + each
                for each in (*layout.parts, *layout.optional)
                if each in layout.parts or stem + each in self._stored
            }
            if missing := [part for part in parts.values() if part not in self._stored]:
                raise self._fault(f"{listed(missing)} is missing beside {name}")
            yield Packed(stem + layout.made, parts, self.found.settings, layout)

    def _torchao(self) -> Iterator[Packed]:
        for name, said in _headers(self.shards).items():
            kind = said.get("_type")
            if kind in (None, "Tensor"):
                continue
            if kind not in TORCHAO_KINDS:
                raise self._fault(f"{name} is torchao's {kind}; {', '.join(TORCHAO_KINDS)} are read")
            module, _, own = name.rpartition(".")
            names = [str(each) for each in said.get("_tensor_data_names") or ()]
            parts = {each: f"{module}._{own}_{each}" for each in names}
            if missing := [part for part in parts.values() if part not in self._stored]:
                raise self._fault(f"{listed(missing)} is missing for {name}")
            yield Packed(name, parts, said.get("_data") or {}, None)

    @cached_property
    def _order(self) -> list[str]:
        """The model's tensors, where the first part of each lies."""
        layout = LAYOUTS.get(self.found.format.layout or "")
        owner = {part: each.name for each in self.packed.values() for part in each.parts.values()}
        aside = layout.aside if layout is not None else ()
        names = [owner.get(name, name) for name in self._stored if name in owner or not name.endswith(aside)]
        return list(dict.fromkeys(names))

    @cached_property
    def described(self) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Type and shape of the model's tensors by name."""
        result: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
        for name in self._order:
            if name in self.packed:
                result[name] = (torch.float32, self._shape(self.packed[name]))
            else:
                stored = self._stored[name][1]
                result[name] = (stored.torch_dtype, stored.shape)
        return result

    def _shape(self, packed: Packed) -> tuple[int, ...]:
        shapes = {role: self._stored[name][1].shape for role, name in packed.parts.items()}
        try:
            shape: tuple[int, ...] = _SHAPES[self.found.format.layout or ""](self, packed, shapes)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise self._fault(f"{packed.name}: {type(error).__name__}: {error}") from error
        return shape

    def part(self, packed: Packed, role: str) -> torch.Tensor:
        """A part, as it is stored."""
        shard, stored = self._stored[packed.parts[role]]
        return shard.read(stored)

    def read(self, name: str) -> torch.Tensor:
        """A tensor of the model.

        Raises:
            Fault: `bad_input` for parts that do not fit each other.
        """
        packed = self.packed.get(name)
        if packed is None:
            shard, stored = self._stored[name]
            return shard.read(stored)
        parts: Tensors = {role: self.part(packed, role) for role in packed.parts}
        decode = decoders.torchao if packed.layout is None else packed.layout.decode
        try:
            made = decode(parts, packed.settings)
        except (Unreadable, KeyError, ValueError, IndexError, TypeError, RuntimeError) as error:
            raise self._fault(f"{name}: {error}") from error
        if tuple(made.shape) != self.described[name][1]:
            raise self._fault(
                f"{name}: its parts give the shape {list(made.shape)}, not {list(self.described[name][1])}"
            )
        return made

    def _fault(self, problem: str) -> Fault:
        return Fault(
            "bad_input",
            f"{self.path}: not as {self.found.called} is stored: {problem}",
            "Make or copy it again, or dequantise it with its own program.",
        )

    @property
    def source(self) -> Source:
        """For a conversion."""

        def stream() -> Stream:
            for each in tensors:
                yield each, partial(self._blocks, each.name)

        tensors = tuple(SourceTensor(name, *described) for name, described in self.described.items())
        return Source(tensors, stream)

    def _blocks(self, name: str) -> Iterator[torch.Tensor]:
        yield from blocks_of(self.read(name))


def open_dequantized(path: Path, found: Recognised) -> Dequantized:
    """Open a quantized checkpoint, to be read as if it were not.

    Raises:
        Fault: `bad_input` for a format that cannot be, or for pickled files.
    """
    if found.format.layout is None:
        raise Fault(
            "bad_input",
            f"{path}: quantized with {found.called}, which is not dequantised here: {found.format.not_read}",
            "Dequantise it with its own program, and name the result.",
        )
    try:
        require_readable(found.format.layout, found.settings)
    except Fault as fault:
        raise Fault(fault.code, f"{path}: {fault}", fault.hint) from fault
    if not any(path.glob("*.safetensors")):
        raise Fault(
            "bad_input",
            f"{path}: quantized weights are read from safetensors, and there are none",
            "Save it with safetensors (save_pretrained does).",
        )
    opened = Dequantized(path, found, read_shards(path))
    if not opened.packed:
        raise Fault(
            "bad_input",
            f"{path}: config.json says {found.called}, and none of its tensors is packed so",
            "Is the configuration another checkpoint's? Unquantized weights have no quantization_config.",
        )
    return opened


def _headers(shards: tuple[Shard, ...]) -> dict[str, dict[str, Any]]:
    """What the headers of files say of tensors, one JSON text a name."""
    result: dict[str, dict[str, Any]] = {}
    for shard in shards:
        for name, text in (json.loads(shard.header[8:]).get("__metadata__") or {}).items():
            try:
                said = json.loads(text)
            except ValueError:
                continue
            if isinstance(said, dict) and "." in name:
                result[name] = said
    return result


Shapes = Mapping[str, tuple[int, ...]]


def _of_compressed(opened: Dequantized, packed: Packed, shapes: Shapes) -> tuple[int, ...]:
    if "weight_shape" in packed.parts:
        return tuple(int(each) for each in opened.part(packed, "weight_shape").tolist())
    if "weight_packed" in shapes:
        return (shapes["weight_packed"][0], shapes["weight_packed"][1] * 2)
    return shapes["weight"]


def _of_four_bit(opened: Dequantized, packed: Packed, _: Shapes) -> tuple[int, ...]:
    (role,) = (each for each in decoders.STATES if each in packed.parts)
    said = json.loads(bytes(opened.part(packed, role).tolist()).decode("utf-8"))
    return tuple(int(each) for each in said["shape"])


def _of_mxfp4(_: Dequantized, __: Packed, shapes: Shapes) -> tuple[int, ...]:
    experts, rows, groups, half = shapes["_blocks"]
    return (experts, groups * half * 2, rows)


_SHAPES: dict[str, Any] = {
    "gptq": lambda _, each, shapes: (
        shapes["qweight"][1],
        shapes["qweight"][0] * 32 // int(each.settings["bits"]),
    ),
    "awq": lambda _, __, shapes: (shapes["qweight"][1] * 8, shapes["qweight"][0]),
    "fp8": lambda _, __, shapes: shapes["weight"],
    "mxfp4": _of_mxfp4,
    "compressed-tensors": _of_compressed,
    "bitsandbytes-8bit": lambda _, __, shapes: shapes["weight"],
    "bitsandbytes-4bit": _of_four_bit,
    "torchao": lambda _, __, shapes: shapes["qdata"],
}
