"""A network pickle read as data. Python's own unpickler calls whatever a file names; this one calls nothing at all.

A pickle is a program for a small stack machine. Here that machine knows lists, dicts, text and numbers. What the file wants
built by calling something becomes a `Called`: the name and the arguments, and no more. Names that network files do not need
are refused at once. Embedded source code is a text among others. No torch here: tensors stay bytes until loading.py asks.
"""

import io
import math
import pickletools
from collections.abc import Callable, Container, Sequence
from typing import Any

MOST_STEPS = 5_000_000  # of the stack machine; the largest published networks take some 100,000
MOST_DEPTH = (
    32  # of tuples in tuples. Python hashes and compares them without a look at how deep they are, and dies of it
)
STORAGES = {  # the type of the numbers, bytes of each
    "torch.FloatStorage": ("float32", 4),
    "torch.HalfStorage": ("float16", 2),
    "torch.BFloat16Storage": ("bfloat16", 2),
    "torch.DoubleStorage": ("float64", 8),
    "torch.LongStorage": ("int64", 8),
    "torch.IntStorage": ("int32", 4),
    "torch.ByteStorage": ("uint8", 1),
    "torch.BoolStorage": ("bool", 1),
}
PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
TENSOR = "torch._utils._rebuild_tensor_v2"
PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
STORAGE = "torch.storage._load_from_bytes"
DICTS = ("collections.OrderedDict", "dnnlib.util.EasyDict")
SETS = ("builtins.set", "__builtin__.set")
DTYPE, SCALARS = "numpy.dtype", ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
ARRAYS = (
    "numpy.ndarray",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
)  # may be in a file, beside the network: never looked into
KNOWN = frozenset((PERSISTENT, TENSOR, *PARAMETERS, STORAGE, *DICTS, DTYPE, *SCALARS, *ARRAYS, "_codecs.encode",
                   *SETS, "torch.Size", "torch.device", *STORAGES))  # fmt: skip


class Unsafe(ValueError):
    """The file names something that reading a network does not need."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it asks for {name[:80]!r}")
        self.name = name


class Damaged(ValueError):
    """The file is no pickle, or not a whole one."""


class Name:
    """Something that a file refers to; never looked up."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Called:
    """What a file wants made by calling `name`; never called."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.state: Any = None


class Stored(tuple[Any, ...]):
    """What a file keeps outside itself, by its identifying tuple."""

    __slots__ = ()


def read(file: Any, allowed: Container[str] = KNOWN, stored: bool = False) -> Any:
    """The value in a binary file that can seek, as plain data; leaves the file behind it. Unsafe or Damaged if there is none."""
    machine = _Machine(allowed, stored, _size(file))
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if step > MOST_STEPS:
                raise Damaged("it has more parts than any network")
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.take(opcode.name, argument)
    except (Unsafe, Damaged):
        raise
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError):
        raise Damaged("it is damaged or cut short") from None
    raise Damaged("it is cut short")


def _size(file: Any) -> int:
    """All its bytes; leaves it where it is."""
    place = file.tell()
    file.seek(0, io.SEEK_END)
    size = int(file.tell())
    file.seek(place)
    return size


class _Anything:
    def __contains__(self, name: object) -> bool:
        return True


def check(file: Any) -> None:
    """That another reader, which looks at names itself but not at depths, will get through it. Unsafe or Damaged if not."""
    read(file, _Anything(), stored=True)


class _Machine:
    """The stack, the memo, and one small function for each kind of instruction."""

    def __init__(self, allowed: Container[str], stored: bool, size: int) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.depths: dict[int, int] = {}  # of tuples, by their id, set anew for every tuple that is made
        self.allowed = allowed
        self.stored = stored
        self.left = size  # bytes, letters and entries that calls may still copy: what is made once takes no more

    def take(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(argument)
        elif name in _MAKERS:
            self.stack.append(_MAKERS[name]())
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise Unsafe(f"pickle instruction {name}")

    def many(self) -> list[Any]:
        """What lies above the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def last(self, count: int) -> tuple[Any, ...]:
        items = tuple(self.stack[len(self.stack) - count :])
        if len(items) != count:
            raise IndexError
        del self.stack[len(self.stack) - count :]
        return items

    def tuple(self, items: Sequence[Any]) -> None:
        made = tuple(items)
        depth = 1 + max((self.depths.get(id(item), 0) for item in made if type(item) is tuple), default=0)
        if depth > MOST_DEPTH:
            raise Damaged(f"it has more than {MOST_DEPTH} tuples one in another, as no network has")
        self.depths[id(made)] = depth
        self.stack.append(made)

    def name(self, text: str) -> None:
        if text not in self.allowed:
            raise Unsafe(text)
        self.stack.append(Name(text))

    def reduce(self) -> None:
        what, arguments = self.last(2)
        if not isinstance(what, Name) or not isinstance(arguments, tuple):
            raise TypeError
        made = _called(what.text, arguments)
        if not isinstance(made, Called):
            self.left -= len(made)
            if self.left < 0:  # one long text, taken again and again, would fill any memory
                raise Damaged("it makes more of itself than the file holds")
        self.stack.append(made)

    def build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Called):
            self.stack[-1].state = state
        elif not isinstance(self.stack[-1], dict):  # what an OrderedDict carries beside its items is of no use
            raise TypeError

    def items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError
        target.update(_pairs(pairs))

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError
        self.stack[-1].extend(values)

    def add(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], set):
            raise TypeError
        self.stack[-1].update(map(_key, values))

    def outside(self, key: Any) -> None:
        if not self.stored or not isinstance(key, tuple):
            raise Unsafe("something stored outside the file")
        self.stack.append(Stored(key))


