"""The child's side of a model on a server of the old Model SDK: the usual worker, whose model asks that server.

So everything a model has here it has, too: every encoding and size, the last output, cancel, and its own process.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from bridge import limits
from bridge.backends import channel
from bridge.backends.sdk_client import SdkClient
from bridge.backends.worker import Loaded, describe, work
from bridge.errors import BridgeError, ModelBroken, ModelFailed
from bridge.model import Model
from bridge.ports import AnyPort, Blob, Encoding, sdk, to_json
from bridge.ports.content import content
from bridge.ports.files import Content, Directory, File
from bridge.ports.image import Image
from bridge.ports.plain import Any as AnyValue
from bridge.session.messages import Progress, Start
from bridge.signature import Command, Signature

_LOOK_SECONDS = 0.01  # between two looks at what the bridge says, while the server works
_WAIT_SECONDS = 0.25  # between two looks at whether the server has loaded its model


class _Picture(Image, frozen=True, tag="image"):
    """One that comes encoded, and goes on as it is where nothing else was wanted."""

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        as_it_is = not encoding.width and not encoding.height and isinstance(value, Blob)
        if as_it_is and value.format == encoding.format:
            found: Blob = value
            return found
        return Image.dump(self, value, encoding, field)


class SdkModel(Model):
    """A model elsewhere. Its commands are found by name."""

    def __init__(self, client: SdkClient, signature: Signature) -> None:
        self._client = client
        self._commands = signature.commands

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._commands:
            raise AttributeError(name)
        return partial(self._run, self._commands[name])

    def close(self) -> None:
        self._client.close()

    def _run(self, command: Command, **inputs: Any) -> Iterator[dict[str, Any] | None]:
        """Its outputs as they come; between them the worker may look for something to cancel."""
        given = {name: to_json(value) for name, value in inputs.items() if value is not None}
        job = self._client.submit(command.name, given, _comes_in_pieces(command))
        try:
            while True:
                message = job.take(_LOOK_SECONDS)
                if isinstance(message, BridgeError):
                    raise message
                if message is None:
                    yield None
                elif message["type"] == "succeeded":
                    return
                else:
                    yield _received(message.get("outputData"), command)
        finally:
            self._client.cancel(job)


def load(start: Start, outbox: channel.Outbox) -> Loaded:
    """Ask the server what it holds, with the options it shall have."""
    outbox.send(Progress("asking", -1.0, start.folder))
    client = SdkClient(start.folder)
    try:
        signature = _signature(client)
        if start.options:
            client.post("/setup", {name: to_json(value) for name, value in start.options.items()})
        while client.get("/healthcheck").get("status") == "STARTING":
            outbox.send(Progress("waiting for the server", -1.0, start.folder))
            time.sleep(_WAIT_SECONDS)
    except BridgeError as error:
        client.close()
        raise _unusable(error) from None
    return Loaded(SdkModel(client, signature), signature, {"server": start.folder}, _inner(signature))


def read(address: str) -> Signature:
    """What the server there takes and gives; ModelBroken when it can't tell."""
    client = SdkClient(address)
    try:
        return _signature(client)
    except BridgeError as error:
        raise _unusable(error) from None
    finally:
        client.close()


def _unusable(error: BridgeError) -> ModelBroken:
    return ModelBroken(error.message, hint=error.hint or "start that server, then open this session again")


def _signature(client: SdkClient) -> Signature:
    told = client.get("/meta")
    commands = [_command(one) for one in told.get("commands") or () if isinstance(one, dict) and one.get("name")]
    if not commands:
        raise ModelBroken(f"{client.address} tells of no commands", hint="is that a server of the Model SDK?")
    return Signature(sdk.ports(told.get("options")), {command.name: command for command in commands})


def _command(told: dict[str, Any]) -> Command:
    outputs = {name: _kept(port) for name, port in sdk.ports(told.get("outputs")).items()}
    return Command(
        str(told["name"]),
        sdk.ports(told.get("inputs")),
        outputs,
        str(told.get("description") or ""),
        streams=True,
        named=True,
        optional=tuple(outputs),
    )


def _kept(port: AnyPort) -> AnyPort:
    """A folder stays the archive that it comes as."""
    return File(description=port.description) if isinstance(port, Directory) else port


def _inner(signature: Signature) -> Signature:
    """What the worker goes by: inputs go on as they came, and pictures too, where they fit."""
    commands = {name: _inner_command(command) for name, command in signature.commands.items()}
    return msgspec.structs.replace(signature, commands=commands)


def _inner_command(command: Command) -> Command:
    inputs: dict[str, AnyPort] = {name: AnyValue() for name in command.inputs}
    outputs = {name: _inner_output(port) for name, port in command.outputs.items()}
    return msgspec.structs.replace(command, inputs=inputs, outputs=outputs)


def _inner_output(port: AnyPort) -> AnyPort:
    if type(port) is not Image:
        return port
    return _Picture(**{name: getattr(port, name) for name in port.__struct_fields__})


def _comes_in_pieces(command: Command) -> bool:
    return any(getattr(port, "pieces", False) for port in command.outputs.values())


def _received(outputs: Any, command: Command) -> dict[str, Any]:
    """What came, as a model's own code would give it. A bare value is the one output there is."""
    if not isinstance(outputs, dict):
        outputs = {next(iter(command.outputs)): outputs}
    return {
        name: _value(command.outputs[name], value, name) for name, value in outputs.items() if name in command.outputs
    }


def _value(port: AnyPort, value: Any, name: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if port.kind in ("image", "segmentation"):
            return port.parse(value, name)
        if isinstance(port, File):
            return Content(content(value, name, port.takes, limits.FILE_BYTES))
    except BridgeError as error:
        raise ModelFailed(f"the server gave out a bad {name}: {error.message}", field=name) from None
    return value


if __name__ == "__main__":
    sys.exit(describe(sys.argv[2], read) if sys.argv[1:2] == ["--describe"] else work(load))
