"""Our WebSocket format, version 1: JSON messages, and binary messages with a small fixed header. Pure.

docs/protocol.md describes it for those who write clients; tests/vectors holds examples that all clients share.
"""

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, get_args

import msgspec
from msgspec import Meta

from bridge.errors import BadMessage, BridgeError, ErrorInfo, InputError, MissingInput, UnknownInput
from bridge.ports import Blob, Encoding, to_json

PROTOCOL = 1
MAGIC = b"SB"
MESSAGE = 1  # kind: a JSON message followed by blobs
FRAME = 2  # kind: one output for a subscriber
HEADER = struct.Struct("<2sBBIIIfI")  # magic, version, kind, id, n, drops, age in ms, length of the head
_START = MAGIC + bytes((PROTOCOL, FRAME))
_OWN = struct.Struct("<IIIfI")  # the rest of the header
_MOST = 0xFFFF_FFFF

Buffer = bytes | bytearray | memoryview
Id = Annotated[int, Meta(ge=0, le=_MOST)]
Count = Annotated[int, Meta(ge=1, le=_MOST)]


class BlobHead(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which port one blob of a binary message is for, and what is needed to read it."""

    port: str
    format: str = "bytes"
    length: Annotated[int, Meta(ge=0)] | None = None  # may be left out for the last one: all that remains
    meta: dict[str, Any] = {}


# --- from the client -----------------------------------------------------------------------------


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """What a client says. Everything said about it carries its id."""

    id: Id | None = None


class Hello(Request, frozen=True, tag="hello"):
    """May be left out, unless a token is needed and could not be sent any other way."""

    protocol: tuple[int, ...] = (PROTOCOL,)
    token: str = ""
    client: str = ""  # what is calling, for the log


class List(Request, frozen=True, tag="list"):
    """The open sessions."""

    id: Id


class Models(Request, frozen=True, tag="models"):
    """The models that could be opened."""

    id: Id
    search: str = ""
    kind: str = ""
    category: str = ""
    input: str = ""
    output: str = ""
    cpu: bool | None = None
    sort: str = ""


class Describe(Request, frozen=True, tag="describe"):
    """All about one session: state, ports, live inputs, stats."""

    id: Id
    session: str
    wait: bool = False  # answer only when its model is loaded


class Open(Request, frozen=True, tag="open"):
    """Start a session, or join the one that runs this model under that name."""

    id: Id
    model: str
    name: str | None = None
    options: dict[str, Any] = {}
    wait: bool = False


class Close(Request, frozen=True, tag="close"):
    """End a session, for everybody."""

    id: Id
    session: str


class Rename(Request, frozen=True, tag="rename"):
    """Give a session another name; whoever follows it goes on."""

    id: Id
    session: str
    name: str


class Stop(Request, frozen=True, tag="stop"):
    """End a session's process; the session stays."""

    id: Id
    session: str


class Start(Request, frozen=True, tag="start"):
    """Start a stopped or failed session again."""

    id: Id
    session: str
    wait: bool = False


class Restart(Request, frozen=True, tag="restart"):
    """A new process for a session."""

    id: Id
    session: str
    wait: bool = False


class Run(Request, frozen=True, tag="run"):
    """One call. Ends with exactly one done or error."""

    id: Id
    session: str
    command: str | None = None
    inputs: dict[str, Any] = {}
    encodings: dict[str, Encoding] = {}
    stream: bool = False  # every output as it comes, not just the whole at the end
    binary: bool = True  # False: blobs as they fit JSON
    blobs: tuple[BlobHead, ...] = ()


class Cancel(Request, frozen=True, tag="cancel"):
    """End the run of this id. Its end is the answer."""

    id: Id


class Send(Request, frozen=True, tag="send"):
    """Live inputs, newest wins. Answered only when it has an id, or is refused."""

    session: str
    inputs: dict[str, Any] = {}
    blobs: tuple[BlobHead, ...] = ()


class Walk(Request, frozen=True, tag="walk"):
    """Tell the walk of a session settings and verbs, or with none of them just look.

    Answered with how it stands, only when it has an id, or is refused.
    """

    session: str
    set: dict[str, Any] = {}


class Grid(Request, frozen=True, tag="grid"):
    """Look at the grid around a place, elsewhere than before if told so. An output for each tile, then done."""

    id: Id
    session: str
    set: dict[str, Any] = {}
    width: Annotated[int, Meta(ge=0, le=16384)] = 0  # of one picture, in pixels; 0: as the model makes it
    binary: bool = True


class Subscribe(Request, frozen=True, tag="subscribe"):
    """Follow everything a port gives out, until unsubscribed."""

    id: Id
    session: str
    port: str
    policy: Literal["newest", "all"] = "newest"
    encoding: Encoding = Encoding()
    window: Annotated[int, Meta(ge=1, le=1024)] | None = None  # so many frames may be on their way without an ack
    binary: bool = True


class Unsubscribe(Request, frozen=True, tag="unsubscribe"):
    """End the subscription, or the events, of this id."""

    id: Id


class Ack(Request, frozen=True, tag="ack"):
    """Frames up to number n have been dealt with."""

    id: Id
    n: Id


class Events(Request, frozen=True, tag="events"):
    """Be told what happens: to all sessions, or to one."""

    id: Id
    session: str = ""
    kinds: tuple[str, ...] = ()  # none: all


class Ping(Request, frozen=True, tag="ping"):
    """Answered by a pong with the same data."""

    data: str | int | float | None = None


AnyRequest = (
    Hello
    | List
    | Models
    | Describe
    | Open
    | Close
    | Rename
    | Stop
    | Start
    | Restart
    | Run
    | Cancel
    | Send
    | Subscribe
    | Walk
    | Grid
    | Unsubscribe
    | Ack
    | Events
    | Ping
)
REQUESTS: dict[str, type[Request]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyRequest)}


