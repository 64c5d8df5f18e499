import os
import signal
import sys
from typing import Annotated

from bridge import InputError, Model, Number, Text


class Crash(Model):
    """Does to itself what it is told."""

    def run(self, how: str = "", seconds: Annotated[float, Number(0, 60)] = 0.0) -> Annotated[str, Text()]:
        if how == "raise":
            raise ValueError("the author's code is wrong")
        if how == "input":
            raise InputError("how can't be 'input'", hint="say something else", field="how")
        if how == "exit":
            print("about to leave", file=sys.stderr, flush=True)
            os._exit(3)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "garbage":
            os.write(int(os.environ.get("NOWHERE", "1")), b"this goes to the log, not to the pipe\n")
        return f"survived {how}"
