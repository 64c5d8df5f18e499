"""A new model folder, copied from models/_template."""

import keyword
import os
import re
import tempfile
from pathlib import Path

from bridge.catalog import builtin_folder
from bridge.errors import InputError, NameTaken, SetupError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_FILES = ("model.py", "model.toml", "README.md", "test_model.py")
_IN_USE = ("Annotated", "Image", "Model", "Number")  # names in the template's model.py


def create(name: str, folder: Path) -> Path:
    """Make the model folder `folder/name`, whose own test passes as it stands, and return it.

    InputError for a name that can't be a model's, NameTaken where something is already; nothing half made is left.
    """
    _check(name)
    made = folder / name
    if os.path.lexists(made):
        raise NameTaken(f"{made} is there already", hint="choose another name, or remove it first", field="name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fill(made, title(name), class_name(name))
    except OSError as error:
        raise SetupError(f"{made} can't be written: {error.strerror}", hint="choose another folder") from None
    return made


def title(name: str) -> str:
    """The name as people read it: slow-rain is Slow rain."""
    words = re.sub(r"[-_]+", " ", name).strip() or name
    return words[:1].upper() + words[1:]


def class_name(name: str) -> str:
    """The name as Python has classes: slow-rain is SlowRain."""
    joined = "".join(word.capitalize() for word in re.split(r"[-_]+", name))
    fits = joined.isidentifier() and not keyword.iskeyword(joined) and joined not in _IN_USE
    return joined if fits else f"{joined}Model" if joined[:1].isalpha() else f"Model{joined}"


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        near = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64]
        hint = "small letters, digits, - and _, up to 64, beginning with a letter or digit"
        suggested = f"such as {near}: {hint}" if near else hint
        raise InputError(f"{name!r} can't be a model's name", hint=suggested, field="name")
    if name in _DEVICES:
        raise InputError(f"{name} can't be a folder on Windows", hint="choose another name", field="name")


def _fill(made: Path, title: str, class_name: str) -> None:
    """Written aside and moved into place, so that a full disk leaves no half of a model."""
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=".new-") as aside:
        fresh = Path(aside) / made.name
        fresh.mkdir()
        for file in _FILES:
            text = (builtin_folder() / "_template" / file).read_text("utf-8")
            text = text.replace("MyModel", class_name).replace("My model", title)
            (fresh / file).write_text(text, "utf-8", newline="\n")
        fresh.rename(made)
