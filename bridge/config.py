"""Settings: one frozen value, made once at the start. Defaults < file < environment < flags; unknown names are refused.

The only file that reads the environment. Every refusal says where the value came from and what the setting takes.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from bridge import limits
from bridge.errors import SettingError

PREFIX = "SKETCHBRIDGE_"
FILE_NAME = "config.toml"


class Setting(msgspec.Struct, frozen=True):
    """What people are told about one setting."""

    doc: str
    takes: str
    flag: str = ""  # the option of `sketchbridge serve`, when it has one
    secret: bool = False  # never shown


_Port = Annotated[int, Meta(ge=0, le=65535)]
_Count = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(gt=0)]


def _state_folder() -> Path:
    from platformdirs import user_data_path  # here, because most starts of a child never need it

    return user_data_path("sketchbridge", appauthor=False)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Handed down as a value; nothing else knows where it came from."""

    host: Annotated[
        str,
        Setting("the address to listen on; beyond this machine a token is needed", "an address or a name", "--host"),
    ] = "127.0.0.1"
    port: Annotated[_Port, Setting("the HTTP port; 0 takes any free one", "a number from 0 to 65535", "--port")] = 8000
    models: Annotated[
        tuple[str, ...],
        Setting(
            "the sessions to open at the start",
            "NAME=MODEL or MODEL, a catalogue id or the path of a model folder",
            "--model",
        ),
    ] = ()
    demo: Annotated[
        bool, Setting("open two example sessions when there is nothing else to open", "true or false", "--no-demo")
    ] = True
    state: Annotated[
        Path,
        Setting(
            "the folder for what must last: the workspace, your models, config.toml", "the path of a folder", "--state"
        ),
    ] = msgspec.field(default_factory=_state_folder)
    open: Annotated[bool, Setting("open the page in a browser when ready", "true or false", "--open")] = False
    log: Annotated[Literal["text", "json"], Setting("how log lines look", "text or json", "--log")] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Setting("the least important log lines to show", "debug, info, warning or error", "--log-level"),
    ] = "info"
    token: Annotated[
        str, Setting("what a caller must show; empty asks for none", "any text without spaces", "--token", secret=True)
    ] = ""
    allow_origins: Annotated[
        tuple[str, ...],
        Setting(
            "web pages from elsewhere that may call",
            "origins such as https://example.org, or * for all",
            "--allow-origin",
        ),
    ] = ()
    allow_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "further names this server may be called by",
            "host names such as studio.local, or * for all",
            "--allow-host",
        ),
    ] = ()
    osc: Annotated[bool, Setting("take OSC, and answer OSCQuery", "true or false", "--no-osc")] = True
    osc_port: Annotated[
        _Port,
        Setting(
            "the port of OSC, over UDP and TCP, and of OSCQuery; 0 takes any free one",
            "a number from 0 to 65535",
            "--osc-port",
        ),
    ] = 9000
    osc_host: Annotated[
        str,
        Setting("the address to listen on for OSC; empty: the same as host", "an address or a name", "--osc-host"),
    ] = ""
    osc_allow: Annotated[
        tuple[str, ...],
        Setting(
            "other machines that may send OSC, which carries no token",
            "addresses or networks such as 192.168.1.20 or 192.168.1.0/24",
            "--osc-allow",
        ),
    ] = ()
    osc_send: Annotated[
        tuple[str, ...],
        Setting("where all outputs go as OSC, asked for or not", "HOST:PORT or osc.tcp://HOST:PORT", "--osc-send"),
    ] = ()
    runway: Annotated[
        bool,
        Setting(
            "speak the old Runway app's protocols, too; any web page may then call there", "true or false", "--runway"
        ),
    ] = False
    runway_host: Annotated[
        str,
        Setting("the address the old Runway ports listen on", "an address or a name", "--runway-host"),
    ] = "127.0.0.1"
    runway_allow: Annotated[
        tuple[str, ...],
        Setting(
            "other machines that may call the old Runway ports without a token",
            "addresses or networks such as 192.168.1.20 or 192.168.1.0/24",
            "--runway-allow",
        ),
    ] = ()
    runway_http_port: Annotated[
        _Port,
        Setting(
            "the first session's old HTTP port, counted up for the next ones; 0 takes any free ones",
            "a number from 0 to 65535",
            "--runway-http-port",
        ),
    ] = 8000
    runway_socketio_port: Annotated[
        _Port,
        Setting("the same for old Socket.IO", "a number from 0 to 65535", "--runway-socketio-port"),
    ] = 3000
    runway_osc_port: Annotated[
        _Port, Setting("the same for old OSC", "a number from 0 to 65535", "--runway-osc-port")
    ] = 57100
    runway_sdk_port: Annotated[
        _Port,
        Setting("the same for the form of the Model SDK", "a number from 0 to 65535", "--runway-sdk-port"),
    ] = 9001
    runway_daemon_port: Annotated[
        _Port,
        Setting(
            "the port that plugins find the old app by; 0 takes any free one",
            "a number from 0 to 65535",
            "--runway-daemon-port",
        ),
    ] = 5142
    runway_osc_targets: Annotated[
        tuple[str, ...],
        Setting(
            "where outputs go as old OSC, whoever asks for them or not",
            "HOST:PORT, or SESSION=HOST:PORT for one session's",
            "--runway-osc-target",
        ),
    ] = ()
    aliases: Annotated[
        tuple[str, ...],
        Setting(
            "other names that old sketches know inputs and outputs by",
            "SESSION.NAME=KEY, or SESSION.in.NAME=KEY and SESSION.out.NAME=KEY",
            "--alias",
        ),
    ] = ()
    mdns: Annotated[
        bool,
        Setting(
            "let others find this bridge by itself, when it can be reached from other machines",
            "true or false",
            "--no-mdns",
        ),
    ] = True
    interfaces: Annotated[
        tuple[str, ...],
        Setting(
            "the networks to be found on; all if none is named",
            "names or addresses of network interfaces such as eth0 or 192.168.1.5",
            "--interface",
        ),
    ] = ()
    max_body: Annotated[_Count, Setting("the largest HTTP body or WebSocket message", "a number of bytes above 0")] = (
        limits.BODY_BYTES
    )
    queue: Annotated[_Count, Setting("how many runs of one session may wait", "a number above 0")] = limits.RUNS_WAITING
    max_sessions: Annotated[_Count, Setting("how many sessions may be open at once", "a number above 0")] = (
        limits.SESSIONS
    )
    start_seconds: Annotated[
        _Seconds, Setting("how long a model may load without a word of progress", "seconds above 0")
    ] = limits.START_SECONDS

    @property
    def models_folder(self) -> Path:
        """Where the user's own model folders are."""
        return self.state / "models"


