"""The check of INVARLOCK_REQUIRE_FP4_NATIVE: native FP4 must be available where it is required."""

from __future__ import annotations

import importlib.util

from validation.job import Fault, Job


def require_native_fp4(job: Job) -> None:
    """Fail at once where INVARLOCK_REQUIRE_FP4_NATIVE asks for TransformerEngine and there is none.

    The edit itself is simulated either way.

    Raises:
        Fault: `misconfigured`.
    """
    asked = job.site.require_fp4_native and any(part.spec.get("type") == "fp4_quant" for part in job.parts)
    if not asked or importlib.util.find_spec("transformer_engine") is not None:
        return
    raise Fault(
        "misconfigured",
        "native FP4 is required (INVARLOCK_REQUIRE_FP4_NATIVE), and TransformerEngine is not installed",
        "install transformer-engine into .venv, or unset INVARLOCK_REQUIRE_FP4_NATIVE",
    )
