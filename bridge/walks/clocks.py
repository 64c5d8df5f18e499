"""What a curve counts by: seconds of playing and beats, and where each curve began on its own count."""

from collections.abc import Mapping

import msgspec

from bridge.walks.curves import LFO, Curve, Points, Ramp, Value
from bridge.walks.motion import Count
from bridge.walks.tempo import Tempo


class Clock(msgspec.Struct, frozen=True):
    """Seconds of playing, and the beat. While nothing plays the seconds stand still; the beat goes on, unseen."""

    tempo: Tempo = Tempo()
    since: float = 0.0  # when playing began or paused
    played: float = 0.0  # seconds until then
    playing: bool = True
    still: float = 0.0  # the beat at which it paused

    def seconds(self, t: float) -> float:
        return self.played + (t - self.since if self.playing else 0.0)

    def beat(self, t: float) -> float:
        """As curves see it."""
        return self.tempo.beat_at(t) if self.playing else self.still

    def stands(self, curve: Curve, t: float) -> float:
        """Where a curve that began at 0 would stand."""
        return self.beat(t) if curve.in_beats else self.seconds(t)

    def counts(self, origin: float, start: float, end: float) -> list[Count]:
        """The even stretches between two times; none while nothing plays."""
        if not self.playing:
            return []
        return [
            Count(begin, until, rate, self.seconds(begin) - origin, self.tempo.beat_at(begin) - origin)
            for begin, until, rate in self.tempo.pieces(start, end)
        ]

    def toggled(self, playing: bool, t: float) -> "Clock":
        return Clock(self.tempo, t, self.seconds(t), playing, self.beat(t))

    def with_tempo(self, tempo: Tempo) -> "Clock":
        return msgspec.structs.replace(self, tempo=tempo)


Origins = Mapping[str, float]


def value_at(value: Value, clock: Clock, origin: float, t: float) -> float:
    return value if isinstance(value, (int, float)) else value.at(clock.stands(value, t) - origin)


def origin_of(new: Value, old: Value | None, origin: float, clock: Clock, t: float) -> float:
    """Where on its count a new curve begins: here, but an LFO goes on from where the old one was in its period."""
    if isinstance(new, (int, float)):
        return 0.0
    if not isinstance(new, LFO):
        return clock.stands(new, t)
    if new.in_beats:
        return 0.0
    now = clock.seconds(t)
    if not isinstance(old, LFO) or old.in_beats:
        return now
    return now - (now - origin) / old.period * new.period


def resumed(origins: Origins, numbers: Mapping[str, Value], beats: float) -> dict[str, float]:
    """The origins after a pause of so many beats, which those curves in beats did not see that began once."""
    return {name: origin + beats if _began_once(numbers.get(name)) else origin for name, origin in origins.items()}


def _began_once(value: Value | None) -> bool:
    return isinstance(value, (Ramp, Points)) and value.in_beats
