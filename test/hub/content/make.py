"""`python make.py DIRECTORY`: the repositories that the hub of the tests serves, the same bytes every time.

`DIRECTORY/{models,datasets}/<namespace>/<name>/…`, each as a clone of the real repository would look.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset
from models import MODELS, write_models
from tables import Config, repositories


def write_dataset(directory: Path, configs: list[Config]) -> None:
    """Parquet files, and a README whose head says which configuration has which."""
    infos: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for config in configs:
        (directory / config.directory).mkdir(parents=True)
        splits = []
        for split, rows in config.splits.items():
            table = Dataset.from_list(rows, features=config.features)
            path = directory / config.directory / f"{split}-00000-of-00001.parquet"
            table.to_parquet(path)
            splits.append({"name": split, "num_bytes": table.data.nbytes, "num_examples": len(rows)})
        infos.append(
            {
                "config_name": config.name,
                "features": config.features._to_yaml_list(),
                "splits": splits,
                "download_size": sum(
                    path.stat().st_size for path in (directory / config.directory).iterdir()
                ),
                "dataset_size": sum(split["num_bytes"] for split in splits),
            }
        )
        data_files = [{"split": split, "path": f"{config.directory}/{split}-*"} for split in config.splits]
        heads.append({"config_name": config.name, "data_files": data_files})
    head = {"language": ["en"], "dataset_info": infos, "configs": heads}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    (directory / "README.md").write_text(f"---\n{text}---\n# Made for tests\n")
    (directory / ".gitattributes").write_text("*.parquet filter=lfs diff=lfs merge=lfs -text\n")


def main(root: Path) -> None:
    """Write all repositories."""
    for name, configs in repositories().items():
        write_dataset(root / "datasets" / name, configs)
    write_models(root / "models")
    for small in MODELS:
        directory = root / "models" / small.id
        (directory / "README.md").write_text(f"---\nlicense: other\n---\n# {small.id}, made for tests\n")
        (directory / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
