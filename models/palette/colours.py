"""Clusters of colours as the eye sees them: the same picture gives the same palette, every time."""

import cv2
import numpy as np

SIDE = 160  # a palette needs no more pixels than this a side
SAME = 5.0  # CIELAB distance below which two colours look alike in a palette
ROUNDS = 16
WEIGHT = np.array([0.65, 1, 1])  # hue tells colours of a palette apart more than light and shade do


def palette(image: np.ndarray, count: int) -> tuple[list[str], list[float]]:
    """Up to `count` colours of an RGBA picture as #rrggbb with their shares, the largest first."""
    colours, pixels = _distinct(_opaque(image))  # (n, 3) weighted Lab, (n,) how many pixels
    centres = _refined(colours, pixels, _spread(colours, pixels, count))
    owner = _nearest(colours, centres)
    centres, sizes = _merged(centres, np.bincount(owner, pixels, len(centres)))
    shares = sizes / sizes.sum()
    return [_hex(centre) for centre in centres], [round(float(share), 4) for share in shares]


def _opaque(image: np.ndarray) -> np.ndarray:
    """Its visible pixels, as RGB (n, 3), after making it small; all of them where none is visible."""
    skip = max(1, max(image.shape[:2]) // (4 * SIDE))
    image = image[::skip, ::skip]
    shrink = min(1.0, SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
    alpha = image[..., 3:].astype(np.float32) / 255
    # Weighted by alpha, so that what lies under transparent pixels does not stain the edges.
    weighted = cv2.resize(image[..., :3] * alpha, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    seen = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).reshape(-1)
    if seen.max() < 0.02:
        return cv2.resize(image[..., :3], size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    visible = seen > min(0.5, seen.max() / 2)
    return np.clip(np.rint(weighted[visible] / seen[visible, None]), 0, 255).astype(np.uint8)


def _distinct(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours that differ by more than 5 bits a channel can tell, as weighted Lab, and the number of pixels of each."""
    coarse = (rgb >> 3).astype(np.int32) @ np.array([1024, 32, 1])
    _, place, pixels = np.unique(coarse, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(place, rgb[:, c]) for c in range(3)], axis=1) / pixels[:, None]
    lab = cv2.cvtColor((means / 255).astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0]
    return lab * WEIGHT, pixels.astype(np.float64)


def _spread(colours: np.ndarray, pixels: np.ndarray, count: int) -> np.ndarray:
    """First guesses: the most frequent colour, then again and again the one most missed so far."""
    chosen = [int(pixels.argmax())]
    gap = _distances(colours, colours[chosen])[:, 0]
    while len(chosen) < min(count, len(colours)):
        chosen.append(int((gap * np.sqrt(pixels)).argmax()))
        gap = np.minimum(gap, _distances(colours, colours[chosen[-1:]])[:, 0])
    return colours[chosen]


def _refined(colours: np.ndarray, pixels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Each centre moved into the middle of its colours. Roots let a small bright accent stand beside a large wall."""
    weights = np.sqrt(pixels)
    for _ in range(ROUNDS):
        owner = _nearest(colours, centres)
        mass = np.bincount(owner, weights, len(centres))
        sums = np.stack([np.bincount(owner, colours[:, c] * weights, len(centres)) for c in range(3)], axis=1)
        moved = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-9)[:, None], centres)
        if np.allclose(moved, centres, atol=0.05):
            break
        centres = moved
    return centres


def _merged(centres: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest first; a colour that looks like a larger one is added to it."""
    kept: list[int] = []
    sizes = sizes.copy()
    for index in np.argsort(-sizes, kind="stable"):
        like = [other for other in kept if np.linalg.norm(centres[index] - centres[other]) < SAME]
        if like:
            sizes[like[0]] += sizes[index]
        elif sizes[index] > 0:
            kept.append(int(index))
    kept.sort(key=lambda index: -sizes[index])
    return centres[kept], sizes[kept]


def _distances(colours: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n, k): how different each colour looks from each centre, squared."""
    return ((colours[:, None] - centres[None]) ** 2).sum(-1)


def _nearest(colours: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return _distances(colours, centres).argmin(axis=1)


def _hex(lab: np.ndarray) -> str:
    rgb = cv2.cvtColor((lab / WEIGHT).astype(np.float32).reshape(1, 1, 3), cv2.COLOR_Lab2RGB)[0, 0]
    return "#{:02x}{:02x}{:02x}".format(*np.clip(np.rint(rgb * 255), 0, 255).astype(int))
