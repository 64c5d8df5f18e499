"""Any GPT-2, writing along."""

from typing import Annotated

from bridge import Category, Text
from bridge.kit.fetch import WANTED, find
from bridge.kit.text import TextModel

from .loading import open_network


class GPT2(TextModel):
    """Goes on with a text, a piece at a time; type on, and it starts anew without delay."""

    def setup(
        self,
        network: Annotated[str, Text(description=WANTED)],
        device: Annotated[str, Category(("auto", "cpu", "cuda"))] = "auto",
    ) -> None:
        self.open(network, device)

    def open(self, network: str, device: str = "auto") -> None:
        """Load network and tokenizer; also for models that bring their own."""
        found = find(network, self.progress)
        self.progress("loading", -1.0, found.folder.name)
        self.write_with(*open_network(found, device))
