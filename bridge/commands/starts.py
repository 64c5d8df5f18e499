"""Models that are starting, as live lines at a terminal."""

import sys
from typing import Any, Self

from bridge.session.outputs import Event

_OVER = {"ready", "failed", "closed"}


class Starts:
    """One line for each model that loads. Shows nothing where nobody watches."""

    def __init__(self) -> None:
        self._lines: dict[str, Any] = {}
        self._progress: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def show(self, event: Event) -> None:
        """Take one event of the hub in."""
        if not sys.stderr.isatty():
            return
        if event.kind in ("session_opened", "progress"):
            self._update(event.session, event.data)
        elif event.kind == "session_closed" or event.data.get("state") in _OVER:
            self._end(event.session)

    def _update(self, session: str, data: dict[str, Any]) -> None:
        if self._progress is None:
            self._progress = _progress()
            self._progress.start()
        if session not in self._lines:
            self._lines[session] = self._progress.add_task(session, total=None)
        fraction = data.get("fraction", -1)
        said = " ".join(filter(None, (session, data.get("stage", "starting"), data.get("text", ""))))
        total, done = (1.0, fraction) if fraction >= 0 else (None, 0)
        self._progress.update(self._lines[session], description=said, total=total, completed=done)

    def _end(self, session: str) -> None:
        line = self._lines.pop(session, None)
        if line is not None:
            self._progress.remove_task(line)
        if not self._lines:
            self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._lines.clear()


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=30))
    return Progress(*columns, console=Console(stderr=True), transient=True)
