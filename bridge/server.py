"""The one place where parts meet, in one exit stack."""

import asyncio
import contextlib
import importlib.util
import logging
import re
import shutil
import signal
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from bridge import elsewhere, interfaces, references
from bridge.backends import sdk
from bridge.backends.lookup import look_up
from bridge.backends.process import describe, launch
from bridge.catalog import Catalog, sources
from bridge.chains import Chains
from bridge.config import Settings
from bridge.discovery import Announcer, services
from bridge.favourites import Favourites
from bridge.hub import Hub
from bridge.keeper import Keeper
from bridge.mappings import Mappings
from bridge.recorder import Recorder
from bridge.session.backend import Backend, Listener
from bridge.session.messages import Start
from bridge.transports import openai
from bridge.transports.base import own_version
from bridge.transports.http import Http, websocket_route
from bridge.transports.http_favourites import FavouriteRoutes
from bridge.transports.http_mappings import MappingRoutes
from bridge.transports.http_osc import OscRoutes
from bridge.transports.http_walks import WalkRoutes
from bridge.transports.http_workspaces import ChainRoutes, WorkspaceRoutes
from bridge.transports.listen import listen
from bridge.transports.osc import Osc
from bridge.transports.runway.wire import Runway, RunwayDaemon
from bridge.transports.security import Security
from bridge.transports.socketio import SocketIo
from bridge.transports.webrtc import WebRtc
from bridge.transports.websocket import websocket_handler
from bridge.transports.wires import Wires
from bridge.usage import Usage
from bridge.walking import Walks
from bridge.workspace import SavedSession, Workspace
from bridge.workspaces import Workspaces

DEMO = ("dream", "writer", "palette", "pencil")
_REFUSALS = {openai.PREFIX: openai.error_answer}
_NEED_TORCH = frozenset({"dream", "writer"})
_RUNWAY_PORTS = "runway_ports"  # and those where old sketches find each session
_OSC_SENDERS = "osc_allow"  # what the workspace calls the addresses that may send
_log = logging.getLogger(__name__)


