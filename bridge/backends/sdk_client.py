"""Asks a server of the old Model SDK, for the worker: from its one thread, by way of a thread that has a loop."""

import asyncio
import itertools
import json
import os
import ssl
import threading
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import aiohttp

from bridge import limits
from bridge.errors import BY_CODE, BridgeError, Cancelled, ErrorInfo, ModelBroken, ModelFailed, from_info

_CONNECT_SECONDS = 5.0
_TALK_SECONDS = 30.0  # for what is no work of the model
_READ_BYTES = 256 * 1024
_A_BRIDGE = "another bridge has such a server for each session, with --runway: GET /api/info there tells where, as sdk"
_PLAIN_AFTER = 3  # jobs of a command that gave one output each: it is no stream, and a plain request is quicker
_LONG = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_BRIEF = aiohttp.ClientTimeout(total=_TALK_SECONDS, sock_connect=_CONNECT_SECONDS)
T = TypeVar("T")


class Job:
    """One run over there. Messages are taken by the worker's thread, in order; the last has "succeeded" or an error.

    What is not taken yet is bounded: who gives waits, and so does the server, which finds its socket full.
    """

    def __init__(self, news: threading.Condition, loop: asyncio.AbstractEventLoop) -> None:
        self.task: asyncio.Task[None] | None = None
        self.cancelled = False
        self._news = news
        self._loop = loop
        self._messages: deque[tuple[dict[str, Any] | BridgeError, int]] = deque()
        self._bytes = 0
        self._taken = asyncio.Event()

    async def give(self, output: dict[str, Any], size: int) -> None:
        """An output that came in so many bytes, as soon as there is room for it."""
        while True:
            self._taken.clear()
            if self._has_room():
                break
            await self._taken.wait()
        self.put(output, size)

    def put(self, message: dict[str, Any] | BridgeError, size: int = 0) -> None:
        """At once: for the last messages of a job."""
        with self._news:
            self._messages.append((message, size))
            self._bytes += size
            self._news.notify()

    def take(self, seconds: float) -> dict[str, Any] | BridgeError | None:
        """The next message; None when none came to anybody in that time."""
        with self._news:
            if not self._messages:
                self._news.wait(seconds)
            if not self._messages:
                return None
            message, size = self._messages.popleft()
            self._bytes -= size
        self._loop.call_soon_threadsafe(self._taken.set)
        return message

    @property
    def waiting(self) -> int:
        """Messages that were not taken yet."""
        return len(self._messages)

    def _has_room(self) -> bool:
        with self._news:
            return len(self._messages) < limits.SDK_OUTPUTS and self._bytes < limits.SDK_BYTES


