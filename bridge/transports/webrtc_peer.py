"""One WebRTC connection: an offer is answered, and it lasts until one side leaves.

The extra `webrtc` is needed here, so this is imported only when somebody asks for it.
"""

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from typing import Literal, Self

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.sdp import SessionDescription, candidate_from_sdp

from bridge import limits
from bridge.errors import BadMessage, Cancelled, InputError

Way = Literal["out", "in"]
_MOST_MEDIA = 4  # in one offer; each may open sockets
_SIDES = {"out": ("recvonly", "sendrecv"), "in": ("sendonly", "sendrecv")}  # what the other side says it does


class Peer(AbstractAsyncContextManager["Peer"]):
    """The connection. Use as `async with Peer() as peer`; leaving ends it and waits until nothing of it is left."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # nobody outside is asked for anything
        self._known: set[str] = set()  # how the other side calls itself; another name would be another try
        self._addresses = 0  # of the other side
        self._changed = asyncio.Event()
        self._connection.on("connectionstatechange", self._changed.set)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Not to be interrupted half way: aiortc would never end then."""
        closing = asyncio.ensure_future(self._connection.close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
            raise

    async def answer(self, offer: str, way: Way, shown: MediaStreamTrack | None = None) -> str:
        """The answer to an offer; BadMessage or InputError about what can't be answered."""
        place = _video_of(offer, way)
        self._known = set(_names(offer))
        offered = reachable(offer)
        self._addresses = offered.count("a=candidate:")
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offered, "offer"))
        except Exception as error:  # whatever a strange offer makes of the libraries
            raise BadMessage(
                f"this offer can't be answered: {str(error) or type(error).__name__}",
                hint="VP8 and H.264 are spoken here",
            ) from error
        transceivers = self._connection.getTransceivers()
        for number, transceiver in enumerate(transceivers):
            transceiver.direction = _direction(way) if number == place else "inactive"
        self.video: RTCRtpTransceiver = transceivers[place]
        if shown is not None:
            self.video.sender.replaceTrack(shown)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return str(self._connection.localDescription.sdp)

    async def add(self, fragment: str) -> None:
        """Further addresses of the other side, as they come by PATCH; what else stands there is passed over."""
        if not self._known.issuperset(_names(fragment)):
            raise InputError("ICE can't be started again here", hint="end this video and post a new offer")
        for mid, line in candidates(fragment):
            try:
                candidate = candidate_from_sdp(line)
            except (ValueError, AssertionError, IndexError) as error:
                raise BadMessage(f"this candidate can't be read: {line[:100]}") from error
            candidate.sdpMid = mid
            self._check_addresses()
            await self._connection.addIceCandidate(candidate)

    def _check_addresses(self) -> None:
        """Each is tried from each of ours, for as long as the connection lasts."""
        if self._addresses >= limits.CANDIDATES:
            raise InputError(
                f"{self._addresses} addresses were named, as many as one WebRTC peer may have",
                hint="those are tried; end this video and post a new offer to name others",
            )
        self._addresses += 1

    async def connected(self) -> None:
        """Until both sides have found each other; Cancelled when they do not."""
        try:
            async with asyncio.timeout(limits.VIDEO_CONNECT_SECONDS):
                while self._connection.connectionState in ("new", "connecting"):
                    await self._change()
        except TimeoutError:
            raise Cancelled(f"no way to the other side was found in {limits.VIDEO_CONNECT_SECONDS:g} s") from None
        self._check()

    async def gone(self) -> None:
        """Until the connection is there no more."""
        while self._connection.connectionState == "connected":
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _check(self) -> None:
        if self._connection.connectionState != "connected":
            raise Cancelled("no way to the other side was found")


# --- descriptions --------------------------------------------------------------------------------


def _video_of(offer: str, way: Way) -> int:
    """Which of the media in the offer is the video we want."""
    try:
        media = SessionDescription.parse(offer).media
    except Exception as error:  # the parser trusts what it reads
        raise BadMessage("this is not an offer: it can't be read as SDP", hint="send what createOffer made") from error
    if len(media) > _MOST_MEDIA:
        raise InputError(
            f"this offer has {len(media)} media; up to {_MOST_MEDIA} are taken", hint="one video is enough"
        )
    if any(one.kind not in ("audio", "video") for one in media):
        raise InputError("this offer has a data channel; only video goes this way", hint="leave the data channel out")
    for number, one in enumerate(media):
        if one.kind == "video" and one.direction in _SIDES[way]:
            return number
    wanted = "recvonly" if way == "out" else "sendonly"
    raise InputError(
        f"this offer has no video that is {wanted}", hint=f'pc.addTransceiver(…, {{direction: "{wanted}"}}) adds one'
    )


def _direction(way: Way) -> str:
    return "sendonly" if way == "out" else "recvonly"


def reachable(offer: str) -> str:
    """The offer with at most so many addresses, and without those that hide behind a name.

    To find such a name takes multicast and time. Who has one reaches us first, and then we know its address.
    """
    kept, left = [], limits.CANDIDATES
    for line in offer.splitlines():
        if line.startswith("a=candidate:"):
            if left <= 0 or hidden(line):
                continue
            left -= 1
        if line.strip() != "a=end-of-candidates":
            kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def candidates(fragment: str) -> list[tuple[str, str]]:
    """The addresses in a fragment of SDP, each with the mid it belongs to."""
    mid, found = "0", []
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "a=mid":
            mid = value
        elif name == "a=candidate" and not hidden(line):
            found.append((mid, value))
    return found


def _names(text: str) -> list[str]:
    return re.findall(r"(?m)^a=ice-ufrag:(\S+)", text)


def hidden(line: str) -> bool:
    """Whether a candidate names a host that only multicast knows."""
    words = line.split()
    return len(words) > 4 and words[4].lower().endswith(".local")
