"""A model that works until a file appears, so that tests decide how long a run takes, without clocks."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from bridge import Model, Text, command


class Gate(Model):
    """Waits for a file; `steps` gives a piece for every line the file has."""

    def run(self, path: str = "", tag: str = "") -> Annotated[str, Text()]:
        if Path(path).is_absolute():  # noise may come in as a path, too
            Path(path + ".begun").touch()
            while not Path(path).exists():
                time.sleep(0.002)
        return tag

    @command
    def steps(self, path: str) -> Iterator[Annotated[str, Text()]]:
        try:
            given = 0
            while True:
                lines = Path(path).read_text().split() if Path(path).exists() else []
                if lines[given:]:
                    yield lines[given]
                    given += 1
                else:
                    time.sleep(0.002)
                    yield None  # type: ignore[misc]
        finally:
            Path(path + ".left").touch()
