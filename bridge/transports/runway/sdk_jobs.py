"""Jobs of the Model SDK: runs that stream their outputs into one WebSocket, side by side, and can be cancelled."""

import asyncio
import time
import uuid
from contextlib import suppress
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from bridge import limits
from bridge.errors import BadMessage, BridgeError, Busy, InputError
from bridge.ports import AnyPort
from bridge.ports.words import came
from bridge.session.run import RunHandle
from bridge.signature import Command, Signature
from bridge.transports.base import dump_json, load_object
from bridge.transports.runway import values
from bridge.transports.runway.board import Board
from bridge.transports.runway.site import error_body

_GOODBYE_SECONDS = 0.3
_ID_CHARS = 200
_TAKES = '{"type": "submit", "command": name, "inputData": {...}, "id": text} or {"type": "cancel", "id": text}'


class Runs(Protocol):
    """The session behind it."""

    @property
    def board(self) -> Board: ...

    async def signature(self) -> Signature: ...

    def begin(self, command: Command, inputs: dict[str, Any], formats: dict[str, str]) -> RunHandle: ...


class Jobs:
    """One WebSocket. When it closes, its jobs end."""

    def __init__(self, runs: Runs, max_body: int) -> None:
        self._runs = runs
        self._socket = web.WebSocketResponse(max_msg_size=max_body, compress=False, timeout=_GOODBYE_SECONDS)
        self._jobs: dict[str, asyncio.Task[None]] = {}

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Until either side closes it."""
        await self._socket.prepare(request)
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._heard(message.data)
        except asyncio.CancelledError:
            with suppress(Exception):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
            raise
        finally:
            jobs = tuple(self._jobs.values())
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        return self._socket

    async def _heard(self, text: str) -> None:
        said: dict[str, Any] = {}
        try:
            said = load_object(text.encode("utf-8", "replace"), _TAKES)
            if said.get("type") == "cancel":
                self._cancel(said)
            elif said.get("type") == "submit":
                self._submit(said)
            else:
                raise BadMessage(f"a message of type {came(said.get('type'))} came", hint=_TAKES)
        except BridgeError as error:
            await self._say("failed", said.get("id"), **error_body(error))

    def _cancel(self, said: dict[str, Any]) -> None:
        """One that has ended, or was never there, is ended already."""
        job = self._jobs.get(str(said.get("id")))
        if job is not None:
            job.cancel()

    def _submit(self, said: dict[str, Any]) -> None:
        id = said.get("id") or uuid.uuid4().hex
        if not isinstance(id, (str, int)) or len(str(id)) > _ID_CHARS:
            raise InputError(f"the id of a job is a text; {came(id)} came", field="id")
        if str(id) in self._jobs:
            return  # as the SDK has it: the first job of that id goes on
        if len(self._jobs) >= limits.RUNS_PER_CONNECTION:
            raise Busy(f"{len(self._jobs)} jobs go on in this WebSocket, as many as may", hint="wait for one of them")
        job = asyncio.create_task(self._job(id, said), name="a job of the Model SDK")
        self._jobs[str(id)] = job
        job.add_done_callback(lambda _: self._jobs.pop(str(id), None))

    async def _job(self, id: Any, said: dict[str, Any]) -> None:
        begun = time.monotonic()
        try:
            command = (await self._runs.signature()).command(said.get("command"))
            inputs = said.get("inputData")
            if not isinstance(inputs, dict):
                raise InputError(f"inputData takes the inputs by name; {came(inputs)} came", field="inputData")
            async with self._runs.begin(command, inputs, {}) as run, asyncio.timeout(limits.RUN_SECONDS):
                await self._say("started", id)
                await self._follow(id, run, command, said.get("pieces") is True)
            await self._say("succeeded", id, timeElapsed=round(time.monotonic() - begun, 3))
        except asyncio.CancelledError:
            await asyncio.shield(self._say("cancelled", id))
        except ConnectionError:
            return  # nobody is there to be told
        except TimeoutError:
            await self._say("failed", id, error=f"this job took more than {limits.RUN_SECONDS:.0f} s")
        except Exception as error:
            await self._say("failed", id, **error_body(error))

    async def _follow(self, id: Any, run: RunHandle, command: Command, pieces: bool) -> None:
        """Every output. Of a text that grows old clients expect the whole so far, another bridge what is new."""
        whole: dict[str, Any] = {}
        async for output in run:
            shown = output.values
            if not pieces:
                whole = {**whole, **{name: _joined(command.outputs[name], whole, name, shown[name]) for name in shown}}
                shown = {name: whole[name] for name in shown}
            await self._say("output", id, outputData=values.outward(shown, self._runs.board.aliases))
        if run.error is not None:
            raise run.error

    async def _say(self, kind: str, id: Any, **more: Any) -> None:
        if not self._socket.closed:
            await self._socket.send_frame(dump_json({"type": kind, "id": id, **more}), aiohttp.WSMsgType.TEXT)


def _joined(port: AnyPort, whole: dict[str, Any], name: str, value: Any) -> Any:
    return port.join(whole[name], value) if name in whole else value
