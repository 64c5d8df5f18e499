"""Sound. It crosses as WAV or as plain float32; only the worker turns it into numbers."""

from collections.abc import Iterator
from typing import Any

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import wav
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.content import content
from bridge.ports.vector import finite
from bridge.ports.words import came

_RATES = (1_000, 768_000)
_CHANNELS = 64
_MOST_BYTES = limits.FILE_BYTES


class Audio(Port, frozen=True, tag="audio"):
    """Sound. The model gets float32 samples from -1 to 1, shape (frames, channels), at this rate if one is given."""

    formats = ("wav", "f32")

    rate: int | None = None  # samples a second; None: as it comes, and outputs need one
    channels: int | None = None  # None: as they come
    max_seconds: float = float(limits.AUDIO_SECONDS)

    @property
    def takes(self) -> str:
        rate = f" at {self.rate} Hz" if self.rate else ""
        channels = {None: "", 1: ", mono", 2: ", stereo"}.get(self.channels, f", {self.channels} channels")
        return f"sound (WAV{rate}{channels})"

    def parse(self, raw: Any, field: str) -> Blob:
        if isinstance(raw, Blob) and raw.format == "f32":
            return self._samples(raw, field)
        if not isinstance(raw, (bytes, bytearray, memoryview, str, Blob)) and hasattr(raw, "__array__"):
            return self._samples(self._from_array(raw, field), field)
        data = content(raw, field, self.takes, _MOST_BYTES)
        head = wav.read(data)
        if isinstance(head, str):
            raise InputError(f"{field} takes {self.takes}; {head}", hint="save it as PCM WAV", field=field)
        self._check(head.rate, head.channels, head.seconds, field)
        return Blob("wav", data, {"rate": head.rate, "channels": head.channels})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Any:
        import numpy as np

        if value.format == "f32":
            return np.frombuffer(value.data, "<f4").astype(np.float32).reshape(-1, value.meta["channels"])
        head = wav.read(value.data)
        if isinstance(head, str) or not head.frames:
            raise InputError(f"{field} holds no sound", hint="the file may have been cut off", field=field)
        end = head.start + head.frames * head.frame_bytes
        return _floats(memoryview(value.data)[head.start : end], head.sample).reshape(-1, head.channels)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From float samples from -1 to 1, shape (frames,) or (frames, channels), or a pair of rate and samples."""
        import numpy as np

        rate, samples = value if isinstance(value, tuple) and len(value) == 2 else (self.rate, value)
        if not rate:
            hint = "declare Audio(rate=44100), or give out (rate, samples)"
            raise ModelFailed(f"the model gave out sound without a rate for {field}", hint=hint, field=field)
        array = self._array(samples, field)
        meta = {"rate": int(rate), "channels": int(array.shape[1])}
        if encoding.format == "f32":
            return Blob("f32", array.astype("<f4").tobytes(), meta)
        pcm = np.clip(np.round(array * 32767.0), -32768, 32767).astype("<i2").tobytes()
        return Blob("wav", wav.head("i16", meta["rate"], meta["channels"], len(pcm)) + pcm, meta)

    def _array(self, samples: Any, field: str) -> Any:
        import numpy as np

        from bridge.ports.arrays import as_array

        try:
            array = as_array(samples)
        except (TypeError, ValueError):
            raise self._unfit(samples, field) from None
        if array.dtype == np.int16:
            array = array / 32768.0
        array = array.astype(np.float32)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():
            raise self._unfit(samples, field)
        return array

    def _from_array(self, raw: Any, field: str) -> Blob:
        if self.rate is None:
            raise InputError(f"{field} came as plain numbers, without a rate", hint="send a WAV", field=field)
        try:
            array = self._array(raw, field)
        except ModelFailed:
            raise self._refused(raw, field) from None
        return Blob("f32", array.astype("<f4").tobytes(), {"rate": self.rate, "channels": int(array.shape[1])})

    def _samples(self, raw: Blob, field: str) -> Blob:
        rate, channels = raw.meta.get("rate", self.rate), raw.meta.get("channels", self.channels or 1)
        if type(rate) is not int or type(channels) is not int or rate < 1 or channels < 1:
            raise InputError(f"{field} came raw without its rate and channels", field=field)
        data = content(raw, field, self.takes, _MOST_BYTES)
        if len(data) % (4 * channels):
            raise InputError(f"{field} takes whole frames of {channels} float32 samples", field=field)
        self._check(rate, channels, len(data) / (4 * channels * rate), field)
        if not finite(bytes(data)):
            raise InputError(f"{field} takes finite samples; NaN or infinity came among them", field=field)
        return Blob("f32", data, {"rate": rate, "channels": channels})

    def _check(self, rate: int, channels: int, seconds: float, field: str) -> None:
        if not _RATES[0] <= rate <= _RATES[1] or not 1 <= channels <= _CHANNELS:
            raise InputError(f"{field} takes {self.takes}; {rate} Hz with {channels} channels came", field=field)
        if self.rate not in (None, rate) or self.channels not in (None, channels):
            hint = "convert it first: it is not resampled here"
            raise InputError(f"{field} takes {self.takes}; {rate} Hz, {channels} channels came", hint=hint, field=field)
        if seconds > self.max_seconds:
            said = f"{field} takes up to {self.max_seconds:g} s of sound; {seconds:.1f} s came"
            raise TooLarge(said, hint="cut it first", field=field)

    def _flaws(self) -> Iterator[str]:
        if self.rate is not None and (type(self.rate) is not int or not _RATES[0] <= self.rate <= _RATES[1]):
            yield f"rate is {came(self.rate)}; it takes a whole number from {_RATES[0]} to {_RATES[1]}"
        if self.channels is not None and (type(self.channels) is not int or not 1 <= self.channels <= _CHANNELS):
            yield f"channels is {came(self.channels)}; it takes a whole number from 1 to {_CHANNELS}"
        if not 0 < self.max_seconds <= limits.AUDIO_SECONDS:
            yield f"max_seconds is {came(self.max_seconds)}; it takes a number above 0, up to {limits.AUDIO_SECONDS}"

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "audio/wav", "contentEncoding": "base64"}


def _floats(data: memoryview, sample: str) -> Any:
    """Samples of any width as float32 from -1 to 1."""
    import numpy as np

    if sample == "u8":
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / 128.0
    if sample == "i24":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4").astype(np.float32) / 2147483648.0
    if sample.startswith("f"):
        floats = np.frombuffer(data, f"<f{wav.sample_bytes(sample)}").astype(np.float32)
        return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.frombuffer(data, f"<i{wav.sample_bytes(sample)}").astype(np.float32) / float(2 ** (int(sample[1:]) - 1))
