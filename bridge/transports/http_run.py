"""POST run and PATCH inputs: inputs in, outputs out."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from bridge import limits
from bridge.errors import Cancelled
from bridge.hub import Hub
from bridge.ports import Encoding
from bridge.session.outputs import Result, RunOutput
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.signature import Command, Signature
from bridge.transports.base import told
from bridge.transports.http_answer import Answer, Request, TimedOut, error_answer, error_body, json_answer
from bridge.transports.http_bodies import from_body, read_inputs
from bridge.transports.http_media import EVENTS, JSON, Bare, bare_answer, encoding, wanted
from bridge.transports.http_repeat import RepeatingConnection
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_streams import Stream, with_beats

RUN_QUERY = (
    Query("command", "which command of the model, when it has several"),
    Query("output", "the output that the next four and Accept are about; the first that fits if left out"),
    Query("output.format", "jpeg, png, webp, raw … whatever the output offers"),
    Query("output.quality", "of a JPEG or WebP", "integer", minimum=1, maximum=100),
    Query("output.width", "scale the picture down to this width", "integer", minimum=1, maximum=limits.IMAGE_SIDE),
    Query("output.height", "scale the picture down to this height", "integer", minimum=1, maximum=limits.IMAGE_SIDE),
)
Wishes = Mapping[str, Encoding]
_RESERVED = frozenset(query.name for query in RUN_QUERY)


class Runs:
    """Calls and live inputs."""

    def __init__(self, hub: Hub, max_body: int, run_seconds: float = limits.RUN_SECONDS) -> None:
        self._hub = hub
        self._max_body = max_body
        self._run_seconds = run_seconds

    def routes(self) -> tuple[Route, ...]:
        answers = {JSON: "RunResult", "image/*": "", EVENTS: "", "text/plain": "", "audio/*": ""}
        return (
            Route(
                "POST",
                "/api/sessions/{session}/run",
                self.run,
                "run the model once",
                RUN_QUERY,
                answers,
                "inputs",
                inputs_in_query=True,
            ),
            Route(
                "PATCH",
                "/api/sessions/{session}/inputs",
                self.send,
                "set live inputs; the newest win",
                (),
                {JSON: "InputsResult"},
                "inputs",
                inputs_in_query=True,
            ),
        )

    async def run(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        command = (session.signature or await started(session)).command(query.get("command"))
        inputs = await read_inputs(request, command, self._max_body, _RESERVED)
        form = wanted(request.headers.get("Accept"), command.outputs, query.get("output", ""))
        wishes = _wishes(query, command, form) if query or form != JSON else None
        handle = session.run(inputs, command.name, wishes)
        if form == EVENTS:
            return await self._stream(request, handle, session)
        result = await self._result(handle, name)
        if _may_repeat(request) and isinstance(request.protocol, RepeatingConnection):
            again = _Again(self, request, session, wishes, form)
            request.protocol.remember(again, request.content_length or 0)
        return _answer(result, form, session.clock())

    async def send(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        command = (session.signature or await started(session)).default
        session.send(await read_inputs(request, command, self._max_body, ()))
        return json_answer({"inputs": session.inputs()})

    async def _result(self, handle: RunHandle, name: str) -> Result:
        loop = asyncio.get_running_loop()
        async with handle as run:
            limit = loop.call_later(self._run_seconds, run.cancel)  # a fifth of what asyncio.timeout costs
            try:
                return await run.result()
            except Cancelled:
                if loop.time() >= limit.when():
                    raise self.timed_out(name) from None
                raise
            finally:
                limit.cancel()

    async def _stream(self, request: web.BaseRequest, handle: RunHandle, session: Session) -> web.StreamResponse:
        stream = Stream(request, EVENTS, {"Bridge-Run": str(handle.number)})
        async with handle as run:
            await stream.open()
            error = await self._followed(stream, run, session)
        if error is not None:  # told when the model is free again: a reader may take its time
            await stream.end("error", error_body(told(error)))
        return stream.response

    async def _followed(self, stream: Stream, run: RunHandle, session: Session) -> Exception | None:
        """Its outputs and its good end; a bad end is returned."""
        try:
            async with asyncio.timeout(self._run_seconds):
                await self._events(stream, run, session)
        except ConnectionError:
            raise
        except TimeoutError:
            return self.timed_out(session.name)
        except Exception as error:
            return error
        return None

    @staticmethod
    async def _events(stream: Stream, run: RunHandle, session: Session) -> None:
        async for output in with_beats(aiter(run)):
            if output is None:
                await stream.beat()
            else:
                await stream.event("output", _step(output, (session.clock() - run.time_in) * 1000))
        if run.error is not None:  # a cancelled run ends without raising
            raise run.error
        await stream.event("done", {"run": run.number})

    def session(self, name: str) -> Session | None:
        return self._hub.sessions.get(name)

    def timed_out(self, name: str) -> TimedOut:
        return TimedOut(
            f"{name} worked for more than {self._run_seconds:.0f} s on this run, which was ended",
            hint="use the WebSocket for work that takes so long",
        )


class _Again:
    """The same call once more, with another body; see http_repeat.py."""

    __slots__ = ("_cors", "_form", "_name", "_runs", "_session", "_signature", "_type", "_wishes")

    def __init__(
        self, runs: Runs, request: web.BaseRequest, session: Session, wishes: Wishes | None, form: Bare | str
    ) -> None:
        self._runs = runs
        self._name = session.name
        self._session = session
        self._signature = session.signature
        self._wishes = wishes
        self._form = form
        self._type = request.headers.get("Content-Type")
        self._cors = request.cors if isinstance(request, Request) else None

    def start(self, body: bytes) -> RunHandle | None:
        session, signature = self._session, self._signature
        if self._runs.session(self._name) is not session or signature is None or session.signature is not signature:
            return None
        return session.run(from_body(body, self._type, signature.default), None, self._wishes)

    def answer(self, run: RunHandle, late: bool) -> bytes:
        try:
            if late and isinstance(run.error, Cancelled):
                raise self._runs.timed_out(self._name)
            return self._whole(_answer(run.whole(), self._form, self._session.clock()))
        except Exception as error:
            return self.refusal(error)

    def refusal(self, error: Exception) -> bytes:
        return self._whole(error_answer(error))

    def _whole(self, answer: Answer) -> bytes:
        if self._cors is not None:
            answer.add(self._cors)
        return answer.plain()


_ONCE = ("Content-Encoding", "Expect", "Transfer-Encoding", "Upgrade")


def _may_repeat(request: web.BaseRequest) -> bool:
    """Whether the head says all that matters, and says it by itself."""
    if request.version != (1, 1) or request.query_string or any(name in request.headers for name in _ONCE):
        return False
    return request.headers.get("Connection", "keep-alive").lower() == "keep-alive"


async def started(session: Session) -> Signature:
    """What the session takes, as soon as it is known; raises why it can't start."""
    await session.started()
    assert session.signature is not None
    return session.signature


