"""Server C: a session in the form of a server written with the Model SDK, for plugins and for other bridges."""

import asyncio
import gzip
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bridge.errors import BadMessage, InputError, MissingInput, ModelError, UnknownCommand
from bridge.hub import Hub
from bridge.ports import Blob
from bridge.ports.outside import data_uri
from bridge.ports.sdk import fields
from bridge.session.run import RunHandle
from bridge.signature import Command, Signature
from bridge.transports.base import load_object
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_bodies import read_body
from bridge.transports.http_routes import Checked, Route
from bridge.transports.runway import exr, values
from bridge.transports.runway.board import Board
from bridge.transports.runway.local import TAKES
from bridge.transports.runway.sdk_jobs import Jobs
from bridge.transports.runway.site import error_answer, error_body

VERSION = "0.6.1"  # the SDK's last one, whose form this is
_NO_JSON = "The body of all POST requests must contain JSON"
_FORMATS = {"JPEG": "jpeg", "JPG": "jpeg", "PNG": "png", "EXR": "raw"}
_PACK_BYTES = 512  # a smaller answer is not worth compressing
_AT_ONCE_BYTES = 64 * 1024  # a larger one is compressed beside the loop
_BEGINNINGS: tuple[tuple[type[Exception], str], ...] = (
    (MissingInput, "Missing input"),
    (InputError, "Invalid argument"),
    (UnknownCommand, "Unknown command"),
    (ModelError, "Error during inference"),
)


class Sdk:
    """One session. Its commands are addresses, its streams are jobs in a WebSocket."""

    def __init__(self, hub: Hub, board: Board, max_body: int) -> None:
        self._hub = hub
        self._board = board
        self._max_body = max_body
        self._since = time.monotonic()
        self._last_command = 0.0

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/", self.top, "what the model is, or a WebSocket for jobs", endless=True),
            Route("GET", "/meta", self.meta, "what the model is: its options and commands"),
            Route("GET", "/healthcheck", self.health, "STARTING or RUNNING"),
            Route("GET", "/setup", self.options, "the model's options"),
            Route("POST", "/setup", self.setup, "start the model anew with these options", takes="json"),
            Route("GET", "/{command}", self.look, "what a command takes and gives"),
            Route("POST", "/{command}", self.run, "run a command", takes="json"),
        )

    async def top(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await Jobs(self, self._max_body).serve(request)
        return await self.meta(request, query)

    async def meta(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        signature = await self.signature()
        told = {
            "modelSDKVersion": VERSION,
            "millisRunning": int((time.monotonic() - self._since) * 1000),
            "millisSinceLastCommand": self._since_command(),
            "GPU": self._board.session.manifest.gpu != "unused",
            "options": fields(signature.options),
            "commands": described(signature, self._board),
        }
        return await _packed(request, json_answer(told))

    async def health(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"status": "RUNNING" if self._board.session.state == "ready" else "STARTING"})

    async def options(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"options": fields((await self.signature()).options)})

    async def setup(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        """Who only repeats what the model runs with does not interrupt others. One that has failed is tried again."""
        options = await self._object(request)
        self._hub.catalog.get(self._board.session.model).check_told(options)
        if not await self._runs_with(options):
            await (await self._hub.restart(self._board.session.name, options)).started()
        return json_answer({"success": True})

    async def _runs_with(self, options: Mapping[str, Any]) -> bool:
        if self._board.session.state == "failed":
            return False
        signature, session = await self.signature(), self._board.session
        wanted = signature.parse_options({**options, **session.preset})
        return session.state == "ready" and wanted == signature.parse_options(session.options)

    async def look(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        signature = await self.signature()
        return json_answer(_command(signature.command(name), self._board))

    async def run(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        command = (await self.signature()).command(name)
        formats = _formats(request.headers.get("X-Runway-Output-Format", ""), command, self._board)
        asked = {port: _FORMATS[format] for port, format in formats.items()}
        outputs = await self._board.result(self.begin(command, await self._object(request), asked))
        floats = {port for port, format in formats.items() if format == "EXR"}
        shown = {port: await _exr(value) if port in floats else value for port, value in outputs.items()}
        return await _packed(request, json_answer(values.outward(shown, self._board.aliases)))

    # --- for the jobs, too -----------------------------------------------------------------------

    @property
    def board(self) -> Board:
        return self._board

    async def signature(self) -> Signature:
        """What the model has, as soon as that is known; raises why it can't start."""
        await self._board.command()
        assert self._board.session.signature is not None
        return self._board.session.signature

    def begin(self, command: Command, inputs: Mapping[str, Any], formats: Mapping[str, str]) -> RunHandle:
        """One run of a command."""
        self._last_command = time.monotonic()
        parsed = values.inward(inputs, command, self._board.aliases)
        return self._board.session.run(parsed, command.name, values.wishes(command, formats))

    def _since_command(self) -> int | None:
        return int((time.monotonic() - self._last_command) * 1000) if self._last_command else None

    async def _object(self, request: web.BaseRequest) -> dict[str, Any]:
        body = await read_body(request, self._max_body)
        if not body.strip():
            raise BadMessage(_NO_JSON)
        return load_object(body, TAKES)


def described(signature: Signature, board: Board) -> list[dict[str, Any]]:
    """The commands of a model, the usual one first."""
    return [_command(command, board) for command in signature.commands.values()]


def _command(command: Command, board: Board) -> dict[str, Any]:
    return {
        "name": command.name,
        "description": command.description,
        **values.described(command, board.aliases),
    }


def sdk_error(error: BaseException) -> dict[str, Any]:
    """As the SDK words it."""
    body = error_body(error)
    beginning = next((words for kind, words in _BEGINNINGS if isinstance(error, kind)), "")
    if beginning and body["error"] != _NO_JSON:
        body["error"] = f"{beginning}: {body['error']}"
    return body | {"traceback": []}


def refusal(error: BaseException) -> Answer:
    """An error as an answer of this server."""
    answer = error_answer(error)
    return Answer(json_answer(sdk_error(error)).content, status=answer.code, headers=answer.extra)


def _formats(header: str, command: Command, board: Board) -> dict[str, str]:
    """`image=PNG; other=EXR`, by the names that the model has."""
    names = {key: name for name in command.outputs for key in board.aliases.output_keys(name)}
    found: dict[str, str] = {}
    for entry in filter(str.strip, header.split(";")):
        key, _, format = (part.strip() for part in entry.partition("="))
        if key not in names or "raw" not in command.outputs[names[key]].formats:
            raise InputError(f"X-Runway-Output-Format: {key[:80]!r} is not a picture that {command.name} gives out")
        if format.upper() not in _FORMATS:
            raise InputError(f"{key} can't be given as {format[:40]!r}", hint="it comes as JPEG, PNG or EXR", field=key)
        found[names[key]] = format.upper()
    return found


async def _exr(value: Any) -> Any:
    if not isinstance(value, Blob):
        return value
    return data_uri("image/exr", await asyncio.to_thread(exr.encoded, value))


async def _packed(request: web.BaseRequest, answer: Answer) -> Answer:
    """Compressed where the caller takes that."""
    if "gzip" not in request.headers.get("Accept-Encoding", "").lower() or len(answer.content) < _PACK_BYTES:
        return answer
    if len(answer.content) <= _AT_ONCE_BYTES:
        answer.content = gzip.compress(answer.content, 1)
    else:
        answer.content = await asyncio.to_thread(gzip.compress, answer.content, 1)
    answer.add({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return answer
