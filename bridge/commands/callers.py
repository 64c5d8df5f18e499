"""Two ways to one run: a bridge that answers at an address, or a worker started just for this."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import aiohttp
import msgspec

from bridge import references
from bridge.backends.process import launch
from bridge.commands import show
from bridge.commands.models import catalog
from bridge.commands.starts import Starts
from bridge.config import Settings
from bridge.errors import BridgeError, ErrorInfo, UnknownSession, from_info
from bridge.hub import Hub
from bridge.ports import Encoding, to_json
from bridge.session.fanout import EventReader
from bridge.session.session import Session
from bridge.signature import Command, Signature

_ANSWER_SECONDS = 2.0  # a bridge on this machine has to say that it is there


class Step(msgspec.Struct, frozen=True):
    """What one step of a run gave out, as JSON values."""

    run: int
    outputs: dict[str, Any]
    model_ms: float


class Caller(Protocol):
    """Somewhere a model runs."""

    signature: Signature

    def run(
        self, command: Command, inputs: Mapping[str, Any], wishes: Mapping[str, Encoding]
    ) -> AsyncIterator[Step]: ...


@asynccontextmanager
async def caller(settings: Settings, model: str, url: str | None) -> AsyncIterator[Caller]:
    """The bridge at the address, which must answer when it was named; else the model by itself."""
    async with AsyncExitStack() as stack:
        bridge = None if _is_path(model) and url is None else await stack.enter_async_context(_bridge(settings, url))
        if bridge is not None:
            yield await stack.enter_async_context(_in_bridge(bridge, model))
        else:
            if not _is_path(model):
                show.say(f"no bridge answers on port {settings.port}: {model} is started just for this")
            yield await stack.enter_async_context(_by_itself(settings, model))


def _is_path(model: str) -> bool:
    return not references.is_reference(model) and any(mark in model for mark in "/\\.~")


# --- a bridge that runs --------------------------------------------------------------------------


class _InBridge:
    """A session of a running bridge, over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, session: str, signature: Signature) -> None:
        self.signature = signature
        self._http = http
        self._path = f"/api/sessions/{session}"

    async def run(
        self, command: Command, inputs: Mapping[str, Any], wishes: Mapping[str, Encoding]
    ) -> AsyncIterator[Step]:
        query = {"command": command.name}
        for port, encoding in wishes.items():
            query |= {"output": port, "output.format": encoding.format}
        body = {name: _as_json(value) for name, value in inputs.items()}
        headers = {"Accept": "text/event-stream"}
        async with self._http.post(f"{self._path}/run", params=query, json=body, headers=headers) as answer:
            await _check(answer)
            async for kind, data in _events(answer.content):
                if kind == "error":
                    raise _error(data)
                if kind == "output":
                    yield msgspec.json.decode(data, type=Step)


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return "data:application/octet-stream;base64," + base64.b64encode(value).decode()
    return to_json(value)


@asynccontextmanager
async def _bridge(settings: Settings, url: str | None) -> AsyncIterator[aiohttp.ClientSession | None]:
    """A connection to the bridge at the address, or None if nothing answers there and none was named."""
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    base = url or f"http://127.0.0.1:{settings.port}"
    timeout = aiohttp.ClientTimeout(total=None, connect=_ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(base, headers=headers, timeout=timeout) as http:
            there = await _answers(http)
            if not there and url is not None:
                raise BridgeError(f"no bridge answers at {url}", hint="start one there with `sketchbridge serve`")
            yield http if there else None
    except aiohttp.ClientError as error:
        raise BridgeError(
            f"the connection to {base} broke off: {error}", hint="is the bridge still running?"
        ) from error


async def _answers(http: aiohttp.ClientSession) -> bool:
    """Whether it is a bridge, and not some other program on that port."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), http.get("/healthz") as alive:
            if alive.content_type != "application/json" or await alive.json() != {"status": "ok"}:
                return False
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False
    async with http.get("/api/info") as info:
        await _check(info)
    return True


@asynccontextmanager
async def _in_bridge(http: aiohttp.ClientSession, model: str) -> AsyncIterator[_InBridge]:
    """The session of that name; else a new one, which is closed again afterwards."""
    try:
        session, ours = await _look(http, model), False
    except UnknownSession:
        session, ours = await _open(http, model)
    name = session["name"]
    try:
        yield _InBridge(http, name, msgspec.convert(session["signature"], Signature))
    finally:
        if ours:
            async with http.delete(f"/api/sessions/{name}"):
                pass


async def _look(http: aiohttp.ClientSession, name: str) -> dict[str, Any]:
    async with http.get(f"/api/sessions/{name}", params={"wait": "1"}) as answer:
        await _check(answer)
        return dict(await answer.json())


async def _open(http: aiohttp.ClientSession, model: str) -> tuple[dict[str, Any], bool]:
    async with http.post("/api/sessions", json={"model": model}) as answer:
        await _check(answer)
        opened = dict(await answer.json())
        ours = answer.status == 201
    try:
        return await _look(http, opened["name"]), ours
    except BridgeError:
        async with http.delete(f"/api/sessions/{opened['name']}"):
            pass
        raise


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 400:
        raise _error(await answer.read())


def _error(data: bytes) -> BridgeError:
    try:
        return from_info(msgspec.json.decode(data, type=dict[str, ErrorInfo])["error"])
    except (msgspec.MsgspecError, KeyError):
        return BridgeError("this address answers, but not as a bridge does", hint="look at --url")


async def _events(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[str, bytes]]:
    """Server-sent events, as our own server writes them."""
    waiting = b""
    async for chunk in stream.iter_any():
        *whole, waiting = (waiting + chunk).split(b"\n\n")
        for event in whole:
            fields = dict(line.partition(b": ")[::2] for line in event.split(b"\n"))
            if b"data" in fields:
                yield fields.get(b"event", b"").decode(), fields[b"data"]


# --- by itself -----------------------------------------------------------------------------------


class _ByItself:
    """A session of a hub that nobody else sees."""

    def __init__(self, session: Session, signature: Signature) -> None:
        self.signature = signature
        self._session = session

    async def run(
        self, command: Command, inputs: Mapping[str, Any], wishes: Mapping[str, Encoding]
    ) -> AsyncIterator[Step]:
        async with self._session.run(inputs, command.name, wishes) as run:
            async for output in run:
                values = {name: to_json(value) for name, value in output.values.items()}
                yield Step(output.run, values, output.model_ms)


@asynccontextmanager
async def _by_itself(settings: Settings, model: str) -> AsyncIterator[_ByItself]:
    async with Hub(catalog(settings), launch, start_seconds=settings.start_seconds) as hub:
        telling = asyncio.create_task(_tell(hub.events.subscribe(("session_opened", "progress", "state"))))
        try:
            session = await hub.open(model)
            await session.started()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        assert session.signature is not None
        yield _ByItself(session, session.signature)


async def _tell(happening: EventReader) -> None:
    """How far the start is, for whoever watches; and, for all to read, what is about to be fetched."""
    with Starts() as starts:
        async with happening as events:
            async for event in events:
                if event.data.get("stage") == "downloading" and event.data.get("fraction") == 0:
                    show.say(f"downloading {event.data.get('text', '')}")
                starts.show(event)
