"""Lists of one kind, and the list of all kinds."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import plain
from bridge.ports.audio import Audio
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.files import Directory, File
from bridge.ports.image import Image, Picture
from bridge.ports.places import Box, Landmarks, Point
from bridge.ports.plain import Boolean, Category, Number, Text, length_flaws
from bridge.ports.segmentation import Segmentation
from bridge.ports.vector import Vector, listed
from bridge.ports.words import came, span

_SHOWN = 60  # characters of a text, in a hint
_APART = ("number", "boolean", "category")  # kinds that a comma divides; a text may have one


class Array(Port, frozen=True, tag="array"):
    """A list of values of one port. Outputs take the encoding of their items."""

    item: "AnyPort"
    min_length: int = 0
    max_length: int | None = None

    @property
    def takes(self) -> str:
        bounds = span(self.min_length or None, self.max_length)
        return f"a list of {bounds}" if bounds else "a list"

    def parse(self, raw: Any, field: str) -> list[Any]:
        items = self._items(raw, field)
        parse = self.item.parse
        try:
            found = [parse(item, field) for item in items]
        except InputError:  # once more, to tell which one it is
            found = [parse(item, f"{field}[{index}]") for index, item in enumerate(items)]
        if isinstance(self.item, (Picture, Array)):
            self._check_pixels(found, field)
        return found

    def parse_text(self, text: str, field: str) -> list[Any]:
        """A list as JSON writes it; else numbers, names and the like with commas between, of other kinds the one."""
        given = listed(text) if text.lstrip().startswith("[") else text
        if isinstance(given, list):
            return self.parse(given, field)
        pieces = [piece.strip() for piece in text.split(",")] if self.item.kind in _APART else [text]
        pieces = [] if pieces == [""] else pieces
        return self.parse([self.item.parse_text(piece, f"{field}[{n}]") for n, piece in enumerate(pieces)], field)

    def load(self, value: list[Any], field: str) -> list[Any]:
        loaded: list[Any] = []
        try:
            for index, item in enumerate(value):
                loaded.append(self.item.load(item, f"{field}[{index}]"))
        except BaseException:
            self.release(loaded)
            raise
        return loaded

    def release(self, loaded: Any) -> None:
        for item in loaded:
            self.item.release(item)

    def dump(self, value: Any, encoding: Encoding, field: str) -> list[Any]:
        items = self._given(value, field)
        dump = self.item.dump
        return [dump(item, encoding, f"{field}[{index}]") for index, item in enumerate(items)]

    def encoding(self, wanted: Encoding | None, field: str) -> Encoding:
        return self.item.encoding(wanted, field)

    def _items(self, raw: Any, field: str) -> list[Any] | tuple[Any, ...]:
        if hasattr(raw, "tolist") and "json" in self.item.formats:
            raw = raw.tolist()
        elif getattr(raw, "ndim", 0):  # pictures or sounds in one array
            raw = list(raw)
        if not isinstance(raw, (list, tuple)):
            raise self._refused(raw, field, _as_list(raw))
        items: list[Any] | tuple[Any, ...] = raw
        if len(items) > limits.JSON_ITEMS:
            raise TooLarge(f"{field} takes up to {limits.JSON_ITEMS} items; {len(items)} came", field=field)
        if len(items) < self.min_length or (self.max_length is not None and len(items) > self.max_length):
            raise InputError(f"{field} takes {self.takes}; {len(items)} came", field=field)
        return items

    def _given(self, value: Any, field: str) -> list[Any]:
        """What the model gave out, item by item: any list, tuple, array, but no text."""
        if isinstance(value, (str, bytes, bytearray, dict)) or not hasattr(value, "__iter__"):
            raise self._unfit(value, field)
        if hasattr(value, "tolist") and "json" in self.item.formats:
            value = value.tolist()
        items = list(value) if isinstance(value, (list, tuple)) or hasattr(value, "__len__") else None
        if items is None:
            raise self._unfit(value, field, "give a list, not something that is still being made")
        if self.max_length is not None and len(items) > self.max_length:
            hint = f"{field} is declared as {self.takes}"
            raise ModelFailed(f"the model gave out {len(items)} items for {field}", hint=hint, field=field)
        return items

    def _check_pixels(self, found: list[Any], field: str) -> None:
        """Many small files may be as many pixels as one large one."""
        total = _pixels(found)
        if total > limits.PIXELS:
            said = f"{field} takes up to {limits.PIXELS / 1e6:g} megapixels altogether; {total / 1e6:.0f} came"
            raise TooLarge(said, hint="make them smaller first", field=field)

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.item, Port):
            yield f"item is {came(self.item)}; write a port, such as Array(Text())"
        yield from length_flaws(self.min_length, self.max_length, limits.JSON_ITEMS)

    def _mild(self) -> list[Any] | None:
        item = self.item.neutral()
        return [] if not self.min_length else None if item is None else [item] * self.min_length

    def _shape(self) -> dict[str, Any]:
        bounds = {"minItems": self.min_length or None, "maxItems": self.max_length}
        named = {name: value for name, value in bounds.items() if value is not None}
        return {"type": "array", "items": self.item.schema(), **named}


def _as_list(value: Any) -> str:
    """How a single value is sent as a list, where it is short enough to be shown."""
    short = isinstance(value, str) and len(value) <= _SHOWN and value.isprintable()
    short = short or isinstance(value, (bool, int, float))
    return f"send a list: [{json.dumps(value, ensure_ascii=False) if short else '...'}]"


def _pixels(value: Any) -> int:
    if isinstance(value, list):
        return sum(_pixels(item) for item in value)
    return value.meta.get("width", 0) * value.meta.get("height", 0) if isinstance(value, Blob) else 0


AnyPort = (
    plain.Any
    | Text
    | Number
    | Boolean
    | Category
    | Vector
    | Array
    | Image
    | Audio
    | File
    | Directory
    | Segmentation
    | Point
    | Box
    | Landmarks
)

KINDS: tuple[type[Port], ...] = AnyPort.__args__


def build(description: Any) -> AnyPort:
    """The port again from what describe() said of it; InputError if it says nothing that can be used."""
    try:
        port: AnyPort = msgspec.convert(description, AnyPort)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"this does not describe a port: {error}") from None
    return port
