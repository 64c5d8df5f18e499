"""Numbers that move by themselves: an oscillator, a ramp, points to go through. Each knows the area below it.

A curve counts in seconds of playing or in beats, as it was asked for, and is told where it stands on that count.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import InputError, TooLarge
from bridge.ports import Boolean, Category, Number
from bridge.ports.words import came, number
from bridge.walks import easing, waves
from bridge.walks.reading import Fields

_TAKES = "a number, or an object with lfo, ramp or points"
_LENGTH = Number(limits.WALK_SHORTEST, limits.CURVE_SECONDS)


class LFO(msgspec.Struct, frozen=True, tag="lfo", tag_field="curve"):
    """Goes from low to high and back, over and over. In beats it keeps to the beat, whenever it was set."""

    shape: str
    period: float
    low: float = 0.0
    high: float = 1.0
    phase: float = 0.0  # where in the period it begins, 0 to 1
    seed: int = 0
    in_beats: bool = False

    def at(self, x: float) -> float:
        height = waves.WAVES[self.shape].at(self._cycles(x), self.seed)
        return self.low + (self.high - self.low) * height

    def integral(self, start: float, end: float) -> float:
        area = waves.WAVES[self.shape].area
        covered = area(self._cycles(end), self.seed) - area(self._cycles(start), self.seed)
        return self.low * (end - start) + (self.high - self.low) * self.period * covered

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.low, self.high), max(self.low, self.high)

    def plain(self) -> dict[str, Any]:
        unit = "beats" if self.in_beats else "period"
        said = {"lfo": self.shape, unit: self.period, "low": self.low, "high": self.high, "phase": self.phase}
        return {**said, "seed": self.seed} if self.seed else said

    def _cycles(self, x: float) -> float:
        return x / self.period + self.phase


class Ramp(msgspec.Struct, frozen=True, tag="ramp", tag_field="curve"):
    """Goes from one number to another and stays there."""

    start: float | None  # None until it is known where the number stands
    end: float
    length: float
    easing: str = "none"
    in_beats: bool = False

    def at(self, x: float) -> float:
        if x >= self.length:
            return self.end
        return self._from + (self.end - self._from) * easing.EASINGS[self.easing].at(max(0.0, x / self.length))

    def integral(self, start: float, end: float) -> float:
        return self._area(end) - self._area(start)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self._from, self.end), max(self._from, self.end)

    def plain(self) -> dict[str, Any]:
        start = {} if self.start is None else {"from": self.start}
        unit = "beats" if self.in_beats else "seconds"
        return {"ramp": {**start, "to": self.end, unit: self.length, "easing": self.easing}}

    @property
    def _from(self) -> float:
        return self.end if self.start is None else self.start

    def _area(self, x: float) -> float:
        inside = min(max(0.0, x), self.length)
        risen = self.length * easing.EASINGS[self.easing].area(inside / self.length)
        over = (self.end - self._from) * max(0.0, x - self.length)
        return self._from * x + (self.end - self._from) * risen + over


class Points(msgspec.Struct, frozen=True, tag="points", tag_field="curve"):
    """Goes through points, then stays at the last, or begins anew."""

    points: tuple[tuple[float, float], ...]
    loop: bool = False
    easing: str = "none"
    in_beats: bool = False

    def at(self, x: float) -> float:
        inside = x - self.length * self._rounds(x)
        after = bisect_right(self.points, inside, key=_time)
        if after in (0, len(self.points)):
            return self.points[max(0, after - 1)][1]
        return self._leg(after).at(inside - self.points[after - 1][0])

    def integral(self, start: float, end: float) -> float:
        return self._area(end) - self._area(start)

    @property
    def length(self) -> float:
        return self.points[-1][0]

    @property
    def bounds(self) -> tuple[float, float]:
        values = [value for _, value in self.points]
        return min(values), max(values)

    def plain(self) -> dict[str, Any]:
        listed = [list(point) for point in self.points]
        unit = {"unit": "beats"} if self.in_beats else {}
        return {"points": listed, "loop": self.loop, "easing": self.easing, **unit}

    def _rounds(self, x: float) -> int:
        return math.floor(x / self.length) if self.loop else 0

    def _leg(self, after: int) -> Ramp:
        """The way to a point from the one before it."""
        (from_time, from_value), (to_time, to_value) = self.points[after - 1], self.points[after]
        return Ramp(from_value, to_value, to_time - from_time, self.easing)

    def _area(self, x: float) -> float:
        rounds = self._rounds(x)
        around = rounds * self._area_once(self.length) if rounds else 0.0
        return around + self._area_once(x - self.length * rounds)

    def _area_once(self, x: float) -> float:
        first_time, first = self.points[0]
        area = first * min(x, first_time)
        for after in range(1, len(self.points)):
            begun = x - self.points[after - 1][0]
            if begun <= 0:
                return area
            leg = self._leg(after)
            area += leg.integral(0.0, min(begun, leg.length))
        return area + self.points[-1][1] * max(0.0, x - self.length)


Curve = LFO | Ramp | Points
Value = float | Curve


def _time(point: tuple[float, float]) -> float:
    return point[0]


def parse(raw: Any, field: str, low: float, high: float) -> Value:
    """A number or a curve that stays from low to high, or InputError about this field."""
    within = Number(low, high)
    if not isinstance(raw, Mapping):
        return constant(raw, field, within, "a curve is taken too: an object with lfo, ramp or points")
    fields = Fields(raw, field, _TAKES)
    named = [name for name in _KINDS if fields.has(name)]
    if len(named) != 1:
        said = f"{field} takes {_TAKES}; {' and '.join(named) or 'none of them'} came"
        raise InputError(said, hint='such as {"lfo": "sine", "period": 8, "low": 0.5, "high": 1}', field=field)
    curve: Curve = _KINDS[named[0]](fields, within)
    fields.done()
    return curve


def constant(raw: Any, field: str, within: Number, hint: str) -> float:
    """A number that stays as it is, or InputError with this hint where the port has none."""
    try:
        return float(within.parse(raw, field))
    except InputError as error:
        raise type(error)(error.message, hint=error.hint or hint, field=field) from None


def plain(value: Value) -> Any:
    """As JSON, such as parse takes."""
    return value if isinstance(value, (int, float)) else value.plain()


def schema(low: float, high: float) -> dict[str, Any]:
    """JSON Schema of what parse takes. A bound without end is none."""
    inside = Number(*(bound if math.isfinite(bound) else None for bound in (low, high))).schema()
    return {"anyOf": [inside, _lfo_schema(inside), _ramp_schema(inside), _points_schema(inside)]}


def _lfo(fields: Fields, within: Number) -> LFO:
    shape = fields.take("lfo", Category(waves.NAMES))
    unit = _unit(fields, "period", "beats")
    return LFO(
        shape,
        float(fields.take(unit, _LENGTH)),
        float(fields.take("low", within)),
        float(fields.take("high", within)),
        float(fields.take("phase", Number(0, 1), 0.0)),
        fields.take("seed", Number(0, 2**32 - 1, step=1), 0),
        unit == "beats",
    )


def _ramp(fields: Fields, within: Number) -> Ramp:
    inner = Fields(fields.raw("ramp"), f"{fields.field}.ramp", "an object with to and seconds, and from if need be")
    unit = _unit(inner, "seconds", "beats")
    start = inner.take("from", within, None)
    ramp = Ramp(
        None if start is None else float(start),
        float(inner.take("to", within)),
        float(inner.take(unit, _LENGTH)),
        inner.take("easing", Category(easing.NAMES), "none"),
        unit == "beats",
    )
    inner.done()
    return ramp


def _points(fields: Fields, within: Number) -> Points:
    field = f"{fields.field}.points"
    return Points(
        _point_list(fields.raw("points"), field, within),
        fields.take("loop", Boolean(), False),
        fields.take("easing", Category(easing.NAMES), "none"),
        fields.take("unit", Category(("seconds", "beats")), "seconds") == "beats",
    )


_KINDS: dict[str, Callable[[Fields, Number], Curve]] = {"lfo": _lfo, "ramp": _ramp, "points": _points}


def _unit(fields: Fields, seconds: str, beats: str) -> str:
    if fields.has(seconds) and fields.has(beats):
        raise InputError(f"{fields.field} takes {seconds} or {beats}; both came", field=fields.field)
    return beats if fields.has(beats) else seconds


def _point_list(raw: Any, field: str, within: Number) -> tuple[tuple[float, float], ...]:
    if not isinstance(raw, (list, tuple)) or len(raw) < 2:
        said = f"{field} takes a list of at least two points [time, value]; {came(raw)} came"
        raise InputError(said, hint="such as [[0, 0.5], [4, 1]]", field=field)
    if len(raw) > limits.CURVE_POINTS:
        raise TooLarge(f"{field} takes up to {limits.CURVE_POINTS} points; {len(raw)} came", field=field)
    points = tuple(_point(item, f"{field}[{index}]", within) for index, item in enumerate(raw))
    for index, (before, after) in enumerate(pairwise(points)):
        if after[0] - before[0] < limits.WALK_SHORTEST:
            least = number(limits.WALK_SHORTEST)
            said = f"{field} takes points in order, at least {least} apart; point {index + 2} is not so after the last"
            raise InputError(said, field=field)
    return points


def _point(raw: Any, field: str, within: Number) -> tuple[float, float]:
    if not isinstance(raw, (list, tuple)) or len(raw) != 2:
        raise InputError(f"{field} takes a pair [time, value]; {came(raw)} came", field=field)
    time = Number(0, limits.CURVE_SECONDS).parse(raw[0], f"{field}.time")
    return float(time), float(within.parse(raw[1], f"{field}.value"))


def _lfo_schema(inside: dict[str, Any]) -> dict[str, Any]:
    shapes = {"type": "string", "enum": list(waves.NAMES)}
    named = {"lfo": shapes, "period": _LENGTH.schema(), "beats": _LENGTH.schema(), "low": inside, "high": inside}
    more = {"phase": Number(0, 1).schema(), "seed": Number(0, 2**32 - 1, step=1).schema()}
    return {**_object({**named, **more}, "lfo", "low", "high"), **_either("period", "beats")}


def _ramp_schema(inside: dict[str, Any]) -> dict[str, Any]:
    lengths = {"seconds": _LENGTH.schema(), "beats": _LENGTH.schema()}
    inner = _object({"from": inside, "to": inside, **lengths, "easing": _easing_schema()}, "to")
    return _object({"ramp": {**inner, **_either("seconds", "beats")}}, "ramp")


def _points_schema(inside: dict[str, Any]) -> dict[str, Any]:
    time = Number(0, limits.CURVE_SECONDS).schema()
    pair = {"type": "array", "prefixItems": [time, inside], "minItems": 2, "maxItems": 2}
    points = {"type": "array", "items": pair, "minItems": 2, "maxItems": limits.CURVE_POINTS}
    unit = {"type": "string", "enum": ["seconds", "beats"]}
    named = {"points": points, "loop": {"type": "boolean"}, "easing": _easing_schema(), "unit": unit}
    return _object(named, "points")


def _easing_schema() -> dict[str, Any]:
    return {"type": "string", "enum": list(easing.NAMES)}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _either(*names: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [name]} for name in names]}
