"""Pictures of a session as a video, and those of a video as inputs. Always the newest; what takes time has a thread."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from bridge import limits
from bridge.errors import BridgeError, TooSlow
from bridge.ports import Blob
from bridge.session.fanout import Subscription

_TICKS = 90_000  # of a video's clock, a second
_STILL_SECONDS = 0.25  # a picture that stays is sent again: a viewer who comes late sees it, and it gets sharper
_FORMATS = {1: "gray", 3: "rgb24", 4: "rgba"}


class Shown(MediaStreamTrack):
    """What a session gives out, as a video: the newest picture whenever the encoder is free."""

    kind = "video"

    def __init__(self, frames: Subscription, fps: int) -> None:
        super().__init__()
        self._frames = aiter(frames)
        self._interval = 1 / fps
        self._turn = 0.0
        self._began = time.monotonic()
        self._picture: Blob | None = None
        self._over: asyncio.Future[BridgeError | None] = asyncio.get_running_loop().create_future()

    async def ended(self) -> None:
        """Until the session gives out nothing any more; raises why."""
        if (error := await asyncio.shield(self._over)) is not None:
            raise error

    async def recv(self) -> VideoFrame:
        """For aiortc: the next picture, or MediaStreamError when nothing comes any more."""
        try:
            picture = await self._next()
        except (StopAsyncIteration, BridgeError) as error:
            if not self._over.done():
                self._over.set_result(error if isinstance(error, BridgeError) else None)
            self.stop()
            raise MediaStreamError from None
        frame = await asyncio.to_thread(video_frame, picture)
        frame.pts = int((time.monotonic() - self._began) * _TICKS)
        frame.time_base = Fraction(1, _TICKS)
        return frame

    async def _next(self) -> Blob:
        await asyncio.sleep(self._turn - time.monotonic())
        try:
            async with asyncio.timeout(_STILL_SECONDS if self._picture is not None else None):
                self._picture = (await anext(self._frames)).value
        except TimeoutError:
            pass  # the one before once more
        self._turn = time.monotonic() + self._interval
        assert self._picture is not None
        return self._picture


class Size(NamedTuple):
    """How large the pictures of a video are taken: to fit a box, or exactly as the input wants them."""

    most_width: int
    most_height: int
    width: int | None = None
    height: int | None = None

    def of(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """To which size a picture is scaled, and how much of that is kept."""
        if self.width or self.height:
            keep = (self.width or self.most_width, self.height or self.most_height)
            scale = max(wanted / had for wanted, had in ((self.width, width), (self.height, height)) if wanted)
        else:
            scale = min(1.0, self.most_width / width, self.most_height / height)
            keep = (self.most_width, self.most_height)
        scaled = max(1, round(width * scale)), max(1, round(height * scale))
        return scaled, (min(scaled[0], keep[0]), min(scaled[1], keep[1]))


async def take(track: MediaStreamTrack, size: Size, fps: int, give: Callable[[Blob], None]) -> None:
    """Give on what comes in, in that size, at most so many pictures a second, always the newest.

    Until the other side ends it. TooSlow when this machine can't decode as quickly as pictures come.
    """
    newest = _Newest()
    reading = asyncio.create_task(_read(track, newest), name="read a video")
    try:
        async for frame in newest:
            turn = time.monotonic() + 1 / fps
            give(await asyncio.to_thread(pixels, frame, size))
            await asyncio.sleep(turn - time.monotonic())
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


class _Newest:
    """One place between who reads and who works."""

    def __init__(self) -> None:
        self._frame: VideoFrame | None = None
        self._there = asyncio.Event()
        self._over = False

    def put(self, frame: VideoFrame) -> None:
        self._frame = frame
        self._there.set()

    def end(self) -> None:
        self._over = True
        self._there.set()

    def __aiter__(self) -> AsyncIterator[VideoFrame]:
        return self

    async def __anext__(self) -> VideoFrame:
        await self._there.wait()
        frame, self._frame = self._frame, None
        if frame is None:
            raise StopAsyncIteration
        if not self._over:
            self._there.clear()
        return frame


async def _read(track: MediaStreamTrack, newest: _Newest) -> None:
    """Take everything at once, so that nothing waits within aiortc, which has no bound for it."""
    clock = _Lag()
    try:
        while True:
            frame = await track.recv()
            assert isinstance(frame, VideoFrame)  # nothing but video was negotiated
            clock.check(frame)
            newest.put(frame)
    except MediaStreamError:
        return
    finally:
        newest.end()


class _Lag:
    """How far the decoder is behind: what comes later and later has waited for it."""

    def __init__(self) -> None:
        self._least: float | None = None

    def check(self, frame: VideoFrame) -> None:
        late = time.monotonic() - float(frame.time)
        self._least = late if self._least is None else min(self._least, late)
        if late - self._least > limits.VIDEO_LAG_SECONDS:
            raise TooSlow(
                f"pictures of {frame.width} × {frame.height} come faster than they can be decoded here",
                hint="send smaller ones, or fewer a second",
            )


# --- pictures ------------------------------------------------------------------------------------


def video_frame(picture: Blob) -> VideoFrame:
    """Plain pixels as an encoder takes them: its sides are even."""
    width, height, channels = (picture.meta[name] for name in ("width", "height", "channels"))
    shape = (height, width) if channels == 1 else (height, width, channels)
    found = np.frombuffer(picture.data, np.uint8).reshape(shape)
    frame = VideoFrame.from_ndarray(found, format=_FORMATS[channels])
    return frame.reformat(width=_even(width), height=_even(height), format="yuv420p")


def pixels(frame: VideoFrame, size: Size) -> Blob:
    """A picture of a video as plain RGB in that size: the middle of it where the proportions differ."""
    (width, height), (keep_width, keep_height) = size.of(frame.width, frame.height)
    found = frame.to_ndarray(format="rgb24", width=width, height=height)
    left, top = (width - keep_width) // 2, (height - keep_height) // 2
    kept = found[top : top + keep_height, left : left + keep_width]
    return Blob("raw", kept.tobytes(), {"width": keep_width, "height": keep_height, "channels": 3})


def _even(side: int) -> int:
    return max(2, side - side % 2)
