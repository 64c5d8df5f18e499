"""What speaks OpenAI's API finds the text models here: a changed base URL is all it takes."""

import calendar
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.errors import BridgeError, InputError, UnknownModel
from bridge.hub import Hub
from bridge.session.session import Session
from bridge.signature import Signature
from bridge.transports import openai_answers as answers
from bridge.transports import openai_requests as requests
from bridge.transports.base import dump_json, told
from bridge.transports.http_answer import STATUS, Answer, json_answer
from bridge.transports.http_answer import error_answer as own_error_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import EVENTS, JSON
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started
from bridge.transports.http_streams import Stream, with_beats
from bridge.transports.openai_answers import Choice, Form, Piece
from bridge.transports.openai_requests import Asked, text_command
from bridge.transports.openai_texts import Step, Texts

PREFIX = "/v1/"
_QUERY = (Query("api-version", "what clients made for Azure send along; passed over"),)
_TAKES = 'it takes a JSON object: {"model": "writer", ...}'


class OpenAI:
    """The routes below /v1."""

    def __init__(self, hub: Hub, max_body: int, run_seconds: float = limits.RUN_SECONDS) -> None:
        self._hub = hub
        self._max_body = max_body
        self._run_seconds = run_seconds

    def routes(self) -> tuple[Route, ...]:
        both = {JSON: "object", EVENTS: ""}
        said = "the text models that run, for OpenAI's clients"
        return (
            Route("GET", "/v1/models", self.models, said, _QUERY),
            Route("GET", "/v1/models/{model}", self.model, "one of them", _QUERY),
            Route("POST", "/v1/completions", self.complete, "write on", _QUERY, both, "json", body_schema=_TEXT),
            Route("POST", "/v1/chat/completions", self.chat, "answer", _QUERY, both, "json", body_schema=_CHAT),
            Route("POST", "/v1/embeddings", self.embed, "texts as vectors", _QUERY, takes="json", body_schema=_EMBED),
        )

    async def models(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"object": "list", "data": [_model(session) for session in self._running_texts()]})

    async def model(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session, _ = await self._writing(name)
        return json_answer(_model(session))

    async def complete(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        body = await read_object(request, self._max_body, _TAKES)
        session, signature = await self._writing(requests.model_name(body))
        return await self._answer(request, session, requests.completion(body, signature), "completion")

    async def chat(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        body = await read_object(request, self._max_body, _TAKES)
        session, signature = await self._writing(requests.model_name(body))
        return await self._answer(request, session, requests.chat(body, signature), "chat")

    async def embed(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        body = await read_object(request, self._max_body, _TAKES)
        session, signature = await self._writing(requests.model_name(body))
        asked = requests.embeddings(body, signature)
        rows: list[Sequence[float]] = [()] * len(asked.prompts)
        counted = 0
        async with _as_input(), self._texts(session, asked, quiet=True) as texts:
            async for number, output in texts:
                values = output.values if output is not None else {}
                rows[number] = values.get("embedding", rows[number])
                counted += (values.get("usage") or {}).get("prompt_tokens", 0)
        return json_answer(answers.embeddings(rows, body["model"], counted, body.get("encoding_format") == "base64"))

    # --- whom it is for --------------------------------------------------------------------------

    async def _writing(self, name: str) -> tuple[Session, Signature]:
        """The session of that name, or one that runs the model of that id; loaded, and a text model."""
        session = self._hub.sessions.get(name) or self._running(name)
        if session is None:
            there = [one.name for one in self._running_texts()]
            hint = f"text models that run: {', '.join(there)}" if there else "no text model runs; open one first"
            raise UnknownModel(f"no model {name[:100]!r} runs here", hint=hint, field="model")
        signature = session.signature or await started(session)
        if text_command(signature) is None:
            hint = f"it has routes of its own: POST /api/sessions/{session.name}/run"
            raise InputError(f"{session.name} writes no text", hint=hint, field="model")
        return session, signature

    def _running(self, id: str) -> Session | None:
        """One that runs before one that was stopped: that only tells how it is started."""
        found = [session for session in self._hub.sessions.values() if session.model == id]
        return min(found, key=_rests, default=None)

    def _running_texts(self) -> list[Session]:
        return [one for one in self._hub.sessions.values() if text_command(one.signature) and not _rests(one)]

    # --- texts -----------------------------------------------------------------------------------

    async def _answer(
        self, request: web.BaseRequest, session: Session, asked: Asked, kind: answers.Kind
    ) -> web.StreamResponse:
        name = "chatcmpl" if kind == "chat" else "cmpl"
        form = Form(
            kind, f"{name}-{secrets.token_hex(12)}", int(time.time()), session.name, asked.logprobs, asked.usage
        )
        choices = [
            Choice(index, asked.echo[index // asked.n] if asked.echo else "")
            for index in range(len(asked.prompts) * asked.n)
        ]
        if asked.stream:
            return await self._stream(request, session, asked, form, choices)
        async with self._texts(session, asked) as texts:
            async for step in texts:
                _take(choices, step)
        return json_answer(form.whole(choices, answers.usage(choices, asked.n)))

    def _texts(self, session: Session, asked: Asked, quiet: bool = False) -> Texts:
        return Texts(session, asked.command, asked.runs(), self._run_seconds, quiet)

    async def _stream(
        self, request: web.BaseRequest, session: Session, asked: Asked, form: Form, choices: list[Choice]
    ) -> web.StreamResponse:
        """Server-sent events. What fails before the first of them is answered with its status."""
        stream = Stream(request, EVENTS)
        async with self._texts(session, asked) as texts, aclosing(with_beats(texts)) as steps:
            first = await anext(steps)
            await stream.open()
            chunks = _Chunks(stream, form, choices)
            failure = await chunks.follow(first, steps)
        if failure is not None:  # told when the model is free again: a reader may take its time
            await stream.last(_event(error_body(failure)[0]))
            return stream.response
        if asked.usage:
            await stream.send(_event(form.closing(answers.usage(choices, asked.n))))
        await stream.send(b"data: [DONE]\n\n")
        return stream.response


class _Chunks:
    """The choices of a stream, as chunks."""

    def __init__(self, stream: Stream, form: Form, choices: list[Choice]) -> None:
        self._stream = stream
        self._form = form
        self._choices = choices
        self._begun: set[int] = set()

    async def follow(self, first: Step | None, steps: AsyncIterator[Step | None]) -> Exception | None:
        """All chunks; a bad end is returned."""
        try:
            await self._step(first)
            async for step in steps:
                await self._step(step)
        except ConnectionError:
            raise
        except Exception as error:
            return error
        return None

    async def _step(self, step: Step | None) -> None:
        if step is None:
            await self._stream.beat()
            return
        number, piece = step[0], _take(self._choices, step)
        if number not in self._begun:
            self._begun.add(number)
            if (opening := self._form.opening(number)) is not None:
                await self._stream.send(_event(opening))
        if piece.text or piece.tokens or piece.reason is not None:
            await self._stream.send(_event(self._form.chunk(number, piece)))


def _take(choices: list[Choice], step: Step) -> Piece:
    number, output = step
    return choices[number].end() if output is None else choices[number].take(output.values)


@asynccontextmanager
async def _as_input() -> AsyncIterator[None]:
    """What is wrong with a prompt is wrong with what came as `input`."""
    try:
        yield
    except InputError as error:
        error.field = "input" if error.field in ("prompt", "prompt_tokens") else error.field
        raise


def _event(value: Any) -> bytes:
    return b"data: %b\n\n" % dump_json(value)


def _rests(session: Session) -> bool:
    """It was stopped, or gave up; one that starts anew runs."""
    return session.state in ("stopped", "failed", "closed")


def _model(session: Session) -> dict[str, Any]:
    about = session.manifest
    day = about.published
    created = calendar.timegm(day.timetuple()) if day else 0
    return answers.model(session.name, created, about.publisher or "sketchbridge", session.model)


# --- errors --------------------------------------------------------------------------------------


def error_body(error: BaseException) -> tuple[dict[str, Any], int]:
    """An error as OpenAI's clients know them, and its status."""
    info = told(error)
    status = answers.error_status(info, STATUS.get(info.code, 500))
    return answers.error(info, status), status


def error_answer(error: BaseException) -> Answer:
    """The same as an answer: for all that goes wrong below /v1."""
    body, status = error_body(error)
    answer = json_answer(body, status)
    if isinstance(error, BridgeError):
        answer.extra = own_error_answer(error).extra
    return answer


# --- what the bodies look like, for OpenAPI ------------------------------------------------------

_STRING = {"type": "string"}
_WHOLE = {"type": "integer"}
_SHARED: dict[str, Any] = {
    "model": {"type": "string", "description": "the name of a session, or the id of a model that runs"},
    "max_tokens": _WHOLE,
    "max_completion_tokens": _WHOLE,
    "n": {"type": "integer", "minimum": 1, "maximum": limits.OPENAI_TEXTS},
    "seed": _WHOLE,
    "stop": {"anyOf": [_STRING, {"type": "array", "items": _STRING}]},
    "logit_bias": {"type": "object", "additionalProperties": {"type": "number"}},
    "stream": {"type": "boolean"},
    "stream_options": {"type": "object"},
    "temperature": {"type": "number"},
    "top_p": {"type": "number"},
}
_ROWS = {"anyOf": [_STRING, {"type": "array", "items": {}, "minItems": 1}]}
_TEXT: dict[str, Any] = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {**_SHARED, "prompt": _ROWS, "echo": {"type": "boolean"}, "logprobs": _WHOLE},
}
_CHAT: dict[str, Any] = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        **_SHARED,
        "messages": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        "logprobs": {"type": "boolean"},
        "top_logprobs": _WHOLE,
    },
}
_EMBED: dict[str, Any] = {
    "type": "object",
    "required": ["model", "input"],
    "properties": {"model": _SHARED["model"], "input": _ROWS, "encoding_format": {"enum": ["float", "base64"]}},
}
