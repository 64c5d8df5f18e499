"""Where on its path a walk is: counted on from an anchor, by what it has covered since; forth, back, or to and fro."""

import math
from typing import NamedTuple

import msgspec

from bridge.walks.curves import Value

_FINE = 2.0**32  # places are whole multiples of 1/this, so that sums that should be whole are


class Motion(msgspec.Struct, frozen=True):
    """The anchor: at this time it was at this place, heading this way.

    On the beat, slip more (or less) of the way is gone within the next slip_beats, so that keyframes fall on beats.
    """

    at: float = 0.0
    place: float = 0.0
    heading: int = 1
    spent: float = 0.0  # seconds that a follower has moved since it set out
    slip: float = 0.0
    slip_beats: float = 1.0


class Lap(NamedTuple):
    """Between which places a path goes to and fro: from each multiple of length, so far."""

    length: float
    turn: float


class Pace(NamedTuple):
    """How quickly places go by: speed, times one in so many seconds or beats."""

    speed: Value
    unit: float
    on_beat: bool


class Count(NamedTuple):
    """An even stretch of time, as a curve counts it: its own count at the start, and the beats a second."""

    start: float
    end: float
    beats_a_second: float
    seconds_x: float  # where the curve stands at the start, if it counts in seconds
    beats_x: float  # if in beats


def covered(pace: Pace, counts: list[Count]) -> float:
    """How many places go by, exactly: the area below the speed."""
    return sum(_covered(pace, count) for count in counts) / pace.unit


def _covered(pace: Pace, count: Count) -> float:
    weight = count.beats_a_second if pace.on_beat else 1.0
    seconds = count.end - count.start
    if isinstance(pace.speed, (int, float)):
        return pace.speed * seconds * weight
    if not pace.speed.in_beats:
        return pace.speed.integral(count.seconds_x, count.seconds_x + seconds) * weight
    area = pace.speed.integral(count.beats_x, count.beats_x + seconds * count.beats_a_second)
    return area if pace.on_beat else area / count.beats_a_second


def moved(motion: Motion, way: float, lap: Lap | None) -> tuple[float, int]:
    """The place and the heading after so much of the way; with a lap it turns at its ends."""
    if lap is None:
        return snapped(motion.place + motion.heading * way), motion.heading
    low = _low(motion, lap)
    high = low + lap.turn
    lead = max(0.0, low - motion.place, motion.place - high)  # from the way that closes a loop it first gets to an end
    if way < lead:
        return snapped(motion.place + motion.heading * way), motion.heading
    begun = min(max(low, motion.place), high)
    return _to_and_fro(low, high, begun, motion.heading, way - lead)


def snapped(place: float) -> float:
    return round(place * _FINE) / _FINE


def until_keyframe(place: float, heading: int) -> float:
    """How far the next one is, 0 on one."""
    return math.ceil(place) - place if heading > 0 else place - math.floor(place)


def slip(place: float, heading: int, beat: float, keyframes_a_beat: float) -> tuple[float, float]:
    """How much more of the way has to go by, and in how many beats, for keyframes to fall on beats."""
    falls = beat + until_keyframe(place, heading) / keyframes_a_beat
    wanted = round(falls)
    return (falls - wanted) * keyframes_a_beat, max(1.0, wanted - beat)


def _low(motion: Motion, lap: Lap) -> float:
    low = math.floor(motion.place / lap.length) * lap.length
    if motion.heading < 0 and motion.place == low:
        return low - lap.length
    return low + lap.length if motion.heading > 0 and motion.place > low + lap.turn else low


def _to_and_fro(low: float, high: float, begun: float, heading: int, way: float) -> tuple[float, int]:
    span = high - low
    if span == 0:
        return low, heading
    along = (begun - low if heading > 0 else high - begun) + way
    turns = math.floor(along / span)
    rest = along - turns * span
    now = heading if turns % 2 == 0 else -heading
    place = snapped(low + rest if now > 0 else high - rest)
    return place, {low: 1, high: -1}.get(place, now)  # at an end it has turned, also where rounding brought it there
