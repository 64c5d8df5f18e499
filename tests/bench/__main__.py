"""Measures everything and writes docs/benchmarks.md. With --quick it only shows, and writes nothing."""

import argparse
import importlib
import sys
import time

from tests.bench import programs, report

SUBJECTS = (
    "echo",
    "fanout",
    "socketio",
    "startup",
    "overload",
    "crossing",
    "walk",
    "hand",
    "images",
    "grid",
    "mjpeg",
    "osc",
    "text",
    "keystrokes",
    "text_large",
)
LONG = ("overload", "hand")  # these go on for fifteen times the seconds of a round: a minute


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SUBJECTS, metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="few and short rounds; shown, not written")
    parser.add_argument("--rounds", type=int, help="how often each contender is measured (5)")
    parser.add_argument("--minutes", type=float, help=f"how long {' and '.join(LONG)} go on (1)")
    given = parser.parse_args()
    if sys.platform == "win32":
        parser.error("the peers run on Linux and macOS only")
    programs.peers_python()
    rounds, seconds = (given.rounds or 2, 1.0) if given.quick else (given.rounds or 5, 4.0)
    for name in given.only or SUBJECTS:
        long = given.minutes * 4 if given.minutes and name in LONG else seconds
        run(name, rounds, long, write=not given.quick)
    return 0


def run(name: str, rounds: int, seconds: float, *, write: bool) -> None:
    """One subject: measured, shown, kept."""
    print(f"{name} ...", flush=True)
    began = time.monotonic()
    subject = importlib.import_module(f"tests.bench.{name}")
    finding = subject.measure(rounds, seconds, lambda line: print(line, flush=True))
    print(f"\n{report.section(finding)}\n{name} took {time.monotonic() - began:.0f} s\n", flush=True)
    if write:
        report.keep(name, finding, list(SUBJECTS))


if __name__ == "__main__":
    sys.exit(main())
