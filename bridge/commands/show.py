"""How the command line prints: JSON for programs, tables and errors for people."""

import io
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import msgspec

from bridge.errors import BridgeError

_PICTURES = 0x2400  # the letters that show control characters: U+241B for escape
_STEERING: dict[int, int | str] = {
    **{code: _PICTURES + code for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
}


def json(value: Any) -> None:
    """One JSON document on the standard output."""
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns for people, as wide as the terminal; without colours and frames when piped."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200
    console.print(drawn)


def error(error: BridgeError, as_json: bool) -> None:
    """What went wrong, and what to do about it."""
    if as_json:
        info = error.info()
        json({"error": {"code": info.code, "message": info.message, "hint": info.hint, "field": info.field}})
        return
    print(f"{_red('Error:')} {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


def note(text: str) -> None:
    """A word on the way, for whoever watches; nothing in a pipe."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def say(text: str) -> None:
    """A word that matters, also to those who read it later; never among the data."""
    print(text, file=sys.stderr, flush=True)


def harmless(text: str) -> str:
    """A model's text for the standard output: a terminal shows what would steer it, a file gets it as it is."""
    return text.translate(_STEERING) if sys.stdout.isatty() else text


def any_letter() -> None:
    """A terminal that lacks some letters shows something else for them instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def bars(*columns: Any) -> Any:
    """A progress display on the error output, which is nobody's data."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(*columns, console=Console(stderr=True))


def version() -> str:
    """The installed version."""
    try:
        return installed_version("sketchbridge")
    except PackageNotFoundError:
        return "from a checkout"


def _red(text: str) -> str:
    return f"\x1b[31m{text}\x1b[0m" if sys.stderr.isatty() else text