class Loaded(msgspec.Struct, frozen=True):
    """Settings together with where each value came from, in words."""

    settings: Settings
    origins: dict[str, str]
    file: Path | None  # the file that was read


def described() -> dict[str, Setting]:
    """Every setting's words, in order."""
    return {name: _words(hint) for name, hint in _hints().items()}


def load(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, file: Path | None = None
) -> Settings:
    """The settings from all four places, or SettingError naming the place."""
    return trace(flags, environ, file).settings


def trace(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, file: Path | None = None
) -> Loaded:
    """The same with the origin of each value. A flag that is None was not given."""
    given = _Given()
    given.add(_from_environment(os.environ if environ is None else environ))
    given.add(_from_flags(flags or {}))
    named = file or given.values.pop("config", None)
    state = given.values.get("state") or _state_folder()
    path = _file_to_read(named, state)
    if path is not None:
        given.add_below(_from_file(path, may_move_state=named is not None))
    origins = {name: given.origins.get(name, "default") for name in _hints()}
    return Loaded(Settings(**given.values), origins, path)


class _Given:
    """The values so far and where they came from."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def add(self, found: Iterable[tuple[str, Any, str]]) -> None:
        for name, raw, origin in found:
            self.values[name] = _convert(name, raw, origin)
            self.origins[name] = origin

    def add_below(self, found: Iterable[tuple[str, Any, str]]) -> None:
        """Checked like the others, but what is there already stays."""
        for name, raw, origin in found:
            value = _convert(name, raw, origin)
            if name not in self.values:
                self.values[name] = value
                self.origins[name] = origin


# --- the places ----------------------------------------------------------------------------------


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name != "config" and name not in _hints():
            raise _unknown(variable, "environment", [PREFIX + known.upper() for known in [*_hints(), "config"]])
        yield name, text, variable


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for name, value in flags.items():
        if value is not None and value != ():
            setting = described().get(name)
            if setting is None:
                raise _unknown(name, "flags", list(_hints()))
            yield name, value, setting.flag or name


def _from_file(path: Path, *, may_move_state: bool) -> Iterator[tuple[str, Any, str]]:
    text = _read(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(
            f"{path} is not valid TOML: {error}", hint="a setting is a line such as: port = 8080"
        ) from None
    for name, value in table.items():
        origin = f"{path}, line {_line_of(name, text)}"
        if name not in _hints():
            raise _unknown(name, origin, list(_hints()))
        if name == "state" and not may_move_state:
            raise SettingError(
                f"state can't be set in the state folder's own file ({origin})",
                hint="use --state, or --config with another file",
                field="state",
            )
        yield name, value, origin


def _file_to_read(named: Path | None, state: Path) -> Path | None:
    """The file that was named, which must be there, or the state folder's own, which need not be."""
    if named is not None:
        return named.expanduser().absolute()
    own = state / FILE_NAME
    return own if own.is_file() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingError(
            f"the settings file {path} can't be read: {why}", hint="--config takes the path of a TOML file"
        ) from None


