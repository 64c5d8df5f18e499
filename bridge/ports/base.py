"""What every kind of port has in common, and the two values that cross with it."""

import base64
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from bridge.errors import InputError, ModelFailed
from bridge.ports.words import came


class Encoding(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How an output is wanted. Empty fields mean the port's own default."""

    format: str = ""
    quality: int = 0
    width: int = 0
    height: int = 0


class Blob:
    """Bytes with the little that is needed to read them; it crosses processes without being copied into the message."""

    __slots__ = ("data", "format", "meta")

    def __init__(self, format: str, data: bytes | bytearray | memoryview, meta: dict[str, Any] | None = None) -> None:
        self.format = format  # jpeg, png, raw, wav, f32, bytes ...
        self.data = data
        self.meta = meta or {}  # width, height, channels, rate, name ...: small JSON values only

    def __repr__(self) -> str:
        return f"Blob({self.format!r}, {len(self.data)} bytes, {self.meta!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blob):
            return NotImplemented
        return (self.format, bytes(self.data), self.meta) == (other.format, bytes(other.data), other.meta)

    __hash__ = None  # type: ignore[assignment]


class Port(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """One typed input or output. A value goes

    outside -> parse (server) -> load (worker) -> the model -> dump (worker) -> outside

    parse is cheap and never decodes pictures or sound; what only decoding can tell (a truncated file), load tells.
    Wrong parameters are a ValueError in words for the model's author, when the port is made.
    """

    formats: ClassVar[tuple[str, ...]] = ("json",)  # what dump offers, the default first

    description: str = ""
    unit: str = ""
    default: Any | UnsetType = UNSET  # UNSET: the value must come. None: nothing need come, the model gets None
    instead_of: str = ""  # another input that this one stands in for: of live inputs, whichever came last counts
    goes_with: tuple[str, ...] = ()  # inputs it belongs to: live, it is let go when one of them comes without it

    def __post_init__(self) -> None:
        flaw = self._first_flaw()
        if flaw:
            raise ValueError(f"{type(self).__name__}: {flaw}")
        self._check_default()

    @property
    def kind(self) -> str:
        return str(type(self).__struct_config__.tag)

    @property
    def required(self) -> bool:
        return self.default is UNSET

    @property
    def takes(self) -> str:
        """What it takes, in words that fit after "takes": a number from 0 to 1."""
        raise NotImplementedError

    def parse(self, raw: Any, field: str) -> Any:
        """The value in the form that crosses to the worker (JSON values and Blobs), or InputError about this field."""
        raise NotImplementedError

    def parse_text(self, text: str, field: str) -> Any:
        """The same for a value that came as text: from a form, an address or the command line."""
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            value = text
        return self.parse(value, field)

    def load(self, value: Any, field: str) -> Any:
        """The value as the model's code gets it. Runs in the worker."""
        return value

    def release(self, loaded: Any) -> None:
        """Let go of what load made outside memory, once the model is done with it. Runs in the worker."""

    def dump(self, value: Any, encoding: Encoding, field: str) -> Any:
        """What the model gave out, as a JSON value or a Blob in that encoding. Runs in the worker."""
        try:
            return self.parse(value, field)
        except InputError:
            raise self._unfit(value, field) from None

    def encoding(self, wanted: Encoding | None, field: str) -> Encoding:
        """The wish made complete and checked, so that equal wishes are equal values."""
        return Encoding(self._format(wanted, field) or self.formats[0])

    def join(self, earlier: Any, later: Any) -> Any:
        """What a reader of the whole run keeps when a second output of this port comes."""
        return later

    def neutral(self) -> Any:
        """What a form shows before anybody touched it, as JSON: the default, else a mild value or None."""
        return self._mild() if self.required else self.default

    def describe(self) -> dict[str, Any]:
        """Everything about the port as JSON: for forms, OSCQuery, docs, and to build it again in another process."""
        described: dict[str, Any] = {"kind": self.kind}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name == "default" and value is not UNSET:
                described[name] = value
            elif value is not UNSET and value not in (None, "", (), {}):
                described[name] = value.describe() if isinstance(value, Port) else _listed(value)
        return described

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the value as it stands in a JSON body."""
        schema = self._shape()
        if self.default is None:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if self.description:
            schema["description"] = self.description
        if not self.required:
            schema["default"] = self.default
        if self.unit:
            schema["x-unit"] = self.unit
        return schema

    # --- for the kinds ---------------------------------------------------------------------------

    def _flaws(self) -> Iterator[str]:
        """What is wrong with the parameters, in words for the author."""
        yield from ()

    def _mild(self) -> Any:
        return None

    def _shape(self) -> dict[str, Any]:
        raise NotImplementedError

    def _refused(self, value: Any, field: str, hint: str = "") -> InputError:
        return InputError(f"{field} takes {self.takes}; {came(value)} came", hint=hint, field=field)

    def _unfit(self, value: Any, field: str, hint: str = "") -> ModelFailed:
        """The model, not the caller, has to be told."""
        hint = hint or f"{field} is declared as {self.takes}"
        return ModelFailed(f"the model gave out {came(value)} for {field}", hint=hint, field=field)

    def _format(self, wanted: Encoding | None, field: str) -> str:
        """The wanted format, known to be offered."""
        if wanted is None or not wanted.format or wanted.format in self.formats:
            return wanted.format if wanted else ""
        hint = f"it comes as {', '.join(self.formats)}"
        raise InputError(f"{field} can't be given as {wanted.format[:40]!r}", hint=hint, field=field)

    def _set(self, name: str, value: Any) -> None:
        """For __post_init__ only: put a parameter into its one proper form."""
        msgspec.structs.force_setattr(self, name, value)

    def _first_flaw(self) -> str:
        try:
            return next(self._flaws(), "")
        except (TypeError, AttributeError) as error:
            return f"a parameter has the wrong type: {error}"

    def _check_default(self) -> None:
        if self.default is None or self.default is UNSET:
            return
        self._set("default", _plain(self.default))
        try:
            self.parse(self.default, "default")
        except InputError as error:
            raise ValueError(f"{type(self).__name__}: {error.message}") from None


def _plain(default: Any) -> Any:
    """A default as JSON would have it, so that a description is the same after it has crossed."""
    if isinstance(default, Blob):
        default = default.data
    if isinstance(default, (bytes, bytearray, memoryview)):
        return "data:application/octet-stream;base64," + base64.b64encode(default).decode()
    if hasattr(default, "tolist"):
        return default.tolist()
    if isinstance(default, (list, tuple)):
        return [_plain(item) for item in default]
    return default


def _listed(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in value]
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return value
