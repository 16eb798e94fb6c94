"""Guards prepared on the true baseline: the real InvarLock on a model made here, and weights taken over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from invarlock_rig import run_child

from validation.invarlock.true_baseline import take_weights
from validation.job import Fault


class Tied(torch.nn.Module):
    """Two layers of one weight, or of two."""

    def __init__(self, *, tied: bool, width: int = 3) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, width, bias=False)
        self.last = torch.nn.Linear(3, width, bias=False)
        self.register_buffer("seen", torch.rand(2))
        if tied:
            self.last.weight = self.first.weight


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("new", [True, False])
def test_the_subjects_weights_take_the_place_of_the_baselines(own: bool, new: bool) -> None:
    model, other = Tied(tied=own).to(torch.bfloat16), Tied(tied=new)
    take_weights(model, other)
    for (name, one), (_, two) in zip(model.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(one, two.to(torch.bfloat16)), name
        assert one.dtype == torch.bfloat16
    assert (model.first.weight is model.last.weight) is new


def test_a_subject_of_other_tensors_is_bad_input() -> None:
    with pytest.raises(
        Fault, match=r"the subject's first has other tensors: weight \(4, 3\) instead of"
    ) as caught:
        take_weights(Tied(tied=False), Tied(tied=False, width=4))
    assert caught.value.code == "bad_input"
    more = Tied(tied=False)
    more.add_module("head", torch.nn.Linear(2, 2))
    with pytest.raises(Fault, match="modules that the baseline lacks: "):
        take_weights(Tied(tied=False), more)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the guards say of four subjects of the real InvarLock."""
    root = tmp_path_factory.mktemp("guards")
    ends, said = run_child("judges/guards_child.py", root)
    assert set(ends.values()) == {0}, said[-3000:]
    return {
        name: json.loads(Path(root / name / "out" / "guards.json").read_text())["guards"] for name in ends
    }


def test_guards_see_what_differs_from_the_baseline(found: dict[str, dict[str, Any]]) -> None:
    same, flat = found["guards-same"], found["guards-flat"]
    assert {name: (guard["fate"], guard["passed"]) for name, guard in same.items()} == {
        "spectral": ("ran", True),
        "rmt": ("ran", True),
    }
    measures = same["rmt"]["measures"]
    assert measures["edge_risk_by_family"] == measures["edge_risk_by_family_base"]
    # A matrix of rank one in the place of a full one: `certify` compares it with itself.
    assert (flat["spectral"]["passed"], flat["rmt"]["passed"]) == (False, False)
    assert (
        flat["rmt"]["measures"]["edge_risk_by_family"]["ffn"] > 1.01 * measures["edge_risk_by_family"]["ffn"]
    )
    assert abs(flat["spectral"]["measures"]["z_scores"]["model.layers.0.mlp.down_proj"]) > 3.849


def test_what_guards_say_of_nan_and_of_a_crash(found: dict[str, dict[str, Any]]) -> None:
    assert found["guards-nan"]["rmt"]["fate"] == "ran"
    assert found["guards-crash"]["rmt"]["fate"] == "errored: by an exception: the guard is broken"
    assert found["guards-crash"]["spectral"] == found["guards-same"]["spectral"]
