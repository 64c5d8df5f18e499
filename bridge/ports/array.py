"""Lists whose items are all of one kind."""

import math
from collections.abc import Iterator
from typing import Any

from bridge import limits
from bridge.errors import ModelFailed, TooLarge
from bridge.ports.base import Encoding, Port
from bridge.ports.vector import listed
from bridge.ports.words import came, span


class Array(Port, frozen=True, tag="array"):
    """A list. Each item is parsed, loaded and dumped by the item's own port."""

    formats = ("json",)

    item: Any = None  # a port
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.item, dict):  # as it crosses: the union of all kinds is known only above this file
            from bridge.ports import build

            self._set("item", build(self.item))
        elif isinstance(self.item, type) and issubclass(self.item, Port):
            self._set("item", self.item())
        Port.__post_init__(self)

    @property
    def takes(self) -> str:
        bounds = span(self.min_length or None, self.max_length)
        return f"a list{f' of {bounds}' if bounds else ''}, each {self.item.takes}"

    def parse(self, raw: Any, field: str) -> list[Any]:
        items = _items(raw)
        if items is None:
            raise self._refused(raw, field)
        if len(items) > limits.JSON_ITEMS:
            raise TooLarge(f"{field} takes up to {limits.JSON_ITEMS} items; {len(items)} came", field=field)
        if not self.min_length <= len(items) <= (math.inf if self.max_length is None else self.max_length):
            raise self._refused(raw, field)
        return [self.item.parse(item, f"{field}[{index}]") for index, item in enumerate(items)]

    def parse_text(self, text: str, field: str) -> list[Any]:
        """[1, 2] and 1, 2; of other items a JSON list."""
        found = listed(text)
        if isinstance(found, str):
            found = [part.strip() for part in text.split(",")] if text.strip() else []
        return self.parse(found, field)

    def load(self, value: list[Any], field: str) -> list[Any]:
        return [self.item.load(item, f"{field}[{index}]") for index, item in enumerate(value)]

    def release(self, loaded: Any) -> None:
        for item in loaded:
            self.item.release(item)

    def encoding(self, wanted: Encoding | None, field: str) -> Encoding:
        """That of the items: a list of pictures may be wanted as PNG."""
        encoding: Encoding = self.item.encoding(wanted, field)
        return encoding

    def dump(self, value: Any, encoding: Encoding, field: str) -> list[Any]:
        items = _items(value)
        if items is None:
            raise self._unfit(value, field)
        if not self.min_length <= len(items) <= (math.inf if self.max_length is None else self.max_length):
            raise ModelFailed(f"the model gave out {came(items)} for {field}", hint=f"it is {self.takes}", field=field)
        return [self.item.dump(item, encoding, f"{field}[{index}]") for index, item in enumerate(items)]

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.item, Port):
            yield f"its items are {came(self.item)}; say what they are, such as Array(Text())"
        if type(self.min_length) is not int or self.min_length < 0:
            yield f"min_length is {came(self.min_length)}; it takes a whole number of 0 or more"
        if self.max_length is not None and (type(self.max_length) is not int or self.max_length < self.min_length):
            yield f"max_length is {came(self.max_length)}; it takes a whole number of min_length or more"

    def _mild(self) -> list[Any]:
        mild = self.item.neutral()
        return [] if mild is None else [mild] * self.min_length

    def _shape(self) -> dict[str, Any]:
        shape: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.min_length:
            shape["minItems"] = self.min_length
        if self.max_length is not None:
            shape["maxItems"] = self.max_length
        return shape


def _items(raw: Any) -> list[Any] | None:
    """The items of whatever is a list; None for texts, objects and single values."""
    if isinstance(raw, list):
        return raw
    if isinstance(raw, tuple):
        return list(raw)
    if hasattr(raw, "tolist") and getattr(raw, "ndim", 1) >= 1:
        return list(raw) if getattr(raw, "ndim", 1) > 1 else list(raw.tolist())
    return None


