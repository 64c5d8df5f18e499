"""The old servers of all sessions: they come, go and are renamed with them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from aiohttp import web

from bridge.config import Settings
from bridge.errors import SettingError, UnknownSession
from bridge.hub import Hub
from bridge.session.fanout import EventReader
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.transports.http_routes import Route
from bridge.transports.listen import listen
from bridge.transports.runway import osc
from bridge.transports.runway.aliases import NONE, Aliases
from bridge.transports.runway.board import Board
from bridge.transports.runway.daemon import Daemon
from bridge.transports.runway.gate import Gate
from bridge.transports.runway.home import Home, in_thread
from bridge.transports.runway.hosted import PREFIX, Hosted
from bridge.transports.runway.local import PATHS, Local
from bridge.transports.runway.site import Site, SitePort, tidy
from bridge.transports.runway.slots import Keep, Slots
from bridge.transports.security import Security

_KINDS = frozenset(("session_opened", "session_closed", "session_renamed", "state", "error"))
_log = logging.getLogger(__name__)


class Runway:
    """Servers A and C of every session on ports of their own; A of the first one and B of all on the main port, too.

    It is mounted on the main port from the beginning, and answers there once it is entered. `main` gives that port.
    Ports last: `keep` is given them, `noted` is what it was given before, `expected` who will be opened at the start.
    """

    def __init__(
        self,
        hub: Hub,
        settings: Settings,
        security: Security,
        main: Callable[[], int],
        noted: Any,
        keep: Keep,
        expected: Collection[str],
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._security = security
        self._main = main
        bases = {
            "http": settings.runway_http_port,
            "socketio": settings.runway_socketio_port,
            "osc": settings.runway_osc_port,
            "sdk": settings.runway_sdk_port,
        }
        self._slots = Slots(bases, noted, keep, expected)
        self._homes: dict[str, Home] = {}
        self._aliases: dict[str, Aliases] = {}
        self._targets: list[tuple[str, osc.Address]] = []
        self._site: Site | None = None
        self._gate: Gate | None = None
        self._watching: asyncio.Task[None] | None = None
        self._daemon: Daemon | None = None

    async def __aenter__(self) -> Self:
        self._gate = Gate(self._settings, self._security)
        self._aliases = Aliases.read(self._settings.aliases)
        self._targets = [_target(entry) for entry in self._settings.runway_osc_targets]
        tried, _ = await in_thread(lambda: (listen(self._settings.runway_host, 0, "--runway-host"), ""))
        for listening in tried:  # it is an address of this machine
            listening.close()
        self._site = Site(self._main_routes(), self._gate)
        happening = self._hub.events.subscribe(_KINDS)
        try:
            await self._keep_up()
        except BaseException:
            happening.close()
            await self.__aexit__()
            raise
        self._watching = asyncio.create_task(self._watch(happening), name="old Runway servers")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._site = None
        await asyncio.gather(*(home.close() for home in self._homes.values()))
        self._homes.clear()

    # --- what others ask -------------------------------------------------------------------------

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(address for home in self._homes.values() for address in home.addresses())

    @property
    def note(self) -> str:
        """What is not where it was expected."""
        return "; ".join(note for home in self._homes.values() for note in home.notes)

    def url_of(self, name: str) -> str:
        """Where a session speaks in the form of the Model SDK; empty when it does not."""
        return self._homes[name].sdk_url if name in self._homes else ""

    def tell_daemon(self, daemon: Daemon) -> None:
        """It wants to know when sessions come and change."""
        self._daemon = daemon

    # --- on the main port ------------------------------------------------------------------------

    @property
    def routes(self) -> tuple[Route, ...]:
        return self._site.routes if self._site is not None else ()

    def takes(self, path: str) -> bool:
        return self._site is not None and (path in PATHS or path.startswith(PREFIX) or tidy(path) in PATHS)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._site is not None
        return await self._site.answer(request)

    def _main_routes(self) -> tuple[Route, ...]:
        body = self._settings.max_body
        return (*Local(self._first, body).routes(), *Hosted(self._hub, self._board, body).routes())

    def _first(self) -> Board:
        """The session that the main port speaks for."""
        for home in self._homes.values():
            if home.shares:
                return home.board
        for name in self._hub.sessions:
            if name in self._homes:
                return self._homes[name].board
        raise UnknownSession("no session is open", hint="open one first, such as --model dream", field="session")

    def _board(self, name: str) -> Board:
        self._hub.get(name)
        if name not in self._homes:
            raise UnknownSession(f"{name} is just being opened", hint="ask again in a moment", field="session")
        return self._homes[name].board

    # --- sessions come and go --------------------------------------------------------------------

    async def _watch(self, happening: EventReader) -> None:
        async with happening as events:
            async for event in events:
                try:
                    await self._heed(event)
                except Exception:
                    _log.exception("the old Runway servers could not follow a change of %s", event.session)

    async def _heed(self, event: Event) -> None:
        if event.kind == "error" and event.session in self._homes:
            self._homes[event.session].board.failed(_old_error(event))
        else:
            await self._keep_up()

    async def _keep_up(self) -> None:
        """Every open session has its servers, whatever happened since the last look."""
        open_now = dict(self._hub.sessions)
        await self._follow_names(open_now)
        for name, session in open_now.items():
            if name not in self._homes:
                await self._open(session)
            if self._daemon is not None:
                self._daemon.note(session)
        for home in self._homes.values():
            home.board.refresh()
            home.check_aliases()
        await self._slots.save()

    async def _follow_names(self, open_now: dict[str, Session]) -> None:
        """Several may have gone and changed their names since the last look, also to names that others had."""
        before = self._homes
        names = _names_now(before, open_now)
        in_place = [old for old in before if old not in names and old in open_now and old not in names.values()]
        gone = [old for old in before if old not in names and old not in in_place]
        for old in gone:
            self._slots.drop(old)
        self._slots.rename(names)
        self._homes = {names.get(old, old): home for old, home in before.items() if old not in gone}
        for name, home in self._homes.items():
            home.name = name
            home.board.aliases = self._aliases.get(name, home.board.aliases)
        for old in in_place:
            before[old].board.replace(open_now[old])
        await asyncio.gather(*(before[old].close() for old in gone))

    async def _open(self, session: Session) -> None:
        assert self._gate is not None
        name = session.name
        home = Home(session, self._aliases.get(name, NONE), self._settings, self._gate, self._slots)
        self._homes[name] = home  # before anything is waited for: it is closed with the others
        main = self._main()
        shares = main == self._settings.runway_http_port
        await home.open(self._hub, main, shares, [to for only, to in self._targets if only in ("", name)])


class RunwayDaemon:
    """Server D. Use as `async with`, inside the servers of the sessions."""

    def __init__(
        self, hub: Hub, runway: Runway, settings: Settings, security: Security, base: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._security = security
        self._daemon = Daemon(hub, runway.url_of, base, settings.max_body)
        self._runway = runway
        self._stack = contextlib.AsyncExitStack()
        self.addresses: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        gate = Gate(self._settings, self._security)
        settings = self._settings
        flag = "--runway-daemon-port"
        sockets, _ = await in_thread(lambda: (listen(settings.runway_host, settings.runway_daemon_port, flag), ""))
        site = Site(self._daemon.routes(), gate)
        port = await self._stack.enter_async_context(SitePort(site, sockets, self._settings.max_body))
        host = self._settings.runway_host
        self.addresses = (f"http://{f'[{host}]' if ':' in host else host}:{port.port}",)
        self._runway.tell_daemon(self._daemon)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


def _names_now(homes: Mapping[str, Home], open_now: Mapping[str, Session]) -> dict[str, str]:
    """The names of those whose sessions are still there, by the names they had."""
    sessions = {old: home.board.session for old, home in homes.items()}
    return {old: one.name for old, one in sessions.items() if open_now.get(one.name) is one}


def _old_error(event: Event) -> dict[str, str]:
    message, hint = str(event.data.get("message", "")), str(event.data.get("hint", ""))
    text = f"{message}; {hint}" if hint else message
    return {"error": text, "code": str(event.data.get("code", "")), "field": str(event.data.get("field", ""))}


def _target(entry: str) -> tuple[str, osc.Address]:
    name, found, where = entry.partition("=")
    try:
        return (name, osc.address(where)) if found else ("", osc.address(name))
    except ValueError:
        raise SettingError(
            f"--runway-osc-target can't be {entry!r}",
            hint="it is HOST:PORT or SESSION=HOST:PORT, the host as a number: 192.168.1.20:57200",
            field="runway_osc_targets",
        ) from None
