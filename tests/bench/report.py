"""What came out, as Markdown and JSON. A subject measured anew replaces itself; the others keep their date."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.measure import Goal, Spread
from tests.bench.programs import ROOT, peers_python

MARKDOWN = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "docs" / "benchmarks.json"
_INTRODUCTION = """# Benchmarks

Written by `make bench`; not to be edited. As it came out, also where it falls short.

Machines differ and are noisy, so what counts is the ratio. Every round measures each contender once, one at a time,
each round the other way round than the one before, and waits (a while) for the machine to be quiet before each. A ratio
is taken within a round. Shown is the median over the rounds, behind it in brackets the lowest and the highest. The
absolute figures beside it are medians too.
"""


class Row(NamedTuple):
    """One line of a table: us, somebody else, and what was promised about the two."""

    what: str
    ours: str
    peer: str = ""
    theirs: str = ""
    ratio: Spread | None = None  # ours ÷ theirs, or ours − theirs where `unit` says so
    goal: Goal | None = None
    unit: str = "×"
    value: float | None = None  # what the goal is about when it is no ratio

    def reached(self) -> str:
        value = self.ratio.median if self.ratio is not None else self.value
        if self.goal is None or value is None:
            return ""
        return "yes" if self.goal.reached(value) else "**no**"

    def cells(self) -> list[str]:
        compared = "" if self.ratio is None else _told(self.ratio, self.unit)
        goal = "" if self.goal is None else str(self.goal)
        return [self.what, self.ours, self.peer, self.theirs, compared, goal, self.reached()]


class Finding(NamedTuple):
    """All about one subject."""

    title: str
    how: str  # Markdown
    rows: list[Row]
    samples: dict[str, Any]


def _told(found: Spread, unit: str) -> str:
    sign = "+" if unit == "ms" else ""
    median, low, high = (f"{value:{sign}.3g}" for value in found[:3])
    return f"{median}{'' if unit == '×' else ' '}{unit} ({low} to {high})"


def table(rows: list[Row]) -> str:
    """The columns that say something."""
    head = ["what", "ours", "peer", "theirs", "ours : theirs", "goal", "reached"]
    lines = [head, *(row.cells() for row in rows)]
    kept = [index for index in range(len(head)) if any(line[index] for line in lines[1:])]
    told = ["| " + " | ".join(line[index] for index in kept) + " |" for line in lines]
    return "\n".join([told[0], "|" + "---|" * len(kept), *told[1:]])


def section(finding: Finding) -> str:
    return f"## {finding.title}\n\n{table(finding.rows)}\n\n{finding.how.strip()}\n"


def keep(name: str, finding: Finding, order: list[str]) -> None:
    """Put one finding into both files."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[name] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(),
        "markdown": section(finding),
        "samples": _rounded(finding.samples),
    }
    kept = {subject: kept[subject] for subject in order if subject in kept}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    MARKDOWN.write_text(_INTRODUCTION + "".join(_dated(entry) for entry in kept.values()))


def _dated(entry: dict[str, Any]) -> str:
    return f"\n{entry['markdown']}\n{entry['date']}; {entry['machine']}; {entry['versions']}.\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def machine() -> str:
    """Processor, cores and system; nothing that tells whose machine it is."""
    return f"{_processor()}, {_cores()} cores, {platform.system()} {platform.machine()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> str:
    """Ours and the peers', as installed."""
    own = ["aiohttp", "msgspec", "torch", "transformers", *(["uvloop"] if sys.platform != "win32" else [])]
    told = [f"{name} {version(name)}" for name in own]
    asked = "import importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in %r))"
    peers = ["mosec", "litserve", "gradio", "picows", "websockets", "ctranslate2"]
    said = subprocess.run([peers_python(), "-c", asked % peers], capture_output=True, text=True, check=True)
    return f"Python {platform.python_version()}, {', '.join(told)}; peers: {said.stdout.strip()}"
