"""Every address of a bridge, as a tree made from what its models say of themselves.

    /subscribe /unsubscribe /sessions /open /close
    /{session}/{input}             set a live input
    /{session}/run [/{command}]    one run                 /{session}/stream   the same, piece by piece
    /{session}/cancel              end runs                /{session}/subscribe, /{session}/out/{port}/subscribe
    /{session}/walk/{setting}      /{session}/walk/{verb} [/{argument}]
    /{session}/out/{port}          what it gives out

An input whose name begins with one of those words is at /{session}/in/{input}.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from bridge import limits
from bridge.errors import BridgeError, InputError, NotFound, UnknownCommand, UnknownInput, UnknownPort, UnknownSession
from bridge.osc.patterns import is_pattern
from bridge.ports import Category, Number, Port, Text
from bridge.signature import Signature
from bridge.suggest import nearest
from bridge.walks import settings, verbs
from bridge.walks.keys import Latent

Kind = Literal[
    "input", "setting", "verb", "reset", "out", "run", "stream", "cancel", "subscribe", "unsubscribe", "sessions",
    "open", "close",
]  # fmt: skip
READ, WRITE, BOTH = 1, 2, 3
RESERVED = frozenset(("run", "stream", "cancel", "walk", "out", "in", "subscribe", "unsubscribe"))


class Method(NamedTuple):
    """What can be done at an address."""

    kind: Kind
    name: str = ""  # of the input, the setting, the verb, the port, the command
    argument: str = ""  # of a verb
    port: Port | None = None  # what it takes, or gives out, where one port says it
    access: int = WRITE
    about: str = ""


class Node:
    """One place in the tree. It may be an address itself, have others below it, or both."""

    __slots__ = ("below", "method", "path", "session")

    def __init__(self, path: str, session: str = "", method: Method | None = None) -> None:
        self.path = path
        self.session = session
        self.method = method
        self.below: dict[str, Node] = {}

    @property
    def branches(self) -> "Iterable[tuple[str, Node]]":
        return self.below.items()

    def at(self, address: str) -> "Node | None":
        """What is at an address below it; None if there is nothing."""
        node: Node | None = self
        for part in address.split("/")[1:] if address != "/" else ():
            node = node.below.get(part) if node is not None else None
        return node

    def add(self, path: str, method: Method) -> None:
        """A method at a path below this place, such as walk/speed."""
        node = self
        for part in path.split("/"):
            node = node.below.setdefault(part, Node(f"{node.path.rstrip('/')}/{part}", self.session))
        node.method = method

    def all(self) -> "Iterator[Node]":
        """It and everything below it."""
        yield self
        for node in self.below.values():
            yield from node.all()


def root(sessions: Iterable[Node]) -> Node:
    """The whole tree. No session's address is one part long, so the words at the top are in nobody's way."""
    top = Node("/")
    for node in sessions:
        top.below[node.session] = node
    for name, about in _TOP.items():
        node = top.below.setdefault(name, Node(f"/{name}", name))
        node.method = Method(name, port=Text(), about=about)
    return top


def session_tree(name: str, signature: Signature, latent: Latent | None, about: str = "") -> Node:
    """What one session has. `latent`: what it can walk in, None if it can't."""
    top = Node(f"/{name}", name)
    for input, port in signature.default.inputs.items():
        top.add(place_of(input), Method("input", input, port=port, access=BOTH, about=port.description))
    for verb in _RUNS:
        top.add(verb, Method(verb, about=_ABOUT[verb]))
        for command in list(signature.commands)[1:]:
            top.add(f"{verb}/{command}", Method(verb, command, about=_ABOUT[verb]))
    for verb in _ASKED:
        top.add(verb, Method(verb, port=Text(), about=_ABOUT[verb]))
    for output, port in signature.outputs.items():
        top.add(f"out/{output}", Method("out", output, port=port, access=READ, about=port.description))
        for verb in _FOLLOW:
            top.add(f"out/{output}/{verb}", Method(verb, output, port=Text(), about=_ABOUT[verb]))
    if latent is not None:
        _add_walk(top, latent)
    return top


def place_of(input: str) -> str:
    """Where an input is below its session."""
    return f"in/{input}" if input.partition("/")[0] in RESERVED else input


def id_of(address: str, arguments: Sequence[Any]) -> str:
    """What whoever sent this knows its answer by; empty if nothing was given."""
    first, *more = address.split("/")[1:]
    if (first, *more)[-1] in _FOLLOW:
        named = (one.partition("=") for one in arguments if isinstance(one, str))
        return next((value.strip() for key, _, value in named if key.strip() == "id"), "")
    place = _ID_AT.get(first, -1) if not more else 0 if more[0] in _RUNS else -1
    id = arguments[place] if 0 <= place < len(arguments) else ""
    return id if isinstance(id, str) else ""


