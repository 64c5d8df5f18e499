"""How fast a GPU plays StyleGAN2: random-weight networks, bare, and to a WebSocket client on the same machine.

`python -m tests.bench.gpu` on a machine with a GPU that torch can use; nothing else is needed. Prints a table, then the
same as JSON. With --cpu --size 64 it only shows that the script works.
"""

import argparse
import gc
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.bench import bareloop, instrument, programs, talk, watchers
from tests.bench.report import machine

SIZES = (256, 512, 1024)
GOALS = {512: {"bare": 300.0, "client": 120.0}}  # frames a second
_CHANNELS, _MOST_CHANNELS = 32768, 512  # stylegan2-ada's channel_base and channel_max
_LATENT, _MAPPING_LAYERS, _HALF_LEVELS, _CLAMP = 512, 8, 4, 256.0  # its defaults, too
_TOGETHER = 16
_MODEL = programs.ROOT / "models" / "stylegan2"
_WARM_UP_SECONDS = 1.0
_PLACES = 256


class Result(NamedTuple):
    """Frames a second of one network, and the milliseconds that our worker took for one."""

    size: int
    parameters: int
    bare: float  # one picture after the other from Renderer, into ordinary memory
    together: float  # sixteen at once
    run: float  # the model's run(), as the worker calls it: no encoding
    client: float  # JPEG at one WebSocket client
    raw: float  # the same, raw pixels
    clients: float  # JPEG at each of 16
    model_ms: float
    encode_ms: float
    encode_raw_ms: float
    reply_ms: float  # from sending a z until its JPEG is there

    def met(self) -> dict[str, bool]:
        """Which of what was promised for this size holds."""
        return {name: getattr(self, name) >= goal for name, goal in GOALS.get(self.size, {}).items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--size", type=int, action="append", help=f"of the pictures ({', '.join(map(str, SIZES))})")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measuring (4)")
    parser.add_argument("--json", type=Path, help="write the JSON here, too")
    parser.add_argument("--cpu", action="store_true", help="without a GPU: only to try this script")
    given = parser.parse_args()
    for size in given.size or ():
        if size & (size - 1) or not 8 <= size <= 1024:
            parser.error(f"--size {size}: a power of two from 8 to 1024")
    if given.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    device = "cpu" if given.cpu else usable()
    if not device:
        return 2
    results = [_measured(size, device, given.seconds) for size in given.size or SIZES]
    _show(results, device, given.json)
    return 0


def usable() -> str:
    """cuda; "" with words where torch can't use it."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    print(
        f"There is no GPU here that torch {torch.__version__} can use, so nothing was measured.\n"
        "On a machine with an NVIDIA GPU: a torch built for CUDA, then this again.\n"
        "python -m tests.bench.gpu --cpu --size 64 tries the script without one.",
        file=sys.stderr,
    )
    return ""


def _measured(size: int, device: str, seconds: float) -> Result:
    print(f"{size} × {size} on {device} ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        network = Path(folder) / f"random{size}.safetensors"
        parameters = _make(size, network)
        bare, together = _bare(network, device, seconds)
        _let_go(device)
        with bareloop.bare(_MODEL, 0, {"network": str(network), "device": device}) as loop:
            run = loop.rate(seconds)
        played = _played(network, seconds)
    result = Result(size, parameters, bare, together, run, **played)
    print("  " + ", ".join(f"{name} {value:.4g}" for name, value in result._asdict().items()), flush=True)
    return result


# --- the network, bare ---------------------------------------------------------------------------


def _make(size: int, network: Path) -> int:
    """A network as stylegan2-ada makes one by default, untrained; how many parameters it has."""
    import torch

    from models.stylegan2.network import Generator
    from models.stylegan2.weights import save_generator

    torch.manual_seed(size)
    levels = [4 << level for level in range(size.bit_length() - 2)]
    generator = Generator(
        z_dim=_LATENT,
        w_dim=_LATENT,
        channels=[min(_CHANNELS // level, _MOST_CHANNELS) for level in levels],
        mapping_layers=_MAPPING_LAYERS,
        conv_clamp=_CLAMP,
        half_levels=_HALF_LEVELS,
    )
    save_generator(generator, network.with_suffix(""))
    return sum(parameter.numel() for parameter in generator.parameters())


def _bare(network: Path, device: str, seconds: float) -> tuple[float, float]:
    """Pictures a second one by one, and sixteen at once."""
    import torch

    from models.stylegan2.player import Renderer
    from models.stylegan2.weights import load_generator

    torch.set_num_threads(1)  # as in everybody else here; on a GPU it makes no difference
    renderer = Renderer(load_generator(network.with_suffix("")), device)
    places = torch.randn(_PLACES, _LATENT, generator=torch.Generator().manual_seed(1))

    def rate(count: int, least: float) -> float:
        made, began = 0, time.perf_counter()
        while time.perf_counter() - began < least or not made:
            some = places[[(made + i) % _PLACES for i in range(count)]]
            renderer.render(renderer.truncate(renderer.map(some), instrument.TRUNCATION)[:, None], together=count > 1)
            made += count
        return made / (time.perf_counter() - began)

    found = []
    for count in (1, _TOGETHER):
        rate(count, _WARM_UP_SECONDS)
        found.append(rate(count, seconds))
    return found[0], found[1]


def _let_go(device: str) -> None:
    """Of the memory that the bare network had: others come."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


