"""The instrument that is always there: a small StyleGAN2 of our own."""

from pathlib import Path
from typing import Annotated

from bridge import Category, load_class
from bridge.errors import ModelBroken

WEIGHTS = Path(__file__).with_name("dream.safetensors")
StyleGAN2 = load_class(Path(__file__).resolve().parents[1] / "stylegan2")


class Dream(StyleGAN2):
    """Makes pictures from places in a small latent space, quick enough to play without a GPU."""

    def setup(self, device: Annotated[str, Category(("auto", "cpu", "cuda", "mps"))] = "auto") -> None:
        if not WEIGHTS.is_file():
            raise ModelBroken("dream has no weights yet", hint="python -m models.dream.make makes them")
        self.play(WEIGHTS, device)
