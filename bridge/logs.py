"""Log lines for people, or one JSON object a line. Always to the error output, and never a token in them."""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

_TOKEN_IN_ADDRESS = re.compile(r"([?&]token=)[^&\s\"']+")
_COLOURS = {"DEBUG": "2", "INFO": "0", "WARNING": "33", "ERROR": "31", "CRITICAL": "31"}


def set_up(form: Literal["text", "json"], level: str, secret: str = "") -> None:
    """Send what the bridge logs to the error output, never with the secret in it. The last call counts."""
    handler = _ErrorOutput()
    handler.setFormatter(_Json(secret) if form == "json" else _Text(secret))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries
    logging.getLogger("bridge").setLevel(level.upper())


def event(name: str, /, **data: Any) -> dict[str, Any]:
    """What a line means to a program that reads it: `log.info("ready", extra=event("ready", url=url))`."""
    return {"event": name, "data": data}


class _ErrorOutput(logging.StreamHandler[Any]):
    """Looks the error output up for each line, because a progress display stands in for it now and then."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        raise AttributeError("the error output is always used")


class _Formatter(logging.Formatter):
    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def clean(self, text: str) -> str:
        """Without the token, wherever it got in."""
        text = _TOKEN_IN_ADDRESS.sub(r"\1…", text)
        return text.replace(self._secret, "…") if self._secret else text


class _Text(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelname == "INFO" else f"{record.levelname.lower()}: "
        text = self.clean(f"{time} {level}{record.getMessage()}")
        if record.exc_info:
            text += "\n" + self.clean(self.formatException(record.exc_info))
        colour = _COLOURS.get(record.levelname, "0")
        return f"\x1b[{colour}m{text}\x1b[0m" if colour != "0" and sys.stderr.isatty() else text


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "log"),
            "message": record.getMessage(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self.clean(msgspec.json.encode(line, enc_hook=str).decode())
