"""The author's class, and how it is read: the typed signature is the interface."""

import collections.abc
import functools
import importlib.util
import inspect
import sys
import traceback
import types
import typing
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeGuard, TypeVar

import msgspec

from bridge import limits, ports
from bridge.errors import BridgeError, InputError, ModelBroken
from bridge.ports import AnyPort, Blob, Port
from bridge.signature import Command, Signature, outputs_of, outputs_of_batch

__all__ = [
    "Command",
    "Model",
    "Signature",
    "command",
    "load_class",
    "outputs_of",
    "outputs_of_batch",
    "refined",
    "report_to",
    "signature_of",
]

Reporter = Callable[[str, float, str], None]
_Method = TypeVar("_Method", bound=Callable[..., Any])

_MARK = "_bridge_command"
_OWN_WORDS = ("setup", "close", "progress", "warm")  # a command can't be called like these
_ADDRESSES = ("run", "walk", "out")  # an input of that name would hide an OSC address of the session
_STREAMS = (collections.abc.Iterator, collections.abc.Generator, collections.abc.Iterable)
_ASYNC_STREAMS = (collections.abc.AsyncIterator, collections.abc.AsyncGenerator, collections.abc.AsyncIterable)


class Model:
    """What an author derives from: `setup` once with the options, then `run` for every call."""

    batch: ClassVar[int] = 1  # above 1: commands without a batch of their own get lists of up to so many runs at once
    concurrency: ClassVar[int] = 1  # above 1: so many of its generators are interleaved

    _reporter: Reporter | None = None
    _taken: Mapping[str, Port] = types.MappingProxyType({})

    def setup(self, *args: Any, **options: Any) -> None:
        """Load what the model needs. Its typed parameters are the model's options."""

    def close(self) -> None:
        """Let go of what setup took."""

    def progress(self, stage: str, fraction: float = -1.0, text: str = "") -> None:
        """Tell people how far it is; a fraction below 0 means unknown. Does nothing outside the bridge."""
        if self._reporter is not None:
            self._reporter(stage, fraction, text)

    def takes(self, **inputs: Port) -> None:
        """For setup: what is known of inputs only now, such as takes(z=Vector(512)) once a network was read."""
        self._taken = {**self._taken, **inputs}


def report_to(model: Model, reporter: Reporter) -> None:
    """From now on the model's progress goes there."""
    model._reporter = reporter


def refined(signature: Signature, model: Model) -> Signature:
    """The signature with what setup found out about the inputs; ModelBroken where that does not fit."""
    known = {name: port for command in signature.commands.values() for name, port in command.inputs.items()}
    for name, port in model._taken.items():
        if name not in known or known[name].kind != port.kind:
            was = f"a {known[name].kind}" if name in known else "no input of it"
            raise ModelBroken(
                f"{_file(type(model))}: takes({name}=...) says {port.kind}, but {name} is {was}",
                hint="takes() tells more about an input that is there: another length, other choices, other bounds",
                field=name,
            )
    return signature.refined({name: typing.cast(AnyPort, port) for name, port in model._taken.items()})


@typing.overload
def command(method: _Method, /) -> _Method: ...


@typing.overload
def command(*, batch: int) -> Callable[[_Method], _Method]: ...


def command(method: Any = None, /, *, batch: int | None = None) -> Any:
    """Marks a further command beside `run`. `@command(batch=8)` gets lists of up to eight runs, whatever `run` gets."""

    def mark(method: _Method) -> _Method:
        setattr(method, _MARK, _Mark(batch))
        return method

    if method is not None and not callable(method):
        raise ModelBroken(
            f"@command({method!r}) says nothing", hint=f"write @command(batch={method!r}), or @command alone"
        )
    return mark if method is None else mark(method)


class _Mark(msgspec.Struct, frozen=True):
    """That a method is a command."""

    batch: int | None  # its own; without it that of the class


# --- a class, read -------------------------------------------------------------------------------


def signature_of(cls: type[Model]) -> Signature:
    """What the class takes and gives; ModelBroken, in words, where its annotations can't be read."""
    for name in ("batch", "concurrency"):
        if not _is_count(value := getattr(cls, name)):
            hint = f"write a whole number of 1 or more: {name} = 4"
            raise ModelBroken(f"{_file(cls)}: {name} is {value!r}", hint=hint)
    commands = {name: _command(cls, name) for name in _command_names(cls)}
    if not commands:
        raise ModelBroken(f"{_file(cls)}: {cls.__name__} has no run", hint="write `def run(self, ...)`")
    options = {} if cls.setup is Model.setup else _inputs(_Place(cls, "setup"))
    signature = Signature(options, commands, cls.concurrency)
    _check_batch(cls, signature)
    _check_outputs(cls, signature)
    return signature


