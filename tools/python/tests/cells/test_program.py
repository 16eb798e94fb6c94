"""Kind `program`: programs that edit real models, in processes of their own: what is taken in and refused."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from quantized_models import write_base, write_quantized
from weights_rig import llama_config, llama_tensors, load_model, make_job, stored, write_model

from validation.cells import program
from validation.job import Fault, Job, Read, Site

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1}

#: Adds a merged adapter to the query, as PEFT's merge does, with the library of safetensors alone.
MERGE = """
import json, shutil, sys
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file
baseline, output, adapter = map(Path, sys.argv[1:4])
config = json.loads((adapter / "adapter_config.json").read_text())
lora = load_file(adapter / "adapter_model.safetensors")
tensors = load_file(baseline / "model.safetensors")
for name, down in lora.items():
    if "lora_A" not in name:
        continue
    of = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
    up = lora[name.replace("lora_A", "lora_B")]
    change = config["lora_alpha"] / config["r"] * up @ down
    tensors[of] = (tensors[of].float() + change).to(tensors[of].dtype)
for each in baseline.iterdir():
    if each.suffix == ".json":
        shutil.copy(each, output / each.name)
save_file(tensors, output / "model.safetensors", metadata={"format": "pt"})
print("merged")
"""
#: What all others begin with: the edited model in {output}.
EDIT = """
import os, shutil, sys, time
from pathlib import Path
from safetensors.torch import load_file, save_file
baseline, output = Path(sys.argv[1]), Path(sys.argv[2])
def save(change=lambda tensors: {name: each * 1.5 for name, each in tensors.items()}):
    for each in baseline.iterdir():
        if each.suffix == ".json":
            shutil.copyfile(each, output / each.name)
    tensors = change(load_file(baseline / "model.safetensors"))
    save_file(tensors, output / "model.safetensors", metadata={"format": "pt"})
"""


def job_for(
    path: Path,
    text: str,
    *,
    inputs: dict[str, Path] | None = None,
    words: tuple[str, ...] = (),
    model: Path | None = None,
    **spec: Any,
) -> Job:
    """A job of a script `edit.py` in suites/x, with other inputs by their names in the workspace."""
    script = path / "ws" / "suites" / "x" / "edit.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text)
    all_inputs = {"suites/x/edit.py": script, **(inputs or {})}
    whole = {
        "type": "program",
        "command": ["python", "edit.py", "{baseline}", "{output}", *words],
        "directory": "suites/x",
        "inputs": list(all_inputs),
        **spec,
    }
    tensors = llama_tensors(layers=1, hidden=64, width=96)
    made = model or write_model(path / "model", tensors, config=llama_config(**SIZES))
    job = make_job(
        path, "program", {"mine": whole}, store=path / "store", baseline=stored(path / "store", made)
    )
    reads = {
        f"input-{number}": Read(each, None, f"digest-{number}")
        for number, each in enumerate(all_inputs.values(), start=1)
    }
    return replace(job, reads=job.reads | reads)


def run(job: Job) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    program.run(job)
    part = job.only
    assert part.store is not None
    entry = part.store.root / part.store.recipe
    return load_model(entry), json.loads((part.out / "edit_metadata.json").read_text())


def refused(job: Job) -> Fault:
    with pytest.raises(Fault) as caught:
        program.run(job)
    assert job.only.store is not None
    left = sorted(path.name for path in job.only.store.root.iterdir() if path.name != ".locks")
    assert len(left) == 1  # the baseline's entry: nothing half made
    assert not list(job.only.out.iterdir())
    assert caught.value.hint
    return caught.value


def adapter(path: Path) -> Path:
    """An adapter of rank 2 on the query, in PEFT's own layout."""
    from safetensors.torch import save_file

    path.mkdir(parents=True)
    generator = torch.Generator().manual_seed(7)
    at = "base_model.model.model.layers.0.self_attn.q_proj"
    save_file(
        {
            f"{at}.lora_A.weight": torch.randn(2, 64, generator=generator) * 0.1,
            f"{at}.lora_B.weight": torch.randn(64, 2, generator=generator) * 0.1,
        },
        path / "adapter_model.safetensors",
    )
    (path / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4}))
    return path


