"""Where the repository under test lies, for tests that read its files or start processes with its modules."""

import os
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
PYTHON_ROOT = SUPPORT.parents[1]
REPOSITORY = PYTHON_ROOT.parents[1]
SMOKE = REPOSITORY / "suites" / "smoke"
# For a process of a test's own: the package, and the helpers of tests.
PYTHONPATH = os.pathsep.join([str(PYTHON_ROOT), str(SUPPORT)])