class _Place(msgspec.Struct, frozen=True):
    """Where in the author's file we read; makes the errors that say so."""

    cls: type[Model]
    method: str

    @property
    def function(self) -> Any:
        return getattr(self.cls, self.method)

    @property
    def batched(self) -> bool:
        return self.method != "setup" and self.batch != 1

    @property
    def batch(self) -> object:
        """As it was written, at the method or one that it stands in for, else at the class."""
        members = [vars(owner).get(self.method) for owner in self.cls.__mro__]
        mark = next((found for member in members if (found := getattr(member, _MARK, None)) is not None), None)
        return self.cls.batch if mark is None or mark.batch is None else mark.batch

    def broken(self, what: str, hint: str = "", parameter: str = "") -> ModelBroken:
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        line = f":{code.co_firstlineno}" if code else ""
        about = f", parameter {parameter!r}" if parameter else ""
        return ModelBroken(f"{_file(self.cls)}{line}: {self.method}{about}: {what}", hint=hint, field=parameter)


def _file(cls: type) -> str:
    """The author's file as they know it: folder and name, no more."""
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None)
    return "/".join(Path(path).parts[-2:]) if path else cls.__qualname__


def _command_names(cls: type[Model]) -> list[str]:
    """`run` first, then the marked ones in the order they were written."""
    marked = [
        name for owner in reversed(cls.__mro__) for name, member in vars(owner).items() if getattr(member, _MARK, False)
    ]
    first = ["run"] if callable(getattr(cls, "run", None)) else []
    return list(dict.fromkeys([*first, *marked]))


def _command(cls: type[Model], name: str) -> Command:
    place = _Place(cls, name)
    _check_method(place)
    batch = place.batch
    if not _is_count(batch):
        raise place.broken(f"batch is {batch!r}", "write a whole number of 1 or more: batch=4")
    inputs = _inputs(place)
    given = _outputs(place)
    return Command(name, inputs, given.ports, _description(place), given.streams, given.named, given.optional, batch)


def _check_method(place: _Place) -> None:
    function = inspect.unwrap(place.function)
    if place.method in _OWN_WORDS or place.method.startswith("_"):
        raise place.broken("can't be a command", f"give it another name: {', '.join(_OWN_WORDS)} and _names are taken")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise place.broken("is written with async def", "write a plain def: the model has a process of its own")


def _description(place: _Place) -> str:
    own = getattr(place.function, "__doc__", None) or (place.cls.__doc__ if place.method == "run" else None)
    return inspect.cleandoc(own) if own else ""


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_batch(cls: type[Model], signature: Signature) -> None:
    streaming = [command for command in signature.commands.values() if command.streams]
    for command in streaming:
        if command.batch > 1:
            hint = "drop batch, or mark it @command(batch=1); to serve several streams at once, set concurrency"
            raise _Place(cls, command.name).broken("streams, and a command with batch can't", hint)
    if signature.concurrency > 1 and not streaming:
        hint = "let run yield, or drop concurrency; to take several runs at once, set batch instead"
        raise ModelBroken(f"{_file(cls)}: concurrency is {signature.concurrency}, but no command streams", hint=hint)


def _check_outputs(cls: type[Model], signature: Signature) -> None:
    """One name means one port: a subscriber follows a port whichever command gave it out."""
    for command in signature.commands.values():
        for name, port in command.outputs.items():
            if signature.outputs[name] != port:
                hint = "give one of the two another name"
                raise _Place(cls, command.name).broken(f"output {name!r} is another kind in another command", hint)


# --- parameters ----------------------------------------------------------------------------------


def _inputs(place: _Place) -> dict[str, AnyPort]:
    hints = _hints(place)
    parameters = list(inspect.signature(place.function).parameters.values())[1:]
    found: dict[str, AnyPort] = {}
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= _numbered(place, parameter, hints)
        else:
            found[parameter.name] = _input(place, parameter, hints)
    _check_stand_ins(place, found)
    _check_companions(place, found)
    return found


