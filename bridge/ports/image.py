"""Pictures. They cross as they came, encoded; only the worker decodes them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import BridgeError, InputError, ModelFailed, TooLarge
from bridge.ports import headers
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.content import content
from bridge.ports.words import came, span

_LOSSY = ("jpeg", "webp")
_SIZES = ("width", "height", "min_width", "max_width", "min_height", "max_height")


class Picture(Port, frozen=True, kw_only=True):
    """What image and segmentation share: what comes in, its size, and how it may go out."""

    formats = ("jpeg", "png", "webp", "raw")

    width: int | None = None  # exactly
    height: int | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None
    default_format: str = ""  # of outputs; empty: what suits the kind
    quality: int = 85  # of outputs, where nothing else is asked for; JPEG and WebP have one

    @property
    def takes(self) -> str:
        return "a picture (JPEG, PNG, GIF, WebP or BMP)"

    def parse(self, raw: Any, field: str) -> Blob:
        if isinstance(raw, Blob) and raw.format == "raw":
            return self._raw(raw, field)
        if not isinstance(raw, (bytes, str, Blob)) and _is_array(raw):
            return self._raw(self._from_array(raw, field), field)
        data = content(raw, field, self.takes, limits.IMAGE_BYTES)
        header = headers.read(data)
        if header is None:
            raise self._no_picture(raw, data, field)
        self._check_size(header.width, header.height, field)
        return Blob(header.format, data, {"width": header.width, "height": header.height})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def encoding(self, wanted: Encoding | None, field: str) -> Encoding:
        wanted = wanted or Encoding()
        if wanted.format == "jpg":
            wanted = msgspec.structs.replace(wanted, format="jpeg")
        format = self._format(wanted, field) or self.default_format or self._usual_format()
        for name, most in (("quality", 100), ("width", limits.IMAGE_SIDE), ("height", limits.IMAGE_SIDE)):
            value = getattr(wanted, name)
            if type(value) is not int or not 0 <= value <= most:
                said = f"{field} can't be given with {name} {came(value)}"
                raise InputError(said, hint=f"it takes a whole number from 1 to {most}", field=field)
        quality = (wanted.quality or self.quality) if format in _LOSSY else 0
        return Encoding(format, quality, wanted.width, wanted.height)

    def _usual_format(self) -> str:
        return self.formats[0]

    def _from_array(self, raw: Any, field: str) -> Blob:
        raise self._refused(raw, field)

    def _raw(self, raw: Blob, field: str) -> Blob:
        """Plain pixels, bytes row by row, that say their own size."""
        shape = [raw.meta.get(name) for name in ("width", "height", "channels")]
        numbers = [value for value in shape if type(value) is int and value >= 1]
        if len(numbers) != len(shape):
            raise InputError(f"{field} came raw without its width, height and channels", field=field)
        width, height, channels = numbers
        if channels not in (1, 3, 4):
            raise InputError(f"{field} takes raw pixels of 1, 3 or 4 channels; {channels} came", field=field)
        self._check_size(width, height, field)
        data = content(raw, field, self.takes, limits.PIXELS * 4)
        if len(data) != width * height * channels:
            said = f"{field} takes {width} × {height} × {channels} bytes as it says of itself; {len(data)} came"
            raise InputError(said, field=field)
        return Blob("raw", data, {"width": width, "height": height, "channels": channels})

    def _check_size(self, width: int, height: int, field: str) -> None:
        if width * height > limits.PIXELS or max(width, height) > limits.IMAGE_SIDE:
            said = f"{field} takes pictures of up to {limits.PIXELS / 1e6:g} megapixels and {limits.IMAGE_SIDE} a side"
            raise TooLarge(f"{said}; {width} × {height} came", hint="make it smaller first", field=field)
        for name, came_in, bounds in (("wide", width, self._widths()), ("high", height, self._heights())):
            if not bounds[0] <= came_in <= bounds[1]:
                said = f"{field} takes pictures {_told(bounds)} pixels {name}; {width} × {height} came"
                raise InputError(said, hint="resize or crop it first", field=field)

    def _widths(self) -> tuple[int, int]:
        return _bounds(self.width, self.min_width, self.max_width)

    def _heights(self) -> tuple[int, int]:
        return _bounds(self.height, self.min_height, self.max_height)

    def _no_picture(self, raw: Any, data: Any, field: str) -> InputError:
        short = isinstance(raw, str) and len(raw) < 100 and not raw.startswith("data:")
        seems = came(raw) if short else headers.looks_like(data)
        if seems.endswith("picture") and headers.read(data) is None and seems.split()[1] in self.takes:
            return InputError(f"{field} is {seems} that breaks off or is damaged in its head", hint=_CUT, field=field)
        hint = "the address it was fetched from may have answered with an error" if "HTML" in seems else ""
        return InputError(f"{field} takes {self.takes}; {seems} came", hint=hint, field=field)

    def _flaws(self) -> Iterator[str]:
        for name in _SIZES:
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 1 <= value <= limits.IMAGE_SIDE):
                yield f"{name} is {came(value)}; it takes a whole number from 1 to {limits.IMAGE_SIDE}"
        for name, (low, high) in (("width", self._widths()), ("height", self._heights())):
            if low > high:
                yield f"no {name} fits: it would have to be {low} or more and {high} or less"
        if self.default_format and self.default_format not in self.formats:
            yield f"default_format is {self.default_format!r}; it is one of {', '.join(self.formats)}"
        if type(self.quality) is not int or not 1 <= self.quality <= 100:
            yield f"quality is {came(self.quality)}; it takes a whole number from 1 to 100"

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "image/*", "contentEncoding": "base64"}


class Image(Picture, frozen=True, tag="image"):
    """A picture.

    The model gets uint8 pixels: (height, width, 3) RGB, (height, width, 4) RGBA, or (height, width) for one channel.
    """

    channels: int = 3

    def load(self, value: Blob, field: str) -> Any:
        """Turned as its EXIF data says. Transparent parts become white where the model takes no alpha."""
        from bridge.ports import pixels

        return pixels.decode(value, self.channels, field)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From uint8 or from 0..1; made smaller, never larger, to fit the wanted width and height."""
        from bridge.ports import pixels

        found = pixels.conform(self._given(value, field), self.channels)
        return pixels.encode(pixels.fitted(found, encoding.width, encoding.height), self.encoding(encoding, field))

    def _given(self, value: Any, field: str) -> Any:
        """The model's pixels; a picture that it gives out encoded is decoded."""
        from bridge.ports import pixels

        try:
            if isinstance(value, (bytes, bytearray, memoryview, Blob)):
                return self.load(Image(channels=self.channels).parse(value, field), field)
            return pixels.from_model(value)
        except (BridgeError, TypeError, ValueError) as error:
            unfit = self._unfit(value, field)
            hint = getattr(error, "message", "") or str(error)
            raise ModelFailed(unfit.message, hint=hint if _is_array(value) else _ARRAY, field=field) from None

    def _from_array(self, raw: Any, field: str) -> Blob:
        from bridge.ports import pixels

        try:
            return pixels.raw(pixels.from_model(raw))
        except (TypeError, ValueError) as error:
            raise self._refused(raw, field, str(error)) from None

    def _usual_format(self) -> str:
        return "jpeg" if self.channels == 3 else "png"

    def _flaws(self) -> Iterator[str]:
        if self.channels not in (1, 3, 4):
            yield f"channels is {came(self.channels)}; it is 1 (grey), 3 (colour) or 4 (colour with alpha)"
        yield from Picture._flaws(self)


_CUT = "was it cut off on its way, or still being written?"
_ARRAY = "a picture is an array of height × width × 3, uint8 or 0..1"


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _bounds(exact: int | None, low: int | None, high: int | None) -> tuple[int, int]:
    """The least and the most that all three leave."""
    return max(exact or 1, low or 1), min(exact or limits.IMAGE_SIDE, high or limits.IMAGE_SIDE)


def _told(bounds: tuple[int, int]) -> str:
    low, high = bounds
    return span(low if low > 1 else None, high if high < limits.IMAGE_SIDE else None)