def needs_id(kind: type[Request]) -> bool:
    """Whether a message of this kind has to have one."""
    return any(field.name == "id" and field.required for field in msgspec.structs.fields(kind))


# --- from the server -----------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server says."""


class Greeting(Answer, frozen=True, kw_only=True, tag="hello"):
    """The first message of every connection."""

    protocol: int = PROTOCOL
    name: str
    version: str
    locked: bool  # a token is needed first, in a hello
    sessions: list[dict[str, Any]]


class Reply(Answer, frozen=True, tag="reply"):
    """The answer to one request."""

    id: int
    value: Any


class Output(Answer, frozen=True, tag="output", omit_defaults=True, kw_only=True):
    """One step of a run that streams; or one tile of a grid."""

    id: int
    run: int | None = None
    sequence: int
    outputs: dict[str, Any]
    model_ms: float | None = None
    encode_ms: float | None = None
    age_ms: float | None = None
    blobs: tuple[BlobHead, ...] = ()


class Done(Answer, frozen=True, tag="done", omit_defaults=True):
    """The end of a run, with its outputs unless they were streamed; or of a subscription, as asked."""

    id: int
    run: int | None = None
    outputs: dict[str, Any] | None = None
    model_ms: float | None = None
    encode_ms: float | None = None
    age_ms: float | None = None
    blobs: tuple[BlobHead, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """An error as clients get it: all four are always there."""

    code: str
    message: str
    hint: str
    field: str


class Error(Answer, frozen=True, tag="error"):
    """Something could not be done. For a run or a subscription it is the end."""

    id: int | None
    to: str  # the type of the message it is about
    error: Told


class Frame(Answer, frozen=True, tag="frame"):
    """One output for a subscriber, where the value is JSON."""

    id: int
    n: int
    drops: int
    age_ms: float
    session: str
    port: str
    run: int
    sequence: int
    format: str
    model_ms: float
    encode_ms: float
    live: bool
    last: bool
    value: Any


class Event(Answer, frozen=True, tag="event"):
    """Something happened."""

    id: int
    kind: str
    session: str
    data: dict[str, Any]
    drops: int  # so many events were lost because this client was too slow


class Pong(Answer, frozen=True, tag="pong"):
    id: int | None
    data: str | int | float | None


AnyAnswer = Greeting | Reply | Output | Done | Error | Frame | Event | Pong
ANSWERS: dict[str, type[Answer]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyAnswer)}


# --- reading -------------------------------------------------------------------------------------


class Binary(NamedTuple):
    """A binary message taken apart. The payload is not copied."""

    kind: int
    id: int
    n: int
    drops: int
    age_ms: float
    head: memoryview
    payload: memoryview


_read_request: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


class _Glance(msgspec.Struct):
    type: Any = None
    id: Any = None


