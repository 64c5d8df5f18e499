"""What a training loop must not lose: checkpoints, files that are whole or not there, a log."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ALL = (
    "checkpoint-*.pt"  # their names end in a count of as many digits each, so that their order is that of their names
)


def save_checkpoint(
    path: Path, parts: Mapping[str, Any], state: Mapping[str, Any], config: Mapping[str, Any], keep: int = 2
) -> None:
    """Write everything to a new file, checkpoint-000123.pt; older ones go only when it is safely there."""
    import torch

    partial = path.with_suffix(".partial")
    content = {"state": dict(state), "config": dict(config)}
    content |= {name: part.state_dict() for name, part in parts.items()}
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    for old in sorted(path.parent.glob(_ALL))[:-keep]:
        old.unlink()


def newest_checkpoint(folder: str | Path) -> dict[str, Any] | None:
    """The content of the newest one in this folder that can be read, or None."""
    import torch

    for path in sorted(Path(folder).glob(_ALL), reverse=True):
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a disk that filled up, a file cut short: the one before it is still good
            warnings.warn(f"{path.name} cannot be read ({error}); trying the one before", stacklevel=2)
        else:
            return content
    return None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is all there or, whatever happens, as it was."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """One more line of JSON at the end of a log."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
