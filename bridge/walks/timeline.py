"""A walk: an immutable value. Told the time it says where it is; told a change it gives the walk from there on.

Times are seconds since the walk began. Whoever plays it subtracts once, and gives the same numbers to a recording: then
the same controls at the same times are the same walk, to the bit. A change never makes the place jump: the walk is
anchored anew where it stands. A new path fades in from the vector that was there.
"""

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast

import msgspec
import numpy as np

from bridge.walks import blends, motion
from bridge.walks.blends import Array
from bridge.walks.clocks import Clock, origin_of, resumed, value_at
from bridge.walks.curves import Points, Ramp, Value
from bridge.walks.easing import EASINGS
from bridge.walks.following import Following
from bridge.walks.keys import Key, Latent, Seed
from bridge.walks.motion import Motion, Pace
from bridge.walks.paths import Loop, Path, Vectors, path_of
from bridge.walks.settings import Settings, started
from bridge.walks.spring import Pull, glide, spring
from bridge.walks.tempo import Tempo

_MOVES = ("playing", "speed", "direction", "seconds", "bpm", "beats", "kind", "keyframes")
_FOLLOWS = ("kind", "target", "seed", "space", "follow", "stiffness", "damping", "inertia", "interpolation")
_LOOKS = 64  # places looked at when asked what will be needed
TICKS = 16  # a second, counted from the beginning: when a curve of HELD is read; until the next it stays so
_STANDS = 1e-6  # a speed below it gets to no beat in any time that counts


class Fade(msgspec.Struct, frozen=True):
    """From a vector that was there to the path that is."""

    start: bytes  # float64
    at: float
    seconds: float


