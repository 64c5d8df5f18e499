"""A model's bare loop: its run() with the inputs that a walk has for it, one after the other, and nothing else.

In a process of its own, with the number of threads that a worker of ours found best. A line with a number of seconds
comes in, the pictures a second go out; in between it does nothing.
`python -m tests.bench.bareloop FOLDER THREADS [OPTION=VALUE ...]`.
"""

import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import programs

_PLACES = 512
_WARM_UP_SECONDS = 0.5


class Bare:
    """Speaks with the loop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def rate(self, seconds: float) -> float:
        """Pictures a second."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError("the bare loop ended; see above")
        return float(said)


@contextlib.contextmanager
def bare(folder: Path, threads: int, options: Mapping[str, str] | None = None) -> Iterator[Bare]:
    """The loop, loaded and waiting."""
    told = [f"{name}={value}" for name, value in (options or {}).items()]
    command = [sys.executable, "-m", "tests.bench.bareloop", str(folder), str(threads), *told]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        command, cwd=programs.ROOT, env=programs.environment(programs.as_our_workers()), **pipes
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()  # it is ready
        try:
            yield Bare(process)
        finally:
            process.stdin.close()


# --- the process itself --------------------------------------------------------------------------


def _loaded(folder: Path, threads: int, options: Mapping[str, str]) -> tuple[Any, Any]:
    """The model as a worker makes it ready, and what it takes."""
    from bridge.backends.threads import setter
    from bridge.model import load_class, refined, signature_of

    cls = load_class(folder)
    model = cls()
    model.setup(**options)
    if threads and (set_threads := setter()) is not None:
        set_threads(threads)
    if warm := getattr(model, "warm", None):
        warm()
    return model, refined(signature_of(cls), model)


def _inputs(signature: Any) -> list[dict[str, Any]]:
    """The inputs of each call, made as a worker makes them, for places thirty of which are a second of the walk."""
    from bridge.backends.inputs import Inputs
    from bridge.walks.anchors import Vectors
    from bridge.walks.frames import frame
    from bridge.walks.handles import handles_of
    from bridge.walks.timeline import Walk

    handles = handles_of(signature)
    assert handles is not None
    walk, vectors, way = Walk.begun(handles.latent), Vectors(handles.latent), Inputs(signature.default)
    told = ({handles.z: frame(walk, number / 30, vectors).inputs["z"]} for number in range(_PLACES))
    return [way.load(signature.parse(signature.default, one)) for one in told]


def _calls(model: Any, calls: Iterator[dict[str, Any]], seconds: float) -> float:
    """Calls a second, for so long."""
    count, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        model.run(**next(calls))
        count += 1
    return count / (now - began)


def main(folder: str, threads: str, options: Sequence[str]) -> None:
    out = sys.stdout
    sys.stdout = sys.stderr
    model, signature = _loaded(Path(folder), int(threads), dict(option.split("=", 1) for option in options))
    calls = itertools.cycle(_inputs(signature))
    _calls(model, calls, _WARM_UP_SECONDS)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        _calls(model, calls, _WARM_UP_SECONDS)
        print(_calls(model, calls, float(line)), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
