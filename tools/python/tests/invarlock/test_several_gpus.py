"""The real InvarLock on a model over two simulated GPUs: no devices are mixed, the values are the CPU's."""

from __future__ import annotations

from pathlib import Path

from invarlock_rig import run_child


def test_a_calibration_over_two_gpus_is_that_of_one_device(tmp_path: Path) -> None:
    found, said = run_child(
        "spread_child.py",
        tmp_path,
        CUDA_VISIBLE_DEVICES="",  # of the host's own
        HF_DEACTIVATE_ASYNC_LOAD="1",
    )
    assert found["ends"] == {"calibrate-cpu": 0, "calibrate-two": 0}, said[-3000:]
    assert found["mixed"].startswith("Expected all tensors to be on the same device")
    # Every window's activations go over, and its logits come back.
    assert found["copies"]["cuda:0 to cuda:1"] >= 400
    assert found["copies"]["cuda:1 to cuda:0"] >= 400
    one, two = (tmp_path / name / "out" / "extract.json" for name in ("calibrate-cpu", "calibrate-two"))
    assert one.read_bytes() == two.read_bytes()
