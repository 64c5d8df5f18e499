"""What a session and the process behind it say to each other. Also the list of what a backend must carry."""

from typing import Any

import msgspec

from bridge.errors import ErrorInfo
from bridge.ports import Encoding
from bridge.signature import Signature

Wish = tuple[str, Encoding]  # an output port and how it is wanted


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of the conversation."""


# --- to the worker -------------------------------------------------------------------------------


class Start(Message, frozen=True, tag="start"):
    """The first message: which model to load and with which options."""

    session: str
    folder: str
    options: dict[str, Any]
    threads: int = 0  # that the model's library shall use; 0: as many as do best


class Run(Message, frozen=True, tag="run"):
    """One call. Inputs are as Port.parse left them; live runs are encoded only for subscribers."""

    run: int
    command: str
    inputs: dict[str, Any]
    wishes: tuple[Wish, ...] = ()
    live: bool = False
    quiet: bool = False  # its outputs are for its caller alone


class Cancel(Message, frozen=True, tag="cancel"):
    """End this run at the next yield, or forget it if it has not begun."""

    run: int


class Wants(Message, frozen=True, tag="wants"):
    """The encodings that subscribers want from now on; replaces the list before."""

    wishes: tuple[Wish, ...]


class Peek(Message, frozen=True, tag="peek"):
    """Encode the last output of a port once more."""

    request: int
    port: str
    encoding: Encoding


class Stop(Message, frozen=True, tag="stop"):
    """Close the model and leave."""


# --- from the worker -----------------------------------------------------------------------------


class Progress(Message, frozen=True, tag="progress"):
    """How far the start is: loading, downloading, warming; fraction below 0 means unknown."""

    stage: str
    fraction: float = -1.0
    text: str = ""


class Ready(Message, frozen=True, tag="ready"):
    """The model is loaded and takes runs."""

    signature: Signature
    notes: dict[str, Any]  # threads chosen, device: what describe() shows


class Refusal(Message, frozen=True, tag="refusal"):
    """The model can't be loaded; the worker leaves after this."""

    error: ErrorInfo


class Unencoded(Message, frozen=True):
    """One wish that an output could not be given out as, though it could as others."""

    port: str
    encoding: Encoding
    error: ErrorInfo


class Output(Message, frozen=True, tag="output"):
    """What one step of a run gave out, by port, each with its encodings. `last` also ends the run.

    When a wish of the run itself is among the unencoded, Failed follows: the others get theirs all the same.
    """

    run: int
    sequence: int
    values: dict[str, list[tuple[Encoding, Any]]]
    last: bool
    model_ms: float
    encode_ms: float
    unencoded: tuple[Unencoded, ...] = ()


class Done(Message, frozen=True, tag="done"):
    run: int


class Failed(Message, frozen=True, tag="failed"):
    run: int
    error: ErrorInfo


class Dropped(Message, frozen=True, tag="dropped"):
    """The run was cancelled; nothing more comes of it."""

    run: int


class Peeked(Message, frozen=True, tag="peeked"):
    request: int
    value: Any
    error: ErrorInfo | None = None


ToWorker = Start | Run | Cancel | Wants | Peek | Stop
FromWorker = Progress | Ready | Refusal | Output | Done | Failed | Dropped | Peeked
