"""What comes out of a session, as its readers see it. Plain values."""

from dataclasses import dataclass
from typing import Any

from bridge.ports import Blob, Encoding


@dataclass(slots=True, frozen=True)
class Frame:
    """One output of one port, encoded. All its readers share the same bytes."""

    session: str
    port: str
    run: int
    sequence: int
    encoding: Encoding
    value: Any  # a JSON value or a Blob
    time_in: float  # when the inputs it was made from came, on the session's clock
    model_ms: float
    encode_ms: float
    live: bool
    last: bool

    def age_ms(self, now: float) -> float:
        """How old the inputs behind this picture are."""
        return (now - self.time_in) * 1000

    @property
    def bytes(self) -> int:
        """About how much memory it holds."""
        return weight(self.value)


@dataclass(slots=True, frozen=True)
class RunOutput:
    """What one step of one run gave out, by port."""

    run: int
    sequence: int
    values: dict[str, Any]
    model_ms: float
    encode_ms: float
    last: bool


@dataclass(slots=True, frozen=True)
class Result:
    """A run read to its end: text pieces joined, of everything else the last."""

    run: int
    outputs: dict[str, Any]
    model_ms: float
    encode_ms: float
    time_in: float


@dataclass(slots=True, frozen=True)
class Event:
    """Something that happened to a session, which is named as it is called then."""

    kind: str
    session: str
    data: dict[str, Any]


def weight(value: Any) -> int:
    """About how many bytes of memory a value holds."""
    if isinstance(value, Blob):
        return len(value.data)
    if isinstance(value, str):
        return len(value) + 48
    if isinstance(value, dict):
        return 64 + sum(weight(item) for item in value.values())
    if isinstance(value, list):
        return 56 + (32 * len(value) if len(value) > 64 else sum(weight(item) for item in value))
    return 32
