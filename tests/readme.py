"""What the README has people type, as printed there; only the address becomes that of the bridge under test."""

import re
from pathlib import Path

import cv2
import numpy as np

PRINTED_ADDRESS = "http://127.0.0.1:8000"
_README = Path(__file__).resolve().parent.parent / "README.md"


def example(name: str, address: str = PRINTED_ADDRESS) -> str:
    """The code that follows **name**."""
    (after,) = _text().split(f"**{name}**")[1:]
    return after.split("```")[1].partition("\n")[2].replace(PRINTED_ADDRESS, address)


def in_passing(beginning: str, address: str = PRINTED_ADDRESS) -> str:
    """The one command in the middle of a sentence that begins so."""
    (command,) = re.findall(f"`({re.escape(beginning)}[^`]*)`", _text())
    return command.replace(PRINTED_ADDRESS, address)


def photo(folder: Path) -> Path:
    """The photo.jpg that the examples speak of: a bright disc and a dark bar before a sky."""
    picture = np.empty((240, 320, 3), np.uint8)
    picture[:] = np.linspace(90, 230, 240, dtype=np.uint8)[:, None, None]
    picture[..., 0] = 220
    cv2.circle(picture, (100, 110), 60, (40, 200, 250), -1)
    cv2.rectangle(picture, (200, 60), (260, 220), (40, 40, 60), -1)
    path = folder / "photo.jpg"
    cv2.imwrite(str(path), picture)
    return path


def _text() -> str:
    return _README.read_text(encoding="utf-8")
