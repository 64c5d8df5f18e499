import time
from pathlib import Path
from typing import Annotated

from bridge import Directory, Model, Text


class Unpacker(Model):
    """Tells where its folder was unpacked, then works until a file appears."""

    def run(self, folder: Annotated[Path, Directory()], until: str = "") -> Annotated[str, Text()]:
        if until:
            Path(until + ".told").write_text(str(folder))
            Path(until + ".told").rename(until + ".begun")  # there at once with all that it says
            while not Path(until).exists():
                time.sleep(0.002)
        return ", ".join(sorted(path.name for path in folder.iterdir()))