class Walk(msgspec.Struct, frozen=True, dict=True):
    """The whole state."""

    latent: Latent
    settings: Settings
    clock: Clock
    motion: Motion
    origins: dict[str, float] = {}  # where curves began on their count
    following: Following | None = None
    fade: Fade | None = None
    latest: float = 0.0  # the last change or tick; time does not go back behind it
    held: dict[str, float] = {}  # what the curves of HELD were at the last tick
    pulled: Pull = Pull()  # how far a follower had come at the last tick
    pulled_spent: float = 0.0  # the seconds it had moved by then

    @classmethod
    def begun(cls, latent: Latent, settings: Settings | None = None, t: float = 0.0) -> "Walk":
        """A walk that begins now, with those settings, which have been checked."""
        settings = started(settings or Settings(), {**_standing(latent), **_usual()})
        clock = Clock(Tempo(t), t, 0.0, settings.playing)
        heading = -1 if settings.direction == "back" else 1
        following = Following() if settings.kind == "follow" else None
        walk = cls(latent, settings, clock, Motion(t, heading=heading), {}, following, latest=t)
        return walk._with(held=walk._read(t))._in_time(t)

    # --- where it is -----------------------------------------------------------------------------

    def place(self, t: float) -> float:
        """Keyframes from the start, or rounds of the circle."""
        return self.upto(t)._stands(t)[0]

    def upto(self, t: float) -> "Walk":
        """The same walk, its curves of HELD read up to this time: so that what comes next has less to count.

        Whoever plays it for long keeps what is given back. Nothing depends on how often that is asked for.
        """
        if not self.clock.playing or not self.settings.restless:
            return self
        walk, tick = self, math.floor(self.latest * TICKS) + 1
        while tick / TICKS <= t:
            walk = walk._ticked(tick / TICKS)
            tick += 1
        return walk

    def pace(self, t: float) -> float:
        """Seconds from one keyframe to the next, at speed 1."""
        walk = self.upto(t)
        return walk._held("seconds") if self.settings.beats is None else walk._held("beats") * 60 / walk._held("bpm")

    def number(self, name: str, t: float) -> float:
        """What a setting that may be a curve is now."""
        return self.upto(t)._number(name, max(t, self.latest))

    def numbers(self, t: float) -> dict[str, float]:
        return self._values(self.settings.numbers, t)

    def moved(self, t: float) -> dict[str, float]:
        """Inputs of the model that it moves beside the vector: truncation, directions."""
        return self._values(self.settings.inputs, t)

    def beat(self, t: float) -> float:
        """Beats since it began; goes on while paused."""
        return self.upto(t).clock.tempo.beat_at(max(t, self.latest))

    def rests(self, t: float) -> bool:
        """Will nothing change any more until it is told to?"""
        return not self.settings.playing and self._faded(t) >= 1

    def needs(self, t: float, ahead: float = 0.0) -> tuple[Key, ...]:
        """The keys whose vectors have to be there now, and those so many seconds ahead."""
        path = self._path
        if path is None:
            return (self._target,)
        found = (key for place in self.upto(t)._places(t, ahead) for key in path.needs(place))
        return tuple(dict.fromkeys(found))

    def vector(self, t: float, vectors: Vectors) -> Array:
        """Where it is, as float64. KeyError if a vector it needs is not among them."""
        t = max(t, self.latest)
        there = self.upto(t)._there(t, vectors)
        part = self._faded(t)
        if self.fade is None or part >= 1:
            return there
        arc = self.settings.space == "z" and self.settings.interpolation != "linear"
        return (blends.spherical if arc else blends.linear)(np.frombuffer(self.fade.start), there, part)

    # --- what it is told -------------------------------------------------------------------------

    def changed(self, patch: Mapping[str, Any], t: float, vectors: Vectors) -> "Walk":
        """With new settings from now on, or InputError and it goes on as it was.

        The vectors should hold what it needs now. If they do not, or another space is entered, the new path cuts in.
        """
        t = max(t, self.latest)
        walk = self.upto(t)
        settings = started(walk.settings.changed(patch, walk.latent), {**_standing(walk.latent), **walk.numbers(t)})
        return walk._into(settings, t, vectors, _named(patch))

    def tapped(self, t: float) -> "Walk":
        """Somebody taps along: takes the tempo of the last taps, and moves the beat here without a jump."""
        t = max(t, self.latest)
        before = self.upto(t)
        tempo = before.clock.tempo.tapped(t)
        settings = msgspec.structs.replace(before.settings, bpm=tempo.bpm)
        walk = before._with(settings=settings, clock=before.clock.with_tempo(tempo), latest=t)
        return walk._with(held=walk._read(t))._moving_from(before, t)

    def sought(self, place: float, t: float) -> "Walk":
        """At another place, at once."""
        t = max(t, self.latest)
        walk = self.upto(t)
        moved = Motion(t, motion.snapped(place), walk._stands(t)[1], walk._spent(t))
        return walk._with(motion=moved, latest=t)._on_the_beat(t)

    def stepped(self, count: float, t: float) -> "Walk":
        """So many keyframes on, or back; whole steps lead onto keyframes."""
        if count == 0:
            return self
        place = self.place(t)
        if count == math.floor(count):
            place = math.floor(place) if count > 0 else math.ceil(place)
        return self.sought(place + count, t)

    # --- inside ----------------------------------------------------------------------------------

    def _into(self, settings: Settings, t: float, vectors: Vectors, named: frozenset[str]) -> "Walk":
        old = self.settings
        clock = self.clock if settings.playing == self.clock.playing else self.clock.toggled(settings.playing, t)
        walk = self._with(settings=settings, clock=clock, latest=t)
        walk = walk._with(origins=walk._origins(self, t, named))
        walk = walk._with(held=walk._read(t))._in_time(t)
        begun_anew = walk.origins.get("speed") != self.origins.get("speed")  # the same curve may have been named again
        begun_anew = begun_anew or walk.held != self.held
        if begun_anew or any(getattr(settings, name) != getattr(old, name) for name in _MOVES):
            walk = walk._moving_from(self, t)
        if settings.kind == "follow":
            return walk._following_from(self, t, vectors)
        return walk._with(following=None)._fading_from(self, t, vectors)

    def _ticked(self, t: float) -> "Walk":
        """Its curves of HELD read, and on from where it stands."""
        walk = self._with(latest=t)
        held = walk._read(t)
        if held == self.held:
            return walk
        walk = walk._with(held=held)._in_time(t)._moving_from(self, t)
        if self.settings.kind != "follow":
            return walk
        return walk._with(pulled=self._pull(t), pulled_spent=self._spent(t))

    def _read(self, t: float) -> dict[str, float]:
        return {name: self._number(name, t) for name in self.settings.restless}

    def _held(self, name: str) -> float:
        """What one of HELD is, until the next tick."""
        return self.held[name] if name in self.held else cast("float", getattr(self.settings, name))

    def _number(self, name: str, t: float) -> float:
        return value_at(self.settings.numbers[name], self.clock, self.origins.get(name, 0.0), t)

    def _values(self, numbers: Mapping[str, Value], t: float) -> dict[str, float]:
        clock, t = self.upto(t).clock, max(t, self.latest)
        return {name: value_at(value, clock, self.origins.get(name, 0.0), t) for name, value in numbers.items()}

    def _in_time(self, t: float) -> "Walk":
        """With the beat as quick as bpm says."""
        tempo, bpm = self.clock.tempo, self._held("bpm")
        return self if tempo.bpm == bpm else self._with(clock=self.clock.with_tempo(tempo.with_bpm(bpm, t)))

    def _origins(self, old: "Walk", t: float, named: frozenset[str]) -> dict[str, float]:
        """Where curves begin. One that was not named goes on; a ramp that was named begins anew, the same or not."""
        origins = dict(old.origins)
        if self.clock.playing and not old.clock.playing:
            origins = resumed(origins, old.settings.numbers, self.clock.beat(t) - old.clock.beat(t))
        before, after = old.settings.numbers, self.settings.numbers
        for name, value in after.items():
            again = name in named and isinstance(value, (Ramp, Points))
            if again or value != before.get(name):
                origins[name] = origin_of(value, before.get(name), origins.get(name, 0.0), self.clock, t)
        return {name: origin for name, origin in origins.items() if name in after}

    def _moving_from(self, old: "Walk", t: float) -> "Walk":
        """Anchored where the old one stands, heading as these settings say."""
        place, heading = old._stands(t)
        heading = {"forward": 1, "back": -1}.get(self.settings.direction, heading)
        place = _carried(place, old._path, self._path)
        return self._with(motion=Motion(t, place, heading, old._spent(t)))._on_the_beat(t)

    def _on_the_beat(self, t: float) -> "Walk":
        """On its way onto the beat, if it shall be there and its speed stays the same."""
        speed = self.settings.speed
        if not self.settings.locked or not isinstance(speed, (int, float)) or speed < _STANDS:
            return self
        anchor, beats = self.motion, self._held("beats")
        slip, over = motion.slip(anchor.place, anchor.heading, self.clock.tempo.beat_at(t), speed / beats)
        return self._with(motion=msgspec.structs.replace(anchor, slip=slip, slip_beats=over))

    def _following_from(self, old: "Walk", t: float, vectors: Vectors) -> "Walk":
        """Following from where the old one is, as quick as it was if it followed as well."""
        if all(getattr(self.settings, name) == getattr(old.settings, name) for name in _FOLLOWS):
            return self
        following = Following()
        if self.settings.space == old.settings.space:
            following = old._setting_out(t, vectors, self.settings.interpolation)
        moved = Motion(t, *old._stands(t))
        return self._with(following=following, motion=moved, fade=None, pulled=Pull(), pulled_spent=0.0)

    def _setting_out(self, t: float, vectors: Vectors, interpolation: str) -> Following:
        try:
            if self.following is None or interpolation != self.settings.interpolation:
                return Following.begun(self.vector(t, vectors))
            target = _vector(vectors, self._target)
            return self.following.onward(target, self._pull(t))
        except KeyError:
            return Following()

    def _fading_from(self, old: "Walk", t: float, vectors: Vectors) -> "Walk":
        if not self._another_path(old, t):
            return self
        seconds = self._number("fade", t)
        if self.settings.space != old.settings.space or not seconds:
            return self._with(fade=None)
        try:
            start = old.vector(t, vectors)
        except KeyError:
            return self._with(fade=None)
        return self._with(fade=Fade(start.tobytes(), t, seconds))

    def _another_path(self, old: "Walk", t: float) -> bool:
        """Other keyframes elsewhere on a loop make no difference here."""
        before, after = old._path, self._path
        if isinstance(before, Loop) and isinstance(after, Loop) and before.shape == after.shape:
            return self.needs(t) != old.needs(t)
        return before != after

    def _faded(self, t: float) -> float:
        """How far the fade is: 1 when it is over."""
        fade = self.fade
        if fade is None or t >= fade.at + fade.seconds:
            return 1.0
        return EASINGS["out"].at(max(0.0, (t - fade.at) / fade.seconds))

    def _there(self, t: float, vectors: Vectors) -> Array:
        path = self._path
        if path is not None:
            return path.at(self._stands(t)[0], self._number("distance", t), vectors)
        following = self.following or Following()
        return following.at(_vector(vectors, self._target), self.settings, self._pull(t))

    def _pull(self, t: float) -> Pull:
        """Of a follower, since it set out."""
        seconds = self._spent(t) - self.pulled_spent
        if self.settings.follow == "glide":
            return self.pulled.then(glide(self._held("inertia"), seconds))
        return self.pulled.then(spring(self._held("stiffness"), self._held("damping"), seconds))

    @cached_property
    def _path(self) -> Path | None:
        return path_of(self.settings)

    @property
    def _target(self) -> Key:
        return Seed(self.settings.seed) if self.settings.target is None else self.settings.target

    def _stands(self, t: float) -> tuple[float, int]:
        """Place and heading."""
        path = self._path
        if path is None or t <= self.motion.at:
            return self.motion.place, self.motion.heading
        lap = path.lap if self.settings.direction == "pingpong" else None
        return motion.moved(self.motion, self._way(t), lap)

    def _way(self, t: float) -> float:
        """How many places went by since the anchor."""
        locked = self.settings.locked
        way = self._covered(Pace(self.settings.speed, self._held("beats" if locked else "seconds"), locked), t)
        if not self.motion.slip or not self.clock.playing:
            return way
        beats = self.clock.tempo.beat_at(t) - self.clock.tempo.beat_at(self.motion.at)
        return way + self.motion.slip * min(1.0, beats / self.motion.slip_beats)

    def _spent(self, t: float) -> float:
        """Seconds of following, at its speed."""
        if self.settings.kind != "follow":
            return 0.0
        return self.motion.spent + self._covered(Pace(self.settings.speed, 1.0, False), t)

    def _covered(self, pace: Pace, t: float) -> float:
        counts = self.clock.counts(self.origins.get("speed", 0.0), self.motion.at, t)
        return motion.covered(pace, counts)

    def _places(self, t: float, ahead: float) -> Iterator[float]:
        """Here, and a little ahead, no keyframe left out."""
        here = self._stands(t)[0]
        yield here
        if ahead <= 0:
            return
        looks = min(_LOOKS, 1 + math.ceil(abs(self._stands(t + ahead)[0] - here)) * 2)
        for look in range(1, looks + 1):
            yield self._stands(t + ahead * look / looks)[0]

    def _with(self, **changes: Any) -> "Walk":
        return msgspec.structs.replace(self, **changes)


def _standing(latent: Latent) -> dict[str, float]:
    """What nobody has set yet: directions stand at 0."""
    return dict.fromkeys(latent.directions, 0.0)


def _usual() -> dict[str, float]:
    """How it moves before anybody says otherwise: where ramps begin that it begins with."""
    return {name: value for name, value in Settings().numbers.items() if isinstance(value, (int, float))}


def _named(patch: Mapping[str, Any]) -> frozenset[str]:
    """All that a patch names, directions too."""
    sliders = patch.get("directions")
    return frozenset(patch) | frozenset(sliders if isinstance(sliders, Mapping) else ())


def _carried(place: float, old: Path | None, new: Path | None) -> float:
    """The place on a loop that became longer or shorter: on the same way, if that is still there."""
    if old is None or new is None or type(old) is not type(new) or old.lap == new.lap:
        return place
    return place % old.lap.length % new.lap.length


def _vector(vectors: Vectors, key: Key) -> Array:
    return vectors[key].astype(np.float64)