def _line_of(name: str, text: str) -> int:
    """Where a key of the file stands; also a table's head, for those who wrote [server]."""
    found = re.search(rf"""(?m)^[ \t]*\[*["']?{re.escape(name)}["']?[ \t]*[=.\]]""", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


# --- one value -----------------------------------------------------------------------------------


def _convert(name: str, raw: Any, origin: str) -> Any:
    hint = Path if name == "config" else _hints()[name]
    kind = _plain(hint)
    if kind is Path:
        return _path(name, raw, origin)
    if isinstance(raw, str) and kind == tuple[str, ...]:
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if isinstance(raw, str) and kind is bool:
        raw = {"yes": True, "on": True, "no": False, "off": False}.get(raw.lower(), raw.lower())
    try:
        if kind is not bool and isinstance(raw, bool):
            raise msgspec.ValidationError  # true is no number
        return msgspec.convert(raw, hint, strict=not isinstance(raw, str))
    except msgspec.ValidationError:
        raise _refused(name, raw, origin) from None


def _path(name: str, raw: Any, origin: str) -> Path:
    if not isinstance(raw, str | Path) or not str(raw):
        raise _refused(name, raw, origin)
    return Path(raw).expanduser().absolute()


def _refused(name: str, raw: Any, origin: str) -> SettingError:
    setting = described()[name] if name in _hints() else Setting("", "the path of a TOML file")
    came = "what it was given" if setting.secret else repr(raw)
    where = "" if origin == setting.flag else f" ({origin})"
    return SettingError(
        f"{setting.flag if not where else name} takes {setting.takes}, not {came}{where}", hint=setting.doc, field=name
    )


def _unknown(name: str, origin: str, known: list[str]) -> SettingError:
    from difflib import get_close_matches  # only when something is wrong

    near = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    return SettingError(f"{name} is not a setting ({origin})", hint=hint, field=name)


# --- what the class says of itself ---------------------------------------------------------------


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Settings, include_extras=True)


def _words(hint: Any) -> Setting:
    return next(word for word in hint.__metadata__ if isinstance(word, Setting))


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
