"""The text instrument that is always there: a small GPT-2 of our own that writes JavaScript along."""

from pathlib import Path
from typing import Annotated

from bridge import Category, load_class
from bridge.errors import ModelBroken

HERE = Path(__file__).parent
GPT2 = load_class(Path(__file__).resolve().parents[1] / "gpt2")


class Writer(GPT2):
    """Goes on with your JavaScript while you type, without a GPU and without a download."""

    def setup(self, device: Annotated[str, Category(("auto", "cpu", "cuda"))] = "auto") -> None:
        if not (HERE / "model.safetensors").is_file():
            raise ModelBroken("writer has no weights yet", hint="python -m models.writer.make makes them")
        self.open(str(HERE), device)
