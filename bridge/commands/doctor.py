"""sketchbridge doctor: what this installation is, what is wrong with it, and where each setting comes from."""

import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge import config
from bridge.catalog import Entry
from bridge.commands import models, show
from bridge.config import Loaded, Settings
from bridge.errors import BridgeError, SetupError
from bridge.transports.listen import listen
from bridge.workspace import take_folder

_PARTS = ("aiohttp", "msgspec", "numpy", "opencv-python-headless", "uvloop")
_TORCH_PARTS = ("torch", "transformers", "safetensors")


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "bad"]
    said: str
    hint: str = ""


def doctor(loaded: Loaded, as_json: bool) -> None:
    """Look at everything; ends with 1 if something is bad."""
    checks = list(_checks(loaded.settings))
    settings = _settings(loaded)
    if as_json:
        show.json({"checks": checks, "settings": settings, "file": str(loaded.file) if loaded.file else None})
    else:
        _print(checks, settings)
    if any(check.state == "bad" for check in checks):
        sys.exit(1)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check("sketchbridge", "ok", show.version())
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Check("platform", "ok", platform.platform())
    yield from (_installed(part, "note" if part == "uvloop" else "bad") for part in _PARTS)
    yield from _torch()
    yield _tried("state folder", lambda: _writable(settings.state))
    yield _tried(f"port {settings.port}", lambda: _free(settings))
    yield from (_model(entry) for entry in _models(settings))


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    """What an attempt says, or the error in its words. What is in use by a running bridge is no fault."""
    try:
        return Check(name, "ok", attempt())
    except SetupError as error:
        return Check(name, "bad" if error.code == "state_unwritable" else "note", error.message, error.hint)
    except BridgeError as error:
        return Check(name, "bad", error.message, error.hint)


# --- parts ---------------------------------------------------------------------------------------


def _installed(part: str, missing: Literal["note", "bad"]) -> Check:
    with suppress(PackageNotFoundError):
        return Check(part, "ok", version(part))
    return Check(part, missing, "not installed", "install sketchbridge again: pip install sketchbridge")


def _torch() -> Iterator[Check]:
    """The extra for models that need it. Looked up, not imported: that would take seconds."""
    if importlib.util.find_spec("torch") is None:
        hint = 'models that need it: pip install "sketchbridge[torch]"'
        yield Check("torch", "note", "not installed; everything else works without", hint)
        return
    yield from (_installed(part, "note") for part in _TORCH_PARTS)


# --- surroundings --------------------------------------------------------------------------------


def _writable(folder: Path) -> str:
    take_folder(folder).close()
    return str(folder)


def _free(settings: Settings) -> str:
    for listening in listen(settings.host, settings.port):
        listening.close()
    return "free"


def _models(settings: Settings) -> list[Entry]:
    found = models.catalog(settings)
    return [*found.entries, *found.shadowed]


def _model(entry: Entry) -> Check:
    name = f"model {entry.id}"
    if entry.problem is not None:
        return Check(name, "note", f"broken: {entry.problem.message}", entry.problem.hint)
    return Check(name, "ok", f"{entry.about.title} ({entry.origin})")


# --- settings ------------------------------------------------------------------------------------


def _settings(loaded: Loaded) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "value": _shown(getattr(loaded.settings, name), setting.secret),
            "from": loaded.origins[name],
            "doc": setting.doc,
            "takes": setting.takes,
        }
        for name, setting in config.described().items()
    ]


def _shown(value: Any, secret: bool) -> Any:
    if secret:
        return "(set)" if value else ""
    return str(value) if isinstance(value, Path) else value


def _print(checks: list[Check], settings: list[dict[str, Any]]) -> None:
    marks = {"ok": "ok", "note": "--", "bad": "!!"}
    show.table(("", "what", ""), [(marks[check.state], check.name, _told(check)) for check in checks])
    print()
    rows = [(s["name"], _text(s["value"]), s["from"], s["doc"]) for s in settings]
    show.table(("setting", "value", "from", "what it is"), rows)


def _told(check: Check) -> str:
    return f"{check.said}\n{check.hint}" if check.hint and check.state != "ok" else check.said


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
