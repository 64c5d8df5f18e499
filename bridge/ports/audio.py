"""Sound. It crosses as it came, a WAV or plain float32; only the worker touches samples."""

import math
from collections.abc import Iterator
from typing import Any

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import headers, wav
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.content import content
from bridge.ports.words import came, number

_RATES = (1_000, 384_000)
_CHANNELS = 32


class Audio(Port, frozen=True, tag="audio"):
    """Sound. The model gets float32, -1 to 1, at its rate: (frames,) for one channel, else (frames, channels)."""

    formats = ("wav", "f32")

    rate: int = 44_100  # samples a second; what comes at another rate is converted
    channels: int = 1  # mixed down, or the one repeated
    max_seconds: float | int | None = None

    @property
    def takes(self) -> str:
        return "a WAV sound"

    def parse(self, raw: Any, field: str) -> Blob:
        if not isinstance(raw, (bytes, str, Blob)) and hasattr(raw, "__array__"):
            raw = self._from_array(raw, field)
        data = content(raw, field, self.takes, limits.FILE_BYTES)
        if isinstance(raw, Blob) and raw.format == "f32":
            return self._plain(data, raw.meta, field)
        head = wav.read(data)
        if isinstance(head, str):
            raise self._no_sound(raw, data, head, field)
        self._check(head.rate, head.channels, head.frames, field)
        return Blob("wav", data, {"rate": head.rate, "channels": head.channels})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Any:
        """An array of its own; InputError for NaN in it."""
        from bridge.ports import samples

        found = samples.decode(value, field)
        return samples.shaped(samples.resampled(found, value.meta["rate"], self.rate), self.channels)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From float -1..1 or int16, at the port's rate; WAV is 16 bit, what is too loud is cut off."""
        from bridge.ports import samples

        try:
            found = samples.from_model(value, self.channels)
        except (TypeError, ValueError) as error:
            raise ModelFailed(self._unfit(value, field).message, hint=str(error), field=field) from None
        return samples.encode(found, self.rate, encoding.format or self.formats[0])

    def _from_array(self, raw: Any, field: str) -> Blob:
        from bridge.ports import samples

        try:
            return samples.encode(samples.from_model(raw, self.channels), self.rate, "f32")
        except (TypeError, ValueError) as error:
            raise self._refused(raw, field, str(error)) from None

    def _plain(self, data: bytes | memoryview, meta: dict[str, Any], field: str) -> Blob:
        """float32 little-endian, frame by frame, that says its own rate and channels."""
        rate, channels = meta.get("rate", self.rate), meta.get("channels", self.channels)
        if type(rate) is not int or type(channels) is not int or channels < 1 or len(data) % (4 * channels):
            raise InputError(f"{field} takes float32 samples with a whole rate and channels", field=field)
        self._check(rate, channels, len(data) // (4 * channels), field)
        return Blob("f32", data, {"rate": rate, "channels": channels})

    def _check(self, rate: int, channels: int, frames: int, field: str) -> None:
        if not _RATES[0] <= rate <= _RATES[1] or channels > _CHANNELS:
            said = f"{field} takes up to {_CHANNELS} channels at {_RATES[0]} to {_RATES[1]} samples a second"
            raise InputError(f"{said}; {channels} at {rate} came", field=field)
        if not frames:
            raise InputError(f"{field} takes {self.takes}; one without any sound in it came", field=field)
        most = limits.AUDIO_SECONDS if self.max_seconds is None else self.max_seconds
        if frames > most * rate:
            said = f"{field} takes up to {number(most)} seconds; {frames / rate:.1f} came"
            raise TooLarge(said, hint="cut it first", field=field)

    def _no_sound(self, raw: Any, data: Any, why: str, field: str) -> InputError:
        short = isinstance(raw, str) and len(raw) < 100 and not raw.startswith("data:")
        seems = came(raw) if short else headers.looks_like(data)
        if seems == "a WAV sound":
            return InputError(f"{field} is a WAV that can't be read: {why}", hint=_CONVERT, field=field)
        return InputError(f"{field} takes {self.takes}; {seems} came", hint=_CONVERT, field=field)

    def _flaws(self) -> Iterator[str]:
        if type(self.rate) is not int or not _RATES[0] <= self.rate <= _RATES[1]:
            yield f"rate is {came(self.rate)}; it takes a whole number from {_RATES[0]} to {_RATES[1]}"
        if type(self.channels) is not int or not 1 <= self.channels <= _CHANNELS:
            yield f"channels is {came(self.channels)}; it takes a whole number from 1 to {_CHANNELS}"
        longest = self.max_seconds
        if longest is not None and not (math.isfinite(longest) and 0 < longest <= limits.AUDIO_SECONDS):
            yield f"max_seconds is {came(longest)}; it is above 0 and up to {limits.AUDIO_SECONDS}"

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "audio/wav", "contentEncoding": "base64"}


_CONVERT = "save it as a WAV of 16 bits"
