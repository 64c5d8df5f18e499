"""Pictures as arrays: decoded, brought into shape, encoded. For the worker: it imports numpy and OpenCV.

Pixels are uint8, (height, width) for one channel, else (height, width, 3 RGB or 4 RGBA).
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from bridge import limits
from bridge.errors import InputError
from bridge.ports import headers
from bridge.ports.arrays import as_array
from bridge.ports.base import Blob, Encoding

Pixels = npt.NDArray[np.uint8]

_PNG_LEVEL = 1  # live pictures: three times quicker than the usual 3, a few percent larger
_OVERSHOOT = (-0.5, 2.0)  # pictures from 0 to 1 may swing over; beyond this they were never meant to be from 0 to 1


# --- in ------------------------------------------------------------------------------------------


def decode(blob: Blob, channels: int, field: str) -> Pixels:
    """The picture, turned as it is shown, in so many channels, writable; InputError when it is cut off or damaged."""
    if blob.format == "raw":
        return conform(unpacked(blob).copy(), channels)
    header = headers.read(blob.data)
    if header is None or not headers.whole(blob.data, header.format):
        raise _damaged(field)
    if header.alpha:
        return conform(_read(blob, header, cv2.IMREAD_UNCHANGED, field), channels)
    mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    return conform(_read(blob, header, mode | cv2.IMREAD_IGNORE_ORIENTATION, field), channels)


def decode_as_is(blob: Blob, field: str) -> npt.NDArray[Any]:
    """In the channels and the depth of the file itself, RGB."""
    if blob.format == "raw":
        return unpacked(blob).copy()
    header = headers.read(blob.data)
    if header is None or not headers.whole(blob.data, header.format):
        raise _damaged(field)
    return _read(blob, header, cv2.IMREAD_UNCHANGED, field)


def unpacked(blob: Blob) -> Pixels:
    """Raw pixels as an array on the same bytes."""
    shape = (blob.meta["height"], blob.meta["width"], blob.meta["channels"])
    found = np.frombuffer(blob.data, np.uint8).reshape(shape)
    return found[:, :, 0] if shape[2] == 1 else found


def _read(blob: Blob, header: headers.Header, mode: int, field: str) -> npt.NDArray[Any]:
    try:
        found = cv2.imdecode(np.frombuffer(blob.data, np.uint8), mode)
    except cv2.error:
        found = None
    if found is None:
        raise _damaged(field)
    turned = _turned(found, header.orientation)
    if turned.shape[:2] != (header.height, header.width):  # its head was made to tell another size
        raise _damaged(field)
    if mode != cv2.IMREAD_UNCHANGED:
        return turned
    return _as_rgb(turned)


def _as_rgb(found: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if found.ndim == 2:
        return found
    return cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _turned(found: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """As EXIF's orientation says. Not left to OpenCV, which forgets it where it keeps alpha."""
    if orientation in (5, 7):
        found = cv2.transpose(found)
    turn = {
        2: lambda: cv2.flip(found, 1),
        3: lambda: cv2.rotate(found, cv2.ROTATE_180),
        4: lambda: cv2.flip(found, 0),
        6: lambda: cv2.rotate(found, cv2.ROTATE_90_CLOCKWISE),
        7: lambda: cv2.rotate(found, cv2.ROTATE_180),
        8: lambda: cv2.rotate(found, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }.get(orientation)
    return found if turn is None else turn()


def _damaged(field: str) -> InputError:
    return InputError(
        f"{field} is a picture that breaks off or is damaged",
        hint="was it cut off on its way, or still being written?",
        field=field,
    )


# --- shape ---------------------------------------------------------------------------------------


def from_model(value: Any) -> Pixels:
    """Pixels from what a model or a caller in Python has: uint8, 0..1, 16 bit, on any device; ValueError in words."""
    found = as_array(value)
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[:, :, 0]
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[2] not in (3, 4)):
        raise ValueError(_shape_trouble(found.shape))
    if not found.size:
        raise ValueError("there is nothing in it")
    if max(found.shape[:2]) > limits.IMAGE_SIDE or found.shape[0] * found.shape[1] > limits.PIXELS:
        raise ValueError(f"it is larger than {limits.PIXELS / 1e6:g} megapixels or {limits.IMAGE_SIDE} a side")
    return _eight_bit(found)


def _eight_bit(found: npt.NDArray[Any]) -> Pixels:
    if found.dtype == np.uint8:
        return np.ascontiguousarray(found)
    if found.dtype == np.bool_:
        return found.astype(np.uint8) * np.uint8(255)
    if found.dtype == np.uint16:
        return (found >> 8).astype(np.uint8)
    low, high = float(found.min()), float(found.max())
    if found.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise ValueError(f"it goes from {low:g} to {high:g}; whole numbers go from 0 to 255")
        return found.astype(np.uint8)
    if not _OVERSHOOT[0] <= low <= high <= _OVERSHOOT[1]:  # NaN is not, either
        raise ValueError(f"it goes from {low:g} to {high:g}; a picture goes from 0 to 1, or is uint8 from 0 to 255")
    return _scaled(np.ascontiguousarray(found, np.float32))


