"""Data sets by the names they had before there were namespaces: datasets 5 loads none of these itself.

InvarLock 0.3.7 asks for `wikitext`, and tasks of lm-eval for `xnli` and others. The hub redirects such a
name, but datasets then looks up `hf://datasets/<name>`, which has to have two parts.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Needed wherever there is no hub to ask: it is InvarLock's own.
_KNOWN = {"wikitext": "Salesforce/wikitext"}
_TIMEOUT_S = 20.0


@contextlib.contextmanager
def any_name() -> Iterator[None]:
    """Within it datasets loads by any name that the hub knows, whoever calls it."""
    load: Any = importlib.import_module("datasets.load")
    factory = load.dataset_module_factory

    def by_any_name(path: str, *given: Any, **named: Any) -> Any:
        return factory(full_name(path), *given, **named)

    load.dataset_module_factory = by_any_name
    try:
        yield
    finally:
        load.dataset_module_factory = factory


def full_name(name: str) -> str:
    """The name with its namespace; as it is where it has one, is no name, or nobody knows of it."""
    builders = importlib.import_module("datasets.packaged_modules")._PACKAGED_DATASETS_MODULES
    if "/" in name or name in builders or Path(name).exists():
        return name
    return _KNOWN.get(name) or _at_the_hub(name) or _in_the_cache(name) or name


def _at_the_hub(name: str) -> str | None:
    """What the hub redirects it to.

    Raises:
        HfHubHTTPError: The hub answers with an error of its own (throttled, broken).
    """
    hub: Any = importlib.import_module("huggingface_hub")
    errors = importlib.import_module("huggingface_hub.errors")
    try:
        return str(hub.HfApi().dataset_info(name, timeout=_TIMEOUT_S).id)
    except (errors.RepositoryNotFoundError, errors.OfflineModeIsEnabled):
        return None
    except errors.HfHubHTTPError:
        raise
    except Exception:  # no hub to be reached: what is in the cache may do
        return None


def _in_the_cache(name: str) -> str | None:
    """The one of that name that was loaded before."""
    config = importlib.import_module("datasets.config")
    cache = Path(importlib.import_module("huggingface_hub.constants").HF_HUB_CACHE)
    found = {path.name.split("--")[1] for path in cache.glob(f"datasets--*--{name}")}
    found |= {path.name.split("___")[0] for path in Path(config.HF_DATASETS_CACHE).glob(f"*___{name}")}
    return f"{found.pop()}/{name}" if len(found) == 1 else None