def read_text(data: Buffer) -> AnyRequest:
    """A JSON message from a client; BadMessage and its like in words, with the field."""
    request = _request(data)
    if isinstance(request, Run | Send) and request.blobs:
        raise BadMessage("blobs come in a binary message", hint="in JSON an image is a data URI", field="blobs")
    return request


def read_binary(data: Buffer) -> AnyRequest:
    """A binary message from a client, its blobs put among the inputs."""
    binary = unpack(data)
    if binary.kind != MESSAGE:
        raise BadMessage(f"a binary message of kind {binary.kind} can't be sent", hint=f"send kind {MESSAGE}")
    request = _request(binary.head)
    if not isinstance(request, Run | Send):
        if len(binary.payload):
            raise BadMessage(f"{_type_of(request)} takes no bytes", hint="send it as JSON text")
        return request
    inputs = {**request.inputs, **split_blobs(request.blobs, binary.payload)}
    return msgspec.structs.replace(request, inputs=inputs, blobs=())


def read_object(kind: str, fields: Mapping[str, Any]) -> AnyRequest:
    """A message whose JSON was read already, with Blobs of no known format where its bytes were."""
    try:
        request = msgspec.convert({**fields, "type": kind}, AnyRequest)
    except msgspec.ValidationError as error:
        raise _in_words(str(error), kind) from None
    if not isinstance(request, Run | Send) or not request.blobs:
        return request
    inputs = {**request.inputs, **_told_of(request.inputs, request.blobs)}
    return msgspec.structs.replace(request, inputs=inputs, blobs=())


def _told_of(inputs: Mapping[str, Any], heads: Sequence[BlobHead]) -> dict[str, Blob]:
    """The bytes among the inputs, with the format that their heads tell."""
    told: dict[str, Blob] = {}
    for head in heads:
        value = inputs.get(head.port)
        if not isinstance(value, Blob):
            raise BadMessage(f"no bytes came for {head.port[:80]}", hint="they belong into inputs", field=head.port)
        told[head.port] = Blob(head.format, value.data, dict(head.meta))
    return told


def unpack(data: Buffer) -> Binary:
    """The parts of a binary message, from either side; BadMessage if it is none."""
    view = memoryview(data)
    if len(view) < HEADER.size:
        raise BadMessage(f"a binary message of {len(view)} bytes has no header", hint=_LAYOUT)
    magic, version, kind, id, n, drops, age_ms, length = HEADER.unpack_from(view)
    if magic != MAGIC:
        raise BadMessage("a binary message begins with the letters SB", hint=_LAYOUT)
    if version != PROTOCOL:
        raise BadMessage(f"version {version} of the binary layout is not known", hint=f"version {PROTOCOL} is")
    if length > len(view) - HEADER.size:
        raise BadMessage(f"the head is said to have {length} bytes, but the message ends before", hint=_LAYOUT)
    start = HEADER.size + length
    return Binary(kind, id, n, drops, age_ms, view[HEADER.size : start], view[start:])


def split_blobs(heads: Sequence[BlobHead], payload: memoryview) -> dict[str, Blob]:
    """The blobs by port. Each begins at a multiple of four."""
    blobs: dict[str, Blob] = {}
    start = 0
    for index, head in enumerate(heads):
        start += -start % 4
        length = _length(head, index == len(heads) - 1, max(0, len(payload) - start))
        if head.port in blobs:
            raise BadMessage(f"two blobs came for {head.port}", field=head.port)
        blobs[head.port] = Blob(head.format, payload[start : start + length], dict(head.meta))
        start += length
    if start < len(payload):
        raise BadMessage(f"{len(payload) - start} bytes came that no blob is told of", hint=_BLOBS, field="blobs")
    return blobs


def id_of(data: Buffer) -> tuple[int | None, str]:
    """The id and the type of a message that can't be read otherwise, as far as they can be told."""
    try:
        glance = msgspec.json.decode(data, type=_Glance)
    except (ValueError, RecursionError):
        return None, ""
    id = glance.id if type(glance.id) is int and 0 <= glance.id <= _MOST else None
    return id, glance.type[:40] if isinstance(glance.type, str) else ""


def id_of_binary(data: Buffer) -> tuple[int | None, str]:
    """The same for a binary message."""
    try:
        return id_of(unpack(data).head)
    except BadMessage:
        return None, ""


