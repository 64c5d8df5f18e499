"""What one session shows to old sketches: its last output and error, kept ready as JSON, told to all who listen."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from bridge import limits
from bridge.errors import BridgeError, Busy, Cancelled
from bridge.session.fanout import Policy, Subscription
from bridge.session.outputs import Frame
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.signature import Command, Signature
from bridge.transports.base import dump_json
from bridge.transports.http_answer import TimedOut
from bridge.transports.runway import values
from bridge.transports.runway.aliases import Aliases
from bridge.transports.runway.site import error_body

NO_ERROR = b'{"error":null}'
Heard = Callable[[str, bytes], None]
_PIECES_SECONDS = 0.05  # a text that grows is shown so often at most
_OWN_RUNS = 256
_PAUSE_SECONDS = 0.25  # between two tries to get a place


class Board:
    """Follows the session while somebody listens or has just asked, so that what comes from elsewhere shows, too.

    Changes to `session` and its state have to be told by refresh().
    """

    def __init__(self, session: Session, aliases: Aliases) -> None:
        self.session = session
        self.aliases = aliases
        self.error = NO_ERROR
        self._data: bytes | None = None
        self._values: dict[str, Any] = {}
        self._pieces: set[str] = set()  # the ports whose outputs are joined
        self._texts: dict[str, int] = {}  # by port, the run of what is there
        self._listeners: list[Heard] = []
        self._readers: list[Subscription] = []
        self._followed: Session | None = None
        self._own: deque[int] = deque(maxlen=_OWN_RUNS)  # their result is shown whole, when they have ended
        self._asked_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due: asyncio.Handle | None = None
        self._news = asyncio.Event()
        self._closed = False

    # --- what is asked ---------------------------------------------------------------------------

    async def command(self) -> Command:
        """What the session does with a query, as soon as it is known; raises why it can't start."""
        return (await _started(self.session)).default

    async def info(self) -> dict[str, Any]:
        return values.described(await self.command(), self.aliases)

    @property
    def data(self) -> bytes:
        """The last output; before there is one, something of its shape with nothing in it."""
        if self._data is not None:
            return self._data
        signature = self.session.signature
        return b"{}" if signature is None else dump_json(values.empty(signature.default, self.aliases))

    async def look(self) -> bytes:
        """The same for one who asks again and again: from memory, but for the first time in a while."""
        following = self._followed is not None
        self._asked_until = asyncio.get_running_loop().time() + limits.LOOK_SECONDS
        self._news.clear()
        self.refresh()
        if not following and self._readers:
            with suppress(TimeoutError):
                async with asyncio.timeout(limits.RUNWAY_LOOK_SECONDS):
                    await self._news.wait()
        return self.data

    async def query(self, raw: Mapping[str, Any], patience: float = 0.0) -> bytes:
        """One run, its outputs as JSON. They, or why there are none, are told to all who listen, too.

        With patience Busy is not told before so many seconds: until then it is tried again.
        """
        try:
            run = await self._begun(raw, patience)
            self._own.append(run.number)
            outputs = await self.result(run)
        except Exception as error:
            self.failed(error_body(error))
            raise
        self._values = outputs
        return self._show()

    async def result(self, handle: RunHandle) -> dict[str, Any]:
        """The outputs of a run, which is ended when it takes longer than it may."""
        try:
            async with handle as run, asyncio.timeout(limits.RUN_SECONDS):
                return (await run.result()).outputs
        except TimeoutError:
            raise TimedOut(
                f"{self.session.name} worked for more than {limits.RUN_SECONDS:.0f} s on this query, which was ended"
            ) from None

    async def _begun(self, raw: Mapping[str, Any], patience: float) -> RunHandle:
        command = await self.command()
        inputs, wishes = values.inward(raw, command, self.aliases), values.wishes(command)
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            try:
                return self.session.run(inputs, None, wishes)
            except Busy:
                if loop.time() >= end:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    # --- who listens -----------------------------------------------------------------------------

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Call this with every output ("data") and every error, as JSON. What is given back ends it."""
        self._listeners.append(heard)
        self.refresh()

        def leave() -> None:
            if heard in self._listeners:
                self._listeners.remove(heard)
                self.refresh()

        return leave

    def replace(self, session: Session) -> None:
        """Another session is in its place: what the one before gave out, and its runs' numbers, are not of this one."""
        self._let_go()
        self.session = session
        self.error, self._data, self._values = NO_ERROR, None, {}
        self._texts.clear()
        self._own.clear()
        self.refresh()

    def failed(self, body: Mapping[str, Any]) -> None:
        """Something went wrong that all should hear of."""
        self.error = dump_json(body)
        for heard in tuple(self._listeners):
            heard("error", self.error)

    def refresh(self) -> None:
        """Follow the session if it can be followed and somebody wants it; else let go of it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = self._asked_until - asyncio.get_running_loop().time()
        wanted = not self._closed and (bool(self._listeners) or left > 0)
        if self._followed is not None and (not wanted or self._followed is not self.session):
            self._let_go()
        if wanted and not self._readers and self.session.signature is not None:
            self._follow(self.session.signature.default)
        if wanted and not self._listeners:
            self._timer = asyncio.get_running_loop().call_later(left, self.refresh)

    def close(self) -> None:
        """Let go of the session. Idempotent."""
        self._closed = True
        self.refresh()
        if self._due is not None:
            self._due.cancel()
            self._due = None

    # --- following -------------------------------------------------------------------------------

    def _follow(self, command: Command) -> None:
        pieces = {name for name, port in command.outputs.items() if command.streams and getattr(port, "pieces", False)}
        readers: list[Subscription] = []
        try:
            for name, encoding in values.wishes(command).items():
                policy: Policy = "all" if name in pieces else "newest"
                readers.append(self.session.subscribe(name, policy, encoding, self._woken))
        except BridgeError:  # it has failed or was closed
            for reader in readers:
                reader.close()
            return
        self._readers, self._followed, self._pieces = readers, self.session, pieces
        self._take()  # what was there before is known, but it is no news

    def _let_go(self) -> None:
        readers, self._readers, self._followed = self._readers, [], None
        for reader in readers:
            reader.close()

    def _woken(self) -> None:
        """Several ports give out in one step: they are shown together."""
        if self._due is None and self._readers:
            self._due = asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        self._due = None
        if self._take():
            if self._pieces:
                self._due = asyncio.get_running_loop().call_later(_PIECES_SECONDS, self._later)
            else:
                self._show()

    def _later(self) -> None:
        self._due = None
        self._take()
        self._show()

    def _take(self) -> bool:
        """Take in what the readers have; whether there was something new."""
        new = known = False
        for reader in tuple(self._readers):
            try:
                while (frame := reader.take()) is not None:
                    new, known = (new or self._keep(frame)), True
            except BridgeError as error:
                self._lost(reader, error)
        if known and not new:  # what it gave out before we came
            self._data = dump_json(values.outward(self._values, self.aliases))
        if known:
            self._news.set()
        return new

    def _keep(self, frame: Frame) -> bool:
        """Whether it is news: not of our own runs, and not the output that was there when we came."""
        if frame.run in self._own:
            return False
        value = frame.value
        if frame.port in self._pieces and self._texts.get(frame.port) == frame.run:
            value = (str(self._values.get(frame.port, "")) + value)[-limits.TEXT_CHARS :]
        self._values[frame.port] = value
        self._texts[frame.port] = frame.run
        return bool(frame.model_ms or frame.encode_ms)

    def _lost(self, reader: Subscription, error: BridgeError) -> None:
        self._readers = [other for other in self._readers if other is not reader]
        if not self._readers:
            self._followed = None
        if not isinstance(error, Cancelled):
            self.failed(error_body(error))

    def _show(self) -> bytes:
        self._data = data = dump_json(values.outward(self._values, self.aliases))
        self.error = NO_ERROR
        self._news.set()
        for heard in tuple(self._listeners):
            heard("data", data)
        return data


async def _started(session: Session) -> Signature:
    await session.started()
    assert session.signature is not None
    return session.signature
