"""`python -m validation.warm`: starts a warm host, which imports the libraries once and forks for each job.

It binds its socket, goes to the background (in a session of its own, not a child of its starter) and serves.
tools/execution/worker/warm-host.ts starts it; see docs/warm-host.md.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from pathlib import Path

from validation.warm import child as warm_child
from validation.warm import preload as warm_preload
from validation.warm.host import Host
from validation.warm.preload import Stage
from validation.warm.sources import Sources

_PACKAGE = Path(__file__).resolve().parents[1]


def main() -> None:
    """Bind, go to the background, serve; in a forked child: run the job."""
    arguments = _arguments()
    stages = _stages(arguments.preload)
    path = arguments.directory / f"{arguments.name}.sock"
    listener = _bind(path)
    host = os.fork()
    if host != 0:
        _note_pid(arguments.directory / f"{arguments.name}.pid", host)
        os._exit(0)  # bound: from now on a caller waits until the host has imported what the job needs
    os.setsid()
    _redirect(arguments.directory / f"{arguments.name}.log")
    warm_preload.enter_import_environment()
    sources = Sources(_PACKAGE)
    if sources.digest != arguments.sources:
        print("the sources changed while it started", flush=True)
        path.unlink(missing_ok=True)
        sys.exit(1)
    child = Host(
        listener,
        path,
        key=arguments.key,
        stages=stages,
        idle_seconds=arguments.idle,
        changed=sources.changed,
    ).serve()
    if child is not None:
        warm_child.run(child.request, child.connection, child.imported)
    os._exit(0)  # skips the interpreter's clean-up of all imports, which takes a second


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m validation.warm", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where socket and log lie (mode 0700)")
    parser.add_argument("--name", required=True, help="their name, without ending")
    parser.add_argument("--key", required=True, help="what requests must be made for")
    parser.add_argument("--sources", required=True, help="digest of the package's Python files")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds without a job before it ends")
    parser.add_argument("--preload", help="other stages to import: JSON, [{modules: […], kinds: […]}, …]")
    return parser.parse_args()


def _stages(given: str | None) -> tuple[Stage, ...]:
    if given is None:
        return warm_preload.STAGES
    return tuple(Stage(tuple(each["modules"]), frozenset(each["kinds"])) for each in json.loads(given))


def _bind(path: Path) -> socket.socket:
    """A listening socket at a path of any length; a stale one of a dead host is replaced."""
    os.chdir(path.parent)  # a socket's address holds 107 bytes, a path may be longer
    Path(path.name).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    listener.bind(path.name)
    os.umask(before)
    listener.listen(128)
    return listener


def _note_pid(path: Path, pid: int) -> None:
    """Whoever waits for a host's answer looks there whether it is stopped."""
    whole = path.with_suffix(".pid.new")
    whole.write_text(f"{pid}\n")
    whole.replace(path)


def _redirect(log: Path) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for descriptor, place in ((null, 0), (out, 1), (out, 2)):
        os.dup2(descriptor, place)
    os.close(null)
    os.close(out)


if __name__ == "__main__":
    main()
