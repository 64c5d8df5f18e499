"""Makes all of `dream` from nothing: draws the pictures, trains on them, writes the weights and what its card shows.

    python -m models.dream.make --work FOLDER          days of two cores; stop and repeat the command as you like
    python -m models.dream.make --work FOLDER --card   weights and card of how far the training is now

What it depends on is in STAGES below, so the same command makes the same network again. It learns from numbers which traits each place
stands for; from drawn pictures, which of them belongs where; then against a discriminator too, to make it sharp: first at half the size,
then what is new at the whole one.
"""

import argparse
import json
import signal
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch

from models.dream.draw import draw, draw_set, sheet
from models.dream.teach import CODE, teach
from models.dream.traits import LENGTH, place
from models.stylegan2.distance import mean_distance
from models.stylegan2.train import Config, export, train
from models.stylegan2.weights import load_generator

HERE = Path(__file__).parent
FIRST = {
    "size": 64,
    "z_dim": LENGTH,
    "w_dim": CODE,
    "channels": (192, 192, 112, 48, 32),
    "critic": (128, 128, 96, 48, 24),
    "mapping_width": 256,
    "mirror": False,
    "mixing": 0.5,
    "guide": 10.0,
    "guide_beside": 2.0,
    "guide_batch": 8,
    "guide_lr": 0.012,
    "guide_coarse": 170_000,
    "guide_alone": 260_000,
    "images": 360_000,
}  # everything else as Config has it
GROWN = FIRST | {
    "size": 128,
    "channels": (*FIRST["channels"], 24),
    "critic": (*FIRST["critic"], 16),
    "r1_gamma": 0.4,
    "guide_coarse": 0,
    "guide_alone": 64_000,
    "images": 112_000,
}
STAGES = ((FIRST, 32_000), (GROWN, 20_000))  # and how many pictures are drawn for each
COMPARED = 4_000  # pictures of each side of the distance
UNSEEN = 500  # places without a drawn picture in the set, for which one is drawn to compare
TRUNCATION = 1.0


def make(work, processes, threads):
    """Draw and train, or go on with it; whether it came to its end."""
    stop = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.append(True))
    before = ""
    for config, count in STAGES:
        size = config["size"]
        pictures, places = work / f"drawn-{size}.npy", work / f"places-{size}.npy"
        if not pictures.exists():
            print(f"drawing {count} pictures of {size} x {size} ...", flush=True)
            draw_set(pictures, count, size, processes)
        if not places.exists():
            np.save(places, np.stack([place(seed) for seed in range(count)]))
        told = Config(
            str(pictures), str(out_of(work, size)), places=str(places), threads=threads, grown_from=before, **config
        )
        train(told, on_progress=_show, cancelled=lambda: bool(stop), prepare=None if before else _prepare)
        before = told.out
        if stop:
            return False
    return True


def out_of(work, size):
    """Where the training at that size has its checkpoints."""
    return work / f"trained-{size}"


def newest_size(work):
    """The largest that has been begun."""
    return max(config["size"] for config, _ in STAGES if any(out_of(work, config["size"]).glob("checkpoint-*.pt")))


def card(work, into=HERE):
    """The newest weights, the pictures of the card, and the distances that it tells."""
    size = newest_size(work)
    drawn = np.load(work / f"drawn-{size}.npy", mmap_mode="r")
    export(out_of(work, size), into / "dream", {"pictures": len(drawn), "drawn_by": "models/dream/draw.py"})
    generator = load_generator(into / "dream")
    first_unseen = max(count for _, count in STAGES)
    unseen = np.stack([place(first_unseen + i) for i in range(COMPARED)])
    made = pictures_of(generator, unseen)
    wanted = np.stack([draw(first_unseen + i, size) for i in range(UNSEEN)])
    half = min(COMPARED, len(drawn) // 2)
    measured = {
        "distance": round(mean_distance(made, drawn[:half]), 2),
        "distance_of_two_halves_of_the_drawn": round(mean_distance(drawn[:half], drawn[half : 2 * half]), 2),
        "difference_at_unseen_places": round(float(np.abs(made[:UNSEEN].astype(int) - wanted).mean()), 2),
    }
    _note(into / "dream.json", measured)
    first = np.stack([place(seed) for seed in range(60)])
    grid = sheet(pictures_of(generator, first, TRUNCATION), 12)
    strip = sheet(pictures_of(generator, between(first[:4], 4), TRUNCATION), 12)
    for name, picture in (("samples.jpg", grid), ("walk.jpg", strip), ("preview.jpg", grid[: 3 * size, : 4 * size])):
        cv2.imwrite(str(into / name), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return measured


def between(points, steps):
    """A walk through the points, on to the next in so many steps, at the distance from the middle where pictures are."""
    shares = np.arange(steps, dtype=np.float32)[:, None] / steps
    legs = [(1 - shares) * one + shares * other for one, other in pairwise(points)]
    walk = np.concatenate(legs)
    return walk / np.sqrt(np.square(walk).mean(axis=1, keepdims=True))


def pictures_of(generator, latents, truncation=1.0):
    """uint8 (N, S, S, 3)."""
    parts = []
    with torch.inference_mode():
        for z in torch.from_numpy(latents).split(64):
            raw = generator(z, truncation_psi=truncation, noise_mode="const")
            parts.append((raw * 127.5 + 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1))
    return torch.cat(parts).numpy()


def _note(path, facts):
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | facts, indent=1) + "\n", encoding="utf-8")


def _prepare(generator):
    teach(generator.mapping, on_progress=lambda step, off: print(f"taught {step} times, {off:.3f} off", flush=True))


def _show(progress):
    print(f"{progress['images']} of {progress['of']} pictures, {progress['images_per_second']} a second", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Make the network of dream. Stopped, the same command goes on.")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the pictures and checkpoints")
    parser.add_argument("--card", action="store_true", help="weights and card of how far it is, and nothing more")
    parser.add_argument("--processes", type=int, default=2, help="that draw")
    parser.add_argument("--threads", type=int, default=2, help="that train")
    asked = parser.parse_args(argv)
    if asked.card or make(asked.work, asked.processes, asked.threads):
        print(card(asked.work))


if __name__ == "__main__":
    main()
