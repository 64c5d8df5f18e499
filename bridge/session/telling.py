"""How what a session deals with is told to people: errors whole, values in short."""

from collections.abc import Mapping
from typing import Any

from bridge.errors import BridgeError, ModelStopped
from bridge.ports import Blob

_SHOWN = 200  # characters of a text, items of a list


def was_stopped(name: str) -> ModelStopped:
    """Why nothing can be asked of a session that was stopped."""
    return ModelStopped(f"{name} was stopped", hint=f"start it again: POST /api/sessions/{name}/start")


def info(error: BridgeError | None) -> dict[str, str] | None:
    """An error as JSON."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint, "field": error.field}


def briefly(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without bytes, and of long texts and lists the beginning."""
    return {name: _shortened(value) for name, value in values.items()}


def brief(value: Any) -> Any:
    """Whole, but for bytes: of those what they are and how many."""
    if isinstance(value, Blob):
        return {"format": value.format, "bytes": len(value.data), **value.meta}
    return value


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN:
        return value[:_SHOWN] + "…"
    if isinstance(value, list) and len(value) > _SHOWN:
        return [*value[:_SHOWN], "…"]
    return brief(value)
