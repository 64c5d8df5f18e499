"""The vector: a fixed count of numbers, the place in a latent space that is walked. Crosses as float32."""

import math
import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import InputError, ModelFailed
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.words import came

# Is every float32 finite? Asked of 512 at once: adding one to an exponent of all ones carries into the sign's place.
_BLOCK = 512 * 4
_EXPONENTS = int.from_bytes(b"\x00\x00\x80\x7f" * 512, "little")
_ONES = int.from_bytes(b"\x00\x00\x80\x00" * 512, "little")
_CARRIES = int.from_bytes(b"\x00\x00\x00\x80" * 512, "little")

_FLOATS = list[float]


class Vector(Port, frozen=True, tag="vector"):
    """So many numbers. The sampling mean and deviation say where to look for good ones."""

    formats = ("json", "f32")

    length: int = 0  # left out: that of the default, else any, until the model knows (see Model.takes)
    sampling_mean: float | int = 0
    sampling_std: float | int = 1
    rows: int = 1  # so many vectors, one behind the other, are taken as well as a single one

    def __post_init__(self) -> None:
        if self.length == 0 and hasattr(self.default, "__len__"):
            self._set("length", len(self.default))
        Port.__post_init__(self)

    @property
    def takes(self) -> str:
        if not self.length:
            return "a list of numbers"
        more = f", or {self.rows} such lists in one: {self.rows * self.length}" if self.rows > 1 else ""
        return f"a list of {self.length} numbers{more}"

    def parse(self, raw: Any, field: str) -> Blob:
        kind = type(raw)
        data = raw if kind is bytes else self._packed(raw, field) if kind is list else self._other(raw, field)
        if not self._fits(len(data)):
            raise self._refused(raw, field, self._as_bytes())
        if not finite(data):
            raise InputError(f"{field} takes finite numbers; NaN or infinity came among them", field=field)
        return Blob("f32", data)

    def parse_text(self, text: str, field: str) -> Blob:
        """[1, 2, 3] and 1, 2, 3."""
        return self.parse(listed(text), field)

    def load(self, value: Blob, field: str) -> Any:
        """A float32 array of its own, shape (length,), or (rows * length,) where that came."""
        import numpy as np

        return np.frombuffer(value.data, "<f4").astype(np.float32)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview, str)):
            raise self._unfit(value, field)
        try:
            blob = self.parse(value if isinstance(value, (list, Blob)) else float32_bytes(value), field)
        except InputError as error:
            raise ModelFailed(f"the model gave out a bad {field}: {error.message}", field=field) from None
        except (TypeError, ValueError):
            raise self._unfit(value, field) from None
        return blob if encoding.format == "f32" else numbers(blob.data)

    def _fits(self, size: int) -> bool:
        """Is that as many bytes of float32 as it takes?"""
        if self.length:
            return size in (4 * self.length, 4 * self.length * self.rows)
        return 0 < size <= 4 * limits.VECTOR_LENGTH and size % 4 == 0

    def _as_bytes(self) -> str:
        if not self.length or self.rows > 1:
            return f"up to {self._most} of them; as bytes they are float32 little-endian"
        return f"as bytes it is {4 * self.length} of them, float32 little-endian"

    def _packed(self, raw: list[Any], field: str) -> bytes:
        if not self._fits(4 * len(raw)):
            raise self._refused(raw, field)
        try:
            return struct.pack(f"<{len(raw)}f", *msgspec.convert(raw, _FLOATS))
        except msgspec.ValidationError:
            raise self._stranger(raw, field) from None
        except OverflowError:
            raise InputError(f"{field} takes numbers up to 3.4e38; a larger one came", field=field) from None

    def _other(self, raw: Any, field: str) -> bytes | memoryview:
        if isinstance(raw, Blob):
            raw = raw.data  # whatever it is called, only so many finite float32 pass
        if isinstance(raw, memoryview):
            return raw if raw.c_contiguous and raw.ndim == raw.itemsize == 1 else raw.tobytes()
        if isinstance(raw, (bytes, bytearray)):
            return bytes(raw)
        if isinstance(raw, (list, tuple, array)):
            return self._packed(list(raw), field)
        if not hasattr(raw, "__array__"):
            raise self._refused(raw, field)
        try:
            return float32_bytes(raw)
        except (TypeError, ValueError):
            raise self._refused(raw, field) from None

    def _stranger(self, raw: list[Any], field: str) -> InputError:
        """Which of the items is no number."""
        for index, item in enumerate(raw):
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                return InputError(f"{field} takes numbers only; {came(item)} came as number {index + 1}", field=field)
        return InputError(f"{field} takes {self.takes}; a number beyond all bounds came", field=field)

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.length, int) or isinstance(self.length, bool) or self.length < 0:
            yield f"length is {came(self.length)}; say how many numbers it has, such as Vector(512)"
        elif not isinstance(self.rows, int) or isinstance(self.rows, bool) or self.rows < 1:
            yield f"rows is {came(self.rows)}; it is a whole number of 1 or more"
        elif self._most > limits.VECTOR_LENGTH:
            yield f"length is {self.length}; up to {limits.VECTOR_LENGTH} numbers are taken"
        if not math.isfinite(self.sampling_mean) or not math.isfinite(self.sampling_std):
            yield "sampling_mean and sampling_std are finite numbers"
        if self.sampling_std <= 0:
            yield f"sampling_std is {came(self.sampling_std)}; it has to be above 0"

    def _mild(self) -> list[float] | None:
        return [float(self.sampling_mean)] * self.length or None

    def _shape(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "number"}, "minItems": self.length or 1, "maxItems": self._most}

    @property
    def _most(self) -> int:
        return self.length * self.rows or limits.VECTOR_LENGTH


def finite(data: bytes | memoryview) -> bool:
    """Holds no NaN and no infinity, as little-endian float32."""
    if len(data) <= _BLOCK:
        return not ((int.from_bytes(data, "little") & _EXPONENTS) + _ONES) & _CARRIES
    return all(finite(data[start : start + _BLOCK]) for start in range(0, len(data), _BLOCK))


def numbers(data: bytes | bytearray | memoryview) -> list[float]:
    """Little-endian float32 as a list."""
    values = array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def float32_bytes(value: Any) -> bytes:
    """An array, tensor or tuple of one row at most, little-endian; TypeError or ValueError if it is none."""
    from bridge.ports import arrays

    return arrays.float32_bytes(arrays.as_array(value))


def listed(text: str) -> Any:
    """A list as people write it: with brackets or without, with commas or spaces between."""
    inner = text.strip()
    if not inner.startswith(("[", "{")):
        inner = f"[{', '.join(inner.replace(',', ' ').split())}]"
    try:
        return msgspec.json.decode(inner)
    except (ValueError, RecursionError):
        return text
