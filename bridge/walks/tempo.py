"""The beat: counted on from an anchor, tapped, and moved onto a tap without a jump."""

import statistics
from itertools import pairwise

import msgspec

from bridge import limits

_FORGET = 2.0  # seconds after which a tap has nothing to do with the one before
_BOUNCE = 0.1  # closer taps are one tap
_TAPS = 8


class Tempo(msgspec.Struct, frozen=True):
    """Where the beat stands: beats counted at a time, and how many come a minute from there.

    After a tap, slip more (or fewer) beats than that pass within the first one, so that it then falls on the tap.
    """

    at: float = 0.0
    beat: float = 0.0
    bpm: float = 120.0
    slip: float = 0.0
    taps: tuple[float, ...] = ()

    def beat_at(self, t: float) -> float:
        return self.beat + sum((end - start) * rate for start, end, rate in self.pieces(self.at, t))

    def pieces(self, start: float, end: float) -> list[tuple[float, float, float]]:
        """The times in which the beat goes evenly: from, to, beats a second."""
        if end <= start:
            return []
        rate = self.bpm / 60
        even = self.at + (1 / rate if self.slip else 0.0)
        first = (start, min(end, even), rate * (1 + self.slip))
        rest = (max(start, even), end, rate)
        return [piece for piece in (first, rest) if piece[0] < piece[1]]

    def with_bpm(self, bpm: float, t: float) -> "Tempo":
        """From here on quicker or slower; the beat stands where it stood."""
        gone = min(1.0, (t - self.at) * self.bpm / 60)
        return Tempo(t, self.beat_at(t), bpm, self.slip * (1 - gone), self.taps)

    def tapped(self, t: float) -> "Tempo":
        """Somebody taps along: the beat is here, and as far from the last ones as the middle of these taps."""
        taps = self.taps if self.taps and t - self.taps[-1] <= _FORGET else ()
        if taps and t - taps[-1] < _BOUNCE:
            return self
        taps = (*taps, t)[-_TAPS:]
        beat = self.beat_at(t)
        return Tempo(t, beat, _bpm(taps, self.bpm), round(beat) - beat, taps)


def _bpm(taps: tuple[float, ...], otherwise: float) -> float:
    if len(taps) < 2:
        return otherwise
    gap = statistics.median(after - before for before, after in pairwise(taps))
    low, high = limits.WALK_BPM
    return min(max(60 / gap, low), high)
