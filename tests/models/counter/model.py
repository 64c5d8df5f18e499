from collections.abc import Iterator
from typing import Annotated

from bridge import Model, Number, Text


class Counter(Model):
    """Counts, a piece of text at a time; four counts side by side."""

    concurrency = 4

    def run(
        self, upto: Annotated[int, Number(0, 1_000_000_000, step=1)] = 3, prefix: str = ""
    ) -> Iterator[Annotated[str, Text(pieces=True)]]:
        for number in range(upto):
            yield f"{prefix}{number} "
