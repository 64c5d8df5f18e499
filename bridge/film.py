"""Pictures one after the other, into a file: MP4, GIF, or a folder of PNGs. Each is written as it comes.

A film is whole or not there: it is written beside its place and put there when it is complete.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bridge.errors import BridgeError, SettingError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".mp4", ".gif")
_OURS = re.compile(r"walk-\d{5,}\.png")


class Film(Protocol):
    """Somewhere pictures go, in their order."""

    def add(self, picture: "np.ndarray") -> None:
        """The next picture: uint8 RGB, all of one size."""

    def finish(self) -> None:
        """Nothing more comes."""

    def drop(self) -> None:
        """Let go of what is open; the film will not be finished."""


@contextmanager
def film(path: Path, fps: float) -> Iterator[Film]:
    """A film that is at `path` when the block has ended well, and not at all when it has not.

    walk.mp4 and walk.gif are files; a path without a suffix is a folder for walk-00001.png and so on.
    """
    kind = kind_of(path)
    place = path.absolute()  # "." has no name of its own
    beside = place.with_name(f".{place.name}.partial")
    made: Film | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = _MAKERS[kind](beside, fps)
        yield made
        made.finish()
        _put(beside, path)
    except OSError as error:
        raise BridgeError(f"{path} can't be written: {error.strerror or error}", hint="see --out") from error
    finally:
        if made is not None:
            made.drop()
        shutil.rmtree(beside, ignore_errors=True)
        with suppress(OSError):
            beside.unlink()


def kind_of(path: Path) -> str:
    """mp4, gif or png (a folder of them); SettingError for anything else, and for what is there and can't be that."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        raise SettingError(f"{path.name} would be one picture", hint="give a folder for all of them, such as frames/")
    if suffix and suffix not in SUFFIXES:
        raise SettingError(f"{path.name} can't be a film", hint="give it a name such as walk.mp4, walk.gif or frames/")
    if path.exists() and path.is_dir() == bool(suffix):
        raise SettingError(f"{path} is a {'folder' if suffix else 'file'}", hint="give --out another name")
    return suffix.removeprefix(".") or "png"


def _put(beside: Path, path: Path) -> None:
    """In place of what was there, if it was a film, too. Of a folder only pictures of ours go."""
    if beside.is_dir():
        path.mkdir(exist_ok=True)
        pictures = {picture.name: picture for picture in beside.iterdir()}
        for older in [old for old in path.iterdir() if _OURS.fullmatch(old.name) and old.name not in pictures]:
            older.unlink()
        for name, picture in sorted(pictures.items()):
            picture.replace(path / name)
    else:
        beside.replace(path)


class _Pictures:
    """PNG files, numbered from 1."""

    def __init__(self, folder: Path, fps: float) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._folder = folder
        self._count = 0

    def add(self, picture: "np.ndarray") -> None:
        import cv2

        self._count += 1
        _, data = cv2.imencode(".png", picture[..., ::-1])
        (self._folder / f"walk-{self._count:05}.png").write_bytes(data.tobytes())

    def finish(self) -> None:
        pass

    def drop(self) -> None:
        pass


class _Stream:
    """What both kinds of video file have in common: a container with one stream of pictures."""

    def __init__(self, path: Path, fps: float, container: str, codec: str, options: dict[str, str]) -> None:
        av = _av()
        self._step = 1 / Fraction(fps).limit_denominator(1000)
        self._container = av.open(str(path), "w", format=container)
        self._stream = self._container.add_stream(codec, rate=1 / self._step, options=options)
        self._stream.time_base = self._step
        self._count = 0

    def add(self, picture: "np.ndarray") -> None:
        import numpy as np

        if not self._count:
            self._begin(picture.shape[1], picture.shape[0])
        frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(self._fitted(picture)), format="rgb24")
        frame.pts, frame.time_base = self._count, self._step
        self._count += 1
        self._write(frame)

    def finish(self) -> None:
        if self._count:
            self._write(None)
        self._container.close()

    def drop(self) -> None:
        self._container.close()

    def _begin(self, width: int, height: int) -> None:
        self._stream.width, self._stream.height = width, height

    def _fitted(self, picture: "np.ndarray") -> "np.ndarray":
        return picture

    def _write(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))


class _Mp4(_Stream):
    """H.264 that plays everywhere: even sides, 4:2:0."""

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps, "mp4", "libx264", {"crf": "16", "preset": "medium"})

    def _begin(self, width: int, height: int) -> None:
        super()._begin(width + width % 2, height + height % 2)
        self._stream.pix_fmt = "yuv420p"

    def _fitted(self, picture: "np.ndarray") -> "np.ndarray":
        """An odd side gets its last row or column twice."""
        import numpy as np

        height, width = picture.shape[:2]
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class _Gif(_Stream):
    """Each picture with the 256 colours that suit it best; for ever from the beginning again."""

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps, "gif", "gif", {})
        self._graph: Any = None

    def _begin(self, width: int, height: int) -> None:
        super()._begin(width, height)
        self._stream.pix_fmt = "pal8"
        self._graph = _palette(width, height, self._step)

    def _write(self, frame: Any) -> None:
        self._graph.push(frame)
        for reduced in _pulled(self._graph):
            self._container.mux(self._stream.encode(reduced))
        if frame is None:
            self._container.mux(self._stream.encode(None))


def _palette(width: int, height: int, step: Fraction) -> Any:
    graph = _av().filter.Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=step)
    split, end = graph.add("split"), graph.add("buffersink")
    colours = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(colours, 1, 0)
    colours.link_to(use, 0, 1)
    use.link_to(end)
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    av = _av()
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise SettingError(
            "a film in one file needs PyAV, which is not installed",
            hint='pip install "sketchbridge[video]", or give a folder: --out frames/',
        ) from None
    return av


_MAKERS: dict[str, Callable[[Path, float], Film]] = {"mp4": _Mp4, "gif": _Gif, "png": _Pictures}
