"""A picture as a pencil drawing."""

from typing import Annotated

import cv2
import numpy as np

from bridge import Category, Image, Model, Number

from .drawing import Sheet, draw

PAPERS = {"white": (253, 252, 249), "cream": (247, 239, 219), "grey": (222, 222, 220), "kraft": (211, 183, 147)}
LARGEST = 16_000_000  # pixels; a larger picture is drawn at this size and enlarged


class Pencil(Model):
    """Turns a picture into a pencil drawing."""

    def setup(self, paper: Annotated[str, Category(tuple(PAPERS))] = "white") -> None:
        self.paper = PAPERS[paper]
        self.sheet = Sheet(512, 512, self.paper)

    def run(
        self,
        image: Annotated[np.ndarray, Image()],
        darkness: Annotated[float, Number(0, 1, step=0.01, description="how hard the pencil presses")] = 0.5,
        detail: Annotated[float, Number(0, 1, step=0.01, description="from a soft broad pencil to a sharp one")] = 0.5,
        color: Annotated[float, Number(0, 1, step=0.01, description="from graphite to coloured pencils")] = 0.0,
    ) -> Annotated[np.ndarray, Image()]:
        height, width = image.shape[:2]
        shrink = min(1.0, (LARGEST / (height * width)) ** 0.5)
        if shrink < 1:
            image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        if not self.sheet.fits(image):
            self.sheet = Sheet(*image.shape[:2], self.paper)
        drawn = draw(image, self.sheet, darkness, detail, color)
        return drawn if shrink == 1 else cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC)
