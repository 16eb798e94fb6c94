"""Quantizes a tiny model with a real package, compares its numbers, and evaluates the checkpoint as it is.

Run as `python formats_child.py <root> <package>==<version>`; prints one JSON object. The package is in the
path of a first process, which quantizes; the cells find it by themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from quantized_models import MADE, w4a16, w8a8
from safetensors.torch import load_file, save_file
from weights_rig import make_job, stored

from validation.facts.model import make

TASKS = Path(__file__).parents[5] / "suites" / "smoke" / "tasks"
FACTS = {"architecture": "llama", "seed": 1, "hidden_size": 64, "intermediate_size": 128, "num_layers": 2}
KINDS = {
    "torchao": ("int8", "int8-dynamic", "float8", "int4-unpacked"),
    "bitsandbytes": ("8bit", "nf4", "fp4"),
    "compressed-tensors": ("w8a8", "w4a16"),
}


def settings_of(kind: str) -> Any:
    """The configuration with which transformers quantizes."""
    import transformers

    if kind in KINDS["bitsandbytes"]:
        if kind == "8bit":
            return transformers.BitsAndBytesConfig(load_in_8bit=True)
        return transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=kind == "nf4"
        )
    from torchao.quantization import (
        Float8WeightOnlyConfig,
        Int8DynamicActivationInt8WeightConfig,
        Int8WeightOnlyConfig,
        IntxWeightOnlyConfig,
        PerGroup,
    )

    made = {
        "int8": Int8WeightOnlyConfig,
        "int8-dynamic": Int8DynamicActivationInt8WeightConfig,
        "float8": Float8WeightOnlyConfig,
        "int4-unpacked": lambda: IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)),
    }
    return transformers.TorchAoConfig(made[kind]())


def quantize(base: Path, path: Path, kind: str) -> None:
    """Write a checkpoint; compressed-tensors' by hand, the others as transformers saves them."""
    import transformers

    if kind in KINDS["compressed-tensors"]:
        path.mkdir()
        files: dict[str, torch.Tensor] = {}
        for name, values in load_file(base / "model.safetensors").items():
            if "proj" not in name:
                files[name] = values
                continue
            parts, _ = w8a8(values) if kind == "w8a8" else w4a16(values)
            files |= {f"{name.removesuffix('weight')}{part}": each for part, each in parts.items()}
        save_file(files, path / "model.safetensors", {"format": "pt"})
        settings, _ = MADE[kind]
        config = json.loads((base / "config.json").read_text()) | {"quantization_config": settings}
        (path / "config.json").write_text(json.dumps(config))
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            base, quantization_config=settings_of(kind), dtype=torch.bfloat16
        )
        model.save_pretrained(path)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(path)


def numbers_of(module: Any) -> torch.Tensor:
    """A weight as the package has it; where it only computes with it, what it does to the unit vectors."""
    weight = module.weight
    if hasattr(weight, "quant_state") and weight.quant_state is not None:
        import bitsandbytes.functional as functional

        return functional.dequantize_4bit(weight.data, weight.quant_state)
    if hasattr(weight, "dequantize") and type(weight).__name__.endswith("Tensor"):
        return weight.dequantize()
    return module(torch.eye(module.in_features, dtype=torch.bfloat16)).T


def largest_difference(path: Path) -> float:
    """Between the package's numbers and those read here, in shares of a matrix's largest."""
    import transformers

    from validation.formats.table import recognise
    from validation.sources.dequantized import open_dequantized

    found = recognise(json.loads((path / "config.json").read_text()))
    assert found is not None
    read = open_dequantized(path, found)
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16)
    if (
        found.format.package == "compressed-tensors"
    ):  # it unpacks in the first forward; bitsandbytes packs anew
        with torch.no_grad():
            model(torch.tensor([[3, 4, 5]]))
    worst = 0.0
    for name in read.packed:
        mine = read.read(name).to(torch.bfloat16).float()
        with torch.no_grad():
            theirs = numbers_of(model.get_submodule(name.rpartition(".")[0])).float()
        worst = max(worst, float((mine - theirs).abs().max() / theirs.abs().max()))
    return worst


