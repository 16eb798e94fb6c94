"""Every family on real transformers classes: what is set up, edited or proposed is what is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from family_models import KINDS, MORE_KINDS, PROPOSED_KINDS, logits, role, save
from weights_rig import make_job, recipe

from validation.cells import setup
from validation.doctor.local import local_model
from validation.job import Fault, Store
from validation.weights.built import Described, build
from validation.weights.checkpoint import Checkpoint, open_checkpoint
from validation.weights.matrices import matrices
from validation.weights.matrix import Matrix
from validation.weights.proposal import Spec, propose
from validation.weights.rewrite import Copy, Loaded, by_piece, rewrite
from validation.weights.store import locked_entry


@dataclass(frozen=True)
class Saved:
    """A model as transformers saved it, and the baseline that setup made of it."""

    kind: str
    root: Path
    source: Path
    baseline: Path


@pytest.fixture(scope="module", params=(*KINDS, *MORE_KINDS))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    root = tmp_path_factory.mktemp("model")
    source = save(request.param, root / "model")
    spec = {"source": {"type": "path", "path": str(source)}}
    job = make_job(root, "setup", {"setup": spec}, store=root / "store")
    setup.run(job)
    assert job.only.store is not None
    return Saved(request.param, root, source, job.only.store.root / job.only.store.recipe)


def test_the_baseline_gives_transformers_own_logits(saved: Saved) -> None:
    assert torch.equal(logits(saved.baseline), logits(saved.source))
    found = local_model("model", {"source": {"type": "path", "path": str(saved.source)}}, False)
    assert found["level"] == "ok", found


def test_edits_land_on_what_the_model_takes_them_for(saved: Saved) -> None:
    """Zeros: no values give no attention, as no output of it does; no gate no MLP, as no way out of it."""
    source = open_checkpoint(saved.baseline)
    found = matrices(source)
    assert {matrix.block for matrix in found} == {0, 1, 2}
    before = logits(saved.baseline)
    for one, other in (("v", "o"), ("in", "out")):
        changed = [zeroed(saved, source, found, word) for word in (one, other)]
        assert torch.equal(*changed), (one, other)
        assert not torch.equal(changed[0], before), one


def zeroed(saved: Saved, source: Checkpoint, found: list[Matrix], wanted: str) -> torch.Tensor:
    pieces = by_piece([matrix for matrix in found if role(matrix.name) == wanted])

    def zero(loaded: Loaded) -> torch.Tensor:
        result = loaded.values.clone()
        for matrix in pieces[loaded.piece]:
            matrix.put(result, torch.zeros_like(matrix.take(result)))
        return result

    with locked_entry(Store(saved.root / "store", recipe(f"zero {wanted}"))) as made:
        rewrite(source, [Copy(made, pieces, zero)], "zeros")
        made.commit("cpu")
    return logits(made.path)


def test_a_proposed_declaration_has_the_matrices_of_the_table(saved: Saved) -> None:
    source = open_checkpoint(saved.baseline)
    specs: list[Spec] = []
    text = propose(source, specs.append)
    assert text is not None and text.startswith("    matrices:\n      attn:\n        - { tensor: '")
    proposed, table = matrices(source, specs[0]), matrices(source)

    def places(found: list[Matrix]) -> set[Any]:
        return {(each.piece, each.rows, each.group, each.block, each.transposed) for each in found}

    assert places(proposed) == places(table)
    assert "edited as one matrix" not in text
    assert [matrix.group for matrix in proposed if matrix.block == 0] == sorted(
        matrix.group for matrix in proposed if matrix.block == 0
    ), "attention first"


@pytest.mark.parametrize("kind", PROPOSED_KINDS)
def test_fused_parts_of_a_proposal_are_what_the_model_takes_them_for(kind: str, tmp_path: Path) -> None:
    model = Saved(kind, tmp_path, *[save(kind, tmp_path / "model")] * 2)
    source, specs = open_checkpoint(model.baseline), list[Spec]()
    text = propose(source, specs.append)
    assert text is not None and "edited as one matrix" not in text
    found = matrices(source, specs[0])
    no_values, no_output = (zeroed(model, source, found, word) for word in ("v", "o"))
    assert torch.equal(no_values, no_output)
    assert not torch.equal(no_values, logits(model.baseline))


def test_a_fused_tensor_that_nothing_tells_how_to_divide_says_so_in_its_row(tmp_path: Path) -> None:
    source = open_checkpoint(save("persimmon", tmp_path / "model"))
    config = {**source.config, "num_attention_heads": 3}  # not of these sizes
    text = propose(replace(source, config=config), lambda _: None)
    row = next(line for line in (text or "").splitlines() if "query_key_value" in line)
    assert row.endswith("} # edited as one matrix: neither its name nor config.json tells how its parts lie")


def test_parts_beside_the_text_are_left_out_and_a_name_of_no_part_is_an_error(tmp_path: Path) -> None:
    source = save("llama4", tmp_path / "model")
    tensors: Described = {
        each.name: (each.torch_dtype, each.shape) for each in open_checkpoint(source).tensors.values()
    }
    text = {name for name in tensors if name.startswith("language_model.")}
    vision = "vision_model.class_embedding"
    assert vision in tensors and len(text) < len(tensors)
    assert set(build(source, tensors).targets) == text
    for name, shape in ((f"{vision}s", tensors[vision][1]), (vision, (*tensors[vision][1], 2))):
        changed = {**tensors, name: (torch.bfloat16, shape)}
        with pytest.raises(Fault, match=f"in the files, but not of the model: {name}$"):
            build(source, changed)


def without(tensors: Described, name: str) -> Described:
    return {each: of for each, of in tensors.items() if each != name}


MUTATIONS: dict[str, tuple[Callable[[Described, str], Described], str]] = {
    "renamed": (lambda t, name: without(t, name) | {f"{name}x": t[name]}, "not of the model: .*x"),
    "dropped": (without, "missing"),
    "transposed": (lambda t, name: {**t, name: (t[name][0], t[name][1][::-1])}, "of another shape"),
    "of another dtype": (lambda t, name: {**t, name: (torch.int8, t[name][1])}, r"packed.*\(int8\)"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_is_caught_by_its_name(saved: Saved, mutation: str) -> None:
    checkpoint = open_checkpoint(saved.source)
    tensors: Described = {each.name: (each.torch_dtype, each.shape) for each in checkpoint.tensors.values()}
    long = [m.tensor for m in matrices(checkpoint) if m.group == "ffn" and m.block == 1]
    name = next(each for each in long if tensors[each][1] != tensors[each][1][::-1])
    change, said = MUTATIONS[mutation]
    with pytest.raises(Fault, match=said) as caught:
        build(saved.source, change(tensors, name))
    assert caught.value.code == "bad_input"
    # what is missing has the model's name for it; of experts that are joined, that which all become
    assert name.partition("layers.")[2] in str(caught.value) or ".experts." in str(caught.value)
