"""The command line. Each command's work is in a file of bridge/commands, imported when it is called: a start is quick.

Ends with 0 when done, 1 when it failed, 2 when it was called wrongly. Errors are words; --debug shows their origin.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import config
from bridge.errors import BridgeError, SettingError

DEFAULT = "serve"  # what `sketchbridge` alone does
_TOP = {"--help", "--version", "--install-completion", "--show-completion"}

app = typer.Typer(
    name="sketchbridge",
    help="Puts a running machine-learning model inside any sketch. Alone it does the same as `sketchbridge serve`.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="print JSON")]
State = Annotated[Path | None, typer.Option("--state", metavar="DIR", help=config.described()["state"].doc)]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="a settings file, instead of the state folder's config.toml"),
]
Token = Annotated[str | None, typer.Option("--token", metavar="TOKEN", help=config.described()["token"].doc)]


def _setting(name: str, metavar: str | None = None, *more: str) -> Any:
    """An option with the words of its setting."""
    setting = config.described()[name]
    return typer.Option(
        setting.flag, *more, metavar=metavar, help=f"{setting.doc}: {setting.takes}", show_default=False
    )


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="show where an error came from; goes with every command")
    ] = False,
) -> None:
    if version:
        from bridge.commands.show import version as own

        typer.echo(own())
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[str | None, _setting("host", "ADDRESS")] = None,
    port: Annotated[int | None, _setting("port", "NUMBER")] = None,
    model: Annotated[list[str] | None, _setting("models", "NAME=MODEL")] = None,
    state: State = None,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="open no example sessions")] = False,
    open_page: Annotated[bool, typer.Option("--open", help=config.described()["open"].doc)] = False,
    log: Annotated[str | None, _setting("log", "text|json")] = None,
    log_level: Annotated[str | None, _setting("log_level", "LEVEL")] = None,
    token: Token = None,
    allow_origin: Annotated[list[str] | None, _setting("allow_origins", "ORIGIN")] = None,
    allow_host: Annotated[list[str] | None, _setting("allow_hosts", "NAME")] = None,
    no_mdns: Annotated[bool, typer.Option("--no-mdns", help="tell nobody on the network of this bridge")] = False,
    interface: Annotated[list[str] | None, _setting("interfaces", "NAME")] = None,
    no_osc: Annotated[bool, typer.Option("--no-osc", help="take no OSC, and answer no OSCQuery")] = False,
    osc_port: Annotated[int | None, _setting("osc_port", "NUMBER")] = None,
    osc_host: Annotated[str | None, _setting("osc_host", "ADDRESS")] = None,
    osc_allow: Annotated[list[str] | None, _setting("osc_allow", "ADDRESS")] = None,
    osc_send: Annotated[list[str] | None, _setting("osc_send", "HOST:PORT")] = None,
    runway: Annotated[bool, typer.Option("--runway", help=config.described()["runway"].doc)] = False,
    runway_host: Annotated[str | None, _setting("runway_host", "ADDRESS")] = None,
    runway_allow: Annotated[list[str] | None, _setting("runway_allow", "ADDRESS")] = None,
    runway_http_port: Annotated[int | None, _setting("runway_http_port", "NUMBER")] = None,
    runway_socketio_port: Annotated[int | None, _setting("runway_socketio_port", "NUMBER")] = None,
    runway_osc_port: Annotated[int | None, _setting("runway_osc_port", "NUMBER")] = None,
    runway_sdk_port: Annotated[int | None, _setting("runway_sdk_port", "NUMBER")] = None,
    runway_daemon_port: Annotated[int | None, _setting("runway_daemon_port", "NUMBER")] = None,
    runway_osc_target: Annotated[list[str] | None, _setting("runway_osc_targets", "HOST:PORT")] = None,
    alias: Annotated[list[str] | None, _setting("aliases", "SESSION.NAME=KEY")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Start the bridge: models, their page, HTTP and WebSocket."""
    from bridge.commands import serve as command

    flags = {
        "host": host,
        "port": port,
        "models": tuple(model or ()),
        "state": state,
        "demo": False if no_demo else None,
        "open": open_page or None,
        "log": log,
        "log_level": log_level,
        "token": token,
        "allow_origins": tuple(allow_origin or ()),
        "allow_hosts": tuple(allow_host or ()),
        "mdns": False if no_mdns else None,
        "interfaces": tuple(interface or ()),
        "osc": False if no_osc else None,
        "osc_port": osc_port,
        "osc_host": osc_host,
        "osc_allow": tuple(osc_allow or ()),
        "osc_send": tuple(osc_send or ()),
        "runway": runway or None,
        "runway_host": runway_host,
        "runway_allow": tuple(runway_allow or ()),
        "runway_http_port": runway_http_port,
        "runway_socketio_port": runway_socketio_port,
        "runway_osc_port": runway_osc_port,
        "runway_sdk_port": runway_sdk_port,
        "runway_daemon_port": runway_daemon_port,
        "runway_osc_targets": tuple(runway_osc_target or ()),
        "aliases": tuple(alias or ()),
    }
    command.serve(config.load(flags, file=config_file))


models = typer.Typer(help="What models there are.", rich_markup_mode=None, no_args_is_help=False)
app.add_typer(models, name="models")


