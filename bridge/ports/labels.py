"""Pictures to label ids and back. For the worker: it imports numpy and OpenCV."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bridge.ports import pixels
from bridge.ports.arrays import as_array
from bridge.ports.base import Blob, Encoding

Color = tuple[int, int, int]
Ids = npt.NDArray[np.uint8]

_AT_ONCE = 65_536  # colours compared in one step, so that memory stays small
_OPAQUE = 128


def read(blob: Blob, ids: Sequence[int], colors: Sequence[Color], default: int, field: str) -> Ids:
    """One channel holds ids; colours are the nearest label's, as JPEG does not keep them exactly."""
    found = pixels.decode_as_is(blob, field)
    if found.ndim == 2:
        return _known(found, ids, default)
    rgb = found if found.dtype == np.uint8 else (found >> 8).astype(np.uint8)
    labelled = _nearest(rgb[:, :, :3], ids, colors)
    if rgb.shape[2] == 4:
        labelled[rgb[:, :, 3] < _OPAQUE] = default
    return labelled


def draw(value: Any, ids: Sequence[int], colors: Sequence[Color], encoding: Encoding) -> Blob:
    """Ids, or a picture in the colours already, in that encoding; ValueError where an id has no label."""
    found = as_array(value)
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[:, :, 0]
    picture = _colored(found, ids, colors) if found.ndim == 2 else pixels.conform(pixels.from_model(found), 3)
    return pixels.encode(pixels.fitted(picture, encoding.width, encoding.height, exact_values=True), encoding)


def _known(found: npt.NDArray[Any], ids: Sequence[int], default: int) -> Ids:
    table = np.full(65_536, default, np.uint8)
    table[list(ids)] = list(ids)
    ids_found: Ids = table[found]
    return ids_found


def _nearest(rgb: npt.NDArray[np.uint8], ids: Sequence[int], colors: Sequence[Color]) -> Ids:
    """Each colour that occurs is looked up once, then every pixel in a table of all colours."""
    packed = rgb.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)
    occurs = np.zeros(1 << 24, np.bool_)
    occurs[packed] = True
    different = np.flatnonzero(occurs)
    table = np.zeros(1 << 24, np.uint8)
    for start in range(0, len(different), _AT_ONCE):
        some = different[start : start + _AT_ONCE]
        table[some] = np.array(ids, np.uint8)[_closest(some, colors)]
    return table[packed]


def _closest(packed: npt.NDArray[np.int64], colors: Sequence[Color]) -> npt.NDArray[np.int64]:
    """The number of the nearest colour to each."""
    wanted = np.array(colors, np.float32)  # (labels, 3)
    some = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.float32)  # (colours, 3)
    nearest: npt.NDArray[np.int64] = ((wanted**2).sum(1) - 2 * some @ wanted.T).argmin(1)  # less what all share
    return nearest


def _colored(found: npt.NDArray[Any], ids: Sequence[int], colors: Sequence[Color]) -> pixels.Pixels:
    if found.dtype.kind not in "iub" or not found.size:
        raise ValueError("a segmentation is given out as whole numbers, height × width: the labels' ids")
    low, high = int(found.min()), int(found.max())
    if low < 0 or high > 255:
        raise ValueError(f"the id {low if low < 0 else high} in it has no label")
    given = found.astype(np.uint8)
    unknown = set(np.flatnonzero(np.bincount(given.ravel())).tolist()) - set(ids)
    if unknown:
        raise ValueError(f"the id {min(unknown)} in it has no label")
    table = np.zeros((256, 3), np.uint8)
    table[list(ids)] = colors
    return table[given]
