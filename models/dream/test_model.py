from pathlib import Path

import numpy as np
import pytest

from bridge import load_class
from bridge.errors import ModelBroken
from bridge.model import signature_of

Dream = load_class(Path(__file__).parent)
WEIGHTS = Path(__file__).with_name("dream.safetensors")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Random ones, in place of the real."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from models.stylegan2.network import Generator
    from models.stylegan2.weights import save_generator

    torch.manual_seed(2)
    save_generator(Generator(z_dim=8, w_dim=8, channels=[8, 8, 4], mapping_layers=1), tmp_path / "dream")
    monkeypatch.setitem(Dream.setup.__globals__, "WEIGHTS", tmp_path / "dream.safetensors")


def test_it_takes_what_every_stylegan2_takes():
    signature = signature_of(Dream)
    assert list(signature.options) == ["device"]
    assert list(signature.default.inputs)[:4] == ["z", "truncation", "label", "noise"]
    assert list(signature.default.outputs) == ["image"]


def test_it_plays_the_weights_beside_it(weights):
    model = Dream()
    model.setup()
    one, other = model.run(), model.run()
    assert one.shape == (16, 16, 3) and np.array_equal(one, other)


def test_missing_weights_are_told(monkeypatch, tmp_path):
    monkeypatch.setitem(Dream.setup.__globals__, "WEIGHTS", tmp_path / "dream.safetensors")
    with pytest.raises(ModelBroken, match="no weights yet"):
        Dream().setup()


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="dream.safetensors is not there yet: python -m models.dream.make")
def test_the_bundled_network_makes_pictures_worth_a_look():
    pytest.importorskip("torch")
    model = Dream()
    model.setup("cpu")
    image = model.run()
    assert image.shape[0] >= 64 and image.std() > 15
