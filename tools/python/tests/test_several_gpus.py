"""The real InvarLock on a model over two simulated GPUs: no devices are mixed, the values are the CPU's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_a_calibration_over_two_gpus_is_that_of_one_device(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",  # of the host's own
        "HF_DEACTIVATE_ASYNC_LOAD": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    }
    done = subprocess.run(
        [sys.executable, str(TESTS / "spread_child.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ends"] == {"calibrate-cpu": 0, "calibrate-two": 0}, done.stderr[-3000:]
    assert found["mixed"].startswith("Expected all tensors to be on the same device")
    # Every window's activations go over, and its logits come back.
    assert found["copies"]["cuda:0 to cuda:1"] >= 400
    assert found["copies"]["cuda:1 to cuda:0"] >= 400
    one, two = (tmp_path / name / "out" / "extract.json" for name in ("calibrate-cpu", "calibrate-two"))
    assert one.read_bytes() == two.read_bytes()
