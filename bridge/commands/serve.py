"""sketchbridge serve: the server, what it says while it runs, and its end."""

import asyncio
import logging
import sys
import webbrowser
from collections.abc import Callable
from urllib.parse import quote

from bridge import logs
from bridge.commands.starts import Starts
from bridge.config import Settings
from bridge.server import Server
from bridge.session.fanout import EventReader
from bridge.session.outputs import Event

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Until Ctrl-C or SIGTERM. Returns when nothing is left running."""
    logs.set_up(settings.log, settings.log_level, settings.token)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings) -> None:
    async with Server(settings) as server:
        happening = server.hub.events.subscribe()
        telling = asyncio.create_task(_tell(happening), name="tell what happens")
        try:
            await server.opened()
            _say_ready(server)
            if settings.open:
                await asyncio.to_thread(webbrowser.open, _page(server))
            await server.serve_until_signalled()
            _log.info("stopping", extra=logs.event("stopping"))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


def _page(server: Server) -> str:
    token = server.settings.token
    return f"{server.url}/?token={quote(token)}" if token else server.url


def _say_ready(server: Server) -> None:
    names = list(server.hub.sessions)
    if server.settings.log == "json":
        ready = logs.event("ready", url=server.url, port=server.port, sessions=names)
        _log.info("ready", extra=ready)
        return
    print("\n".join(_block(server, names)), flush=True)


def _block(server: Server, names: list[str]) -> list[str]:
    to_people = sys.stdout.isatty()  # a token is for them, not for a file
    lines = ["", f"  Sketchbridge is running: {_page(server) if to_people else server.url}", ""]
    wide = max(map(len, names), default=0)
    lines += [f"    {name:<{wide}}  {server.hub.sessions[name].manifest.tagline}" for name in names]
    if not names:
        lines.append("    no sessions; open one with --model NAME, or POST /api/sessions")
    return [*lines, "", "  Ctrl-C stops it.", ""]


# --- what happens, as log lines ------------------------------------------------------------------


async def _tell(happening: EventReader) -> None:
    async with happening:
        with Starts() as starts:
            async for event in happening:
                starts.show(event)
                _log_event(event)


def _log_event(event: Event) -> None:
    data = event.data
    more = logs.event(event.kind, session=event.session, **data)
    match event.kind:
        case "state" if data["state"] == "restarting":
            _log.warning(
                "%s: its process %s; it is started again", event.session, data.get("reason", "ended"), extra=more
            )
        case "state" if data["state"] == "closed":  # told as session_closed
            _log.debug("%s: closed", event.session, extra=more)
        case "state" | "session_opened" | "session_closed":
            _log.info("%s: %s", event.session, data.get("state", event.kind.removeprefix("session_")), extra=more)
        case "error":
            _log.error("%s: %s; %s", event.session, data.get("message"), data.get("hint"), extra=more)
        case "log":
            _log.info("%s | %s", event.session, data.get("line"), extra=more)
        case _:
            _log.debug("%s: %s", event.session, event.kind, extra=more)
