"""What comes for a command, as its code gets it: loaded, side by side for a batch, let go of afterwards.

Once a frame for each of a model's inputs, beside a network that empties the caches: what need not be done is not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.ports.base import Port
from bridge.signature import Command


class Inputs:
    """The way of one command's inputs; ports that take values as they came have no part in it."""

    def __init__(self, command: Command) -> None:
        ports = command.inputs.items()
        self._loads = [(name, port.load) for name, port in ports if type(port).load is not Port.load]
        self._releases = [(name, port.release) for name, port in ports if type(port).release is not Port.release]

    def load(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values for the model's code, to be released. When one can't be loaded, those before it are let go."""
        loaded: dict[str, Any] = {}
        try:
            for name, load in self._loads:
                value = values.get(name)
                if value is not None:
                    loaded[name] = load(value, name)
        except BaseException:
            self.release(loaded)
            raise
        return {**values, **loaded}

    def release(self, loaded: Mapping[str, Any]) -> None:
        """Let go of what load() made outside memory."""
        for name, release in self._releases:
            value = loaded.get(name)
            if value is not None:
                release(value)


def columns(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The inputs of runs that go together: by name all their values, arrays stacked on each other."""
    if len(each) == 1:
        return {name: _alone(value) for name, value in each[0].items()}
    return {name: _stacked([inputs[name] for inputs in each]) for name in each[0]}


def shapes(inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """What has to be equal for arrays to be stacked on each other."""
    return tuple(getattr(value, "shape", None) for value in inputs.values())


def _alone(value: Any) -> Any:
    return value[None].copy() if hasattr(value, "shape") else [value]


def _stacked(values: list[Any]) -> Any:
    if not hasattr(values[0], "shape"):
        return values
    import numpy as np

    return np.stack(values)
