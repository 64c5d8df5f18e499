"""Where a worker puts files that a model gets. Its server names a folder, and clears it when the worker has ended."""

import os
import tempfile
from pathlib import Path

VARIABLE = "BRIDGE_SCRATCH"


def folder() -> Path:
    """The folder the server has named; where there is none, the one for temporary files."""
    return Path(os.environ.get(VARIABLE) or tempfile.gettempdir())