def _called(name: str, arguments: tuple[Any, ...]) -> Any:
    if name in DICTS:
        return {_key(key): value for key, value in _items(*arguments)}
    if name in SETS:
        return set(map(_key, *arguments)) if arguments else set()
    if name == "_codecs.encode":  # how bytes were written long ago
        return str.encode(arguments[0], "latin-1")
    return Called(name, arguments)


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _items(given: Any = ()) -> Any:
    return given.items() if isinstance(given, dict) else given


def _key(value: Any) -> Any:
    """What may be looked up by: plain text or a number, nothing with an inside."""
    if not isinstance(value, (str, int)):
        raise Damaged(f"it looks something up by a {type(value).__name__.lower()}, as no network does")
    return value


_CONSTANTS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "STRING", "BINSTRING", "SHORT_BINSTRING",
))  # fmt: skip
_MAKERS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
}
_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    "MARK": lambda m, a: m.marks.append(len(m.stack)),
    "POP": lambda m, a: m.many() if m.marks and m.marks[-1] == len(m.stack) else m.stack.pop(),
    "POP_MARK": lambda m, a: m.many(),
    "DUP": lambda m, a: m.stack.append(m.stack[-1]),
    "TUPLE": lambda m, a: m.tuple(m.many()),
    "TUPLE1": lambda m, a: m.tuple(m.last(1)),
    "TUPLE2": lambda m, a: m.tuple(m.last(2)),
    "TUPLE3": lambda m, a: m.tuple(m.last(3)),
    "LIST": lambda m, a: m.stack.append(m.many()),
    "DICT": lambda m, a: m.stack.append(_pairs(m.many())),
    "FROZENSET": lambda m, a: m.stack.append(frozenset(map(_key, m.many()))),
    "APPEND": lambda m, a: m.append(list(m.last(1))),
    "APPENDS": lambda m, a: m.append(m.many()),
    "SETITEM": lambda m, a: m.items(list(m.last(2))),
    "SETITEMS": lambda m, a: m.items(m.many()),
    "ADDITEMS": lambda m, a: m.add(m.many()),
    "MEMOIZE": lambda m, a: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "GLOBAL": lambda m, a: m.name(".".join(a.split(" ", 1))),
    "STACK_GLOBAL": lambda m, a: m.name(".".join(m.last(2))),
    "REDUCE": lambda m, a: m.reduce(),
    "NEWOBJ": lambda m, a: m.reduce(),
    "BUILD": lambda m, a: m.build(),
    "BINPERSID": lambda m, a: m.outside(m.stack.pop()),
}
_STEPS |= dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, a: m.memo.__setitem__(a, m.stack[-1]))
_STEPS |= dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, a: m.stack.append(m.memo[a]))


# --- modules -----------------------------------------------------------------------------------------------------------------


