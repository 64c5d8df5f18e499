"""The old servers of one session, each on a port of its own."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from bridge.config import Settings
from bridge.errors import PortTaken, SettingError
from bridge.hub import Hub
from bridge.session.session import Session
from bridge.signature import Signature
from bridge.transports.listen import listen
from bridge.transports.runway import osc, sdk
from bridge.transports.runway.aliases import Aliases
from bridge.transports.runway.board import Board
from bridge.transports.runway.engineio import Engine
from bridge.transports.runway.gate import Gate
from bridge.transports.runway.local import Local
from bridge.transports.runway.sdk import Sdk
from bridge.transports.runway.site import Site, SitePort
from bridge.transports.runway.slots import Slots
from bridge.transports.runway.socketio import SocketIO

SERVERS = {
    "http": "--runway-http-port",
    "socketio": "--runway-socketio-port",
    "osc": "--runway-osc-port",
    "sdk": "--runway-sdk-port",
}
Found = tuple[list[socket.socket], str]
Bind = Callable[[int, str], list[socket.socket]]
_log = logging.getLogger(__name__)


class Home:
    """Opened by open(), closed by close(). A server that finds no port says so; the others run."""

    def __init__(self, session: Session, aliases: Aliases, settings: Settings, gate: Gate, slots: Slots) -> None:
        self.board = Board(session, aliases)
        self.ports: dict[str, int] = {}
        self._notes: list[str] = []
        self.name = session.name
        self.shares = False  # the main port speaks for it
        self._settings = settings
        self._gate = gate
        self._slots = slots
        self._stack = AsyncExitStack()
        self._checked: tuple[Aliases, Signature] | None = None
        self._strays: list[str] = []

    async def open(self, hub: Hub, main: int, shares: bool, targets: Iterable[osc.Address]) -> None:
        """All of its servers. The main port speaks for this session if it shares and its turn comes."""
        self._stack.callback(self.board.close)
        await self._open_http(main, shares)
        await self._open_socketio()
        await self._open_osc(targets)
        await self._open_sdk(hub)
        _log.info(
            "old Runway ports of %s: %s", self.name, ", ".join(f"{one} {port}" for one, port in self.ports.items())
        )

    async def close(self) -> None:
        """Let go of all ports. Idempotent."""
        await self._stack.aclose()

    def addresses(self) -> list[str]:
        """Where its servers are, for people."""
        host = _shown(self._settings.runway_host)
        forms = {"http": f"http://{host}", "socketio": f"socket.io http://{host}", "osc": f"osc {host}"}
        forms["sdk"] = f"sdk http://{host}"
        return [f"{self.name} {forms[server]}:{port}" for server, port in self.ports.items()]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as it was asked for."""
        return (*self._notes, *self._strays)

    def check_aliases(self) -> None:
        """Say which of them mean nothing, once for each model: sketches would wait for those keys."""
        aliases, signature = self.board.aliases, self.board.session.signature
        if signature is None or self._checked == (aliases, signature):
            return
        self._checked = aliases, signature
        commands = signature.commands.values()
        inputs = list(dict.fromkeys(name for command in commands for name in command.inputs))
        outputs = list(dict.fromkeys(name for command in commands for name in command.outputs))
        has = f"it takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}"
        self._strays = [
            f"--alias {self.name}.{name}: {self.name} has no {name}; {has}" for name in aliases.unknown(inputs, outputs)
        ]
        for stray in self._strays:
            _log.warning(stray)

    @property
    def sdk_url(self) -> str:
        """Where the form of the Model SDK is; empty when it is nowhere."""
        port = self.ports.get("sdk")
        return "" if port is None else f"http://{_shown(self._settings.runway_host)}:{port}"

    # --- each of them ----------------------------------------------------------------------------

    async def _open_http(self, main: int, shares: bool) -> None:
        routes = Local(lambda: self.board, self._settings.max_body).own_routes()
        found = await self._found("http", self._tcp, main, shares)
        if found is not None:
            await self._enter("http", SitePort(Site(routes, self._gate), found, self._settings.max_body))

    async def _open_socketio(self) -> None:
        found = await self._found("socketio", self._tcp)
        if found is None:
            return
        app = SocketIO(self.board, self._settings.max_body)
        engine = Engine(app, self._settings.max_body)
        self._stack.push_async_callback(app.close)
        self._stack.callback(engine.close)
        site = Site(engine.routes(), self._gate, credentials=True)
        await self._enter("socketio", SitePort(site, found, self._settings.max_body))

    async def _open_osc(self, targets: Iterable[osc.Address]) -> None:
        found = await self._found("osc", self._udp)
        if found is not None:
            await self._enter("osc", osc.Osc(self.board, self._gate, found[0], targets))

    async def _open_sdk(self, hub: Hub) -> None:
        found = await self._found("sdk", self._tcp)
        if found is not None:
            site = Site(Sdk(hub, self.board, self._settings.max_body).routes(), self._gate, refusal=sdk.refusal)
            await self._enter("sdk", SitePort(site, found, self._settings.max_body))

    async def _enter(self, server: str, opening: SitePort | osc.Osc) -> None:
        self._stack.push_async_callback(opening.close)  # first: its sockets are there already
        await opening.__aenter__()
        self._has(server, opening.port)

    def _has(self, server: str, port: int) -> None:
        self.ports[server] = port
        self._slots.keep(self.name, server, port)

    # --- ports -----------------------------------------------------------------------------------

    async def _found(self, server: str, bind: Bind, main: int = 0, shares: bool = False) -> list[socket.socket] | None:
        """Sockets on the first port that can be had; None, and why is noted, when there is none."""
        flag = SERVERS[server]
        candidates = list(self._slots.candidates(self.name, server))
        if shares and candidates[:1] == [main]:
            self.shares = True
            self._has(server, main)
            return None
        found, refused = await in_thread(
            lambda: _first(bind, flag, [port for port in candidates if port != main or not port])
        )
        if not found:
            self._note(f"{self.name} has no {server}: {refused or 'no port is free'}; {flag} moves them")
        elif refused:
            self._note(f"{refused}; {self.name} has {found[0].getsockname()[1]} instead ({flag} moves them)")
        return found or None

    def _note(self, text: str) -> None:
        self._notes.append(text)
        _log.warning("old Runway ports: %s", text)

    def _tcp(self, port: int, flag: str) -> list[socket.socket]:
        return listen(self._settings.runway_host, port, flag)

    def _udp(self, port: int, flag: str) -> list[socket.socket]:
        try:
            return [osc.bound(self._settings.runway_host, port)]
        except OSError as error:
            raise PortTaken(f"UDP port {port} can't be had: {error.strerror}", hint=f"{flag} {port + 1}") from None


def _first(bind: Bind, flag: str, ports: list[int]) -> Found:
    """The first of these ports that can be had, and why the first that could not be was refused."""
    refused = ""
    for port in ports:
        try:
            return bind(port, flag), refused
        except (PortTaken, SettingError) as error:
            refused = refused or error.message
    return [], refused


async def in_thread(bind: Callable[[], Found]) -> Found:
    """Who has a port that is taken may take long to find out. What was bound for one who is cancelled is closed."""
    binding = asyncio.ensure_future(asyncio.to_thread(bind))
    try:
        return await asyncio.shield(binding)
    except asyncio.CancelledError:
        for listening in (await binding)[0]:
            listening.close()
        raise


def _shown(host: str) -> str:
    """As an address that can be called."""
    if host in ("", "0.0.0.0", "::", "localhost"):  # noqa: S104 - read, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
