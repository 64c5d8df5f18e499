"""Other names for inputs and outputs, so that a sketch that was written for another model fits this one. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

import msgspec

from bridge.errors import InputError, SettingError

_FORM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\.(?:(in|out)\.)?([^.=\s]+)=(\S+)")
_HINT = "an alias looks like --alias pencil.out.image=output: session, in or out if only one is meant, name, key"


class Aliases(msgspec.Struct, frozen=True):
    """The keys that the old protocols use for one session's ports. A port may have several."""

    inputs: dict[str, tuple[str, ...]] = {}
    outputs: dict[str, tuple[str, ...]] = {}

    @classmethod
    def read(cls, entries: Iterable[str]) -> dict[str, Self]:
        """By session, from the setting; SettingError for what can't be one."""
        found: dict[str, tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]] = {}
        for entry in entries:
            form = _FORM.fullmatch(entry)
            if form is None:
                raise SettingError(f"{entry!r} can't be an alias", hint=_HINT, field="aliases")
            session, side, name, key = form.groups()
            for which, keys in zip(("in", "out"), found.setdefault(session, ({}, {})), strict=True):
                if side in (None, which):
                    keys[name] = (*keys.get(name, ()), key)
        return {session: cls(*sides) for session, sides in found.items()}

    def inward(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs by the names that the model has; InputError when one came under two names."""
        names = {key: name for name, keys in self.inputs.items() for key in keys}
        found: dict[str, Any] = {}
        for key, value in raw.items():
            name = names.get(key, key)
            if name in found:
                raise InputError(f"{name} came twice, once as {key}", hint="send it once", field=name)
            found[name] = value
        return found

    def outward(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by the keys that sketches expect; under each of them where there are several."""
        return {key: value for name, value in values.items() for key in self.outputs.get(name, (name,))}

    def input_keys(self, name: str) -> tuple[str, ...]:
        """What an input is called; the model's own name is taken, too."""
        return self.inputs.get(name, (name,))[:1]

    def output_keys(self, name: str) -> tuple[str, ...]:
        return self.outputs.get(name, (name,))

    def unknown(self, inputs: Collection[str], outputs: Collection[str]) -> list[str]:
        """The names in it that the model does not have, as input or output, whichever was meant."""
        known = {name for name in self.inputs if name in inputs} | {name for name in self.outputs if name in outputs}
        return [name for name in dict.fromkeys((*self.inputs, *self.outputs)) if name not in known]


NONE = Aliases()