class Module:
    """A network layer as its file has it: the name of its class, its plain attributes, its tensors, the layers in it."""

    def __init__(self, value: Any) -> None:
        about = value.arguments[0] if isinstance(value, Called) and value.name == PERSISTENT else None
        if not isinstance(about, dict) or not isinstance(about.get("state"), dict):
            raise ValueError("a layer in it is not one of stylegan2-ada-pytorch")
        self.kind = str(about.get("class_name"))
        self.attributes: dict[str, Any] = {key: plain(item) for key, item in about["state"].items()}
        self.tensors = {**self._table("_parameters"), **self._table("_buffers")}
        self.inner = self._table("_modules")

    def _table(self, name: str) -> dict[str, Any]:
        return {str(key): value for key, value in dict(self.attributes.get(name) or {}).items() if value is not None}


def modules(root: Any, most: int = 1000) -> dict[str, Module]:
    """Every layer below and with `root` by its path, "" for the root itself."""
    found: dict[str, Module] = {}
    waiting = [("", root)]
    while waiting:
        path, value = waiting.pop()
        if len(found) >= most:
            raise ValueError(f"it has more than {most} layers")
        found[path] = Module(value)
        waiting += [(f"{path}.{name}" if path else str(name), inner) for name, inner in found[path].inner.items()]
    return found


def plain(value: Any) -> Any:
    """A numpy number as Python's own; all else as it is."""
    if not isinstance(value, Called) or value.name not in SCALARS:
        return value
    import numpy as np

    dtype, data = value.arguments
    code = str(dtype.arguments[0])
    if code[:1] not in "fiub" or not isinstance(data, bytes):
        raise ValueError(f"a number in it has the unknown type {code[:20]!r}")
    order = dtype.state[1] if isinstance(dtype.state, tuple) and dtype.state[1] in ("<", ">") else "="
    return np.frombuffer(data, np.dtype(code).newbyteorder(order), count=1)[0].item()


# --- tensors -----------------------------------------------------------------------------------------------------------------


class Tensor:
    """Where a tensor's numbers are: bytes, their type, and how they are laid out."""

    def __init__(self, value: Any) -> None:
        if isinstance(value, Called) and value.name in PARAMETERS:
            value = value.arguments[0]
        if not isinstance(value, Called) or value.name != TENSOR:
            raise ValueError("something in it stands where a tensor belongs")
        storage, offset, shape, strides = value.arguments[:4]
        self.shape = _sizes(shape)
        self.strides = _sizes(strides)
        self.offset = offset
        if not isinstance(storage, Called) or storage.name != STORAGE or not isinstance(offset, int) or offset < 0:
            raise ValueError("a tensor in it has no numbers")
        if len(self.shape) != len(self.strides):
            raise ValueError("a tensor in it has an impossible shape")
        self._bytes = storage.arguments[0]

    def storage(self) -> tuple[str, memoryview]:
        """The name of the numbers' type, and their bytes; ValueError unless they hold the whole tensor."""
        kind, size, data = _storage(self._bytes)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if max(last + 1, math.prod(self.shape)) * size > len(data):
            raise ValueError("a tensor in it claims more numbers than are there")
        return kind, data


def _sizes(value: Any) -> tuple[int, ...]:
    if isinstance(value, Called) and value.name == "torch.Size":
        value = tuple(value.arguments[0])
    if not isinstance(value, tuple) or len(value) > 8 or not all(type(n) is int and 0 <= n < 1 << 40 for n in value):
        raise ValueError("a tensor in it has an impossible shape")
    return value


def _storage(data: Any) -> tuple[str, int, memoryview]:
    """Numbers as torch has written them since its beginnings: three small pickles, a reference, a key, then the bytes."""
    if not isinstance(data, bytes):
        raise ValueError("a tensor in it has no numbers")
    file = io.BytesIO(data)
    magic, version, system = (read(file, frozenset()) for _ in range(3))
    if magic != 0x1950A86A20F9469CFC6C or version != 1001 or not isinstance(system, dict):
        raise ValueError("a tensor in it is stored in an unknown way")
    reference = read(file, frozenset(STORAGES), stored=True)
    keys = read(file, frozenset())
    known = isinstance(reference, Stored) and len(reference) > 4 and isinstance(reference[1], Name)
    if not known or keys != [reference[2]]:
        raise ValueError("a tensor in it is stored in an unknown way")
    if not system.get("little_endian", True):
        raise ValueError("its numbers are stored big-endian")
    return (*STORAGES[reference[1].text], memoryview(data)[file.tell() + 8 :])  # after their count
