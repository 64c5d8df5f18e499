"""Makes the samples that the cards of pencil and palette show, pictures given and what came of them: python -m models._samples"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bridge import load_class
from models._previews import still_life
from models.dream.draw import draw

HERE = Path(__file__).resolve().parent
SIZE, OWL, MASK, PLANET, MOTH = 360, 8, 28, 31, 26  # pixels on a side, and seeds of what is drawn
LARGEST = 45_000  # bytes of one sample
INK, LIGHT = (34, 34, 38), (250, 250, 247)


def drawn(picture: Any, paper: str = "white", **wishes: float) -> Any:
    """The picture as pencil draws it."""
    pencil = load_class(HERE / "pencil")()
    pencil.setup(paper=paper)
    return pencil.run(picture, **wishes)


def swatches(picture: Any, count: int) -> Any:
    """What palette finds in it: each colour as high as its share, with its name and its share where there is room."""
    found = load_class(HERE / "palette")().run(cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA), count=count)
    page = np.zeros_like(picture)
    top = 0.0
    for name, share in zip(found["colors"], found["shares"], strict=True):
        color = [int(name[place : place + 2], 16) for place in (1, 3, 5)]
        first, top = round(top * SIZE), top + share
        page[first:] = color
        if round(top * SIZE) - first >= 18:
            _write(
                page, f"{name}   {share:.0%}", (first + round(top * SIZE)) // 2 + 5, INK if sum(color) > 380 else LIGHT
            )
    return page


def _write(page: Any, text: str, line: int, color: tuple[int, int, int]) -> None:
    cv2.putText(page, text, (16, line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)


def save(model: str, name: str, picture: Any) -> None:
    file = HERE / model / f"{name}.jpg"
    cv2.imwrite(str(file), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    size = file.stat().st_size
    assert size <= LARGEST, f"{file} has {size} bytes, more than a sample should"


def main() -> None:
    """All of them."""
    still = cv2.resize(still_life(480), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    owl, mask, planet, moth = (draw(seed, SIZE) for seed in (OWL, MASK, PLANET, MOTH))
    drawings = {
        "still": (still, drawn(still, darkness=0.6)),
        "owl": (owl, drawn(owl, color=1.0)),
        "mask": (mask, drawn(mask, paper="kraft", darkness=0.8, color=0.6)),
    }
    for name, (given, result) in drawings.items():
        save("pencil", f"sample-{name}", given)
        save("pencil", f"sample-{name}-drawn", result)
    for name, given in {"still": still, "planet": planet, "moth": moth}.items():
        save("palette", f"sample-{name}", given)
        save("palette", f"sample-{name}-colours", swatches(given, 6))


if __name__ == "__main__":
    main()
