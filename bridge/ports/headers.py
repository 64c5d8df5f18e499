"""What the first bytes of a file tell: a picture's format and size, or what else it looks like. Nothing is decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Buffer = bytes | bytearray | memoryview

_HEAD = 512  # bytes that are enough to tell kinds of files apart
_TURNED = 5  # EXIF orientations from here on swap width and height
_SEGMENTS = 2_000  # parts of a file that are looked at before giving up
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that begin a frame
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length


@dataclass(slots=True, frozen=True)
class Header:
    """A picture before it is decoded. Width and height are as it is shown, turned as its EXIF data says."""

    format: str
    width: int
    height: int
    alpha: bool = False  # may have one
    orientation: int = 1  # EXIF's 1 to 8


def read(data: Buffer) -> Header | None:
    """The header of a JPEG, PNG, GIF, WebP or BMP; None for anything else and for one too broken to tell its size."""
    head = bytes(data[:16])
    for magic, reader in _READERS:
        if head.startswith(magic):
            try:
                return reader(data)
            except (struct.error, IndexError):
                return None  # it ends within its header
    return None


def whole(data: Buffer, format: str) -> bool:
    """Does the end of the file seem to be there? Some decoders fill the rest of a cut picture with grey."""
    if format == "jpeg":
        return _in_tail(data, b"\xff\xd9")
    if format == "png":
        return _in_tail(data, b"IEND")
    if format == "webp":
        return len(data) >= int(struct.unpack_from("<I", data, 4)[0])
    return True


def looks_like(data: Buffer) -> str:
    """In words, what a file seems to be."""
    head = bytes(data[:_HEAD])
    for words, offset, magic in _MAGIC:
        if head[offset:].startswith(magic):
            return words
    if not head:
        return "an empty file"
    text = _as_text(head)
    return "bytes of no known kind" if text is None else _kind_of_text(text)


# --- one reader a format -------------------------------------------------------------------------


def _jpeg(data: Buffer) -> Header | None:
    orientation = 1
    for marker, start, end in _jpeg_segments(data):
        if marker == 0xE1 and bytes(data[start : start + 6]) == b"Exif\0\0":
            orientation = _orientation(bytes(data[start + 6 : end]))
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return _turned("jpeg", width, height, False, orientation)
    return None


def _jpeg_segments(data: Buffer) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the picture itself."""
    at = 2
    for _ in range(_SEGMENTS):
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF or data[at + 1] == 0xDA:
            return
        marker = data[at + 1]
        length = 0 if marker in _BARE else struct.unpack_from(">H", data, at + 2)[0]
        yield marker, at + 4, at + 2 + length
        at += 2 + length


def _png(data: Buffer) -> Header | None:
    kind, width, height, color = struct.unpack_from(">4sIIxB", data, 12)
    if kind != b"IHDR":
        return None
    alpha, orientation = color in (4, 6), 1
    for name, start, length in _png_chunks(data):
        if name == b"tRNS":
            alpha = True
        elif name == b"eXIf":
            orientation = _orientation(bytes(data[start : start + length]))
    return _turned("png", width, height, alpha, orientation)


def _png_chunks(data: Buffer) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk before the picture itself."""
    at = 8
    for _ in range(_SEGMENTS):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return
        yield name, at + 8, length
        at += 12 + length


def _gif(data: Buffer) -> Header | None:
    width, height = struct.unpack_from("<HH", data, 6)
    return _turned("gif", width, height, True, 1)


def _bmp(data: Buffer) -> Header | None:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return _turned("bmp", width, abs(height), False, 1)


def _webp(data: Buffer) -> Header | None:
    form, first = struct.unpack_from("4s4s", data, 8)
    if form != b"WEBP":
        return None
    if first == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return _turned("webp", width & 0x3FFF, height & 0x3FFF, False, 1)
    if first == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return _turned("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1), 1)
    return _webp_extended(data) if first == b"VP8X" else None


def _webp_extended(data: Buffer) -> Header | None:
    flags = data[20]
    width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    orientation = 1
    for name, start, length in _riff_chunks(data):
        if name == b"EXIF":
            orientation = _orientation(bytes(data[start : start + length]).removeprefix(b"Exif\0\0"))
    return _turned("webp", width, height, bool(flags & 0x10), orientation)


def _riff_chunks(data: Buffer) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    for _ in range(_SEGMENTS):
        if at + 8 > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, length
        at += 8 + length + (length & 1)


def _turned(format: str, width: int, height: int, alpha: bool, orientation: int) -> Header | None:
    if width < 1 or height < 1:
        return None
    if orientation >= _TURNED:
        width, height = height, width
    return Header(format, width, height, alpha, orientation)


def _orientation(exif: bytes) -> int:
    """The orientation that EXIF data tells, 1 when it tells none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for index in range(min(count, 200)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # broken EXIF data is common and no reason to refuse the picture
    return 1


_READERS = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
)


def _in_tail(data: Buffer, mark: bytes) -> bool:
    """Near the end, or, as some cameras append a film, anywhere after the head."""
    return mark in bytes(data[-64:]) or mark in bytes(data[len(data) // 8 :])


# --- other files ---------------------------------------------------------------------------------

_MAGIC = (
    ("a JPEG picture", 0, b"\xff\xd8\xff"),
    ("a PNG picture", 0, b"\x89PNG"),
    ("a GIF picture", 0, b"GIF8"),
    ("a WebP picture", 8, b"WEBP"),
    ("a WAV sound", 8, b"WAVE"),
    ("an AVI video", 8, b"AVI "),
    ("an AVIF picture", 4, b"ftypavif"),
    ("a HEIC picture", 4, b"ftyphei"),
    ("a HEIC picture", 4, b"ftypmif1"),
    ("an M4A sound", 4, b"ftypM4A"),
    ("an MP4 or QuickTime video", 4, b"ftyp"),
    ("a TIFF picture", 0, b"II*\0"),
    ("a TIFF picture", 0, b"MM\0*"),
    ("a Photoshop file", 0, b"8BPS"),
    ("an EXR picture", 0, b"v/1\x01"),
    ("a PDF", 0, b"%PDF"),
    ("a ZIP archive", 0, b"PK\x03\x04"),
    ("a ZIP archive", 0, b"PK\x05\x06"),
    ("a tar archive", 257, b"ustar"),
    ("a gzip file", 0, b"\x1f\x8b"),
    ("a bzip2 file", 0, b"BZh"),
    ("an xz file", 0, b"\xfd7zXZ\0"),
    ("a Zstandard file", 0, b"\x28\xb5\x2f\xfd"),
    ("a 7z archive", 0, b"7z\xbc\xaf"),
    ("a RAR archive", 0, b"Rar!"),
    ("a FLAC sound", 0, b"fLaC"),
    ("an Ogg sound", 0, b"OggS"),
    ("an MP3 sound", 0, b"ID3"),
    ("an MP3 sound", 0, b"\xff\xfb"),
    ("an MP3 sound", 0, b"\xff\xf3"),
    ("an AIFF sound", 0, b"FORM"),
    ("a WebM or Matroska video", 0, b"\x1aE\xdf\xa3"),
    ("a NumPy array", 0, b"\x93NUMPY"),
    ("a BMP picture", 0, b"BM"),
)


def _as_text(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8", "strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    controls = sum(character < " " and character not in "\t\r\n\f" for character in text)
    return None if controls or len(text) * 2 < len(head) else text


def _kind_of_text(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a web page (HTML)"
    if "<svg" in start:
        return "an SVG drawing"
    if start.startswith("<"):
        return "XML text"
    if start.startswith(("{", "[")):
        return "JSON text"
    return "text"
