"""The package's Python files at the time of import, with which a warm host notices that one has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path


class Sources:
    """The package's Python files as they were imported."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = self._look()
        lines = [
            f"{path.relative_to(root).as_posix()}\t{hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in sorted(self._seen, key=str)
        ]
        #: As tools/execution/worker/warm-key.ts makes it.
        self.digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def changed(self) -> str | None:
        """A file that has changed since the start, or None."""
        now = self._look()
        differing = [path for path in {*now, *self._seen} if now.get(path) != self._seen.get(path)]
        return str(min(differing)) if differing else None

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in self._root.rglob("*.py"):
            try:
                stat = path.stat()
            except OSError:
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
        return found