def _numbered(place: _Place, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> dict[str, AnyPort]:
    """`**slider: Annotated[float, Number(0, 1, default=0), 8]` is slider/1 to slider/8, passed under these names."""
    name = parameter.name
    hint = hints.get(name, Any)
    counts = [extra for extra in _split(hint)[1] if type(extra) is int]
    if len(counts) != 1 or not 1 <= counts[0] <= limits.NUMBERED_INPUTS:
        raise place.broken("does not say how many there are", f"write `{_NUMBERED.format(name)}`", name)
    port, _ = _port(hint, place, name)
    if port.required:
        raise place.broken("needs a default in its port", f"write `{_NUMBERED.format(name)}`", name)
    return {f"{name}/{number}": port for number in range(1, counts[0] + 1)}


_NUMBERED = "**{}: Annotated[float, Number(0, 1, default=0), 8]"


def _check_stand_ins(place: _Place, inputs: Mapping[str, AnyPort]) -> None:
    """Of an input and its stand-in one is None, so both must be able to be."""
    for name, port in inputs.items():
        if not port.instead_of:
            continue
        other = inputs.get(port.instead_of)
        if other is None or other is port:
            raise place.broken(f"stands in for {port.instead_of!r}, which is no other input", parameter=name)
        if port.default is not None or other.default is not None:
            hint = f"write `{name}: ... = None` and `{port.instead_of}: ... = None`"
            raise place.broken(f"stands in for {port.instead_of!r}, so either may be missing", hint, name)


def _check_companions(place: _Place, inputs: Mapping[str, AnyPort]) -> None:
    """What belongs to other inputs is let go when they come without it, so it has a default."""
    for name, port in inputs.items():
        for other in port.goes_with:
            if other not in inputs or other == name:
                raise place.broken(f"goes with {other!r}, which is no other input", parameter=name)
        if port.goes_with and port.required:
            raise place.broken("goes with another input, so it may be missing", f"write `{name}: ... = None`", name)


def _input(place: _Place, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> AnyPort:
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise place.broken("has to come by name", "name every one: no *args, no `/`", name)
    if name in _ADDRESSES and place.method != "setup":
        raise place.broken(
            "has a name that the bridge needs", f"call it otherwise: {', '.join(_ADDRESSES)} are taken", name
        )
    if name not in hints:
        raise place.broken("has no type", f"write for example `{name}: Annotated[float, Number(0, 1)]`", name)
    port, words = _port(_unlisted(hints[name], place), place, name)
    if words:
        raise place.broken(f"has the text {words[0]!r} beside its port", "write Port(description=...) instead", name)
    return _with_default(port, parameter, place)


def _with_default(port: AnyPort, parameter: inspect.Parameter, place: _Place) -> AnyPort:
    if parameter.default is parameter.empty:
        return port if port.required else _checked(port, port.default, place, parameter.name)
    return _checked(port, parameter.default, place, parameter.name)


def _checked(port: AnyPort, default: Any, place: _Place, name: str) -> AnyPort:
    """The port with a default that it would take itself; None stands for "nothing came"."""
    if default is None:
        return msgspec.structs.replace(port, default=None)
    try:
        parsed = port.parse(default, name)
    except InputError as error:
        raise place.broken(f"its default does not fit: {error.message}", error.hint, name) from None
    return msgspec.structs.replace(port, default=_plain(default if isinstance(parsed, Blob) else parsed))


def _plain(value: Any) -> Any:
    """As JSON would have it, so that a signature is the same after it has crossed."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


# --- what comes back -----------------------------------------------------------------------------


class _Given(msgspec.Struct, frozen=True):
    ports: dict[str, AnyPort]
    streams: bool
    named: bool
    optional: tuple[str, ...] = ()


def _outputs(place: _Place) -> _Given:
    hint = _hints(place).get("return", None)
    if hint in (None, types.NoneType):
        raise place.broken("does not say what it gives", "write for example `-> Annotated[np.ndarray, Image()]`")
    streams, step = _step(hint, place)
    if inspect.isgeneratorfunction(inspect.unwrap(place.function)) and not streams:
        raise place.broken("yields, so it gives a stream", "write `-> Iterator[...]` around what it yields")
    if _is_typed_dict(step):
        return _named_outputs(step, streams, place)
    port, words = _port(_unlisted(step, place), place, "")
    return _Given({words[0] if words else port.kind: port}, streams, named=False)


def _step(hint: Any, place: _Place) -> tuple[bool, Any]:
    """Whether it streams, and what one step gives."""
    base, extras = _split(hint)
    origin = typing.get_origin(base) or base
    if origin in _ASYNC_STREAMS:
        raise place.broken("gives an async stream", "write a plain def that yields, and Iterator[...]")
    if origin not in _STREAMS:
        return False, hint
    arguments = typing.get_args(base)
    if not arguments and not extras:
        raise place.broken("does not say what it yields", "write for example `-> Iterator[Annotated[str, Text()]]`")
    inner = _without_none(arguments[0]) if arguments else Any
    return True, typing.Annotated[(inner, *extras)] if extras else inner


def _is_typed_dict(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__required_keys__")


def _named_outputs(hint: Any, streams: bool, place: _Place) -> _Given:
    found, optional = {}, []
    for name, field in _resolved(hint, place).items():
        bare = _unqualified(field)
        if name not in hint.__required_keys__ or typing.get_origin(field) is typing.NotRequired:
            optional.append(name)
        found[name], words = _port(_unlisted(bare, place), place, "", of=f"output {name!r}")
        if words:
            raise place.broken(f"output {name!r} has two names", f"its key is its name: drop {words[0]!r}")
    if not found:
        raise place.broken("gives an empty TypedDict", "give it a key for every output")
    return _Given(found, streams, named=True, optional=tuple(optional))


def _unqualified(hint: Any) -> Any:
    qualified = typing.get_origin(hint) in (typing.NotRequired, typing.Required)
    return typing.get_args(hint)[0] if qualified else hint


# --- one annotation ------------------------------------------------------------------------------


def _hints(place: _Place) -> dict[str, Any]:
    return _resolved(place.function, place)


def _resolved(owner: Any, place: _Place) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except NameError as error:
        hint = f"import {error.name} at the top of the file, not under `if TYPE_CHECKING`"
        raise place.broken(f"{error.name} is not known", hint, _culprit(owner, error.name or "")) from None
    except Exception as error:
        raise place.broken(
            f"its types can't be read: {error}", "write port instances: Annotated[str, Text()]"
        ) from None


def _culprit(owner: Any, name: str) -> str:
    annotations = getattr(owner, "__annotations__", {})
    return next((key for key, text in annotations.items() if name and isinstance(text, str) and name in text), "")


def _unlisted(hint: Any, place: _Place) -> Any:
    """A batch gets and gives lists of what its ports say, so `list[str]` means text there."""
    listed = typing.get_origin(hint) in (list, collections.abc.Sequence) and typing.get_args(hint)
    return typing.get_args(hint)[0] if place.batched and listed else hint


def _port(hint: Any, place: _Place, parameter: str, of: str = "") -> tuple[AnyPort, list[str]]:
    """The port that an annotation names or implies, and the texts that stand beside it."""
    base, extras = _split(hint)
    chosen = [_instance(extra, place, parameter) for extra in extras if _is_port(extra)]
    words = [extra for extra in extras if isinstance(extra, str)]
    if len(chosen) > 1:
        raise place.broken("has two ports", "keep one", parameter)
    port = chosen[0] if chosen else _implied(base)
    if port is None:
        what = f"{of}: " if of else ""
        raise place.broken(f"{what}no port is known for {_told(base)}", _instead(base), parameter)
    return port, words


def _split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation as its type and what stands beside it, `X | None` counting as X."""
    extras: tuple[Any, ...] = ()
    hint = _without_none(hint)
    while typing.get_origin(hint) is typing.Annotated:
        extras = (*hint.__metadata__, *extras)
        hint = _without_none(hint.__origin__)
    return hint, extras


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    others = [argument for argument in typing.get_args(hint) if argument is not types.NoneType]
    return others[0] if len(others) == 1 else hint


def _is_port(extra: Any) -> bool:
    return isinstance(extra, Port) or (isinstance(extra, type) and issubclass(extra, Port))


def _instance(extra: Any, place: _Place, parameter: str) -> AnyPort:
    """`Image` stands for `Image()`, where a kind needs nothing more."""
    if not isinstance(extra, type):
        return typing.cast(AnyPort, extra)
    try:
        return typing.cast(AnyPort, extra())
    except TypeError:
        name = extra.__name__
        raise place.broken(f"{name} needs to be told more", f"write {name}(...) with its values", parameter) from None


def _implied(base: Any) -> AnyPort | None:
    """The port that a plain Python type stands for."""
    origin = typing.get_origin(base) or base
    if origin is typing.Literal and all(isinstance(choice, str) for choice in typing.get_args(base)):
        return ports.Category(typing.get_args(base))
    if origin in (list, collections.abc.Sequence):
        return _implied_array(typing.get_args(base))
    make = _PLAIN.get(origin) if isinstance(origin, collections.abc.Hashable) else None
    return make() if make else None


def _implied_array(arguments: tuple[Any, ...]) -> AnyPort | None:
    base, extras = _split(arguments[0]) if arguments else (Any, ())
    given = next((extra for extra in extras if isinstance(extra, Port)), None)
    item = _implied(base) if given is None else typing.cast(AnyPort, given)
    return None if item is None else ports.Array(item)


_PLAIN: Mapping[Any, Callable[[], AnyPort]] = types.MappingProxyType(
    {
        str: ports.Text,
        float: ports.Number,
        int: functools.partial(ports.Number, step=1),
        bool: ports.Boolean,
        dict: ports.Any,
        collections.abc.Mapping: ports.Any,
        Any: ports.Any,
    }
)


def _told(base: Any) -> str:
    return base.__name__ if isinstance(base, type) and not typing.get_args(base) else str(base)


def _instead(base: Any) -> str:
    if "ndarray" in str(base) or "Image" in str(base) or "Tensor" in str(base):
        return "say what it holds: Annotated[np.ndarray, Image()] for a picture, or Vector(512) for numbers"
    if typing.get_origin(base) is tuple or base is tuple:
        return "name several outputs in a TypedDict; for a list write list[...] or Annotated[..., Array(Text())]"
    return "write Annotated[type, port], with a port from bridge: Text, Number, Image, Vector, Any ..."


# --- a folder, loaded ----------------------------------------------------------------------------


def load_class(folder: Path) -> type[Model]:
    """The model class of that folder, its code imported. For the worker and an author's tests, never the server."""
    file = Path(folder).resolve() / "model.py"
    if not file.is_file():
        raise ModelBroken(f"{_short(file)} is not there", hint="a model folder holds its code in model.py")
    module = _imported(file)
    found = list(_defined_models(module))
    if len(found) != 1:
        names = ", ".join(cls.__name__ for cls in found) or "none"
        raise ModelBroken(f"{_short(file)} should define one class from Model, it has {names}", hint=_ONE_CLASS)
    return found[0]


_ONE_CLASS = "keep one model to a folder: `class Mine(Model):`; call helpers something that does not derive from Model"


def _short(file: Path) -> str:
    return "/".join(file.parts[-2:])


def _imported(file: Path) -> types.ModuleType:
    """The author's file as a package of its folder, so that `from .network import Net` finds the file beside it."""
    name = f"model_{zlib.crc32(str(file).encode()):08x}"
    for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[known]
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None and spec.loader is not None  # a .py file always has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, (KeyboardInterrupt, BridgeError)):
            raise
        raise _import_trouble(file, error) from error
    return module


def _defined_models(module: types.ModuleType) -> Iterator[type[Model]]:
    """Those written in this file that nothing else in it builds upon."""
    own = [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Model) and member.__module__ == module.__name__
    ]
    for cls in dict.fromkeys(own):
        if not any(other is not cls and issubclass(other, cls) for other in own):
            yield cls


def _import_trouble(file: Path, error: BaseException) -> ModelBroken:
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename).name if error.filename else file.name}:{error.lineno}"
        return ModelBroken(f"{_short(file)} is not valid Python: {error.msg} ({where})")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return ModelBroken(
            f"{_short(file)} needs {error.name}, which is not installed", hint=_to_install(file, error.name)
        )
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return ModelBroken(f"{_short(file)} failed while it was loaded, {_last_line(file, error)}: {said}")


def _to_install(file: Path, name: str) -> str:
    top = name.partition(".")[0]
    if (file.parent / f"{top}.py").is_file() or (file.parent / top).is_dir():
        return f"{top} lies beside model.py: write `from .{top} import ...`"
    extra = top in ("torch", "transformers", "safetensors", "huggingface_hub", "tokenizers")
    return 'pip install "sketchbridge[torch]"' if extra else f"pip install {top}"


def _last_line(file: Path, error: BaseException) -> str:
    """The deepest line of the author's own folder."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "at its import"
