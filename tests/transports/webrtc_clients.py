"""WebRTC callers made of aiortc: one who watches and one who sends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

SDP = {"Content-Type": "application/sdp"}
_FPS = 20


class Grey(MediaStreamTrack):
    """A camera before a wall, in a room whose light can be set."""

    kind = "video"

    def __init__(self, light: float = 0.8) -> None:
        super().__init__()
        self.light = light
        self._began = time.monotonic()

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / _FPS)
        frame = VideoFrame.from_ndarray(np.full((64, 96), round(self.light * 255), np.uint8), format="gray")
        frame.pts = int((time.monotonic() - self._began) * 90_000)
        frame.time_base = Fraction(1, 90_000)
        return frame


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


@asynccontextmanager
async def closed_after(peer: RTCPeerConnection) -> AsyncIterator[RTCPeerConnection]:
    try:
        yield peer
    finally:
        await peer.close()


async def offer(peer: RTCPeerConnection) -> str:
    """With all its addresses."""
    await peer.setLocalDescription(await peer.createOffer())
    return peer.localDescription.sdp


async def agree(client: aiohttp.ClientSession, peer: RTCPeerConnection, path: str, **query: str) -> str:
    """Offer and answer; what the Location of the answer says."""
    answer = await client.post(path, params=query, data=await offer(peer), headers=SDP)
    assert answer.status == 201, await answer.text()
    assert answer.content_type == "application/sdp"
    await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    return answer.headers["Location"]


@asynccontextmanager
async def watching(
    client: aiohttp.ClientSession, path: str, **query: str
) -> AsyncIterator[tuple[RTCPeerConnection, MediaStreamTrack, str]]:
    """A peer that watches, the video it gets, and where that can be ended."""
    async with closed_after(connection()) as peer:
        video = peer.addTransceiver("video", direction="recvonly")
        place = await agree(client, peer, path, **query)
        yield peer, video.receiver.track, place


@asynccontextmanager
async def sending(
    client: aiohttp.ClientSession, path: str, camera: MediaStreamTrack, **query: str
) -> AsyncIterator[tuple[RTCPeerConnection, str]]:
    """A peer that sends what the camera sees, and where that can be ended."""
    async with closed_after(connection()) as peer:
        peer.addTransceiver(camera, direction="sendonly")
        yield peer, await agree(client, peer, path, **query)


async def ended(peer: RTCPeerConnection) -> None:
    """Until the other side has gone."""
    while peer.connectionState not in ("closed", "failed"):
        await asyncio.sleep(0.01)
