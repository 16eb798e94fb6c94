"""The weights store: one read-only directory for each recipe, made completely or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from validation.job import Fault, Read, Store, emit, write_json

MANIFEST = "manifest.json"
_BLOCK = 8 << 20


class HashedFile:
    """A new file whose SHA-256 is computed while it is written."""

    def __init__(self, path: Path) -> None:
        self._handle: BinaryIO = path.open("xb", buffering=0)
        self._sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data: memoryview | bytes) -> None:
        """Append `data` whole."""
        view = memoryview(data).cast("B")
        self._sha256.update(view)
        self.bytes += len(view)
        while view:
            view = view[self._handle.write(view) or 0 :]

    def close(self) -> str:
        """Flush the file to disk; returns its SHA-256."""
        os.fsync(self._handle.fileno())
        self._handle.close()
        return self._sha256.hexdigest()

    def abandon(self) -> None:
        """Close a file that will not be used."""
        self._handle.close()


class Entry:
    """An entry of the store while its lock is held (see `locked_entry`)."""

    def __init__(self, store: Store, rebuild: bool = False) -> None:
        self.path = store.root / store.recipe
        self._store = store
        self._rebuild = rebuild
        self._draft: Path | None = None
        self._open: dict[str, HashedFile] = {}
        self._digests: dict[str, tuple[int, str]] = {}

    @property
    def complete(self) -> bool:
        """Whether the store has the complete entry and it is not to be rebuilt."""
        return (
            not self._rebuild
            and self.path.is_dir()
            and entry_problem(self.path, self.path / MANIFEST) is None
        )

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of a complete entry."""
        manifest: dict[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    @property
    def draft(self) -> Path:
        """The directory to fill; created at the first use, and not visible as an entry before `commit`."""
        if self._draft is None:
            name = f"{_draft_prefix(self._store)}{os.getpid()}-{secrets.token_hex(4)}"
            self._draft = self._store.root / name
            self._draft.mkdir()
        return self._draft

    def create(self, name: str) -> HashedFile:
        """Start a file of the draft that is hashed while it is written; end it with `finish(name)`."""
        self._open[name] = HashedFile(self.draft / name)
        return self._open[name]

    def finish(self, name: str) -> None:
        """End a file that `create` started."""
        file = self._open.pop(name)
        self._digests[name] = (file.bytes, file.close())

    def link(self, path: Path) -> None:
        """Add a file of another entry by a hard link, or a copy where the file system has no links.

        Entries are read-only and are deleted only as a whole, so that the bytes stay when the other entry
        goes.
        """
        target = self.draft / path.name
        try:
            target.hardlink_to(path)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copyfile(path, target)
            return  # hashed at the commit: the digest of the original does not prove a copy
        if (known := _known_digest(path)) is not None:
            self._digests[path.name] = known

    def commit(self, device_class: str) -> dict[str, Any]:
        """Make the draft read-only and the entry by one rename.

        Args:
            device_class: the kind of device that computed the numbers; another may give other bytes.

        Returns:
            The manifest: every file with its size in bytes and SHA-256.
        """
        draft = self.draft
        files: dict[str, tuple[int, str]] = {}
        for path in (found for found in draft.rglob("*") if found.is_file()):
            name = path.relative_to(draft).as_posix()
            if name == MANIFEST:  # this one is written below, and cannot list itself
                continue
            if path.stat().st_mode & 0o777 != 0o444:  # one that is linked may be another user's
                path.chmod(0o444)
            files[name] = self._digests.get(name) or _hash(path)
        manifest = {
            "schema": 1,
            "recipe": self._store.recipe,
            "device_class": device_class,
            "files": [
                {"path": name, "bytes": size, "sha256": digest}
                for name, (size, digest) in sorted(files.items())
            ],
            "bytes": sum(size for size, _ in files.values()),
        }
        write_json(draft / MANIFEST, manifest)
        (draft / MANIFEST).chmod(0o444)
        _sync(draft / MANIFEST)
        for directory in [*(found for found in draft.rglob("*") if found.is_dir()), draft]:
            _sync(directory)
        old = draft.with_name(draft.name + "-old")
        if os.path.lexists(self.path):  # incomplete, a link, or to be rebuilt: not `complete` when asked
            self.path.rename(old)
        draft.rename(self.path)
        self._draft = None
        self._rebuild = False
        _sync(self._store.root)
        # Only now: deleting many GB takes seconds, in which the entry must not be missing.
        _remove(old)
        return manifest

    def discard(self) -> None:
        """Remove what was written and not committed."""
        for file in self._open.values():
            file.abandon()
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
            self._draft = None


@contextmanager
def locked_entry(store: Store, *, rebuild: bool = False) -> Iterator[Entry]:
    """Hold the lock of an entry: check whether it is `complete`, else fill its `draft` and `commit`.

    A process that needs several entries takes their locks in the order of the recipes, or two could wait for
    each other. Stale drafts that a killed process left of this entry are removed. With `rebuild` an
    existing entry is not complete: the next `commit` replaces it.
    """
    locks = store.root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(locks / f"{store.recipe}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit("progress", message=f"waiting: another process makes {store.recipe[:12]}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in store.root.glob(f"{_draft_prefix(store)}*"):
            _remove(left)
        entry = Entry(store, rebuild)
        try:
            yield entry
        finally:
            entry.discard()
    finally:
        os.close(descriptor)


def open_entry(read: Read) -> Path:
    """The weights directory that an earlier cell made, after a check that it is complete and the right one.

    Raises:
        Fault: `weights_missing` when the manifest, the directory or a file of it is missing or has another
            size, or when the entry has been rebuilt with other contents.
    """
    manifest = read.manifest or read.path / MANIFEST
    problem = entry_problem(read.path, manifest)
    if problem is None and read.manifest is not None and (read.path / MANIFEST).is_file():
        inside = json.loads((read.path / MANIFEST).read_text(encoding="utf-8"))
        if inside != json.loads(manifest.read_text(encoding="utf-8")):
            problem = f"{read.path}: not the weights that {manifest} describes; they have been made again"
    if problem is None:
        return read.path
    target = (
        "data"
        if "data" in manifest.parts[-3:-1]
        else "setup"
        if "baseline" in manifest.name
        else "inject"
        if manifest.name.startswith("error_")
        else "edit', 'adopt' or 'program"
    )
    raise Fault(
        "weights_missing",
        problem,
        f"Weights are not in the cache of nx. Make them again: run the '{target}' target of the "
        "variant with --skip-nx-cache.",
    )


def entry_problem(path: Path, manifest: Path) -> str | None:
    """The problem of the entry at `path`, compared with a manifest by names and sizes; None if complete."""
    try:
        described = json.loads(manifest.read_text(encoding="utf-8"))
        sizes = [(str(file["path"]), int(file["bytes"])) for file in described["files"]]
    except OSError as error:
        return f"{manifest}: cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError) as error:
        return f"{manifest}: not a manifest ({type(error).__name__}: {error})"
    if path.is_symlink():
        return f"{path}: a link, no weights of this store: what it leads to can change unseen"
    if not path.is_dir():
        return f"{path}: no such directory of weights"
    for name, size in sizes:
        try:
            status = (path / name).lstat()
        except OSError:
            return f"{path / name}: missing"
        if not stat.S_ISREG(status.st_mode):
            return f"{path / name}: no file of this store (a link, perhaps)"
        found = status.st_size
        if found != size:
            return f"{path / name}: {found} bytes, {size} expected"
    return None


def _known_digest(path: Path) -> tuple[int, str] | None:
    """Size in bytes and SHA-256 of a file, from the manifest of its entry; None without one."""
    try:
        manifest = json.loads((path.parent / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    for file in manifest["files"]:
        if file["path"] == path.name:
            return int(file["bytes"]), str(file["sha256"])
    return None


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _draft_prefix(store: Store) -> str:
    return f".tmp-{store.recipe}-"


def _hash(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
            size += len(block)
        os.fsync(handle.fileno())
    return size, digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
