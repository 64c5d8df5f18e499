"""OpenEXR as the Model SDK offers it: 32-bit floats from 0 to 1, uncompressed. Pure, and slow: for a thread."""

import struct
from itertools import chain

from bridge.ports import Blob

_MAGIC = struct.pack("<II", 20000630, 2)
_FLOAT = 2
_SCALED = [struct.pack("<f", level / 255) for level in range(256)]
_NAMES = {1: "Y", 3: "RGB", 4: "RGBA"}


def encoded(raw: Blob) -> bytes:
    """A picture from its plain pixels."""
    width, height, channels = (raw.meta[name] for name in ("width", "height", "channels"))
    names = sorted(_NAMES[channels])  # their order in the file
    head = _head(width, height, names)
    line_bytes = 4 * width * len(names)
    first = len(head) + 8 * height
    offsets = struct.pack(f"<{height}Q", *(first + line * (8 + line_bytes) for line in range(height)))
    pixels = bytes(raw.data)
    places = [_NAMES[channels].index(name) for name in names]
    lines = (_line(pixels, line, width, channels, places) for line in range(height))
    return b"".join(chain((head, offsets), lines))


def _line(pixels: bytes, line: int, width: int, channels: int, places: list[int]) -> bytes:
    start = line * width * channels
    row = pixels[start : start + width * channels]
    levels = b"".join(b"".join([_SCALED[level] for level in row[place::channels]]) for place in places)
    return struct.pack("<ii", line, len(levels)) + levels


def _head(width: int, height: int, names: list[str]) -> bytes:
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", _FLOAT, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = (
        ("channels", "chlist", channels),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
    )
    told = b"".join(
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
        for name, kind, value in attributes
    )
    return _MAGIC + told + b"\0"
