"""Runs every suite, one after the other, and sums up. `make test` runs all, `make check` the first two.

A suite whose tools are missing is reported by name, never passed over in silence.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tools

ROOT = Path(__file__).resolve().parent.parent
PY = sys.executable
OSC = ("with_programs", "runway_with_liblo", "one_walk", "pasted")
NODE = ("node", "--test", "--test-reporter=spec", "--test-timeout=900000")


class Suite(NamedTuple):
    name: str
    command: tuple[str, ...]
    missing: Callable[[], str] = str  # gets what it needs; says what can't be had
    folder: str = "."  # where it runs


SUITES = (
    Suite("lint", (PY, "-m", "ruff", "check")),
    Suite("types", (PY, "-m", "mypy")),
    Suite("python", (PY, "-m", "pytest")),
    Suite("browser", NODE, tools.browser, "tests/browser"),
    Suite("node", NODE, tools.node, "tests/node"),
    Suite("players", (PY, "-m", "pytest", "tests/players/pictures.py"), tools.players),
    Suite("avahi", (PY, "-m", "pytest", "tests/avahi/browse.py"), tools.avahi),
    Suite("osc", (PY, "-m", "pytest", *(f"tests/osc/{name}.py" for name in OSC)), tools.osc),
    Suite("java", (PY, "-m", "pytest", "tests/java/processing_sketch.py"), tools.java),
)


def main(names: list[str]) -> int:
    unknown = set(names) - {suite.name for suite in SUITES}
    if unknown:
        print(f"no suite named {', '.join(sorted(unknown))}; there are: {', '.join(suite.name for suite in SUITES)}")
        return 2
    results = {suite.name: run(suite) for suite in SUITES if not names or suite.name in names}
    print("\n" + "\n".join(results.values()))
    failed = [name for name, line in results.items() if line.startswith("FAILED")]
    skipped = [name for name, line in results.items() if line.startswith("SKIPPED")]
    if failed:
        print(f"\n{len(failed)} of {len(results)} suites failed: {', '.join(failed)}")
    else:
        print("\nAll suites passed" + (f", without {', '.join(skipped)}." if skipped else "."))
    return 1 if failed else 0


def run(suite: Suite) -> str:
    """Run it; the line of the summary it gets."""
    print(f"\n=== {suite.name} ===", flush=True)
    if reason := suite.missing():
        return f"SKIPPED {suite.name}: {reason}"
    begun = time.monotonic()
    environment = os.environ | {"PYTHON": PY}  # for suites that start a bridge from another language
    code = subprocess.run(suite.command, cwd=ROOT / suite.folder, env=environment, check=False).returncode
    return f"{'FAILED ' if code else 'passed '} {suite.name} ({time.monotonic() - begun:.0f} s)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
