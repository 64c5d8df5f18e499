"""Writes down its prompt, letter by letter: whoever reads a piece knows which text it belongs to."""

import time
from collections.abc import Iterator
from typing import Annotated, TypedDict

from bridge import Model, Text

SECONDS = 0.004  # between two letters, so that much of it is still to come when somebody types on


class Written(TypedDict, total=False):
    generated_text: Annotated[str, Text(pieces=True)]


class Teller(Model):
    """Goes on with a text by telling it again."""

    def run(self, prompt: str) -> Iterator[Written]:
        for letter in f"‹{prompt}›":
            time.sleep(SECONDS)
            yield {"generated_text": letter}
