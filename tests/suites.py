"""Runs every suite, one after the other, and sums up. `make test` runs all, `make check` the first two.

A suite whose tool is missing is reported by name, never passed over in silence.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PY = sys.executable


class Suite(NamedTuple):
    name: str
    command: tuple[str, ...]
    tool: str = ""  # a program that must be on this machine
    folder: str = "."  # where it runs; a folder that is not there yet has nothing to test


SUITES = (
    Suite("lint", (PY, "-m", "ruff", "check")),
    Suite("types", (PY, "-m", "mypy")),
    Suite("python", (PY, "-m", "pytest")),
)


def main(names: list[str]) -> int:
    unknown = set(names) - {suite.name for suite in SUITES}
    if unknown:
        print(f"no suite named {', '.join(sorted(unknown))}; there are: {', '.join(suite.name for suite in SUITES)}")
        return 2
    results = {suite.name: run(suite) for suite in SUITES if not names or suite.name in names}
    print("\n" + "\n".join(results.values()))
    failed = [name for name, line in results.items() if line.startswith("FAILED")]
    print(f"\n{len(failed)} of {len(results)} suites failed: {', '.join(failed)}" if failed else "\nAll suites passed.")
    return 1 if failed else 0


def run(suite: Suite) -> str:
    """Run it; the line of the summary it gets."""
    if suite.tool and shutil.which(suite.tool) is None:
        return f"SKIPPED {suite.name}: {suite.tool} is not installed"
    print(f"\n=== {suite.name} ===", flush=True)
    begun = time.monotonic()
    code = subprocess.run(suite.command, cwd=ROOT / suite.folder, check=False).returncode
    return f"{'FAILED ' if code else 'passed '} {suite.name} ({time.monotonic() - begun:.0f} s)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
