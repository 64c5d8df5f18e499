from pathlib import Path

import numpy as np

from bridge import load_class

MyModel = load_class(Path(__file__).parent)


def test_a_picture_keeps_its_size_and_loses_its_tones():
    model = MyModel()
    model.setup()
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 4, 3))
    made = model.run(ramp, tones=3)
    assert made.shape == ramp.shape
    assert len(np.unique(made)) == 3
