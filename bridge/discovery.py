"""Being found on the network by mDNS, and finding other bridges there. Helps, never gates: a URL always works.

zeroconf is loaded only where this is used.
"""

import asyncio
import importlib
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import msgspec

from bridge import interfaces, limits
from bridge.errors import SetupError
from bridge.interfaces import Interface, Place

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

BRIDGE, OSC, OSCQUERY = "_sketchbridge._tcp.local.", "_osc._udp.local.", "_oscjson._tcp.local."
_LABEL_BYTES = 63  # of one part of a name
_log = logging.getLogger(__name__)


class Service(msgspec.Struct, frozen=True):
    """What can be reached here: a type such as BRIDGE, its port, and the addresses that its sockets are bound to."""

    kind: str
    port: int
    bound: tuple[str, ...]


def services(http: Sequence[str], wires: Iterable[Sequence[str]]) -> list[Service]:
    """Of all the addresses where something listens: what other machines can reach, and have a name for."""
    wires = list(wires)
    osc = [url for urls in wires for url in urls if url.startswith("osc.udp:")]
    query = [url for urls in wires if any(one.startswith("osc.tcp:") for one in urls) for url in urls if _is_http(url)]
    kinds = {BRIDGE: http, OSC: osc, OSCQUERY: query}
    return [service for kind, urls in kinds.items() for service in _service(kind, urls)]


def _service(kind: str, urls: Iterable[str]) -> list[Service]:
    parts = [urlsplit(url) for url in urls]
    found = [(part.hostname, part.port) for part in parts if part.hostname and part.port]
    beyond = [(host, port) for host, port in found if not ipaddress.ip_address(host).is_loopback]
    return [Service(kind, beyond[0][1], tuple(host for host, _ in beyond))] if beyond else []


def _is_http(url: str) -> bool:
    return url.startswith("http:")


