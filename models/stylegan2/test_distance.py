"""The distance tells sets apart that differ in colour, in form or in fine detail, and is small for halves of one set."""

import cv2
import numpy as np

from models.stylegan2.distance import distance, mean_distance


def blobs(count, seed, soft=0.0, hue=0):
    rng = np.random.default_rng(seed)
    pictures = np.zeros((count, 32, 32, 3), np.uint8)
    for picture in pictures:
        centre = tuple(int(n) for n in rng.integers(8, 24, 2))
        cv2.circle(picture, centre, int(rng.integers(3, 9)), [int(n) for n in np.roll((250, 120, 30), hue)], -1)
        if soft:
            picture[:] = cv2.GaussianBlur(picture, (0, 0), soft)
    return pictures


def test_what_is_alike_is_near_and_what_is_not_is_far():
    same = mean_distance(blobs(256, 1), blobs(256, 2))
    assert mean_distance(blobs(256, 1), blobs(256, 2, soft=2)) > 2 * same
    noise = np.random.default_rng(0).integers(0, 256, (256, 32, 32, 3), np.uint8)
    assert mean_distance(blobs(256, 1), noise) > 2 * same


def test_it_is_told_for_every_size_of_detail_and_is_the_same_every_time():
    told = distance(blobs(32, 1), blobs(32, 2))
    assert list(told) == [32, 16]
    assert told == distance(blobs(32, 1), blobs(32, 2))
