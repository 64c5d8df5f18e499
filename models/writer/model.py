"""The text instrument that is always there: a small GPT-2 of our own that writes JavaScript along."""

from pathlib import Path
from typing import Annotated

from bridge import Category, Number, load_class
from bridge.errors import ModelBroken

HERE = Path(__file__).parent
GPT2 = load_class(Path(__file__).resolve().parents[1] / "gpt2")


class Writer(GPT2):
    """Goes on with your JavaScript while you type, without a GPU and without a download."""

    def setup(self, device: Annotated[str, Category(("auto", "cpu", "cuda"))] = "auto") -> None:
        if not (HERE / "model.safetensors").is_file():
            raise ModelBroken("writer has no weights yet", hint="python -m models.writer.make makes them")
        self.open(str(HERE), device)
        # One this small falls into loops; shunned a little, they are half as many.
        self.takes(repetition_penalty=Number(0.1, 10, step=0.05, default=1.1))