class Announcer(AbstractAsyncContextManager["Announcer"]):
    """Tells the networks what is here, follows when they change, and says goodbye at the end.

    Use as `async with Announcer(...)`. Entered it goes on by itself; SetupError where no network takes multicast.
    """

    def __init__(
        self,
        services: Sequence[Service],
        identify: Callable[[], Awaitable[str]],
        version: str,
        look: Callable[[], list[Interface]],
        *,
        look_seconds: float = limits.NETWORK_LOOK_SECONDS,
    ) -> None:
        """`identify` gives who we are, the same at every start; `look` the interfaces to be found on, now."""
        self._services = services
        self._identify = identify
        self._version = version
        self._look = look
        self._look_seconds = look_seconds
        self._identity = ""
        self._places: dict[Service, Place] = {}
        self._announced: dict[Service, AsyncServiceInfo] = {}
        self._task: asyncio.Task[None] | None = None
        self._told_silence = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is announced, and where."""
        return tuple(
            f"{service.kind.removesuffix('.local.')} {_with_port(address, service.port)}"
            for service, place in self._places.items()
            for address in place.reached
        )

    async def __aenter__(self) -> Self:
        self._identity = await self._identify()
        self._places = await asyncio.to_thread(self._find)
        self._task = asyncio.create_task(self._announce(await responder(self._speak())), name="announce")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _announce(self, speaking: "AsyncZeroconf | None") -> None:
        """Here, until we are somewhere else; then there."""
        while True:
            try:
                if speaking is not None:
                    await self._register(speaking, self._services)
                await self._elsewhere(speaking)
            finally:
                if speaking is not None:
                    await _close(speaking)
            speaking = await self._speaking_again()

    async def _register(self, speaking: "AsyncZeroconf", services: Sequence[Service]) -> None:
        infos = {service: self._info(service) for service in services}
        self._announced.update(infos)
        for done in await asyncio.gather(
            *(_registered(speaking, info) for info in infos.values()), return_exceptions=True
        ):
            if isinstance(done, BaseException):
                _log.warning("not announced on the network: %s", str(done) or type(done).__name__)
            else:
                _log.info("announced on the network as %s", done)

    async def _stand_apart(self, speaking: "AsyncZeroconf") -> None:
        """One that took our name in the same instant, or came from another network: the lower id keeps the name."""
        for service, info in tuple(self._announced.items()):
            others, cache = _namesakes(speaking, info, self._identity), speaking.zeroconf.cache
            if others and min(others) < self._identity:
                await (await speaking.async_unregister_service(info))
                await self._register(speaking, [service])
            elif others or not cache.current_entry_with_name_and_alias(info.type, info.name):
                await (await speaking.async_update_service(info))  # they, or their goodbye, were heard instead of us

    def _info(self, service: Service) -> "AsyncServiceInfo":
        described = {"txtvers": "1", "id": self._identity, "version": self._version, "path": "/"}
        info: AsyncServiceInfo = _library().AsyncServiceInfo(
            service.kind,
            f"{own_name()}.{service.kind}",
            port=service.port,
            properties=described,
            server=f"sketchbridge-{self._identity[:12]}.local.",
            parsed_addresses=list(self._places[service].reached),
        )
        return info

    async def _elsewhere(self, speaking: "AsyncZeroconf | None") -> None:
        """Until the networks are others than before."""
        while True:
            await asyncio.sleep(self._look_seconds)
            if speaking is not None:
                await self._stand_apart(speaking)
            try:
                now = await asyncio.to_thread(self._find)
            except SetupError:  # the interface that was asked for is gone
                now = {}
            if now != self._places:
                self._places = now
                return

    def _find(self) -> dict[Service, Place]:
        """Where each of them is reached now. Blocks for a moment."""
        there = self._look()
        return {service: interfaces.place(there, service.bound, interfaces.joins) for service in self._services}

    def _speak(self) -> list[str]:
        return list(dict.fromkeys(address for place in self._places.values() for address in place.speak))

    async def _speaking_again(self) -> "AsyncZeroconf | None":
        """None while no network takes multicast, which is told once."""
        try:
            return await responder(self._speak())
        except SetupError as error:
            if not self._told_silence:
                _log.warning("%s; %s", error.message, error.hint)
            self._told_silence = True
            return None


async def responder(speak: Sequence[str]) -> "AsyncZeroconf":
    """Something that speaks mDNS from these addresses; SetupError if nothing can."""
    if not speak:
        raise _silent()
    library = await asyncio.to_thread(_library)
    try:
        made: AsyncZeroconf = library.AsyncZeroconf(interfaces=list(speak))
    except OSError as error:
        raise SetupError(
            f"mDNS can't be spoken on this network: {error.strerror or error}",
            hint="others reach this bridge by its address all the same",
        ) from None
    return made


def own_name() -> str:
    """What people see in a list of bridges; another one of that name makes it Name-2."""
    machine = socket.gethostname().partition(".")[0]
    return f"Sketchbridge on {machine}".encode()[:_LABEL_BYTES].decode("utf-8", "ignore")


def _silent() -> SetupError:
    return SetupError(
        "no network here takes multicast, so nobody finds this bridge by itself",
        hint="others reach it by its address; --interface chooses a network, --no-mdns ends this message",
    )


async def _registered(speaking: "AsyncZeroconf", info: "AsyncServiceInfo") -> str:
    """The name under which it is known now."""
    announced = await speaking.async_register_service(info, allow_name_change=True)
    await announced
    return info.name


def _namesakes(speaking: "AsyncZeroconf", info: "AsyncServiceInfo", own: str) -> set[str]:
    """The ids of others that say they have this name."""
    text, now = info.dns_text(), importlib.import_module("zeroconf").current_time_millis()
    records: Any = speaking.zeroconf.cache.async_all_by_details(info.name, text.type, text.class_)
    said = [
        _library().AsyncServiceInfo(info.type, info.name, properties=record.text)
        for record in records
        if not record.is_expired(now)
    ]
    return {other.decoded_properties.get("id") or own for other in said} - {own}


async def _close(speaking: "AsyncZeroconf") -> None:
    """With a goodbye for everything that was registered."""
    try:
        async with asyncio.timeout(limits.GOODBYE_SECONDS):
            await speaking.async_close()
    except TimeoutError:
        _log.warning("the network did not take our goodbye within %g s", limits.GOODBYE_SECONDS)


def _library() -> Any:
    return importlib.import_module("zeroconf.asyncio")


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
