"""Real transformers models of every family: saved, set up, edited or struck by an error, loaded and run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from family_models import KINDS, logits, make, role, save
from weights_rig import EIGHT, load_model, make_job, recipe, stored, write_model

from validation.cells import edit, inject, setup
from validation.edits import parse_edit
from validation.edits.base import Weights
from validation.job import Job, Read, Store
from validation.variants.errors import ERRORS
from validation.weights.checkpoint import open_checkpoint
from validation.weights.matrices import matrices
from validation.weights.matrix import Matrix
from validation.weights.rewrite import Copy, Loaded, by_piece, rewrite
from validation.weights.store import MANIFEST, locked_entry

#: Each kind of edit from weak to strong.
LADDERS: tuple[list[dict[str, object]], ...] = (
    [{"type": "quant_rtn", "bits": bits, "group_size": 16, "scope": "all"} for bits in (8, 4, 2)],
    [{"type": "magnitude_prune", "sparsity": share, "scope": "all"} for share in (0.05, 0.4, 0.9)],
    [{"type": "lowrank_svd", "rank": rank, "scope": "all"} for rank in (31, 16, 2)],
    [{"type": "fp4_quant", "format": "e2m1", "scope": scope} for scope in ("ffn", "all")],
)


def entry(job: Job, name: str) -> Path:
    store = next(part.store for part in job.parts if part.name == name)
    assert store is not None
    return store.root / store.recipe


@pytest.fixture(scope="module", params=KINDS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Read]:
    """A baseline in the store, set up from what transformers saved."""
    path = tmp_path_factory.mktemp("model")
    source = {"type": "path", "path": str(save(request.param, path / "model"))}
    job = make_job(path, "setup", {"setup": {"source": source}}, store=path / "store")
    setup.run(job)
    return path, Read(entry(job, "setup"), job.only.out / MANIFEST, "")


def rest_of(baseline: Path, found: list[Matrix]) -> set[str]:
    return open_checkpoint(baseline).tensors.keys() - {matrix.tensor for matrix in found}


def test_what_is_edited_and_what_never_is(saved: tuple[Path, Read]) -> None:
    _, baseline = saved
    found = matrices(open_checkpoint(baseline.path))
    assert {matrix.block for matrix in found} == {0, 1, 2}
    roles = [role(matrix.name) for matrix in found if matrix.block == 0]
    assert roles[:3] == ["q", "k", "v"] and set(roles) >= {"o", "in", "out"}
    assert [matrix.group for matrix in found if matrix.block == 0] == [
        "attn" if word in "qkvo" else "ffn" for word in roles
    ]
    for name in rest_of(baseline.path, found):
        parts = set(name.split("."))
        unedited = parts & {"bias", "lm_head", "embed_out", "gate", "shared_expert_gate", "project_in", "wpe"}
        assert unedited or any(word in name for word in ("norm", "ln_", "embed", "wte", "project_out")), name


def changed(saved: tuple[Path, Read], wanted: str) -> torch.Tensor:
    """Logits of the model with all matrices of one role zeroed, as the table of its family finds them."""
    path, baseline = saved
    source = open_checkpoint(baseline.path)
    pieces = by_piece([matrix for matrix in matrices(source) if role(matrix.name) == wanted])

    def zero(loaded: Loaded) -> torch.Tensor:
        result = loaded.values.clone()
        for matrix in pieces[loaded.piece]:
            matrix.put(result, torch.zeros_like(matrix.take(result)))
        return result

    with locked_entry(Store(path / "store", recipe(f"zero {wanted}"))) as made:
        rewrite(source, [Copy(made, pieces, zero)], "zeros")
        made.commit("cpu")
    return logits(made.path)


def test_logical_matrices_are_what_the_model_takes_them_for(saved: tuple[Path, Read]) -> None:
    """No values give no attention, as no output of it does; without q all keys are alike, as without k."""
    before = logits(saved[1].path)
    for one, other in (("v", "o"), ("q", "k"), ("in", "out")):
        assert torch.equal(changed(saved, one), changed(saved, other)), (one, other)
        assert not torch.equal(changed(saved, one), before), one


def of_tensor(matrix: Matrix, tensor: torch.Tensor) -> torch.Tensor:
    """The logical matrix of the whole tensor it lies in."""
    piece = matrix.piece
    return matrix.take(tensor.reshape(-1)[piece.first : piece.first + piece.elements].view(piece.shape))


def test_edits_load_and_run_and_a_stronger_one_has_a_larger_effect(saved: tuple[Path, Read]) -> None:
    path, baseline = saved
    specs = {f"{spec['type']}_{step}": spec for ladder in LADDERS for step, spec in enumerate(ladder)}
    job = make_job(path, "edit", specs, store=path / "store", baseline=baseline)
    edit.run(job)
    reference, before = logits(baseline.path), load_model(baseline.path)
    found_matrices = matrices(open_checkpoint(baseline.path))
    untouched = rest_of(baseline.path, found_matrices)
    effects = {}
    for name in specs:
        after, found = load_model(entry(job, name)), logits(entry(job, name))
        assert torch.isfinite(found).all(), name
        effects[name] = float((found - reference).norm())
        assert [(key, t.shape, t.dtype) for key, t in after.items()] == [
            (key, t.shape, t.dtype) for key, t in before.items()
        ]
        assert all(torch.equal(after[key], before[key]) for key in untouched), name
        for matrix in found_matrices:
            old, new = (of_tensor(matrix, tensors[matrix.tensor]) for tensors in (before, after))
            expected = parse_edit(specs[name]).apply(Weights("w", old.contiguous())).values
            edited = specs[name]["scope"] in ("all", matrix.group)
            assert torch.equal(new, expected if edited else old), (name, matrix.name)
    for ladder in LADDERS:
        steps = [effects[f"{ladder[0]['type']}_{step}"] for step in range(len(ladder))]
        assert steps[0] > 0 and steps == sorted(steps), (ladder[0]["type"], steps)


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_load_and_show(saved: tuple[Path, Read], kind: str) -> None:
    path, baseline = saved
    job = make_job(path, "inject", {"error": {"error": kind}}, store=path / "store", baseline=baseline)
    inject.run(job)
    found = logits(entry(job, "error"))
    assert not torch.equal(found, logits(baseline.path))
    # Where a kernel of attention masks -Inf, an infinite score is one more number: only the difference shows.
    if kind != "inf_injection":
        assert bool(torch.isfinite(found).all()) == (kind != "nan_injection")


def test_fused_and_single_experts_are_edited_alike(tmp_path: Path) -> None:
    model = make("mixtral")
    model.save_pretrained(tmp_path / "single")
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_model(tmp_path / "fused", tensors, config=model.config.to_dict() | {"dtype": "bfloat16"})
    for name, spec in EIGHT.items():
        found = []
        for layout in ("single", "fused"):
            store = tmp_path / f"store-{layout}"
            baseline = stored(store, tmp_path / layout)
            job = make_job(
                tmp_path / "jobs" / layout / name, "edit", {name: spec}, store=store, baseline=baseline
            )
            edit.run(job)
            found.append(logits(entry(job, name)))
        assert torch.equal(found[0], found[1]), name