class Server:
    """A bridge: hub and transports. Use as `async with Server(settings) as server`.

    It answers as soon as the block is entered; sessions are opened behind that, see opened().
    """

    hub: Hub
    walks: Walks
    http: Http
    wires: Wires
    osc: Osc
    socketio: SocketIo
    chains: Chains
    mappings: Mappings

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = settings.port
        self._stack = contextlib.AsyncExitStack()
        self._opening: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = self.settings.host
        if host in ("", "0.0.0.0", "::", "localhost"):  # noqa: S104 - read, not bound
            host = "127.0.0.1"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse what is new, end what runs, leave nothing behind. Idempotent."""
        await self._stack.aclose()

    async def opened(self) -> None:
        """Until the sessions that were asked for, or saved, have been opened. They may still be loading."""
        if self._opening is not None:
            await asyncio.shield(self._opening)

    async def serve_until_signalled(self) -> None:
        """Until Ctrl-C or SIGTERM. The caller then leaves the block; a second signal interrupts that."""
        with _signals() as signalled:
            await signalled.wait()

    async def _open(self) -> None:
        security = Security(self.settings)
        sockets = listen(self.settings.host, self.settings.port)  # first: a taken port is told before anything starts
        for listening in sockets:
            self._stack.callback(listening.close)
        self.port = sockets[0].getsockname()[1]
        workspace = await self._stack.enter_async_context(Workspace(self.settings.state))
        scratch = self.settings.state / "scratch"
        await asyncio.to_thread(_clear, scratch)  # a bridge that was killed could not; the folder is ours alone now
        self._stack.push_async_callback(asyncio.to_thread, _clear, scratch)
        self.hub = await self._stack.enter_async_context(await self._new_hub(scratch))
        favourites = Favourites(workspace, self.hub.events)
        await favourites.load()
        self.walks = await self._stack.enter_async_context(Walks(self.hub, favourites))
        workspaces = await self._stack.enter_async_context(Workspaces(self.hub, workspace))
        self.mappings = await self._stack.enter_async_context(Mappings(self.hub, workspace))
        usage = await self._stack.enter_async_context(Usage(self.hub, workspace))
        self.chains = await self._stack.enter_async_context(Chains(self.hub, workspace))
        keeper = await self._stack.enter_async_context(Keeper(self.hub, workspace, self.walks))
        recorder = await self._stack.enter_async_context(Recorder(self.walks, self.settings.state))
        webrtc = await self._stack.enter_async_context(WebRtc(self.hub))
        self.socketio = await self._stack.enter_async_context(SocketIo(self.hub, self.settings, security, self.walks))
        noted, keep = await workspace.noted(_OSC_SENDERS), partial(workspace.note, _OSC_SENDERS)
        self.osc = await self._stack.enter_async_context(
            Osc(self.hub, self.walks, self.mappings, self.settings, noted, keep, self.port)
        )
        more = [
            *OscRoutes(self.osc, self.settings.max_body).routes(),
            *webrtc.routes(),
            *self.socketio.routes(),
            websocket_route(websocket_handler(self.hub, self.settings, security, self.walks)),
            *WalkRoutes(self.hub, self.walks, recorder, self.settings.max_body).routes(),
            *WorkspaceRoutes(workspaces, self.settings.max_body).routes(),
            *MappingRoutes(self.hub, self.mappings, self.settings.max_body).routes(),
            *ChainRoutes(self.chains, self.settings.max_body).routes(),
            *FavouriteRoutes(self.hub, self.walks, favourites, self.settings.max_body).routes(),
            *openai.OpenAI(self.hub, self.settings.max_body).routes(),
        ]
        self.wires = await self._stack.enter_async_context(Wires())
        runway = await self._runway(workspace, security)
        mounts = (runway,) if self.settings.runway else ()
        bound = [listening.getsockname()[:2] for listening in sockets]
        origins = interfaces.Origins(bound, self.settings.interfaces)
        self.http = Http(
            self.hub, workspaces, usage, self.settings, security, self.wires, more, _REFUSALS, mounts, origins
        )
        self._stack.push_async_callback(self.http.close)
        await self.http.serve(sockets)
        if self.settings.osc:
            await self._add_osc()
        if self.settings.runway:
            await self.wires.add("runway", runway)
            daemon = RunwayDaemon(self.hub, runway, self.settings, security, lambda: self.url)
            await self.wires.add("runway daemon", daemon)
        await self._announce(sockets, workspace)  # behind the others, for it tells of them
        self._opening = asyncio.create_task(self._open_sessions(keeper, workspace), name="open sessions")
        self._stack.push_async_callback(_ended, self._opening)

    async def _add_osc(self) -> None:
        """UDP, and TCP with OSCQuery: either may find its port taken."""
        await self.wires.add("osc", self.osc.datagrams)
        await self.wires.add("oscquery", self.osc.streams)
        await self.osc.start_sending()

    async def _runway(self, workspace: Workspace, security: Security) -> Runway:
        """The old app's protocols, with the ports they had the last time."""
        saved = [session.name for session in await workspace.sessions()]
        expected = {*saved, *(_asked(entry).name for entry in self.settings.models), *DEMO}
        noted, keep = await workspace.noted(_RUNWAY_PORTS), partial(workspace.note, _RUNWAY_PORTS)
        return Runway(self.hub, self.settings, security, lambda: self.port, noted, keep, expected)

    async def _announce(self, sockets: list[socket.socket], workspace: Workspace) -> None:
        """Let others find what they can reach. Nothing of that is even loaded when they can reach nothing."""
        http = [f"http://{_with_port(*listening.getsockname()[:2])}" for listening in sockets]
        offered = services(http, [wire.addresses for wire in self.wires.described()])
        if offered and self.settings.mdns:
            look = partial(_networks, self.settings.interfaces)
            await self.wires.add("mdns", Announcer(offered, partial(_identity, workspace), own_version(), look))

    async def _new_hub(self, scratch: Path) -> Hub:
        settings = self.settings
        places = await asyncio.to_thread(sources, settings.models_folder)
        return Hub(
            await asyncio.to_thread(Catalog, places, settings.state, describe, look_up, sdk.describe),
            partial(_launch, scratch),
            queue=settings.queue,
            max_sessions=settings.max_sessions,
            start_seconds=settings.start_seconds,
        )

    async def _open_sessions(self, keeper: Keeper, workspace: Workspace) -> None:
        """What was asked for and what was open the last time; the demo only when there is nothing else."""
        asked = [_asked(entry) for entry in self.settings.models]
        saved = [session for session in await workspace.sessions() if session.name not in {a.name for a in asked}]
        demo = _demo() if self.settings.demo and not asked and not saved else []
        refused = await keeper.restore(saved, [*asked, *demo])
        await self.chains.restore()
        for session, error in refused:
            _log.error("%s was not opened: %s%s", session.name, error.message, f" ({error.hint})" if error.hint else "")


async def _launch(scratch: Path, start: Start, listener: Listener) -> Backend:
    """Where the model is: in a folder here, or on a server."""
    begin = sdk.launch if elsewhere.is_address(start.folder) else launch
    return await begin(start, listener, scratch=scratch)


async def _identity(workspace: Workspace) -> str:
    """The same as long as the state folder is."""
    known = await workspace.noted("identity")
    if known is None:
        known = uuid.uuid4().hex
        await workspace.note("identity", known)
    return str(known)


def _networks(wanted: Sequence[str]) -> list[interfaces.Interface]:
    return interfaces.chosen(interfaces.interfaces(), wanted)


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _demo() -> list[SavedSession]:
    """Those of the examples that can run here."""
    torch = importlib.util.find_spec("torch") is not None
    return [SavedSession(name, name) for name in DEMO if torch or name not in _NEED_TORCH]


def _asked(entry: str) -> SavedSession:
    """NAME=MODEL, or MODEL alone."""
    name, found, model = entry.partition("=")
    return SavedSession(name, model) if found else SavedSession(_name_for(entry), entry)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a further one, while we close, interrupts as usual."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    undo: list[Callable[[], object]] = []
    for number in _wanted_signals():
        try:
            loop.add_signal_handler(number, came.set)
            undo.append(partial(loop.remove_signal_handler, number))
        except NotImplementedError:  # Windows
            before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(came.set))
            undo.append(partial(signal.signal, number, before))
    try:
        yield came
    finally:
        for step in undo:
            step()


def _wanted_signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _name_for(model: str) -> str:
    """What a session is called when only its model was given: a path gives the name of its folder or file."""
    if elsewhere.is_address(model):
        return elsewhere.name_of(model)
    if references.is_reference(model):
        return references.name_of(model)
    if not any(mark in model for mark in "/\\:."):
        return model
    last = re.split(r"[/\\:]", model.rstrip("/\\"))[-1].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-_") or "model"
