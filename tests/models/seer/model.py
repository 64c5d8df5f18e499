from typing import Annotated, TypedDict

import numpy as np

from bridge import Any, Image, Model, Number


class Seen(TypedDict):
    size: Annotated[list[int], Any()]
    mean: Annotated[float, Number()]


class Seer(Model):
    """Tells what it sees of a picture."""

    def run(self, image: Annotated[np.ndarray, Image()], scale: Annotated[float, Number(0, 1)] = 1.0) -> Seen:
        height, width = image.shape[:2]
        return {"size": [width, height], "mean": float(image.mean()) * scale}