def evaluate(root: Path, subject: Any, package: str | None) -> dict[str, Any]:
    """A benchmark asked of a subject, in the cell `eval`."""
    from pyarrow import parquet

    from validation.cells import eval as cell
    from validation.job import Read

    asked = [{"name": "mmlu", "task": "smoke_mmlu", "fewshot": 0}]
    spec = {"benchmarks": asked, "batch_size": 32, "seed": 1234, "limit": 16}
    job = make_job(root, "eval", {"q": spec | ({"package": package} if package else {})}, store=root)
    job.reads.update({"subject": subject, "tasks": Read(TASKS, None, "")})
    cell.run(job)
    rows = parquet.read_table(job.only.out / "outcomes.parquet").to_pylist()
    return {"rows": [value for row in rows for value in row["loglikelihoods"]]}


def run(root: Path, package: str, kind: str) -> dict[str, Any]:
    """Adopted as it is and dequantised, and both evaluated; then with a version that is not there."""
    from validation.cells import adopt
    from validation.job import Fault, Read

    name = package.partition("==")[0]
    formats = {"8bit": "bitsandbytes-8bit", "nf4": "bitsandbytes-4bit", "fp4": "bitsandbytes-4bit"}
    baseline = stored(root / "store", root / "base")
    likelihoods, told = {}, {}
    for how in ("quantized", "dequantized"):
        spec: dict[str, Any] = {"type": "checkpoint", "source": {"type": "path", "path": str(root / kind)}}
        spec |= {"as": how} | ({"format": formats.get(kind, name)} if how == "quantized" else {})
        job = make_job(root / f"{kind}-{how}", "adopt", {"q": spec}, store=root / "store", baseline=baseline)
        adopt.run(job)
        assert job.only.store is not None
        told[how] = json.loads((job.only.out / "edit_metadata.json").read_text())["totals"]
        subject = Read(root / "store" / job.only.store.recipe, None, "")
        asked = package if how == "quantized" else None
        likelihoods[how] = evaluate(root / f"{kind}-{how}-eval", subject, asked)["rows"]
        if how == "quantized":
            try:
                evaluate(root / f"{kind}-other", subject, f"{name}==0.0.1")
            except Fault as fault:
                told["other"] = f"{fault.code}: {fault}"
    pairs = list(zip(likelihoods["quantized"], likelihoods["dequantized"], strict=True))
    return {
        "answers": len(pairs),
        "differ": sum(one != other for one, other in pairs),
        "largest": max(abs(one - other) / abs(other) for one, other in pairs),
        "error": told["dequantized"]["relative_error"],
        "measured alike": told["quantized"] == told["dequantized"],
        "other version": told["other"],
    }


def main() -> None:
    """All kinds of a package."""
    root, package = Path(sys.argv[1]), sys.argv[2]
    name = package.partition("==")[0]
    if len(sys.argv) == 4:
        quantize(root / "base", root / sys.argv[3], sys.argv[3])
        print(largest_difference(root / sys.argv[3]))
        return
    root.mkdir(parents=True)
    make(FACTS | {"num_heads": 2, "steps": 2, "batch_size": 1, "learning_rate": 0.001}, root / "base")
    found = {}
    overlay = Path(sys.prefix) / "overlays" / name
    for kind in KINDS[name]:
        environment = {**os.environ, "PYTHONPATH": f"{overlay}{os.pathsep}{os.environ['PYTHONPATH']}"}
        command = [sys.executable, __file__, str(root), package, kind]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[kind] = {"numbers": float(done.stdout.strip().splitlines()[-1])}
    for kind in KINDS[name][:1] if name != "compressed-tensors" else KINDS[name]:
        found[kind] |= run(root, package, kind)
    print(json.dumps(found))


main()