def test_what_a_program_writes_is_stored_and_measured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = adapter(tmp_path / "ws" / "adapters" / "mine")
    job = job_for(tmp_path, MERGE, inputs={"adapters/mine": at}, words=("../../adapters/mine",))
    tensors, told = run(job)
    before = load_model(tmp_path / "model")
    changed = [name for name in before if not torch.equal(before[name], tensors[name])]
    assert changed == ["model.layers.0.self_attn.q_proj.weight"]
    assert told["edit_type"] == "program"
    assert told["command"] == ["python", "edit.py", "{baseline}", "{output}", "../../adapters/mine"]
    assert told["inputs"] == {"suites/x/edit.py": "digest-1", "adapters/mine": "digest-2"}
    assert told["totals"]["tensors"] == 1 and "merged adapter" in told["looks_like"]
    assert "merged" in capfd.readouterr().out  # its output is that of the cell
    # Its entry is there: it runs no second time.
    at.joinpath("adapter_config.json").unlink()
    run(job)


def test_a_program_is_told_what_its_placeholders_say_and_gets_the_suites_python(tmp_path: Path) -> None:
    said = EDIT + (
        "import json\n"
        "(Path(sys.argv[5]) / 'note').write_text('scratch')\n"
        "facts = {'words': sys.argv[3:5], 'python': sys.executable, 'temporary': os.environ['TMPDIR'],\n"
        "  'here': sorted(each.name for each in Path('.').iterdir()), 'in': str(sys.stdin.read()),\n"
        "  'offline': os.environ.get('HF_HUB_OFFLINE'), 'path': os.environ.get('PYTHONPATH')}\n"
        f"Path({str(tmp_path / 'said.json')!r}).write_text(json.dumps(facts))\n"
        "save()\n"
    )
    (tmp_path / "ws" / "suites" / "x").mkdir(parents=True)
    (tmp_path / "ws" / "suites" / "x" / "undeclared.txt").write_text("not here")
    job = job_for(tmp_path, said, words=("{seed} of {{seed}}", "{gpus}/{threads}", "{scratch}"), seed=5)
    run(replace(job, site=Site(allow_network=False)))
    assert json.loads((tmp_path / "said.json").read_text()) == {
        "words": ["5 of {seed}", "0/1"],
        "python": str(Path(sys.executable).parent.resolve() / "python"),
        "temporary": str(job.work / "scratch"),
        "here": ["edit.py"],
        "in": "",
        "offline": "1",
        "path": None,
    }


def test_a_program_that_fails_says_so_with_the_end_of_its_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = EDIT + "print('loading', file=sys.stderr)\nsave()\nraise ValueError('no layer 9')\n"
    fault = refused(job_for(tmp_path, text))
    assert fault.code == "bad_edit"
    assert str(fault) == ("python edit.py {baseline} {output} ended with exit code 1: ValueError: no layer 9")
    assert "loading" in fault.hint and fault.hint.endswith("ValueError: no layer 9")
    assert "loading" in capfd.readouterr().err  # in the log, too
    again = refused(job_for(tmp_path / "again", EDIT + "os.kill(os.getpid(), 9)\n"))
    assert "was ended by signal 9, as the kernel does where the memory of the host runs out" in str(again)


def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    fault = refused(job_for(tmp_path, EDIT, command=["no-such-quantizer", "{output}"]))
    assert fault.code == "misconfigured"
    assert str(fault) == "no-such-quantizer cannot be started (No such file or directory)"


