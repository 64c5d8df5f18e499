"""sketchbridge models: the directory, read without a running bridge."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from bridge import references
from bridge.backends.lookup import look_up
from bridge.backends.process import describe
from bridge.catalog import Catalog, Entry, sources
from bridge.commands import show as out
from bridge.config import Settings
from bridge.errors import InputError
from bridge.ports import AnyPort
from bridge.ports.words import size
from bridge.signature import Command

if TYPE_CHECKING:
    from bridge.kit.fetch import Found


class Wanted(msgspec.Struct, frozen=True):
    """What `models search` looks for; empty fields mean anything."""

    words: str
    kind: str
    category: str
    takes: str
    gives: str


def catalog(settings: Settings) -> Catalog:
    """The models a bridge with these settings would find."""
    return Catalog(sources(settings.models_folder), settings.state, describe, look_up)


def list_all(settings: Settings, as_json: bool) -> None:
    """Every model, a line each."""
    found = catalog(settings)
    _print([*found.entries, *found.shadowed], as_json)


def search(settings: Settings, wanted: Wanted, as_json: bool) -> None:
    """Those that fit."""
    _print(asyncio.run(_found(catalog(settings), wanted)), as_json)


def show(settings: Settings, model: str, as_json: bool) -> None:
    """One model with its ports; also a broken one, with its reason."""
    entry = asyncio.run(_described(catalog(settings), model))
    if as_json:
        out.json(entry.describe())
        return
    print("\n".join(_about(entry)))
    if references.is_reference(model):
        print(f"  here already: {'yes' if entry.kept else 'no; sketchbridge models pull ' + model + ' fetches it'}")
    if entry.signature is not None:
        _print_ports("options", entry.signature.options)
        for command in entry.signature.commands.values():
            _print_command(command)


def pull(network: str, pickle: bool, as_json: bool) -> None:
    """Fetch a network from the Hub, its licence and size told before; where it lies."""
    if not references.is_reference(network):
        raise InputError(
            f"{network} is not on the Hub, so there is nothing to fetch",
            hint="networks there are named like this: hf:org/name, or hf:org/name@revision",
            field="model",
        )
    from bridge.kit import fetch  # here: what it takes is slow to load

    with out.bars() as bars:
        shown = bars.add_task(network, total=None)

        def report(stage: str, fraction: float, text: str) -> None:
            if stage == "downloading" and fraction == 0:
                out.say(f"downloading {text}")
            elif fraction >= 0:
                bars.update(shown, total=1.0, completed=fraction)

        found = _left_at_once(lambda: fetch.find(network, report, pickle=pickle))
    told = fetch.about(network)
    if as_json:
        out.json({"network": {**asdict(told), "folder": str(found.folder)}})
    else:
        print(f"{told.id}, {size(told.size)}, licence: {told.licence}\n{found.folder}")


def _left_at_once(work: Callable[[], "Found"]) -> "Found":
    """Its result. Ctrl-C ends the program then and there: a download's own threads would be waited for to their end."""
    done: list[Found | BaseException] = []

    def worked() -> None:
        try:
            done.append(work())
        except BaseException as error:
            done.append(error)

    working = threading.Thread(target=worked, daemon=True)
    working.start()
    try:
        while working.is_alive():
            working.join(0.1)  # without an end, Windows would not hear Ctrl-C
    except KeyboardInterrupt:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


async def _found(models: Catalog, wanted: Wanted) -> list[Entry]:
    if wanted.takes or wanted.gives:  # only described models are known by their ports
        await models.describe_all()
    return models.search(
        wanted.words, kind=wanted.kind, category=wanted.category, input=wanted.takes, output=wanted.gives
    )


async def _described(models: Catalog, model: str) -> Entry:
    if references.is_reference(model):
        return await models.described(await models.named(model))
    by_path = any(mark in model for mark in "/\\.~")
    return await models.described(models.resolve(model) if by_path else models.get(model))


def _print(entries: Iterable[Entry], as_json: bool) -> None:
    entries = list(entries)
    if as_json:
        out.json({"models": [entry.describe() for entry in entries]})
    elif not entries:
        print("No model fits.")
    else:
        out.table(("id", "kind", "from", "what it does"), [_line(entry) for entry in entries])


def _line(entry: Entry) -> tuple[str, str, str, str]:
    if entry.problem is not None:
        return entry.id, "broken", entry.origin, entry.problem.message
    about = entry.about
    return entry.id, about.kind, entry.origin, about.tagline or about.title


def _about(entry: Entry) -> list[str]:
    """What a model says of itself, then its card."""
    if entry.manifest is None:
        return [entry.id, *_problem(entry)]
    about = entry.manifest
    facts = {
        "kind": about.kind,
        "category": about.category,
        "keywords": ", ".join(about.keywords),
        "licence": about.licence_code,
        "licence of the weights": about.licence_weights,
        "by": about.publisher,
        "rests on": about.attribution,
        "size": size(about.size) if about.size else "",
        "page": about.links.get("page", ""),
        "folder": str(entry.folder),
    }
    told = [f"  {name}: {value}" for name, value in facts.items() if value]
    return [f"{about.title}: {about.tagline}", *told, *_problem(entry)]


def _problem(entry: Entry) -> list[str]:
    return [f"  broken: {entry.problem.message}", f"  {entry.problem.hint}"] if entry.problem else []


def _print_command(command: Command) -> None:
    _print_ports(f"{command.name} takes", command.inputs)
    _print_ports(f"{command.name} gives", command.outputs)


def _print_ports(title: str, ports: dict[str, AnyPort]) -> None:
    if ports:
        print(f"\n{title}")
        out.table(("  name", "kind", "default", ""), [_port(name, port) for name, port in ports.items()])


def _port(name: str, port: AnyPort) -> tuple[str, str, str, str]:
    described = port.describe()
    default = "" if port.required else msgspec.json.encode(described.get("default")).decode()
    return f"  {name}", port.kind, default[:40], port.description
