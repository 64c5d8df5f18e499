"""The colours a picture is made of."""

from typing import Annotated, TypedDict

import numpy as np

from bridge import Array, Image, Model, Number, Text

from .colours import palette


class Colours(TypedDict):
    colors: Annotated[list[str], Array(Text(), description="the colours as #rrggbb, the largest share first")]
    shares: Annotated[list[float], Array(Number(0, 1), description="how much of the picture each takes; together 1")]


class Palette(Model):
    """The colours a picture is made of, with how much of it each takes."""

    def run(
        self,
        image: Annotated[np.ndarray, Image(channels=4, description="transparent parts do not count")],
        count: Annotated[int, Number(1, 16, step=1, description="at most so many; a flat picture has fewer")] = 5,
    ) -> Colours:
        colors, shares = palette(image, count)
        return {"colors": colors, "shares": shares}
