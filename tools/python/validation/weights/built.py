"""The model that transformers builds from a checkpoint's config.json, and what it takes of the files.

It is built on the meta device, where tensors have names, shapes and dtypes but no numbers, and loaded there
by transformers' own loading, with its renamings and conversions: what fails, is left out or is missing here
would fail, be left out or be initialised at random in every later load. That takes milliseconds.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from validation.job import Fault
from validation.weights.checkpoint import FLOATS
from validation.weights.listing import listed
from validation.weights.sizes import load_config, text_part

#: Name of a tensor in the files: its dtype and shape.
Described = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
_QUANTIZED_HINT = "Name the model's unquantized checkpoint in suite.yaml."


@dataclass(frozen=True)
class Built:
    """A model on the meta device.

    Attributes:
        model: it, after loading.
        targets: the tensor of the model that each tensor of the files is, or is a part of.
    """

    model: Any
    targets: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _dtypes(self) -> dict[str, torch.dtype]:
        return {name: tensor.dtype for name, tensor in self.model.state_dict().items()}

    def dtype_of(self, name: str) -> torch.dtype | None:
        """The dtype in which a tensor of the files is loaded; None for one that is not loaded."""
        target = self.targets.get(name)
        return None if target is None else self._dtypes[target]


def build(path: Path, tensors: Described, trusted: bool = False) -> Built:
    """Build the model and load these tensors into it, without their numbers.

    Raises:
        Fault: `bad_input` for an architecture that is not supported, or when files and model differ: every
            name that is missing, left over, or of another shape or dtype.
    """
    config = load_config(path, trusted)
    _forget_format(config)
    require_supported(path, config)
    with _quiet() as transformers:
        try:
            with torch.device("meta"):
                model = transformers.AutoModelForCausalLM.from_config(
                    config, dtype=torch.bfloat16, trust_remote_code=trusted
                )
            targets = _targets(model, tensors)
            files = {
                name: torch.empty(shape, dtype=dtype, device="meta")
                for name, (dtype, shape) in tensors.items()
            }
            with _reported() as reports:
                loaded = type(model).from_pretrained(
                    None,
                    config=model.config,
                    state_dict=files,
                    device_map="meta",
                    dtype=torch.bfloat16,
                    ignore_mismatched_sizes=True,
                )
        except Exception as error:  # transformers, or a model's own code, raises anything
            said = (str(error).strip().splitlines() or [""])[0]
            raise Fault(
                "bad_input",
                f"{path}: transformers cannot build its model ({type(error).__name__}: {said})",
                "Check config.json, and try AutoModelForCausalLM.from_pretrained on the directory.",
            ) from error
        aside = _beside_text(config, loaded, tensors, reports[-1].unexpected_keys)
    found = {name: target for name, target in targets.items() if target is not None}
    _require_equal(path, tensors, loaded, found, reports[-1], aside)
    return Built(loaded, found)


def _forget_format(config: Any) -> None:
    """Tensors that are packed are described as the numbers that they stand for, or refused."""
    for part in (config, text_part(config)):
        for name in ("quantization_config", "compression_config"):
            if hasattr(part, name):
                delattr(part, name)


def require_supported(path: Path, config: Any) -> None:
    """Refuse what is no decoder with attention: nothing here could judge it.

    Raises:
        Fault: `bad_input`.
    """
    auto: Any = importlib.import_module("transformers.models.auto.modeling_auto")
    kind = str(config.model_type)
    sequence = kind in auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    causal = kind in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    what = None
    if config.is_encoder_decoder or (sequence and not causal):
        what = "an encoder-decoder"
    elif kind in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False):
        what = "an encoder, which reads text in both directions"
    elif causal and not _has_attention(text_part(config)):
        what = "a state-space or recurrent model, without attention"
    elif not causal and not getattr(config, "auto_map", None):
        what = "no language model that AutoModelForCausalLM loads"
    if what is not None:
        raise Fault(
            "bad_input",
            f"{path}: '{kind}' is {what}; such models are not supported",
            "Edits, evaluations and InvarLock are for decoder-only language models with attention.",
        )


def _has_attention(config: Any) -> bool:
    try:
        return getattr(config, "num_attention_heads", None) is not None
    except Exception:  # one that differs by layer is an error to ask for
        return True


def _targets(model: Any, tensors: Collection[str]) -> dict[str, str | None]:
    """The tensor of the model into which each of the files goes, by transformers' own renaming."""
    loading: Any = importlib.import_module("transformers.core_model_loading")
    conversion: Any = importlib.import_module("transformers.conversion_mapping")
    mapping = conversion.get_model_conversion_mapping(model) or []
    renamings = [each for each in mapping if isinstance(each, loading.WeightRenaming)]
    converters = [each for each in mapping if isinstance(each, loading.WeightConverter)]
    there, prefix = model.state_dict(), model.base_model_prefix
    result: dict[str, str | None] = {}
    for name in tensors:
        target, _ = loading.rename_source_key(name, renamings, converters, prefix, there)
        if target not in there and name in there:
            target, _ = loading.rename_source_key(name, [], [], prefix, there)
        result[name] = target if target in there else None
    return result


