"""The kinds whose values are plain JSON: any, text, number, boolean, category."""

import difflib
import math
import typing
from collections.abc import Iterator

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports.base import Encoding, Port
from bridge.ports.values import HIGHEST_INT, LOWEST_INT, copied, proper
from bridge.ports.words import came, number, shortened, span

_LARGEST = 1.7976931348623157e308  # what a float holds; NaN and infinity are not between it and its negative
_EXACT = 2**53  # up to here a float tells whole numbers apart


class Any(Port, frozen=True, tag="any"):
    """Any JSON value."""

    @property
    def takes(self) -> str:
        return "any JSON value"

    def parse(self, raw: typing.Any, field: str) -> typing.Any:
        return copied(raw, field)

    def dump(self, value: typing.Any, encoding: Encoding, field: str) -> typing.Any:
        try:
            return copied(value, field)
        except InputError as error:
            said = f"the model gave out something that JSON can't hold for {field}"
            raise ModelFailed(said, hint=f"{error.message}. {error.hint}", field=field) from None

    def _shape(self) -> dict[str, typing.Any]:
        return {}


class Text(Port, frozen=True, tag="text"):
    """Text. With pieces=True the outputs of one run are pieces of one text, joined by whoever wants the whole."""

    min_length: int = 0
    max_length: int | None = None
    pieces: bool = False

    @property
    def takes(self) -> str:
        bounds = span(self.min_length or None, self.max_length, "characters")
        return f"text of {bounds}" if bounds else "text"

    def parse(self, raw: typing.Any, field: str) -> str:
        text = raw if type(raw) is str else self._text(raw, field)
        if not self.min_length <= len(text) <= self._most():
            raise self._misfit(text, field)
        if not proper(text):
            raise InputError(f"{field} takes {self.takes}; one that is not valid Unicode came", field=field)
        return text

    def parse_text(self, text: str, field: str) -> str:
        return self.parse(text, field)

    def dump(self, value: typing.Any, encoding: Encoding, field: str) -> str:
        """As it is, whatever its length; halves of characters, which a decoder may leave, become question marks."""
        if not isinstance(value, str):
            raise self._unfit(value, field)
        text = str(value)
        return text if proper(text) else text.encode("utf-8", "replace").decode()

    def join(self, earlier: typing.Any, later: typing.Any) -> typing.Any:
        return earlier + later if self.pieces else later

    def _text(self, raw: typing.Any, field: str) -> str:
        if isinstance(raw, str):
            return str(raw)
        if not isinstance(raw, (bytes, bytearray, memoryview)):
            raise self._refused(raw, field, "put quotes around it" if isinstance(raw, (int, float)) else "")
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise self._refused(raw, field, "bytes are taken as UTF-8, and these are not") from None

    def _most(self) -> int:
        return limits.TEXT_CHARS if self.max_length is None else self.max_length

    def _misfit(self, text: str, field: str) -> InputError:
        if len(text) > limits.TEXT_CHARS:
            said = f"{field} takes text of up to {limits.TEXT_CHARS} characters; {len(text)} came"
            return TooLarge(said, hint="send less at once", field=field)
        return InputError(f"{field} takes {self.takes}; {len(text)} came", field=field)

    def _flaws(self) -> Iterator[str]:
        yield from length_flaws(self.min_length, self.max_length, limits.TEXT_CHARS)

    def _mild(self) -> str:
        return " " * self.min_length

    def _shape(self) -> dict[str, typing.Any]:
        bounds = {"minLength": self.min_length or None, "maxLength": self.max_length}
        return {"type": "string", **{name: value for name, value in bounds.items() if value is not None}}


