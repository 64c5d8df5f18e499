"""Drives dream through latent space by hand, sixty places a second, and saves the frames that come of it."""

import argparse
import asyncio
from pathlib import Path

import numpy as np
from sketchbridge_client import AsyncBridge

RATE = 60


async def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--out", type=Path, default=Path("frames"), help="the folder for the frames")
    wanted.add_argument("--seconds", type=float, default=10)
    wanted.add_argument("--seed", type=int, default=0)
    wanted.add_argument("--url", default="http://127.0.0.1:8000")
    given = wanted.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    async with AsyncBridge(given.url) as bridge:
        dream = bridge.session("dream")
        saving = asyncio.create_task(save(dream, given.out))
        await steer(dream, given.seconds, given.seed)
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
    print(len(list(given.out.glob("*.jpg"))), "frames in", given.out)


async def steer(dream, seconds: float, seed: int) -> None:
    """Once round a circle through two random places. What the model is too slow for it never sees: the newest wins."""
    about = await dream.describe()
    length = about["signature"]["commands"]["run"]["inputs"]["z"]["length"]
    here, there = np.random.default_rng(seed).standard_normal((2, length), dtype=np.float32)
    for angle in np.linspace(0, 2 * np.pi, round(seconds * RATE), dtype=np.float32):
        await dream.send(z=here * np.cos(angle) + there * np.sin(angle))
        await asyncio.sleep(1 / RATE)


async def save(dream, folder: Path) -> None:
    """Each frame as it comes."""
    number = 0
    async for frame in dream.subscribe("image", format="jpeg"):
        (folder / f"{number:05}.jpg").write_bytes(frame.value)
        number += 1


asyncio.run(main())