def unknown(address: str, top: Node, signature: Signature | None, sessions: Iterable[str]) -> BridgeError:
    """Why there is nothing at this address, told as kindly as can be. `signature`: of the session it names."""
    name, _, rest = address[1:].partition("/")
    if is_pattern(address):
        hint = "patterns reach inputs and settings of walks; /sessions tells what is open"
        return NotFound(f"no input or setting here matches the pattern {address[:200]}", hint=hint)
    if signature is not None and name in top.below:
        return _unknown_below(top.below[name], rest.split("/"), signature)
    if rest:
        open_now = ", ".join(sessions) or "none"
        return UnknownSession(f"there is no session named {name[:80]}", hint=f"open now: {open_now}", field="session")
    hint = nearest(f"/{name}", [f"/{known}" for known in _TOP], "there are")
    return NotFound(f"there is nothing at {address[:200]}", hint=hint)


def _unknown_below(session: Node, parts: list[str], signature: Signature) -> BridgeError:
    name, rest = session.session, "/".join(parts)[:80]
    what, more = parts[0], "/".join(parts[1:])[:80]
    if not rest:
        hint = f"such as /{name}/run, or an input of it: {', '.join(signature.default.inputs)}"[:200]
        return NotFound(f"nothing can be sent to /{name} itself", hint=hint)
    if what == "out" and more:
        hint = f"it gives out {', '.join(signature.outputs)}"
        return UnknownPort(f"{name} has no output named {more}", hint=hint, field=more)
    if what in ("run", "stream") and more:
        return UnknownCommand(f"there is no command {more!r}", hint=nearest(more, signature.commands, "it has"))
    if what == "walk" and "walk" not in session.below:
        return InputError(f"{name} can't walk: none of its inputs is a vector", field="session")
    if what == "walk":
        hint = nearest(more, [*settings.FIELDS, *verbs.VERBS], "it takes")
        return UnknownInput(f"the walk of {name} has no {more!r}", hint=hint, field=rest)
    hint = nearest(rest, [*signature.default.inputs, "run", *(["walk"] if "walk" in session.below else ())], "it takes")
    return UnknownInput(f"{name} has no input {rest!r}", hint=hint, field=rest)


def _add_walk(top: Node, latent: Latent) -> None:
    for name, field in settings.FIELDS.items():
        if name == "truncation" and latent.truncation is None:
            continue
        port = _bounded(name, field, latent)
        top.add(f"walk/{name}", Method("setting", name, port=port, access=BOTH, about=field.about))
    for direction in latent.directions:
        about = "how far along this direction"
        port = Number(-_SLIDER, _SLIDER)
        top.add(f"walk/{direction}", Method("setting", direction, port=port, access=BOTH, about=about))
    for name, verb in verbs.VERBS.items():
        first = next(iter(verb.takes.values()), None)
        top.add(f"walk/{name}", Method("verb", name, port=first, about=verb.about))
        for argument, port in verb.takes.items():
            top.add(f"walk/{name}/{argument}", Method("verb", name, argument, port=port, about=verb.about))
    top.add("walk/reset", Method("reset", about="as the model has it: its own walk anew, or none"))


def _bounded(name: str, field: settings.Field, latent: Latent) -> Port | None:
    """What forms show, for this model."""
    if name == "space":
        return Category(latent.spaces)
    if name == "truncation" and latent.truncation is not None:
        return Number(*latent.truncation)
    return field.port


_SLIDER = limits.WALK_DIRECTION
_RUNS: tuple[Kind, ...] = ("run", "stream")
_FOLLOW: tuple[Kind, ...] = ("subscribe", "unsubscribe")
_ASKED: tuple[Kind, ...] = ("cancel", *_FOLLOW)
_ABOUT: dict[Kind, str] = {
    "run": "one run, with the live inputs or with those behind its id",
    "stream": "one run, each piece as it comes",
    "cancel": "end the run of this id, or all",
    "subscribe": "send what is given out here: [host] [port], options such as format=jpeg",
    "unsubscribe": "send it no more",
}
_ID_AT = {"sessions": 0, "open": 2, "close": 1}  # which of the arguments
_TOP: dict[Kind, str] = {
    "subscribe": "send everything that is given out: [host] [port], options such as format=jpeg",
    "unsubscribe": "send it no more",
    "sessions": "the open sessions, each with its state",
    "open": "open a session: model, name",
    "close": "close a session: name",
}
