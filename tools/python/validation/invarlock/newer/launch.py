"""The command of another InvarLock whose data come from the hub: with the names and caches of this suite.

Run as `python -m validation.invarlock.newer.launch [entry of the store …] -- <arguments of InvarLock>`.
"""

from __future__ import annotations

import contextlib
import runpy
import sys
from pathlib import Path

from validation.compute.cpu_products import fast_products
from validation.hub.dataset_names import any_name
from validation.hub.offline import offline_caches


def main() -> None:
    """Run InvarLock in this process, offline where a cell of the suite fetched the data."""
    at = sys.argv.index("--")
    entries = [Path(path) for path in sys.argv[1:at]]
    sys.argv = ["invarlock", *sys.argv[at + 1 :]]
    fast_products()
    with contextlib.ExitStack() as stack:
        if entries:
            stack.enter_context(offline_caches(Path.cwd(), entries))
        stack.enter_context(any_name())
        runpy.run_module("invarlock", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
