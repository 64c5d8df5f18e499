"""How values are told in errors: short, exact, in words."""

import math
from typing import Any

_TEXT = 40  # characters of a text that came


def came(value: Any) -> str:
    """What came: 7, true, the text 'hello', a list of 3."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return f"the text {shortened(value)!r}" if value else "an empty text"
    return _counted(value)


def number(value: float) -> str:
    """7, 0.5, NaN, infinity; never 7.0."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number with very many digits"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    return repr(float(value)).removesuffix(".0")


def shortened(text: str) -> str:
    """The beginning of a text, printable whatever was in it."""
    text = text if len(text) <= _TEXT else text[: _TEXT - 3] + "..."
    return text.encode("utf-8", "replace").decode()


def span(low: Any, high: Any, of: str = "") -> str:
    """What two bounds, either of which may be None, leave: 0 to 1, 3 or more, exactly 4, up to 5."""
    tail = f" {of}" if of else ""
    if low is not None and low == high:
        return f"exactly {number(low)}{tail}"
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}{tail}"
    if low is not None:
        return f"{number(low)} or more{tail}"
    return f"up to {number(high)}{tail}" if high is not None else ""


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    return f"{count / 1024:.3g} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.4g} MiB"


def _counted(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return size(len(value))
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if hasattr(value, "shape"):
        return f"an array of {' × '.join(map(str, value.shape)) or 'one'}"
    if hasattr(value, "format") and hasattr(value, "data"):
        return f"{value.format} data"
    return f"a value of type {type(value).__name__}"
