"""sketchbridge models: the directory, read without a running bridge."""

import asyncio
from collections.abc import Iterable

import msgspec

from bridge.backends.process import describe
from bridge.catalog import Catalog, Entry, sources
from bridge.commands import show as out
from bridge.config import Settings
from bridge.ports import AnyPort
from bridge.signature import Command


class Wanted(msgspec.Struct, frozen=True):
    """What `models search` looks for; empty fields mean anything."""

    words: str
    kind: str
    category: str
    takes: str
    gives: str


def catalog(settings: Settings) -> Catalog:
    """The models a bridge with these settings would find."""
    return Catalog(sources(settings.models_folder), settings.state, describe)


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
    if entry.signature is not None:
        _print_ports("options", entry.signature.options)
        for command in entry.signature.commands.values():
            _print_command(command)


async def _found(models: Catalog, wanted: Wanted) -> list[Entry]:
    if wanted.takes or wanted.gives:  # only described models are known by their ports
        await models.describe_all()
    return models.search(
        wanted.words, kind=wanted.kind, category=wanted.category, input=wanted.takes, output=wanted.gives
    )


async def _described(models: Catalog, model: str) -> Entry:
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