class Number(Port, frozen=True, tag="number"):
    """A number, from min to max where they are given. step=1 takes whole numbers; other steps are for forms only."""

    min: float | int | None = None
    max: float | int | None = None
    step: float | int | None = None

    @property
    def whole(self) -> bool:
        return self.step == 1

    @property
    def takes(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        bounds = span(self.min, self.max)
        if self.min is not None:
            bounds = f"{'of' if self.max in (None, self.min) else 'from'} {bounds}"
        return f"{noun} {bounds}" if bounds else noun

    def parse(self, raw: typing.Any, field: str) -> float | int:
        kind = type(raw)
        value: float | int = raw if kind is float or kind is int else self._number(raw, field)
        low = -_LARGEST if self.min is None else self.min
        high = _LARGEST if self.max is None else self.max
        if not low <= value <= high:  # NaN is not, either
            raise self._refused(value, field)
        return self._settled(value, field)

    def parse_text(self, text: str, field: str) -> float | int:
        """Also as people write it: .5, +1, 1."""
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._refused(text, field)
        return self.parse(int(value) if value.is_integer() and abs(value) < _EXACT else value, field)

    def dump(self, value: typing.Any, encoding: Encoding, field: str) -> float | int:
        """As it is, whatever its range: how sure a model is may be 1.0000001."""
        try:
            found = self._number(value, field)
            if not -_LARGEST <= found <= _LARGEST:
                raise self._refused(found, field)
            return self._settled(found, field)
        except InputError:
            raise self._unfit(value, field) from None

    def _number(self, raw: typing.Any, field: str) -> float | int:
        """Numbers that are not Python's own: numpy's, torch's, enums."""
        raw = _item(raw) if hasattr(raw, "item") else raw
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            hint = "send it without the quotes" if _reads_as_number(raw) else ""
            raise self._refused(raw, field, hint)
        return int(raw) if isinstance(raw, int) else float(raw)

    def _settled(self, value: float, field: str) -> float | int:
        """As it crosses: an int where whole numbers are wanted, nothing that MessagePack has no room for."""
        if self.step != 1:
            return value if LOWEST_INT <= value <= HIGHEST_INT else float(value)
        if not -_EXACT <= value <= _EXACT or value != int(value):
            raise self._refused(value, field)
        return int(value)

    def _flaws(self) -> Iterator[str]:
        for name in ("min", "max", "step"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not math.isfinite(value)):
                yield f"{name} is {came(value)}; it takes a finite number"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield f"min {number(self.min)} is above max {number(self.max)}"
        if self.step is not None and self.step <= 0:
            yield f"step is {number(self.step)}; it has to be above 0"
        if self.whole and self._nearest_whole(0) is None:
            yield f"there is no whole number from {number(self.min or 0)} to {number(self.max or 0)}"

    def _mild(self) -> float | int:
        whole = self._nearest_whole(0) if self.whole else None
        return self._within(0) if whole is None else whole

    def _within(self, value: float) -> float | int:
        value = value if self.min is None else max(value, self.min)
        return value if self.max is None else min(value, self.max)

    def _nearest_whole(self, value: int) -> int | None:
        near = self._within(value)
        found = math.ceil(near) if near > value else math.floor(near)
        return found if self._within(found) == found else None

    def _shape(self) -> dict[str, typing.Any]:
        bounds = {"minimum": self.min, "maximum": self.max}
        named = {name: value for name, value in bounds.items() if value is not None}
        return {"type": "integer" if self.whole else "number", **named}


class Boolean(Port, frozen=True, tag="boolean"):
    """true or false, nothing that only counts as such."""

    @property
    def takes(self) -> str:
        return "true or false"

    def parse(self, raw: typing.Any, field: str) -> bool:
        if raw is True or raw is False:
            return bool(raw)
        found = _item(raw) if hasattr(raw, "item") else raw  # numpy's and torch's own truths
        if found is not True and found is not False:
            raise self._refused(raw, field)
        return bool(found)

    def parse_text(self, text: str, field: str) -> bool:
        """As a ticked box, a shell or a person writes it."""
        word = text.strip().lower()
        if word in ("true", "1", "on", "yes"):
            return True
        if word in ("false", "0", "off", "no"):
            return False
        raise self._refused(text, field)

    def _mild(self) -> bool:
        return False

    def _shape(self) -> dict[str, typing.Any]:
        return {"type": "boolean"}


class Category(Port, frozen=True, tag="category"):
    """One of several names. Also taken by its place in the list, from 0, as a controller without text sends it."""

    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.choices, list):
            self._set("choices", tuple(self.choices))
        Port.__post_init__(self)

    @property
    def takes(self) -> str:
        shown = ", ".join(self.choices[:20])
        more = f" and {len(self.choices) - 20} more" if len(self.choices) > 20 else ""
        return f"one of {shown}{more}"

    def parse(self, raw: typing.Any, field: str) -> str:
        if isinstance(raw, str):
            return str(raw) if raw in self.choices else self._unknown(raw, field)
        raw = _item(raw) if hasattr(raw, "item") else raw
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            raise self._refused(raw, field)
        if number(raw) in self.choices:  # names such as "256", sent as a number
            return number(raw)
        if not 0 <= raw < len(self.choices) or raw != int(raw):
            raise self._refused(raw, field, f"by number it goes from 0 to {len(self.choices) - 1}")
        return self.choices[int(raw)]

    def parse_text(self, text: str, field: str) -> str:
        place = text.strip()
        by_number = place not in self.choices and place.isascii() and place.isdigit() and len(place) < 10
        return self.parse(int(place) if by_number else text, field)

    def _unknown(self, raw: str, field: str) -> typing.NoReturn:
        near = difflib.get_close_matches(shortened(raw), self.choices[:1000], n=1)
        raise self._refused(raw, field, f"did you mean {near[0]}?" if near else "")

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.choices, tuple):
            yield f'choices is {came(self.choices)}; write Category(("soft", "hard"))'
        elif not self.choices:
            yield "it needs at least one choice"
        for choice in self.choices:
            if not isinstance(choice, str) or not choice or not proper(choice):
                yield f"{came(choice)} is among the choices; they are texts"
        if len(set(self.choices)) < len(self.choices):
            yield "two of the choices are the same"

    def _mild(self) -> str:
        return self.choices[0]

    def _shape(self) -> dict[str, typing.Any]:
        return {"type": "string", "enum": list(self.choices)}


def length_flaws(low: int, high: int | None, most: int) -> Iterator[str]:
    """What is wrong with a min_length and a max_length."""
    for name, value in (("min_length", low), ("max_length", high)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most):
            yield f"{name} is {came(value)}; it takes a whole number from 0 to {most}"
    if high is not None and low > high:
        yield f"min_length {low} is above max_length {high}"


def _item(raw: typing.Any) -> typing.Any:
    """The one number that a numpy or torch number holds, or what came if it holds more."""
    try:
        return raw.item()
    except (TypeError, ValueError, RuntimeError):
        return raw


def _reads_as_number(raw: typing.Any) -> bool:
    try:
        return isinstance(raw, str) and len(raw) < 100 and math.isfinite(float(raw))
    except ValueError:
        return False
