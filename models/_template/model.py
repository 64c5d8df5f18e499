"""My model."""

from typing import Annotated

import numpy as np

from bridge import Image, Model, Number


class MyModel(Model):
    """Leaves a picture only a few tones, like a poster."""

    # Runs once, before the first call: load weights here. Its typed parameters become the model's options.
    def setup(self) -> None:
        self.strongest = 255

    # Runs for every call. Its typed parameters become the inputs: the form, the checks, the OSC addresses.
    def run(
        self,
        image: Annotated[np.ndarray, Image()],  # uint8, (height, width, 3), RGB
        tones: Annotated[int, Number(2, 16, step=1, description="tones left in each colour")] = 4,
    ) -> Annotated[np.ndarray, Image()]:
        steps = np.rint(image / self.strongest * (tones - 1))
        return (steps / (tones - 1) * self.strongest).astype(np.uint8)

    # To stream, yield instead of return. Every yield goes out at once and is a place where a caller can cancel:
    #
    #     def run(self, prompt: str) -> Iterator[Annotated[str, Text(pieces=True)]]:
    #         for word in prompt.split():
    #             yield word[::-1] + " "
