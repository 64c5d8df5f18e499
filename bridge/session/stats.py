"""How a session is doing, from the outputs of the last while. Pure: told the time."""

from collections import deque
from dataclasses import dataclass, field

_KEPT = 256  # outputs looked at
_SPAN_S = 5.0  # frames per second are those of the last five seconds


@dataclass(slots=True)
class Stats:
    """Counters and recent timings of one session."""

    runs: int = 0
    failed: int = 0
    cancelled: int = 0
    restarts: int = 0
    model_ms: float = 0.0  # smoothed
    encode_ms: float = 0.0
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _ages: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def output(self, now: float, age_ms: float, model_ms: float, encode_ms: float) -> None:
        first = not self._times
        self._times.append(now)
        self._ages.append(age_ms)
        self.model_ms = model_ms if first else self.model_ms * 0.8 + model_ms * 0.2
        self.encode_ms = encode_ms if first else self.encode_ms * 0.8 + encode_ms * 0.2

    def fps(self, now: float) -> float:
        recent = [time for time in self._times if now - time <= _SPAN_S]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(now - recent[0], 1e-6)

    def age_ms(self, share: float) -> float:
        """The age that this share of recent outputs stays below when they leave the session."""
        ages = sorted(self._ages)
        return ages[min(len(ages) - 1, int(share * len(ages)))] if ages else 0.0

    def describe(self, now: float) -> dict[str, float]:
        return {
            "fps": round(self.fps(now), 2),
            "model_ms": round(self.model_ms, 3),
            "encode_ms": round(self.encode_ms, 3),
            "age_p50_ms": round(self.age_ms(0.5), 2),
            "age_p99_ms": round(self.age_ms(0.99), 2),
            "runs": self.runs,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "restarts": self.restarts,
        }