# --- to clients ----------------------------------------------------------------------------------


def _played(network: Path, seconds: float) -> dict[str, float]:
    name = "random"
    with programs.ours(f"{name}={network}") as program:
        instrument.walk(program, {"fps": None, "play": True}, name)
        client = watchers.in_own_process(program.port, 1, seconds, name).rate
        raw = watchers.in_own_process(program.port, 1, seconds, name, "raw").rate
        clients = watchers.in_own_process(program.port, 16, seconds, name).rate
        model, encode = _parts(program.port, name, seconds / 4)
        _, encode_raw = _parts(program.port, name, seconds / 4, format="raw")
        instrument.walk(program, {"pause": True}, name)
        reply = _reply(program.port, name, seconds / 2)
    parts = {"model_ms": model, "encode_ms": encode, "encode_raw_ms": encode_raw, "reply_ms": reply}
    return {"client": client, "raw": raw, "clients": clients, **parts}


def _parts(port: int, name: str, seconds: float, **encoding: Any) -> tuple[float, float]:
    """Model and encoding, ms of a frame, as the frames tell it."""
    with talk.Talk(port) as client:
        client.subscribe(name, **encoding)
        heads = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(heads) < 2:
            heads.append(client.frame().head)
    return median(head["model_ms"] for head in heads[1:]), median(head["encode_ms"] for head in heads[1:])


def _reply(port: int, name: str, seconds: float) -> float:
    """ms from sending a z until its frame has arrived."""
    import numpy as np

    source = np.random.default_rng(2)
    times: list[float] = []
    with talk.Talk(port) as client:
        client.subscribe(name)
        client.until_quiet(1.0)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            vector = source.standard_normal(_LATENT).astype("<f4").tobytes()
            began = time.perf_counter()
            client.send(name, vector)
            client.frame()
            times.append((time.perf_counter() - began) * 1000)
    return median(times[1:])


# --- what came out -------------------------------------------------------------------------------


def _show(results: Sequence[Result], device: str, path: Path | None) -> None:
    python = platform.python_version()
    about = {"device": device_name(device), "machine": machine(), "python": python, "torch": _torch()}
    print(f"\n{about['device']}; {about['machine']}; torch {about['torch']}\n")
    print(_columns(results))
    for result in results:
        for name, met in result.met().items():
            told = f"{getattr(result, name):.0f} frames/s {name}, goal {GOALS[result.size][name]:.0f}"
            print(f"\n{result.size} px: {told}: {'reached' if met else 'NOT reached'}")
    text = json.dumps({**about, "results": [result._asdict() for result in results]}, indent=1)
    print(f"\n{text}")
    if path is not None:
        path.write_text(text + "\n")


def _columns(results: Sequence[Result]) -> str:
    """A row for each figure, a column for each size."""
    told = {
        "parameters": "parameters, millions",
        "bare": "frames/s, bare Renderer",
        "together": f"pictures/s, {_TOGETHER} at once",
        "run": "frames/s, the model's run()",
        "client": "frames/s at a WebSocket client, JPEG",
        "raw": "frames/s at a WebSocket client, raw pixels",
        "clients": "frames/s at each of 16 clients, JPEG",
        "model_ms": "ms of the model a frame, in the worker",
        "encode_ms": "ms to encode a JPEG",
        "encode_raw_ms": "ms to copy out raw pixels",
        "reply_ms": "ms from sending a z until its JPEG is there",
    }
    lines = ["| what | " + " | ".join(f"{result.size} px" for result in results) + " |"]
    lines.append("|---|" + "---|" * len(results))
    for name, what in told.items():
        values = [getattr(result, name) / (1e6 if name == "parameters" else 1) for result in results]
        lines.append(f"| {what} | " + " | ".join(f"{value:,.4g}" for value in values) + " |")
    shares = " | ".join(f"{result.client / result.run:.3g}×" for result in results)
    return "\n".join([*lines, f"| at a client, JPEG ÷ the model's run() | {shares} |"])


def device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "no GPU, CPU only"


def _torch() -> str:
    import torch

    return str(torch.__version__)


if __name__ == "__main__":
    sys.exit(main())
