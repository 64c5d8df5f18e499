"""Runs every suite, one after the other, and sums up. `make test` runs all, `make check` the first two.

A suite whose tools are missing is reported by name, never passed over in silence.
"""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import tools

ROOT = Path(__file__).resolve().parent.parent
PY = sys.executable
OSC = ("with_programs", "runway_with_liblo", "one_walk", "pasted")
LAST_LINES = 60
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
    os.environ["PATH"] += f"{os.pathsep}/usr/sbin"  # where Debian keeps daemons such as avahi's, and only root looks
    results = {suite.name: run(suite) for suite in SUITES if not names or suite.name in names}
    for name, result in results.items():
        if result.end:
            print(f"\n=== the end of {name}, which failed ===\n{result.end}")
    print("\n" + "\n".join(result.line for result in results.values()))
    failed = [name for name, result in results.items() if result.line.startswith("FAILED")]
    skipped = [name for name, result in results.items() if result.line.startswith("SKIPPED")]
    if failed:
        print(f"\n{len(failed)} of {len(results)} suites failed: {', '.join(failed)}")
    else:
        print("\nAll suites passed" + (f", without {', '.join(skipped)}." if skipped else "."))
    return 1 if failed else 0


class Result(NamedTuple):
    line: str  # of the summary
    end: str = ""  # of what a suite printed that failed: the suites after it have pushed it far up


def run(suite: Suite) -> Result:
    print(f"\n=== {suite.name} ===", flush=True)
    if reason := suite.missing():
        return Result(f"SKIPPED {suite.name}: {reason}")
    begun = time.monotonic()
    code, end = told(suite)
    took = f"({time.monotonic() - begun:.0f} s)"
    return Result(f"FAILED  {suite.name} {took}", end) if code else Result(f"passed  {suite.name} {took}")


def told(suite: Suite) -> tuple[int, str]:
    """Its exit status and the last lines it printed, which are passed on as they come."""
    environment = os.environ | {"PYTHON": PY}  # for suites that start a bridge from another language
    last = deque[str](maxlen=LAST_LINES)
    process = subprocess.Popen(
        suite.command, cwd=ROOT / suite.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    reader = Thread(target=pass_on, args=(process.stdout, last), daemon=True)
    reader.start()
    code = process.wait()
    reader.join(timeout=5)  # what a suite left behind may hold the pipe for ever
    return code, "".join(last)


def pass_on(lines: Iterable[bytes], last: deque[str]) -> None:
    for line in lines:
        last.append(line.decode(errors="replace"))
        print(last[-1], end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
