"""The sizes of a model as transformers resolves them from config.json: parts, other names and defaults.

A configuration may leave out what its class has a default for (Falcon's positions), call it by another name
(`n_embd`), or keep it in the part for text of a model that also sees pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from validation.job import Fault


def load_config(path: Path, trusted: bool = False) -> Any:
    """The configuration as transformers makes it.

    Raises:
        Fault: `bad_input` for one that it cannot make, with the reason.
    """
    from transformers import AutoConfig

    if not (path / "config.json").is_file():  # transformers would take the path for a name on the hub
        raise Fault("bad_input", f"{path}: has no config.json")
    try:
        return AutoConfig.from_pretrained(str(path), trust_remote_code=trusted)
    except Exception as error:  # transformers, or a model's own code, raises anything
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        own = '"auto_map"' in (path / "config.json").read_text(encoding="utf-8", errors="replace")
        hint = (
            "It is loaded with Python code of its own: read that, then set trust_remote_code: true."
            if own and not trusted
            else "Is its architecture newer than the locked transformers (tools/python/requirements.in)?"
        )
        raise Fault(
            "bad_input", f"{path}: transformers cannot read its config.json ({said})", hint
        ) from error


def text_part(config: Any) -> Any:
    """The part of a configuration that describes the language model."""
    return config.get_text_config(decoder=True)


def sizes_of(config: Any) -> dict[str, Any]:
    """Everything that the part for text says, under its own names and those of other architectures."""
    part = text_part(config)
    made: dict[str, Any] = part.to_dict()
    return made | {alias: made.get(name) for alias, name in part.attribute_map.items()}


class Sizes(Mapping[str, Any]):
    """What config.json says, then what transformers adds: the part for text, other names, and defaults.

    transformers is asked only for what is not written. An architecture that it does not know has what is
    written.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        text = raw.get("text_config")
        self._written = {**raw, **(text if isinstance(text, dict) else {})}
        self._raw = raw

    @cached_property
    def _added(self) -> dict[str, Any]:
        from transformers import CONFIG_MAPPING

        try:
            return sizes_of(CONFIG_MAPPING[self._raw["model_type"]].from_dict(dict(self._raw)))
        except Exception:  # not known, or refused: setup says so, with transformers' own words
            return {}

    def __getitem__(self, name: str) -> Any:
        written = self._written.get(name)
        return self._added[name] if written is None else written

    def __iter__(self) -> Iterator[str]:
        return iter({**self._added, **self._written})

    def __len__(self) -> int:
        return len({**self._added, **self._written})


def size(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of these names that is a whole number above 0; the largest, where it differs by layer."""
    for name in names:
        value = config.get(name)
        if isinstance(value, list) and value and all(type(each) is int for each in value):
            value = max(value)
        if type(value) is int and value > 0:
            return value
    return None
