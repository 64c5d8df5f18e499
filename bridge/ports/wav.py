"""The WAV format's head, read and written. Pure: samples are not touched."""

import struct
from dataclasses import dataclass

Buffer = bytes | bytearray | memoryview

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_CHUNKS = 1_000  # looked at before giving up
_WIDTHS = {_PCM: {8: "u8", 16: "i16", 24: "i24", 32: "i32"}, _FLOAT: {32: "f32", 64: "f64"}}


@dataclass(slots=True, frozen=True)
class Wav:
    """Where the samples stand and what they are."""

    sample: str  # u8, i16, i24, i32, f32, f64
    rate: int
    channels: int
    start: int
    frames: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * sample_bytes(self.sample)

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def sample_bytes(sample: str) -> int:
    return int(sample[1:]) // 8


def read(data: Buffer) -> Wav | str:
    """The head of a WAV, or in words why it can't be read."""
    if bytes(data[:4]) != b"RIFF" or bytes(data[8:12]) != b"WAVE":
        return "it is no WAV"
    shape = None
    at = 12
    for _ in range(_CHUNKS):
        if at + 8 > len(data):
            break
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"fmt ":
            shape = _format(data, at + 8, length)
        elif name == b"data":
            return _wav(shape, at + 8, min(length, len(data) - at - 8))  # a stream's head may tell a length of all ones
        at += 8 + length + (length & 1)
    return "it ends before its sound begins"


def head(sample: str, rate: int, channels: int, data_bytes: int) -> bytes:
    """What stands before the samples."""
    width = sample_bytes(sample)
    code = _FLOAT if sample.startswith("f") else _PCM
    shape = struct.pack("<HHIIHH", code, channels, rate, rate * channels * width, channels * width, 8 * width)
    opening = struct.pack("<4sI4s4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16)
    return opening + shape + struct.pack("<4sI", b"data", data_bytes)


def _format(data: Buffer, at: int, length: int) -> tuple[int, int, int, int] | None:
    """Code, channels, rate and bits."""
    if length < 16 or at + length > len(data):
        return None
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
    if code == _EXTENSIBLE and length >= 26:
        (code,) = struct.unpack_from("<H", data, at + 24)
    return code, channels, rate, bits


def _wav(shape: tuple[int, int, int, int] | None, start: int, length: int) -> Wav | str:
    if shape is None:
        return "its head is broken"
    code, channels, rate, bits = shape
    sample = _WIDTHS.get(code, {}).get(bits)
    if sample is None:
        return f"its samples are of a kind that is not taken (code {code}, {bits} bits)"
    if not channels or not rate:
        return "its head is broken"
    return Wav(sample, rate, channels, start, length // (channels * sample_bytes(sample)))