def _request(data: Buffer) -> AnyRequest:
    try:
        return _read_request.decode(data)
    except RecursionError:
        raise BadMessage("this JSON is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise _in_words(str(error), id_of(data)[1]) from None
    except ValueError as error:
        raise _not_json(data, error) from None


def _type_of(request: Request) -> str:
    return str(request.__struct_config__.tag)


def _length(head: BlobHead, is_last: bool, left: int) -> int:
    if head.length is None and not is_last:
        raise BadMessage(f"the blob for {head.port} has no length", hint=_BLOBS, field="blobs")
    length = left if head.length is None else head.length
    if length > left:
        raise BadMessage(
            f"the blob for {head.port} is said to have {length} bytes, but {left} are there", hint=_BLOBS, field="blobs"
        )
    return length


_LAYOUT = f"it is a header of {HEADER.size} bytes, a head in JSON, then the bytes"
_BLOBS = "blobs follow each other in the order they are told, each beginning at a multiple of 4"


# --- errors in words -----------------------------------------------------------------------------

_THERE_ARE = f"there are {', '.join(REQUESTS)}"
_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def _in_words(said: str, kind: str) -> BridgeError:
    """What the decoder says of a message, as a person would."""
    said, _, path = said.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    named = re.search(r"field `([^`]*)`", said)
    name = f"{field}.{named[1]}" if named and field else named[1] if named else field
    if name == "type":
        return _wrong_type(kind)
    where = f"{name} of {kind}" if kind and name else name or "a message"
    if said.startswith("Object missing"):
        return MissingInput(f"{kind or 'a message'} needs {name}", hint=_takes(kind), field=name)
    if said.startswith("Object contains unknown"):
        return UnknownInput(f"{kind or 'a message'} has no {name}", hint=_takes(kind), field=name)
    return InputError(f"{where} can't be used: {_expected(said)}", hint=_takes(kind), field=name)


def _expected(said: str) -> str:
    said = re.sub(r"`([a-z |]*)`", lambda found: " or ".join(_NOUNS.get(n, n) for n in found[1].split(" | ")), said)
    return said[:1].lower() + said[1:]


def _wrong_type(kind: str) -> BridgeError:
    if not kind:
        return MissingInput('a message says what it is: {"type": "list", "id": 1}', hint=_THERE_ARE, field="type")
    return BadMessage(f"there is no message {kind!r}", hint=_THERE_ARE, field="type")


def _takes(kind: str) -> str:
    known = REQUESTS.get(kind)
    return f"{kind} takes {', '.join(known.__struct_fields__)}" if known else 'it looks like {"type": "list", "id": 1}'


_HALF = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89aAbB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


def why_not_json(data: Buffer, error: ValueError) -> str:
    """What is wrong with it, in words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    said = str(error).removeprefix("JSON is malformed: ")
    if ("truncated" in said or "surrogate" in said) and _HALF.search(data):
        return "there is half a character in it, such as an emoji that was cut in two"
    return said


def _not_json(data: Buffer, error: ValueError) -> BadMessage:
    hint = "" if isinstance(error, UnicodeDecodeError) else 'it looks like {"type": "list", "id": 1}'
    return BadMessage(f"this is not JSON: {why_not_json(data, error)}", hint=hint)


def refusal(id: int | None, to: str, info: ErrorInfo) -> Error:
    """An error about a message of that id and type."""
    return Error(id=id, to=to, error=Told(info.code, info.message, info.hint, info.field))


# --- writing -------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, Blob):
        return to_json(value)
    raise NotImplementedError(f"{type(value).__name__} is not a JSON value")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def write_text(answer: Answer | Request) -> bytes:
    """A message as JSON text; blobs in it take the form that fits JSON."""
    return _encode(answer)


def write_outputs(answer: Output | Done, *, binary: bool = True) -> tuple[bool, list[Buffer]]:
    """A message with outputs: whether it has to go as binary, and its parts, to be sent one after the other."""
    blobs = {port: value for port, value in (answer.outputs or {}).items() if isinstance(value, Blob)}
    if not blobs or not binary:
        return False, [_encode(answer)]
    rest = {port: value for port, value in (answer.outputs or {}).items() if port not in blobs}
    return True, _with_blobs(answer, answer.id, rest, blobs)


def write_inputs(request: Run | Send) -> tuple[bool, list[Buffer]]:
    """The same for a message with inputs, as a client sends it."""
    blobs = {port: value for port, value in request.inputs.items() if isinstance(value, Blob)}
    if not blobs:
        return False, [_encode(request)]
    rest = {port: value for port, value in request.inputs.items() if port not in blobs}
    heads = blob_heads(blobs)
    head = padded(_encode(msgspec.structs.replace(request, inputs=rest, blobs=heads)))
    return True, [header(MESSAGE, request.id or 0, 0, 0, 0.0, len(head)), head, *_payload(blobs.values())]


def _with_blobs(answer: Output | Done, id: int, rest: dict[str, Any], blobs: Mapping[str, Blob]) -> list[Buffer]:
    head = padded(_encode(msgspec.structs.replace(answer, outputs=rest, blobs=blob_heads(blobs))))
    return [header(MESSAGE, id, 0, 0, 0.0, len(head)), head, *_payload(blobs.values())]


def blob_heads(blobs: Mapping[str, Blob]) -> tuple[BlobHead, ...]:
    """What is told of blobs, in their order."""
    return tuple(BlobHead(port, blob.format, len(blob.data), blob.meta) for port, blob in blobs.items())


def _payload(blobs: Iterable[Blob]) -> list[Buffer]:
    parts: list[Buffer] = []
    gap = 0
    for blob in blobs:
        if gap:
            parts.append(bytes(gap))
        parts.append(blob.data)
        gap = -len(blob.data) % 4
    return parts


def header(kind: int, id: int, n: int, drops: int, age_ms: float, length: int) -> bytes:
    """The fixed header of a binary message whose head has so many bytes."""
    return HEADER.pack(MAGIC, PROTOCOL, kind, id, n & _MOST, drops & _MOST, age_ms, length)


def padded(head: bytes) -> bytes:
    """JSON with spaces behind it, so that what follows begins at a multiple of four."""
    return head + b" " * (-len(head) % 4)


class _FrameHead(msgspec.Struct, frozen=True):
    session: str
    port: str
    run: int
    sequence: int
    format: str
    meta: dict[str, Any]
    model_ms: float
    encode_ms: float
    live: bool
    last: bool


class _FrameRest(msgspec.Struct, frozen=True):
    session: str
    port: str
    run: int
    sequence: int
    format: str
    model_ms: float
    encode_ms: float
    live: bool
    last: bool
    value: Any


class Given(Protocol):
    """What a session gave out, as far as it is told."""

    @property
    def session(self) -> str: ...
    @property
    def port(self) -> str: ...
    @property
    def run(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def encoding(self) -> Encoding: ...
    @property
    def value(self) -> Any: ...
    @property
    def model_ms(self) -> float: ...
    @property
    def encode_ms(self) -> float: ...
    @property
    def live(self) -> bool: ...
    @property
    def last(self) -> bool: ...


class SharedFrame:
    """The part of a frame that is the same for all its subscribers, made once."""

    __slots__ = ("_head", "_start", "binary", "length", "payload")

    def __init__(self, of: Given, *, binary: bool = True) -> None:
        value = of.value
        self.binary = binary and isinstance(value, Blob)
        times = (round(of.model_ms, 3), round(of.encode_ms, 3))
        self.payload: Buffer = b""
        self._start = b""
        if self.binary:
            known = (of.session, of.port, of.run, of.sequence, value.format, value.meta, *times, of.live, of.last)
            self._head = padded(_encode(_FrameHead(*known)))
            self._start = _START
            self.payload = value.data
        else:
            rest = (of.session, of.port, of.run, of.sequence, of.encoding.format, *times, of.live, of.last, value)
            self._head = _encode(_FrameRest(*rest))[1:]
        self.length = HEADER.size + len(self._head) + len(self.payload)  # of the whole, when it is binary

    def lead(self, before: bytes) -> None:
        """What has to stand before a binary frame on the wire; made once, too."""
        self._start = before + _START

    def begin(self, id: int, n: int, drops: int, age_ms: float) -> bytes:
        """What comes before the payload for one subscriber; where the value is JSON, it is all there is."""
        if self.binary:
            return self._start + _OWN.pack(id, n & _MOST, drops & _MOST, age_ms, len(self._head)) + self._head
        own = b'{"type":"frame","id":%d,"n":%d,"drops":%d,"age_ms":%.2f,' % (id, n, drops, age_ms)
        return own + self._head
