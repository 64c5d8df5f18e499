"""Small files made by hand: pictures of unusual kinds, archives that mean harm."""

import io
import struct
import tarfile
import zipfile
import zlib

import cv2
import numpy as np


def pixels(width: int = 32, height: int = 16) -> np.ndarray:
    """A picture, RGB, whose four quarters differ: red, green / blue, white."""
    found = np.zeros((height, width, 3), np.uint8)
    found[: height // 2, : width // 2] = (255, 0, 0)
    found[: height // 2, width // 2 :] = (0, 255, 0)
    found[height // 2 :, : width // 2] = (0, 0, 255)
    found[height // 2 :, width // 2 :] = (255, 255, 255)
    return found


def encoded(format: str, found: np.ndarray | None = None, *options: int) -> bytes:
    """RGB or RGBA as a file of that format."""
    found = pixels() if found is None else found
    code = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[2 if found.ndim == 2 else found.shape[2]]
    return cv2.imencode(f".{format}", found if code is None else cv2.cvtColor(found, code), list(options))[1].tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of any depth and colour type; rows with their filter bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)


def turned_jpeg(orientation: int) -> bytes:
    """The usual picture, 16 × 8 blocks large, with a note how to turn it."""
    plain = encoded("jpg", pixels(), cv2.IMWRITE_JPEG_QUALITY, 100)
    note = b"Exif\0\0" + exif(orientation)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + plain[2:]


def turned_webp(orientation: int) -> bytes:
    plain = encoded("webp")
    size = b"".join((side - 1).to_bytes(3, "little") for side in (32, 16))
    parts = riff(b"VP8X", bytes([8, 0, 0, 0]) + size) + plain[12:] + riff(b"EXIF", exif(orientation))
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


def riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def cmyk_jpeg(cyan: int, magenta: int, yellow: int, black: int) -> bytes:
    """One block of one ink mix, as Photoshop writes it: inverted, with Adobe's mark."""
    bits = ""
    for ink in (cyan, magenta, yellow, black):
        level = round((255 - ink - 128) * 8 / 8)  # quantised by 8, and the mean of a block is its first coefficient / 8
        size = abs(level).bit_length()
        bits += f"{size:04b}"  # the table below: a code of four bits for each size
        bits += f"{level if level > 0 else level + (1 << size) - 1:0{size}b}" if size else ""
        bits += "0"  # and nothing more in this block
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    lengths = [0, 0, 0, 12, *[0] * 12]
    return b"".join((
        b"\xff\xd8",
        _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        _segment(0xDB, b"\0" + b"\x08" * 64),
        _segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 4) + b"".join(bytes([i, 0x11, 0]) for i in range(1, 5))),
        _segment(0xC4, b"\x00" + bytes(lengths) + bytes(range(12))),
        _segment(0xC4, b"\x10" + bytes([1, *[0] * 15]) + b"\0"),
        _segment(0xDA, b"\x04" + b"".join(bytes([i, 0]) for i in range(1, 5)) + b"\0\x3f\0"),
        data,
        b"\xff\xd9",
    ))  # fmt: skip


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def tarred_entry(name: str, kind: bytes, target: str = "") -> bytes:
    """A tar that holds one link or device."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return out.getvalue()
