"""Sound as arrays: decoded, brought to a rate, encoded. For the worker: it imports numpy.

Samples are float32 from -1 to 1, always (frames, channels) in here.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bridge.errors import InputError
from bridge.ports import wav
from bridge.ports.arrays import as_array
from bridge.ports.base import Blob

Samples = npt.NDArray[np.float32]

_FULL_SCALE = {"i16": 2**15, "i24": 2**23, "i32": 2**31}


def decode(blob: Blob, field: str) -> Samples:
    """The samples as they are in the file."""
    found = _plain(blob) if blob.format == "f32" else _wav(blob, field)
    if not np.isfinite(found).all():
        raise InputError(f"{field} takes finite samples; NaN or infinity came among them", field=field)
    return found


def shaped(found: Samples, channels: int) -> Samples:
    """In so many channels, as the model gets it."""
    have = found.shape[1]
    if channels == 1:
        return np.ascontiguousarray(found[:, 0] if have == 1 else found.mean(axis=1, dtype=np.float32))
    if have == 1:
        return np.repeat(found, channels, axis=1)
    silence = np.zeros((len(found), max(0, channels - have)), np.float32)
    return np.ascontiguousarray(np.concatenate([found[:, :channels], silence], axis=1))


def resampled(found: Samples, rate: int, wanted: int) -> Samples:
    """At another rate, without the frequencies that do not fit there."""
    if rate == wanted:
        return found
    common = math.gcd(rate, wanted)
    steps = _quick_length(len(found) // (rate // common) + 2)  # silence at the end, or it would ring into the start
    before, after = steps * (rate // common), steps * (wanted // common)
    spectrum = np.fft.rfft(found, before, axis=0)
    sound = np.fft.irfft(spectrum, after, axis=0) * (after / before)
    return sound[: max(1, round(len(found) * wanted / rate))].astype(np.float32)


def from_model(value: Any, channels: int) -> Samples:
    """Samples from what a model or a caller in Python has; ValueError in words."""
    found = as_array(value)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or not found.size:
        told = " × ".join(map(str, found.shape)) or "one number"
        raise ValueError(f"its shape is {told}; sound is an array of frames, or of frames × channels")
    if found.shape[1] != channels:
        turned = ": turn it with .T" if found.shape[0] == channels else ""
        raise ValueError(f"it has {found.shape[1]} channels, its port has {channels}{turned}")
    found = _as_float(found)
    if not np.isfinite(found).all():
        raise ValueError("there is NaN or infinity in it")
    return found


def encode(found: Samples, rate: int, format: str) -> Blob:
    """As a WAV of 16 bits, or as plain float32."""
    meta = {"rate": rate, "channels": found.shape[1]}
    if format == "f32":
        return Blob("f32", found.astype("<f4").tobytes(), meta)
    data = np.rint(np.clip(found, -1, 1) * 32767).astype("<i2").tobytes()
    return Blob("wav", wav.head("i16", rate, found.shape[1], len(data)) + data, meta)


def _plain(blob: Blob) -> Samples:
    return np.frombuffer(blob.data, "<f4").astype(np.float32).reshape(-1, blob.meta["channels"])


def _wav(blob: Blob, field: str) -> Samples:
    head = wav.read(blob.data)
    if isinstance(head, str):
        raise InputError(f"{field} is a WAV that can't be read: {head}", field=field)
    data = memoryview(blob.data)[head.start : head.start + head.frames * head.frame_bytes]
    return _numbers(data, head.sample).reshape(-1, head.channels)


def _numbers(data: memoryview, sample: str) -> Samples:
    if sample == "i24":  # as the upper three bytes of four
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    found: npt.NDArray[Any] = np.frombuffer(data, "<" + sample[0] + str(wav.sample_bytes(sample)))
    if sample == "u8":
        return (found.astype(np.float32) - np.float32(128)) / np.float32(128)
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinity, which is refused
        return found.astype(np.float32) / np.float32(_FULL_SCALE.get(sample, 1))


def _as_float(found: npt.NDArray[Any]) -> Samples:
    if found.dtype == np.int16:
        return found.astype(np.float32) / np.float32(32768)
    if found.dtype.kind != "f":
        raise ValueError(f"it is an array of {found.dtype}; samples are float from -1 to 1, or int16")
    return np.ascontiguousarray(found, np.float32)


def _quick_length(least: int) -> int:
    """The next length that the Fourier transform is quick at."""
    return min(odd << max(0, math.ceil(math.log2(least / odd))) for odd in (1, 3, 5, 9, 15))