REFUSED = {
    "nothing": (
        "Path('out').mkdir(); save.__globals__['output'] = Path('out'); save()",
        "left nothing in {output}",
    ),
    "no model": ("(output / 'notes.txt').write_text('done')", "{output}: has no config.json"),
    "no tokenizer": (
        "save(); [each.unlink() for each in output.glob('tokenizer*')]",
        "{output}: its tokenizer cannot be loaded",
    ),
    "an unchanged model": (
        "save(lambda tensors: tensors)",
        "every weight of the checkpoint is the baseline's",
    ),
    "a tensor too few": (
        "save(lambda tensors: {name: each for name, each in tensors.items() if 'up_proj' not in name})",
        "missing in the files: model.layers.0.mlp.up_proj.weight",
    ),
    "its own script changed": ("save(); Path('edit.py').write_text('')", "edit.py changed while python"),
    "the input of the workspace changed": (
        "save(); Path({origin!r}).write_text('')",
        "edit.py changed while python",
    ),
    "the baseline changed": (
        "save(); os.chmod(baseline / 'config.json', 0o644); (baseline / 'config.json').write_text('')",
        "the baseline in the weights store",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_must_not_leave(tmp_path: Path, case: str) -> None:
    text, said = REFUSED[case]
    origin = str(tmp_path / "ws" / "suites" / "x" / "edit.py")
    fault = refused(job_for(tmp_path, EDIT + text.replace("{origin!r}", repr(origin))))
    assert said in str(fault)
    assert fault.code == "bad_edit"
    assert str(tmp_path / "scratch") not in str(fault)  # the attempt's directory is gone by then
    if case == "nothing":
        assert "out/config.json" in fault.hint and "and 1 more" in fault.hint


def test_files_in_its_working_directory_are_nobodys(tmp_path: Path) -> None:
    """Logs and caches that libraries leave where they are started."""
    tensors, _ = run(
        job_for(tmp_path, EDIT + "Path('logs').mkdir(); Path('logs/a.log').write_text('x'); save()")
    )
    assert tensors
    assert not (tmp_path / "ws" / "suites" / "x" / "logs").exists()


def test_an_input_outside_the_workspace_is_used_where_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data" / "calibration.jsonl"
    data.parent.mkdir()
    data.write_text("{}")
    text = EDIT + f"assert sys.argv[3] == {str(data)!r} and Path(sys.argv[3]).read_text() == '{{}}'\nsave()\n"
    run(job_for(tmp_path, text, inputs={str(data): data}, words=(str(data),)))


def test_an_input_that_is_gone(tmp_path: Path) -> None:
    job = job_for(tmp_path, EDIT, inputs={"suites/x/gone.json": tmp_path / "gone.json"})
    fault = refused(job)
    assert fault.code == "bad_input" and "suites/x/gone.json cannot be read" in str(fault)


def test_its_stderr_is_not_waited_for_where_a_child_keeps_it(tmp_path: Path) -> None:
    text = EDIT + (
        "import subprocess\n"
        f"child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "save()\n"
    )
    try:
        run(job_for(tmp_path, text))
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


#: Leaves a checkpoint that somebody quantized.
LEAVES = "import shutil, sys\nshutil.copytree(sys.argv[3], sys.argv[2], dirs_exist_ok=True)\n"


def quantized_job(path: Path, name: str, **how: str) -> Job:
    made, _ = write_quantized(path / "made", name)
    return job_for(path, LEAVES, words=(str(made),), model=write_base(path / "model"), **how)


@pytest.mark.parametrize("name", ["w8a8", "w4a16", "gptq-4"])
def test_what_it_quantizes_is_taken_as_its_numbers(tmp_path: Path, name: str) -> None:
    tensors, told = run(quantized_job(tmp_path, name, **{"as": "dequantized"}))
    _, numbers = write_quantized(tmp_path / "again", name)
    assert tensors.keys() == numbers.keys()
    assert all(torch.equal(tensors[each], numbers[each].to(torch.bfloat16)) for each in numbers)
    assert told["edit_type"] == "program" and told["as"] == "dequantized"
    assert told["format"]["name"] == ("gptq" if name == "gptq-4" else "compressed-tensors")
    assert 0.001 < told["totals"]["relative_error"] < 0.2


def test_what_it_quantizes_is_kept_as_it_is(tmp_path: Path) -> None:
    job = quantized_job(tmp_path, "w8a8", **{"as": "quantized", "format": "compressed-tensors"})
    program.run(job)
    part = job.only
    assert part.store is not None
    entry = part.store.root / part.store.recipe
    for name in ("config.json", "model.safetensors"):
        assert (entry / name).read_bytes() == (tmp_path / "made" / name).read_bytes()
    told = json.loads((part.out / "edit_metadata.json").read_text())
    assert told["as"] == "quantized" and told["totals"]["matrices"] == 14


@pytest.mark.parametrize(
    ("name", "how", "said", "do"),
    [
        ("w8a8", {}, "{output}: quantized with compressed-tensors (int-quantized), and the edit", "format:"),
        ("gptq-4", {}, "{output}: quantized with GPTQ", "Write as: dequantized"),
        ("gptq-4", {"as": "quantized", "format": "torchao"}, "is not evaluated as it is", "as: dequantized"),
        (
            "w8a8",
            {"as": "quantized", "format": "torchao"},
            "its evaluations are prepared for torchao",
            "format: compressed-tensors",
        ),
    ],
)
def test_what_it_quantizes_and_cannot_be_taken_so(
    tmp_path: Path, name: str, how: dict[str, str], said: str, do: str
) -> None:
    fault = refused(quantized_job(tmp_path, name, **how))
    assert fault.code == "bad_edit"
    assert str(fault).startswith("python edit.py {baseline} {output}") and said in str(fault)
    assert do in fault.hint


def test_what_it_was_to_quantize_and_did_not(tmp_path: Path) -> None:
    fault = refused(job_for(tmp_path, EDIT + "save()\n", **{"as": "dequantized"}))
    assert "{output}: as: dequantized, and its config.json names no format of quantized weights" in str(fault)
    assert fault.hint == "Leave out as: for a checkpoint in floating point."
