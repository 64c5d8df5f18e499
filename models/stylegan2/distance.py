"""How far pictures are from a set, without a network trained by somebody else: the sliced Wasserstein distance of patches.

From Karras et al. 2018 (progressive growing), section 5: small patches of every size of detail are compared along many
random directions. Two halves of one set tell what "no distance" measures; read a number beside that one.
"""

import cv2
import numpy as np

_PATCH = 7  # pixels on a side
_PER_PICTURE = 16  # patches of each picture, at every size of detail
_DIRECTIONS = 512


def distance(ours, theirs, seed=0):
    """The distance times 1000 between two sets of uint8 (N, S, S, 3) pictures: {size of detail in pixels: distance}."""
    rng = np.random.default_rng(seed)
    found = {}
    for one, other in zip(_pyramid(ours), _pyramid(theirs), strict=True):
        found[one.shape[1]] = 1000 * _sliced(_patches(one, rng), _patches(other, rng), rng)
    return found


def mean_distance(ours, theirs, seed=0):
    """The same over all sizes of detail."""
    return float(np.mean(list(distance(ours, theirs, seed).values())))


def _pyramid(pictures):
    """What each halving of the size loses, coarsest last as it is; down to 16 pixels."""
    here = pictures.astype(np.float32) / 127.5 - 1
    levels = []
    while here.shape[1] > 16:
        size = here.shape[1]
        smaller = np.stack([cv2.pyrDown(picture) for picture in here])
        levels.append(here - np.stack([cv2.pyrUp(picture, dstsize=(size, size)) for picture in smaller]))
        here = smaller
    return [*levels, here]


def _patches(pictures, rng):
    """(patches, numbers), each colour brought to mean 0 and deviation 1 over all of them."""
    count, size = pictures.shape[:2]
    tops, lefts = rng.integers(0, size - _PATCH + 1, (2, count * _PER_PICTURE))
    which = np.repeat(np.arange(count), _PER_PICTURE)
    steps = np.arange(_PATCH)
    rows, columns = (tops[:, None] + steps)[:, :, None], (lefts[:, None] + steps)[:, None, :]
    patches = pictures[which[:, None, None], rows, columns]  # (patches, 7, 7, 3)
    patches = (patches - patches.mean(axis=(0, 1, 2))) / (patches.std(axis=(0, 1, 2)) + 1e-8)
    return patches.reshape(len(patches), -1)


def _sliced(ours, theirs, rng):
    count = min(len(ours), len(theirs))
    ours, theirs = (rng.permutation(patches)[:count] for patches in (ours, theirs))
    directions = rng.standard_normal((ours.shape[1], _DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    return float(np.abs(np.sort(ours @ directions, axis=0) - np.sort(theirs @ directions, axis=0)).mean())
