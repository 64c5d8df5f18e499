"""What a model takes and gives, as values: the same in the worker, the server and on the wire. Pure."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from bridge.errors import InputError, MissingInput, ModelFailed, UnknownCommand, UnknownInput
from bridge.ports import AnyPort
from bridge.suggest import nearest


class Command(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One thing a model can be asked to do."""

    name: str
    inputs: dict[str, AnyPort]
    outputs: dict[str, AnyPort]
    description: str = ""
    streams: bool = False  # gives out several outputs in a row
    named: bool = False  # the author's code gives a dict by output name, not the bare value
    optional: tuple[str, ...] = ()  # outputs that one step may leave out
    batch: int = 1  # above 1: the author's code gets lists, of up to so many runs at once

    @cached_property
    def stand_ins(self) -> tuple[tuple[str, str], ...]:
        """Pairs of inputs of which one stands in for the other."""
        return tuple((name, port.instead_of) for name, port in self.inputs.items() if port.instead_of)

    @cached_property
    def companions(self) -> tuple[tuple[str, AnyPort], ...]:
        """Inputs that belong to others."""
        return tuple((name, port) for name, port in self.inputs.items() if port.goes_with)


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model's options and commands; the first command is the default one."""

    options: dict[str, AnyPort]
    commands: dict[str, Command]
    concurrency: int = 1

    @property
    def lanes(self) -> dict[str, int]:
        """Of each command, how many of its runs the model works on at once."""
        return {name: self.concurrency if one.streams else one.batch for name, one in self.commands.items()}

    @property
    def default(self) -> Command:
        return next(iter(self.commands.values()))

    def command(self, name: str | None) -> Command:
        """The command of that name, or the default for None; UnknownCommand if there is none."""
        if name is None:
            return self.default
        found = self.commands.get(name)
        if found is None:
            raise UnknownCommand(f"there is no command {name!r}", hint=nearest(name, self.commands, "it has"))
        return found

    @property
    def outputs(self) -> dict[str, AnyPort]:
        """Every output of every command, the default's first."""
        return {name: port for command in self.commands.values() for name, port in command.outputs.items()}

    def parse(self, command: Command, raw: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
        """The inputs as they cross to the worker. Partial: just those that came, for live inputs."""
        given = _parse(command.inputs, raw, "input")
        if not partial:
            return self.complete(command, given)
        for one, other in command.stand_ins:  # what came last counts: it takes the place of the other
            if given.get(one) is not None:
                given[other] = None
            elif given.get(other) is not None:
                given[one] = None
        return given

    def let_go(self, command: Command, given: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
        """Of the current live inputs those that belonged to one which has come anew without them: their defaults."""
        return {
            name: _filled(port, name, "input")
            for name, port in command.companions
            if current.get(name) is not None
            and name not in given
            and any(given.get(other) is not None for other in port.goes_with)
        }

    def joined(self, command: Command, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
        """Live inputs that came one after the other, as if they had come together."""
        gone = set(self.let_go(command, later, earlier))
        for one, other in command.stand_ins:
            if later.get(one) is not None:
                gone.add(other)
            elif later.get(other) is not None:
                gone.add(one)
        return {name: value for name, value in earlier.items() if name not in gone} | dict(later)

    def complete(self, command: Command, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parsed inputs with the defaults filled in; MissingInput where there is none."""
        return _complete(command.inputs, given, "input")

    def refined(self, ports: Mapping[str, AnyPort]) -> "Signature":
        """With these ports where inputs have their names; what they leave open stays as it was."""
        commands = {name: _refined(command, ports) for name, command in self.commands.items()}
        return msgspec.structs.replace(self, commands=commands) if ports else self

    def parse_options(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The options as they cross to the worker, complete."""
        return _complete(self.options, _parse(self.options, raw, "option"), "option")


def _refined(command: Command, ports: Mapping[str, AnyPort]) -> Command:
    inputs = {name: _closer(port, ports[name]) if name in ports else port for name, port in command.inputs.items()}
    return msgspec.structs.replace(command, inputs=inputs)


def _closer(port: AnyPort, told: AnyPort) -> AnyPort:
    kept = {
        "default": port.default if told.required else told.default,
        "description": told.description or port.description,
        "unit": told.unit or port.unit,
        "instead_of": told.instead_of or port.instead_of,
        "goes_with": told.goes_with or port.goes_with,
    }
    return msgspec.structs.replace(told, **kept)


def _parse(ports: Mapping[str, AnyPort], raw: Mapping[str, Any], word: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise InputError(f"{word}s come by name, but a {type(raw).__name__} came", hint=_takes(ports))
    parsed = {}
    for name, value in raw.items():
        port = ports.get(name)
        if port is None:
            raise UnknownInput(f"there is no {word} {name!r}", hint=nearest(name, ports, "it takes"), field=str(name))
        parsed[name] = None if value is None and port.default is None else port.parse(value, name)
    return parsed


def _complete(ports: Mapping[str, AnyPort], given: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {name: given[name] if name in given else _filled(port, name, word) for name, port in ports.items()}


def _filled(port: AnyPort, name: str, word: str) -> Any:
    if port.required:
        about = f": {port.description}" if port.description else ""
        raise MissingInput(f"{word} {name!r} is missing", hint=f"it takes {port.takes}{about}", field=name)
    return None if port.default is None else port.parse(port.default, name)


def _takes(names: Iterable[str]) -> str:
    return "it takes " + (", ".join(names) or "nothing")


# --- what the author's code gave out -------------------------------------------------------------


def outputs_of(result: Any, command: Command) -> dict[str, Any]:
    """What one step of a command gave out, by output name; nothing for the None of a stream."""
    if result is None and command.streams:
        return {}
    if not command.named:
        return _bare(result, command)
    return _named(result, command)


def outputs_of_batch(result: Any, command: Command, count: int) -> list[dict[str, Any]]:
    """What a batch of `count` runs gave out, one dict for each."""
    columns = {name: _column(values, name, command, count) for name, values in outputs_of(result, command).items()}
    return [{name: values[index] for name, values in columns.items()} for index in range(count)]


def _bare(result: Any, command: Command) -> dict[str, Any]:
    name = next(iter(command.outputs))
    if result is None and command.outputs[name].kind != "any":
        raise ModelFailed(f"{command.name} gave nothing back", hint=f"return the {name}", field=name)
    return {name: result}


def _named(result: Any, command: Command) -> dict[str, Any]:
    if not isinstance(result, Mapping):
        names = ", ".join(command.outputs)
        came = "nothing" if result is None else f"a {type(result).__name__}"
        raise ModelFailed(f"{command.name} gave {came}", hint=f"it has several outputs: give a dict with {names}")
    unknown = result.keys() - command.outputs.keys()
    if unknown:
        strange, names = next(name for name in result if name in unknown), ", ".join(command.outputs)
        raise ModelFailed(f"{command.name} gave {strange!r}, which is not one of its outputs", hint=f"it has {names}")
    if left_out := command.outputs.keys() - result.keys() - set(command.optional):
        missing = [name for name in command.outputs if name in left_out]
        hint = "give it in every step, or declare the TypedDict with total=False"
        raise ModelFailed(f"{command.name} left out its output {missing[0]!r}", hint=hint, field=missing[0])
    return dict(result)


def _column(values: Any, name: str, command: Command, count: int) -> Any:
    if (
        isinstance(values, (str, bytes, Mapping))
        or not hasattr(values, "__getitem__")
        or not hasattr(values, "__len__")
    ):
        came = f"a {type(values).__name__}"
    elif len(values) != count:
        came = f"{len(values)} of them"
    else:
        return values
    hint = "a command with batch gets lists and gives, for each output, a list just as long"
    raise ModelFailed(f"{command.name} got {count} runs at once but gave {came} as {name}", hint=hint, field=name)