def _wishes(query: Checked, command: Command, form: Bare | str) -> Mapping[str, Encoding] | None:
    format = form.format if isinstance(form, Bare) else ""
    wish = encoding(query, "output.", format)
    if wish == Encoding() and not isinstance(form, Bare):
        return None
    return {form.port if isinstance(form, Bare) else query.get("output") or _first(command): wish}


def _first(command: Command) -> str:
    """The output that a wish for a format is about when it names none."""
    pictures = [name for name, port in command.outputs.items() if port.kind in ("image", "segmentation")]
    return (pictures or list(command.outputs))[0]


def _answer(result: Result, form: Bare | str, now: float) -> Answer:
    if isinstance(form, Bare):
        timing = f"model;dur={result.model_ms:.2f}, encode;dur={result.encode_ms:.2f}"
        return bare_answer(result.outputs.get(form.port), {"Bridge-Run": str(result.run), "Server-Timing": timing})
    return json_answer(
        {
            "run": result.run,
            "outputs": result.outputs,
            "model_ms": round(result.model_ms, 3),
            "encode_ms": round(result.encode_ms, 3),
            "age_ms": round((now - result.time_in) * 1000, 3),
        }
    )


def _step(output: RunOutput, age_ms: float) -> dict[str, object]:
    return {
        "run": output.run,
        "sequence": output.sequence,
        "outputs": output.values,
        "model_ms": round(output.model_ms, 3),
        "encode_ms": round(output.encode_ms, 3),
        "age_ms": round(age_ms, 3),
    }