@models.callback(invoke_without_command=True)
def models_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        models_list()


@models.command("list")
def models_list(as_json: Json = False, state: State = None) -> None:
    """Every model, broken ones with their reason."""
    from bridge.commands import models as command

    command.list_all(config.load({"state": state}), as_json)


@models.command("show")
def models_show(model: str, as_json: Json = False, state: State = None) -> None:
    """All about one model: what it is, its options, inputs and outputs.

    MODEL is an id, the path of a folder, or a network on the Hub: hf:org/name, hf:org/name@revision.
    """
    from bridge.commands import models as command

    command.show(config.load({"state": state}), model, as_json)


@models.command("pull")
def models_pull(
    model: Annotated[str, typer.Argument(help="a network on the Hugging Face Hub: hf:org/name, hf:org/name@revision")],
    pickle: Annotated[
        bool, typer.Option("--pickle", help="take weights that are pickles, too; only from people you trust")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch a network from the Hub, so that it is here when it is needed. Licence and size are told first."""
    from bridge.commands import models as command

    command.pull(model, pickle, as_json)


@models.command("search")
def models_search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...")] = None,
    kind: Annotated[str, typer.Option(help="extract, generate or transform")] = "",
    category: Annotated[str, typer.Option(help="such as drawing or colour")] = "",
    takes: Annotated[
        str, typer.Option("--input", metavar="PORT", help="with an input of this kind, such as image")
    ] = "",
    gives: Annotated[str, typer.Option("--output", metavar="PORT", help="with an output of this kind")] = "",
    as_json: Json = False,
    state: State = None,
) -> None:
    """Models by words, kind, category, and what they take and give."""
    from bridge.commands import models as command

    wanted = command.Wanted(" ".join(words or ()), kind, category, takes, gives)
    command.search(config.load({"state": state}), wanted, as_json)


@app.command()
def run(
    model: Annotated[
        str,
        typer.Argument(help="a session of the running bridge, a catalogue id, the path of a folder, or hf:org/name"),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=VALUE", help="an input; NAME=@FILE takes it from a file"),
    ] = None,
    command_name: Annotated[
        str, typer.Option("--command", help="which command of the model, when it has several")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="where a picture, a sound or a file goes")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="the bridge to use; if none is named and none runs here, the model is started just for this",
        ),
    ] = None,
    token: Token = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Run a model once, in the running bridge or by itself."""
    from bridge.commands import run as command

    wish = command.Wish(model, tuple(inputs or ()), command_name, output, url, as_json)
    command.run(config.load({"token": token, "state": state}), wish)


@app.command()
def walk(
    model: Annotated[str, typer.Argument(help="a catalogue id, or the path of a model folder or network file")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="walk.mp4, walk.gif, or a folder for numbered pictures")
    ],
    seconds: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="how long; 10, or as long as the recording")
    ] = None,
    fps: Annotated[float, typer.Option(metavar="NUMBER", help="frames a second")] = 30.0,
    told: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a setting of the walk, such as kind=circle")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="an input of the model")
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(metavar="FILE", help="render what was recorded of a live session")
    ] = None,
    state: State = None,
) -> None:
    """Render a walk through a latent space into a film, frame for frame."""
    from bridge.commands import walk as command

    wish = command.Wish(model, out, seconds, fps, tuple(told or ()), tuple(inputs or ()), recording)
    command.walk(config.load({"state": state}), wish)


@app.command()
def peers(
    seconds: Annotated[float, typer.Option(min=0.1, max=60.0, help="how long to listen")] = 3.0,
    interface: Annotated[list[str] | None, _setting("interfaces", "NAME")] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """List the other bridges on the network."""
    from bridge.commands import peers as command

    command.peers(config.load({"interfaces": tuple(interface or ()), "state": state}), seconds, as_json)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="small letters, digits, - and _")],
    folder: Annotated[
        Path | None, typer.Option("--in", metavar="DIR", help="where to make it; your models folder if left out")
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Make a model folder from the template, ready to run."""
    from bridge.commands import new as command

    command.new(config.load({"state": state}), name, folder, as_json)


@app.command()
def doctor(as_json: Json = False, state: State = None, config_file: ConfigFile = None) -> None:
    """Look at this installation: versions, folders, ports, models, settings and where each comes from."""
    from bridge.commands import doctor as command

    command.doctor(config.trace({"state": state}, file=config_file), as_json)


def main() -> None:
    """The command `sketchbridge`."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    wanted = [argument for argument in arguments if argument != "--debug"]
    try:
        app(with_command(wanted), prog_name="sketchbridge")
    except BridgeError as error:
        if debug:
            raise
        sys.exit(_told(error, "--json" in arguments))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read what we print has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        typer.echo(f"Something went wrong that should not: {type(error).__name__}: {error}", err=True)
        typer.echo("  --debug shows where.", err=True)
        sys.exit(1)


def with_command(arguments: list[str]) -> list[str]:
    """`sketchbridge --port 8080` means `sketchbridge serve --port 8080`."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _TOP):
        return [DEFAULT, *arguments]
    return arguments


def _told(error: BridgeError, as_json: bool) -> int:
    """Say what went wrong and what to do; the exit code for it."""
    from bridge.commands import show

    show.error(error, as_json)
    return 2 if isinstance(error, SettingError) else 1
