"""A mapping that was taught says of a place what the drawing reads from it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")

from models.dream.teach import CODE, code, teach  # noqa: E402
from models.dream.traits import LENGTH, MOTIFS, NAMES, RANGES, place, traits  # noqa: E402
from models.stylegan2.network import Mapping  # noqa: E402


def test_the_code_says_what_the_drawing_reads():
    for seed in range(20):
        p = traits(place(seed))
        found = code(torch.from_numpy(place(seed))[None])[0].numpy()
        assert MOTIFS[int(found[: len(MOTIFS)].argmax())] == p["motif"]
        across, up = found[len(MOTIFS) :][:2] / 1.4
        assert math.isclose(math.cos(2 * math.pi * p["hour"]), across, abs_tol=1e-5)
        assert math.isclose(math.sin(2 * math.pi * p["hour"]), up, abs_tol=1e-5)
        for name, number in zip(NAMES, found[len(MOTIFS) + 4 : LENGTH], strict=True):
            low, high = RANGES.get(name, (0.0, 1.0))
            assert np.isclose(low + (high - low) * (number / 1.7 + 1) / 2, p[name], atol=1e-4)
        own = found[LENGTH:].reshape(len(MOTIFS), -1)
        assert np.allclose(own[MOTIFS.index(p["motif"])] / 4, [2 * p[f"s{i}"] - 1 for i in range(10)], atol=1e-4)
        assert (own.any(axis=1) == [motif == p["motif"] for motif in MOTIFS]).all()


def test_a_mapping_learns_the_code():
    torch.manual_seed(0)
    before = Mapping(LENGTH, 0, CODE, 1, num_layers=2, lr_multiplier=1.0, width=64)
    z = torch.randn(200, LENGTH)
    off = (before(z)[:, 0] - code(z)).square().mean().item()
    assert teach(before, steps=150) < 0.6 * off
