"""Any JSON value, copied within limits: finite numbers, proper text, so deep and so many and no more."""

import math
from collections.abc import Mapping
from typing import Any

from bridge import limits
from bridge.errors import InputError, TooLarge
from bridge.ports.words import came

LOWEST_INT, HIGHEST_INT = -(2**63), 2**64 - 1  # what MessagePack carries


def copied(value: Any, field: str) -> Any:
    """A copy that JSON can carry, tuples and arrays as lists; InputError about the field where it can't be one."""
    return _Copy(field).of(value, 0)


def proper(text: str) -> bool:
    """Can it be written as UTF-8? JSON lets halves of characters through that can't."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Copy:
    __slots__ = ("field", "left")

    def __init__(self, field: str) -> None:
        self.field = field
        self.left = limits.JSON_ITEMS

    def of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return value if proper(value) else self._refuse("a text that is not valid Unicode")
        if kind is float:
            return value if math.isfinite(value) else self._refuse(came(value))
        if kind is int:
            return value if LOWEST_INT <= value <= HIGHEST_INT else self._refuse("a number with very many digits")
        if kind is dict:
            self._enter(len(value), depth)
            return {self._key(key): self.of(item, depth + 1) for key, item in value.items()}
        if kind is list or kind is tuple:
            self._enter(len(value), depth)
            return [self.of(item, depth + 1) for item in value]
        return value if kind is bool or value is None else self._converted(value, depth)

    def _converted(self, value: Any, depth: int) -> Any:
        """What Python has and JSON has not, where there is no doubt what is meant."""
        if hasattr(value, "tolist"):  # numpy arrays and numbers, array.array
            self._enter(getattr(value, "size", 1), depth)
            return self.of(value.tolist(), depth + 1)
        for plain in (str, int, float):
            if isinstance(value, plain):
                return self.of(plain(value), depth)
        if isinstance(value, Mapping):
            return self.of(dict(value), depth)
        return self.of(list(value), depth) if isinstance(value, (list, tuple)) else self._refuse(came(value))

    def _enter(self, count: int, depth: int) -> None:
        if depth >= limits.JSON_DEPTH:
            hint = f"up to {limits.JSON_DEPTH} levels are taken"
            raise InputError(f"{self.field} is nested too deeply", hint=hint, field=self.field)
        self.left -= count
        if self.left < 0:
            hint = f"up to {limits.JSON_ITEMS} items are taken"
            raise TooLarge(f"{self.field} holds too much", hint=hint, field=self.field)

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            self._refuse(f"an object with {came(key)} as a name")
        elif not proper(key):
            self._refuse("a text that is not valid Unicode")
        return str(key)

    def _refuse(self, what: str) -> Any:
        hint = "JSON has texts, finite numbers, true, false, null, lists and objects"
        raise InputError(f"{self.field} takes JSON; {what} came", hint=hint, field=self.field)
