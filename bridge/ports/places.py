"""Places in a picture, in parts of its width and height from the top left: point, box, landmarks."""

from collections.abc import Iterator
from typing import Any

from bridge import limits
from bridge.errors import InputError, ModelFailed
from bridge.ports.base import Encoding, Port
from bridge.ports.vector import listed
from bridge.ports.words import came

_PART = {"type": "number", "minimum": 0, "maximum": 1}
_PAIR = {"type": "array", "items": _PART, "minItems": 2, "maxItems": 2}


class Point(Port, frozen=True, tag="point"):
    """One place, [x, y]. The model gets a tuple."""

    @property
    def takes(self) -> str:
        return "a point [x, y], each from 0 to 1"

    def parse(self, raw: Any, field: str) -> list[float]:
        found = _parts(raw, 2)
        if found is None or not _inside(found):
            raise self._refused(raw, field)
        return found

    def parse_text(self, text: str, field: str) -> list[float]:
        return self.parse(listed(text), field)

    def load(self, value: list[float], field: str) -> tuple[float, ...]:
        return tuple(value)

    def dump(self, value: Any, encoding: Encoding, field: str) -> list[float]:
        """What lies outside the picture is moved to its edge."""
        found = _parts(value, 2)
        if found is None:
            raise self._unfit(value, field)
        return _clipped(found)

    def _mild(self) -> list[float]:
        return [0.5, 0.5]

    def _shape(self) -> dict[str, Any]:
        return dict(_PAIR)


class Box(Port, frozen=True, tag="box"):
    """A rectangle, [left, top, right, bottom]. The model gets a tuple."""

    @property
    def takes(self) -> str:
        return "a box [left, top, right, bottom], each from 0 to 1, left before right, top above bottom"

    def parse(self, raw: Any, field: str) -> list[float]:
        found = _parts(raw, 4)
        if found is None or not _inside(found) or not _is_box(found):
            raise self._refused(raw, field)
        return found

    def parse_text(self, text: str, field: str) -> list[float]:
        return self.parse(listed(text), field)

    def load(self, value: list[float], field: str) -> tuple[float, ...]:
        return tuple(value)

    def dump(self, value: Any, encoding: Encoding, field: str) -> list[float]:
        """What lies outside the picture is moved to its edge."""
        found = _parts(value, 4)
        if found is None or not _is_box(found):
            raise self._unfit(value, field)
        return _clipped(found)

    def _mild(self) -> list[float]:
        return [0.25, 0.25, 0.75, 0.75]

    def _shape(self) -> dict[str, Any]:
        return {"type": "array", "items": _PART, "minItems": 4, "maxItems": 4}


class Landmarks(Port, frozen=True, tag="landmarks"):
    """So many places, [[x, y], ...], perhaps named and connected. The model gets a list of tuples."""

    length: int = 0  # may be left out where there are labels
    labels: tuple[str, ...] = ()
    connections: tuple[tuple[str | int, str | int], ...] = ()  # pairs of labels, or of numbers from 0

    def __post_init__(self) -> None:
        if isinstance(self.labels, list):
            self._set("labels", tuple(self.labels))
        if isinstance(self.connections, (list, tuple)):
            self._set("connections", tuple(tuple(pair) for pair in self.connections))
        if self.length == 0:
            self._set("length", len(self.labels))
        Port.__post_init__(self)

    @property
    def takes(self) -> str:
        return f"a list of {self.length} points [x, y], each from 0 to 1"

    def parse(self, raw: Any, field: str) -> list[list[float]]:
        found = self._pairs(raw)
        if found is None:
            raise self._refused(raw, field)
        for index, (pair, came_in) in enumerate(zip(found, raw, strict=True)):
            if pair is None or not _inside(pair):
                said = f"{field} takes {self.takes}; {_told(came_in)} came as point {index + 1}"
                raise InputError(said, field=field)
        return [pair for pair in found if pair is not None]

    def load(self, value: list[list[float]], field: str) -> list[tuple[float, ...]]:
        return [tuple(pair) for pair in value]

    def dump(self, value: Any, encoding: Encoding, field: str) -> list[list[float]]:
        """What lies outside the picture is moved to its edge."""
        found = self._pairs(value)
        if found is None:
            raise self._unfit(value, field)
        for index, pair in enumerate(found):
            if pair is None:
                said = f"the model gave out {_told(value[index])} as point {index + 1} of {field}"
                raise ModelFailed(said, hint=f"{field} is declared as {self.takes}", field=field)
        return [_clipped(pair) for pair in found if pair is not None]

    def _pairs(self, raw: Any) -> list[list[float] | None] | None:
        try:
            fits = not isinstance(raw, (str, bytes, dict)) and len(raw) == self.length
        except TypeError:
            return None
        return [_parts(pair, 2) for pair in raw] if fits else None

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.length, int) or isinstance(self.length, bool) or not 1 <= self.length <= limits.POINTS:
            yield f"length is {came(self.length)}; say how many points it has, such as Landmarks(17)"
        if self.labels and (len(self.labels) != self.length or len(set(self.labels)) != self.length):
            yield f"it has {len(self.labels)} labels for {self.length} points; give every point its own"
        for pair in self.connections:
            if len(pair) != 2 or not all(self._known(end) for end in pair):
                yield f"the connection {list(pair)} does not join two of its points"

    def _known(self, end: str | int) -> bool:
        return end in self.labels if isinstance(end, str) else type(end) is int and 0 <= end < self.length

    def _mild(self) -> list[list[float]]:
        return [[0.5, 0.5] for _ in range(self.length)]

    def _shape(self) -> dict[str, Any]:
        return {"type": "array", "items": dict(_PAIR), "minItems": self.length, "maxItems": self.length}


def _parts(raw: Any, count: int) -> list[float] | None:
    """So many finite numbers, or None."""
    if hasattr(raw, "tolist"):
        raw = raw.tolist()
    if not isinstance(raw, (list, tuple)) or len(raw) != count:
        return None
    items = [item.item() if hasattr(item, "item") else item for item in raw]
    proper = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items)
    return [float(item) for item in items] if proper and all(abs(item) < 1e300 for item in items) else None


def _inside(parts: list[float]) -> bool:
    return all(0 <= part <= 1 for part in parts)


def _is_box(parts: list[float]) -> bool:
    left, top, right, bottom = parts
    return left < right and top < bottom


def _clipped(parts: list[float]) -> list[float]:
    return [min(max(part, 0.0), 1.0) for part in parts]


def _told(raw: Any) -> str:
    """A short list is told in full: [0.5, 7]."""
    if isinstance(raw, (list, tuple)) and 0 < len(raw) <= 4:
        return f"[{', '.join(came(item) for item in raw)}]"
    return came(raw)
