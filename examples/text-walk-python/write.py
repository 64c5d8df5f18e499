"""Writing steers the picture: every token that the text model writes moves dream to another place in latent space.

Where to is the network's own state (its output `embedding`); how quickly is how unsure it was (`probabilities`).
"""

import argparse
import asyncio
from pathlib import Path

import numpy as np
from sketchbridge_client import AsyncBridge

RATE = 30  # places a second


async def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("text", nargs="?", default="function draw() {", help="what the text begins with")
    wanted.add_argument("--writer", default="writer", help="the session that writes")
    wanted.add_argument("--dream", default="dream", help="the session that shows")
    wanted.add_argument("--tokens", type=int, default=60)
    wanted.add_argument("--pace", type=float, default=6, help="tokens a second")
    wanted.add_argument("--seed", type=int, default=-1)
    wanted.add_argument("--out", type=Path, help="a folder for the frames, if you want them")
    wanted.add_argument("--url", default="http://127.0.0.1:8000")
    given = wanted.parse_args()
    async with AsyncBridge(given.url) as bridge:
        writer, dream = bridge.session(given.writer), bridge.session(given.dream)
        place = Place(await length_of(dream))
        steering = [asyncio.create_task(glide(dream, place))]
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            steering.append(asyncio.create_task(save(dream, given.out)))
        await write(writer, place, given)
        await asyncio.sleep(1)  # for the last place to be reached
        for task in steering:
            task.cancel()
        await asyncio.gather(*steering, return_exceptions=True)


class Place:
    """Where the picture is, and where the text wants it."""

    def __init__(self, length: int) -> None:
        self.here = np.zeros(length, np.float32)
        self.there = self.here
        self.haste = 0.1
        self._mixed = None  # from the network's state to a place: any fixed mixture will do

    def think(self, state, odds) -> None:
        state = np.asarray(state, np.float32)
        if self._mixed is None:
            chance = np.random.default_rng(1)
            self._mixed = chance.standard_normal((len(self.here), len(state))) / np.sqrt(len(state))
        self.there = (self._mixed @ state).astype(np.float32)
        self.haste = 0.05 + 0.3 * (1 - odds[0])  # a sure one is calm


async def write(writer, place: Place, given) -> None:
    """Print the text as it comes, not faster than eyes can follow, and let it move the place."""
    print(given.text, end="", flush=True)
    wishes = {"prompt": given.text, "max_tokens": given.tokens, "seed": given.seed, "vectors": True}
    async for outputs in writer.stream(**wishes):
        print(outputs.get("generated_text", ""), end="", flush=True)
        if "embedding" in outputs:
            place.think(outputs["embedding"], outputs["probabilities"])
            await asyncio.sleep(1 / given.pace)
    print()


async def glide(dream, place: Place) -> None:
    while True:
        place.here = place.here + place.haste * (place.there - place.here)
        await dream.send(z=place.here)
        await asyncio.sleep(1 / RATE)


async def save(dream, folder: Path) -> None:
    number = 0
    async for frame in dream.subscribe("image", format="jpeg"):
        (folder / f"{number:05}.jpg").write_bytes(frame.value)
        number += 1


async def length_of(dream) -> int:
    about = await dream.describe()
    return about["signature"]["commands"]["run"]["inputs"]["z"]["length"]


asyncio.run(main())