def _scaled(found: npt.NDArray[np.float32]) -> Pixels:
    """0..1 to 0..255, rounded, what swings over cut off. OpenCV does all of it in one go."""
    flat = found.reshape(found.shape[0], -1)
    scaled: Pixels = np.asarray(cv2.multiply(flat, 255.0, dtype=cv2.CV_8U), np.uint8)  # type: ignore[call-overload]
    return scaled.reshape(found.shape)


def _shape_trouble(shape: tuple[int, ...]) -> str:
    told = " × ".join(map(str, shape)) or "one number"
    turned = len(shape) == 3 and shape[0] in (1, 3, 4)
    batched = len(shape) == 4 and shape[0] == 1
    way_out = ": turn it with .permute(1, 2, 0) or .transpose(1, 2, 0)" if turned else ""
    way_out = ": give its first item, [0]" if batched else way_out
    return f"its shape is {told}; a picture is height × width × channels{way_out}"


def conform(found: npt.NDArray[Any], channels: int) -> Pixels:
    """In so many channels. Transparent parts are laid on white where alpha goes."""
    if found.dtype == np.uint16:
        found = (found >> 8).astype(np.uint8)
    have = 1 if found.ndim == 2 else found.shape[2]
    if have == 4 and channels != 4:
        found, have = on_white(found), 3
    if have == channels:
        return np.ascontiguousarray(found)
    return cv2.cvtColor(np.ascontiguousarray(found), _CONVERSIONS[have, channels]).astype(np.uint8, copy=False)


_CONVERSIONS = {
    (1, 3): cv2.COLOR_GRAY2RGB,
    (1, 4): cv2.COLOR_GRAY2RGBA,
    (3, 1): cv2.COLOR_RGB2GRAY,
    (3, 4): cv2.COLOR_RGB2RGBA,
}


def on_white(found: Pixels) -> Pixels:
    """RGBA as RGB, laid on white paper."""
    alpha = found[:, :, 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(found[:, :, :3])
    part = alpha.astype(np.uint32)
    mixed = (found[:, :, :3] * part + 255 * (255 - part) + 127) // 255
    return mixed.astype(np.uint8)


def fitted(found: Pixels, width: int, height: int, *, exact_values: bool = False) -> Pixels:
    """Made smaller so that it fits into the width and the height (0: any), its proportions kept; never larger."""
    have_height, have_width = found.shape[:2]
    scale = min(width / have_width if width else 1.0, height / have_height if height else 1.0)
    if scale >= 1.0:
        return found
    size = (max(1, round(have_width * scale)), max(1, round(have_height * scale)))
    how = cv2.INTER_NEAREST_EXACT if exact_values else cv2.INTER_AREA
    return cv2.resize(found, size, interpolation=how).astype(np.uint8, copy=False)


# --- out -----------------------------------------------------------------------------------------


def raw(found: Pixels) -> Blob:
    """The pixels as they are, in bytes of their own: the model may go on drawing into its array."""
    height, width = found.shape[:2]
    channels = 1 if found.ndim == 2 else found.shape[2]
    return Blob("raw", found.tobytes(), {"width": width, "height": height, "channels": channels})


def encode(found: Pixels, encoding: Encoding) -> Blob:
    """In that format; a complete encoding, see Port.encoding."""
    if encoding.format == "raw":
        return raw(found)
    if encoding.format == "jpeg":
        return _blob(encoding, found, _jpeg(found, encoding.quality))
    done, data = cv2.imencode("." + encoding.format, _as_bgr(found), _options(encoding))
    if not done:
        raise ValueError(f"OpenCV could not write a {encoding.format}")
    return _blob(encoding, found, data.tobytes())


def _blob(encoding: Encoding, found: Pixels, data: bytes) -> Blob:
    return Blob(encoding.format, data, {"width": found.shape[1], "height": found.shape[0]})


def _jpeg(found: Pixels, quality: int) -> bytes:
    """OpenCV writes the same, but copies the pixels before and the bytes after, which shows in small live pictures."""
    if found.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(found[:, :, None], quality, "GRAY", "Gray"))
    opaque = on_white(found) if found.shape[2] == 4 else found
    return bytes(simplejpeg.encode_jpeg(opaque, quality, "RGB", "420"))  # bytes of bytes are the same ones


def _as_bgr(found: Pixels) -> npt.NDArray[Any]:
    if found.ndim == 2:
        return found
    return cv2.cvtColor(found, cv2.COLOR_RGBA2BGRA if found.shape[2] == 4 else cv2.COLOR_RGB2BGR)


def _options(encoding: Encoding) -> list[int]:
    if encoding.format == "png":
        return [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL]
    return [cv2.IMWRITE_WEBP_QUALITY, encoding.quality]
