"""Pictures on their way into a video and out of one."""

from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from bridge import limits
from bridge.errors import TooSlow
from bridge.ports import Blob
from bridge.transports.webrtc_video import Size, pixels, take, video_frame


class Film(MediaStreamTrack):
    """Grey pictures, each with its second, as quickly as somebody takes them."""

    kind = "video"

    def __init__(self, *pictures: tuple[int, float]) -> None:
        super().__init__()
        self._left = list(pictures)

    async def recv(self) -> VideoFrame:
        if not self._left:
            raise MediaStreamError
        shade, second = self._left.pop(0)
        frame = VideoFrame.from_ndarray(np.full((16, 16), shade, np.uint8), format="gray")
        frame.pts, frame.time_base = int(second * 1000), Fraction(1, 1000)
        return frame


async def test_of_pictures_that_come_faster_than_they_are_used_only_the_newest_is():
    given: list[int] = []
    film = Film(*((shade, shade / 100) for shade in range(1, 101)))
    await take(film, Size(1920, 1920), 1000, lambda picture: given.append(picture.data[0]))
    assert given == [100]


async def test_pictures_that_have_waited_for_their_decoder_end_the_video():
    late = limits.VIDEO_LAG_SECONDS + 1
    with pytest.raises(TooSlow) as raised:
        await take(Film((1, late), (2, late), (3, 0)), Size(1920, 1920), 30, lambda picture: None)
    assert "16 × 16" in raised.value.message


@pytest.mark.parametrize(
    ("size", "came", "scaled", "kept"),
    [
        (Size(1920, 1920), (640, 480), (640, 480), (640, 480)),
        (Size(320, 1920), (640, 480), (320, 240), (320, 240)),
        (Size(1920, 100), (640, 480), (133, 100), (133, 100)),
        (Size(1920, 1920, 64, 64), (640, 480), (85, 64), (64, 64)),
        (Size(1920, 1920, 64, 64), (48, 32), (96, 64), (64, 64)),
        (Size(1920, 1920, 64), (640, 480), (64, 48), (64, 48)),
        (Size(1920, 1920), (4000, 2), (1920, 1), (1920, 1)),
    ],
)
def test_a_video_is_taken_in_the_size_that_is_wanted(size: Size, came, scaled, kept):
    assert size.of(*came) == (scaled, kept)


def test_of_a_picture_that_is_too_wide_the_middle_is_kept():
    found = np.zeros((20, 60, 3), np.uint8)
    found[:, 20:40] = 255
    picture = pixels(VideoFrame.from_ndarray(found, format="rgb24"), Size(1920, 1920, 20, 20))
    assert picture.meta == {"width": 20, "height": 20, "channels": 3}
    assert np.frombuffer(picture.data, np.uint8).min() > 250


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_of_any_kind_become_a_frame(channels: int):
    picture = Blob("raw", bytes([255]) * (5 * 7 * channels), {"width": 5, "height": 7, "channels": channels})
    frame = video_frame(picture)
    assert (frame.width, frame.height, frame.format.name) == (4, 6, "yuv420p")
    assert frame.to_ndarray(format="gray").min() > 230
