"""Reading the small JSON objects that settings are made of: each key through a port, none left over."""

from collections.abc import Mapping
from typing import Any

from bridge.errors import InputError, MissingInput, UnknownInput
from bridge.ports import Port
from bridge.ports.words import came
from bridge.suggest import nearest


class Fields:
    """The keys of one object. Whoever takes them says at the end that it is done."""

    def __init__(self, raw: Any, field: str, takes: str) -> None:
        if not isinstance(raw, Mapping):
            raise InputError(f"{field} takes {takes}; {came(raw)} came", field=field)
        self.field = field
        self._left = {str(key): value for key, value in raw.items()}
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        return name in self._left

    def raw(self, name: str, default: Any = None) -> Any:
        self._known.append(name)
        return self._left.pop(name, default)

    def take(self, name: str, port: Port, default: Any = ...) -> Any:
        """Through the port; the default where nothing came, if there is one."""
        self._known.append(name)
        if name in self._left:
            return port.parse(self._left.pop(name), f"{self.field}.{name}")
        if default is ...:
            said = f"{self.field} needs {name}: {port.takes}"
            raise MissingInput(said, field=f"{self.field}.{name}")
        return default

    def done(self) -> None:
        """Refuse what nobody took."""
        for name in self._left:
            hint = nearest(name, self._known, "it takes")
            raise UnknownInput(f"{self.field} has no {name[:40]!r}", hint=hint, field=self.field)


def one_of(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
