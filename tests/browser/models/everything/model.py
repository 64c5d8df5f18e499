"""An input and an output of every kind, so that the page has to make a face for each."""

from typing import Annotated, Any, TypedDict

import numpy as np

from bridge import Any as AnyPort
from bridge import Array, Audio, Box, Category, File, Image, Landmarks, Model, Number, Point, Segmentation, Text, Vector

LABELS = Segmentation({"sky": 0, "sea": 1, "sand": 2}, width=64, height=48)


class Given(TypedDict):
    seen: Annotated[dict[str, Any], AnyPort()]
    boxes: Annotated[list[Any], Array(Box())]
    face: Annotated[list[Any], Landmarks(3, connections=((0, 1), (1, 2)))]
    rows: Annotated[list[Any], Array(AnyPort())]
    level: Annotated[float, Number(0, 1)]
    words: Annotated[str, Text()]
    sound: Annotated[np.ndarray, Audio(rate=8000)]
    labels: Annotated[np.ndarray, LABELS]
    numbers: Annotated[np.ndarray, Vector(8)]
    made: Annotated[bytes, File(extension="txt")]


class Everything(Model):
    """Says what came."""

    def setup(self, mood: Annotated[str, Category(("calm", "wild"))] = "calm") -> None:
        self.mood = mood

    def run(
        self,
        text: str = "hello",
        amount: Annotated[float, Number(0, 1, step=0.01)] = 0.5,
        count: int = 3,
        bright: bool = True,
        weather: Annotated[str, Category(("rain", "sun"))] = "rain",
        colour: str = "#336699",
        names: Annotated[list[str], Array(Text())] = ["one", "two"],  # noqa: B006
        point: Annotated[Any, Point()] = (0.5, 0.5),
        box: Annotated[Any, Box()] = (0.2, 0.2, 0.6, 0.7),
        z: Annotated[Any, Vector(8)] = None,
        picture: Annotated[Any, Image()] = None,
        map: Annotated[Any, LABELS] = None,
        sound: Annotated[Any, Audio(rate=8000)] = None,
        paper: Annotated[Any, File()] = None,
        more: Annotated[Any, AnyPort()] = None,
    ) -> Given:
        seen = {
            "text": text,
            "amount": amount,
            "count": count,
            "bright": bright,
            "weather": weather,
            "colour": colour,
            "names": names,
            "point": list(point),
            "box": list(box),
            "z": None if z is None else [float(n) for n in z],
            "picture": None if picture is None else list(picture.shape),
            "map": None if map is None else sorted({int(n) for n in np.unique(map)}),
            "sound": None if sound is None else len(sound),
            "paper": None if paper is None else paper.name,
            "more": more,
            "mood": self.mood,
        }
        return {
            "seen": seen,
            "boxes": [list(box), [0.1, 0.1, 0.3, 0.3]],
            "face": [[0.2, 0.2], [0.5, 0.5], [0.8, 0.2]],
            "rows": [{"name": name, "length": len(name)} for name in names],
            "level": amount,
            "words": text,
            "sound": np.sin(np.arange(4000, dtype=np.float32) / 5) * 0.1,
            "labels": np.zeros((48, 64), np.uint8) if map is None else map,
            "numbers": np.linspace(-1, 1, 8, dtype=np.float32),
            "made": text.encode(),
        }
