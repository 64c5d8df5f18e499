from typing import Annotated, TypedDict

import numpy as np

from bridge import Any, Image, Model, Number


class Seen(TypedDict):
    size: Annotated[list[int], Any()]
    mean: Annotated[float, Number()]


class Framer(Model):
    """Takes pictures of one size only, and others that are large."""

    def run(
        self,
        image: Annotated[np.ndarray | None, Image(width=32, height=48)] = None,
        large: Annotated[np.ndarray | None, Image(min_width=640)] = None,
    ) -> Seen:
        if image is None:
            return {"size": [0, 0], "mean": 0.0}
        return {"size": [image.shape[1], image.shape[0]], "mean": float(image.mean())}