def _beside_text(config: Any, model: Any, tensors: Described, left: Collection[str]) -> set[str]:
    """Of the tensors that the language model does not take, those of the whole that it is a part of.

    AutoModelForCausalLM loads of some models that also see pictures only the part for text (Llama-4). The
    parts beside it are no text, and are left out; a name that the whole does not have either stays an error.
    """
    transformers = importlib.import_module("transformers")
    names = getattr(config, "architectures", None) or []
    whole = getattr(transformers, str(names[0]), None) if names else None
    if not left or whole is None or isinstance(model, whole) or text_part(config) is config:
        return set()
    try:
        with torch.device("meta"):
            built = whole(config)
        there = built.state_dict()
        targets = _targets(built, left)
    except Exception:  # transformers raises anything: then these tensors are of no model that is known
        return set()
    return {
        name
        for name, target in targets.items()
        if target is not None and tuple(there[target].shape) == tensors[name][1]
    }


def _require_equal(
    path: Path,
    tensors: Described,
    model: Any,
    targets: Mapping[str, str],
    report: Any,
    aside: Collection[str],
) -> None:
    there, broken = model.state_dict(), set(report.conversion_errors)
    packed = [
        name
        for name, target in targets.items()
        if there[target].dtype.is_floating_point and tensors[name][0] not in FLOATS
    ]
    if packed:
        raise Fault(
            "bad_input",
            f"{path}: packed, quantized weights where the model has floating-point ones: "
            + listed(f"{name} ({_name(tensors[name][0])})" for name in packed),
            _QUANTIZED_HINT,
        )
    wrong = [
        f"{word}: {listed(names)}"
        for word, names in (
            ("missing in the files", report.missing_keys - broken),
            ("in the files, but not of the model", report.unexpected_keys - set(aside)),
            (
                "of another shape",
                [
                    f"{name} {list(had)}, {list(needed)} in the model"
                    for name, had, needed in report.mismatched_keys
                ],
            ),
            ("missing beside its like, or of another shape than they", _misfits(broken, tensors, targets)),
        )
        if names
    ]
    if wrong:
        raise Fault(
            "bad_input",
            f"{path}: the files are not the {type(model).__name__} that its config.json describes. "
            + "; ".join(wrong),
            "Look for a wrong or incomplete copy, an interrupted conversion, or another model's config.json.",
        )


def _misfits(broken: Collection[str], tensors: Described, targets: Mapping[str, str]) -> list[str]:
    """Of what should become one tensor (experts, gate and up): what is not there, or not as others are."""
    result: list[str] = []
    for target in broken:
        rows: dict[str, dict[str, str]] = {}
        for name in (name for name, found in targets.items() if found == target):
            numbered = re.fullmatch(r"(.*\.)(\d+)(\..*)", name)
            before, number, after = numbered.groups() if numbered else (name, "", "")
            rows.setdefault(f"{before}{{}}{after}", {})[number] = name
        numbers = {number for row in rows.values() for number in row}
        shapes = Counter(tensors[name][1] for row in rows.values() for name in row.values())
        usual = shapes.most_common(1)[0][0]
        found = [row.format(number) for row in rows for number in sorted(numbers - rows[row].keys())]
        found += [
            f"{name} {list(tensors[name][1])}, {list(usual)} are the others"
            for row in rows.values()
            for name in row.values()
            if tensors[name][1] != usual
        ]
        result += found or [target]
    return result


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Transformers without its warnings and progress bars."""
    import transformers
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _reported() -> Iterator[list[Any]]:
    """What a load found, also what transformers would only log or raise without saying what it is."""
    modeling: Any = importlib.import_module("transformers.modeling_utils")
    log, reports = modeling.log_state_dict_report, list[Any]()
    modeling.log_state_dict_report = lambda *_, loading_info, **__: reports.append(loading_info)
    try:
        yield reports
    finally:
        modeling.log_state_dict_report = log
