"""Any GPT-2, opened without asking: the network is the one that BENCH_NETWORK names."""

import os
from pathlib import Path

from bridge import load_class

GPT2 = load_class(Path(__file__).resolve().parents[4] / "models" / "gpt2")


class Text(GPT2):
    """Goes on with a text."""

    def setup(self) -> None:
        self.open(os.environ["BENCH_NETWORK"])