class SdkClient:
    """One server. Everything here may be called from any one thread; close() ends all."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._http: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)
        self._plain: set[str] = set()  # commands that are asked for by plain requests
        self._single: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asks the server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up; jobs over there end with that. Idempotent."""
        if self._thread.is_alive():
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # --- plain questions -------------------------------------------------------------------------

    def get(self, path: str) -> dict[str, Any]:
        """What it answers, as JSON; ModelBroken when nobody answers."""
        return self._wait(self._asked("GET", path, None, brief=True))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for something it is told; takes as long as it takes."""
        return self._wait(self._asked("POST", path, body))

    async def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, brief: bool = False
    ) -> dict[str, Any]:
        timeout = _BRIEF if brief else _LONG
        http = await self._session()
        try:
            async with http.request(method, self.address + path, json=body, timeout=timeout) as answer:
                found = _object(await self._read(answer))
                if answer.status >= 400:
                    raise _told(found, f"the server at {self.address} answered {answer.status}")
                return found
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self.silent(error) from None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in answer.content.iter_chunked(_READ_BYTES):
            body += piece
            if len(body) > limits.BODY_BYTES:
                raise self._too_much()
        return bytes(body)

    def _too_much(self) -> ModelFailed:
        return ModelFailed(
            f"the server at {self.address} gave out more than {limits.BODY_BYTES // limits.MIB} MiB at once",
            hint="let it give out smaller pictures",
        )

    def silent(self, error: BaseException) -> ModelFailed:
        """What is told when nobody answers there."""
        why = _in_words(error)
        return ModelFailed(f"the server at {self.address} does not answer: {why}", hint="is it running?")

    # --- jobs ------------------------------------------------------------------------------------

    def submit(self, command: str, inputs: Mapping[str, Any], pieces: bool) -> Job:
        """Begin one run over there."""
        job = Job(self._news, self._loop)
        self._loop.call_soon_threadsafe(self._begin, job, command, inputs, pieces)
        return job

    def cancel(self, job: Job) -> None:
        """End it; harmless when it has ended."""
        self._loop.call_soon_threadsafe(_end, job)

    def _begin(self, job: Job, command: str, inputs: Mapping[str, Any], pieces: bool) -> None:
        job.task = self._loop.create_task(self._work(job, command, inputs, pieces))
        if job.cancelled:
            job.task.cancel()

    async def _work(self, job: Job, command: str, inputs: Mapping[str, Any], pieces: bool) -> None:
        try:
            if command in self._plain or not await self._streamed(job, command, inputs, pieces):
                outputs = await self._asked("POST", f"/{command}", inputs)
                job.put({"type": "output", "outputData": outputs})
            job.put({"type": "succeeded"})
        except BridgeError as error:
            job.put(error)
        except asyncio.CancelledError:
            job.put(Cancelled("the job was cancelled"))
            raise
        except Exception as error:
            job.put(self.silent(error))

    async def _streamed(self, job: Job, command: str, inputs: Mapping[str, Any], pieces: bool) -> bool:
        """Whether it was done in a WebSocket. Each job has its own: to close it is the one cancel that counts."""
        http = await self._session()
        try:
            async with http.ws_connect(self.address + "/", max_msg_size=limits.BODY_BYTES, compress=0) as socket:
                id = f"run-{next(self._ids)}"
                more = {"pieces": True} if pieces else {}
                told = {"type": "submit", "command": command, "inputData": dict(inputs), "id": id, **more}
                await socket.send_str(json.dumps(told))
                return await self._followed(job, command, socket, pieces)
        except aiohttp.WSServerHandshakeError:  # an old server has none, or something stands before it
            self._plain.add(command)
            return False

    async def _followed(self, job: Job, command: str, socket: aiohttp.ClientWebSocketResponse, pieces: bool) -> bool:
        count = 0
        async for message in socket:
            said = _object(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
            kind = said.get("type")
            if kind == "output":
                count += 1
                await job.give(said, len(message.data))
            elif kind == "failed":
                return self._failed(said, command, count)
            elif kind in ("succeeded", "cancelled"):
                self._learn(command, count, pieces)
                return True
        if socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            raise self._too_much()
        raise ModelFailed(f"the server at {self.address} hung up during this run", hint="its log may say why")

    def _failed(self, said: dict[str, Any], command: str, count: int) -> bool:
        """A job is a copy of the server's process, and what sits on a GPU can't be copied: then it is asked plainly."""
        text = str(said.get("error", "")).lower()
        if count == 0 and "cuda" in text and "fork" in text:
            self._plain.add(command)
            return False
        raise _told(said, "the server says that it failed")

    def _learn(self, command: str, count: int, pieces: bool) -> None:
        self._single[command] = self._single[command] + 1 if count == 1 and not pieces else 0
        if self._single[command] >= _PLAIN_AFTER:
            self._plain.add(command)

    # --- the thread with the loop ----------------------------------------------------------------

    async def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=_LONG)
        return self._http

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _end(job: Job) -> None:
    job.cancelled = True
    if job.task is not None:
        job.task.cancel()


def _object(data: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ModelBroken("what answers there is no server of the Model SDK", hint="check the address") from None
    return found if isinstance(found, dict) else {}


def _in_words(error: BaseException) -> str:
    """What the system says of it, without what libraries add."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    if number is not None and number > 0:
        return os.strerror(number)
    return str(error) or type(error).__name__


def _told(body: Mapping[str, Any], otherwise: str) -> BridgeError:
    """Another bridge says what kind of error it is; other servers only say it in words.

    On its main port a bridge says it in another form: then that port was named by mistake.
    """
    error = body.get("error")
    if isinstance(error, dict):
        return ModelBroken(f"{error.get('message') or otherwise}", hint=_A_BRIDGE)
    text = str(error or otherwise)
    code = body.get("code")
    if isinstance(code, str) and code in BY_CODE:
        return from_info(ErrorInfo(code, text, "", str(body.get("field") or "")))
    return ModelFailed(text)
