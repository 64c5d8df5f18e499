"""What is played: the walk, and what somebody sends by hand. Live and in a replay the same rules hold, which are here.

A vector sent by hand takes over: the walk pauses where it is, until it is told to go on or to go elsewhere. All other
inputs stand beside the walk, which has the last word on what it moves itself.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.walks import verbs
from bridge.walks.frames import frame
from bridge.walks.handles import Handles
from bridge.walks.paths import Vectors
from bridge.walks.timeline import Walk


class Performance(msgspec.Struct, frozen=True):
    """The whole state: an immutable value."""

    handles: Handles
    walk: Walk
    held: bool = False  # by hand
    sent: dict[str, Any] = {}  # the newest of each input that came by hand

    def told(self, patch: Mapping[str, Any], t: float, vectors: Vectors) -> "Performance":
        """Settings and verbs, from now on; or InputError and it goes on as it was."""
        walk = verbs.patched(self.walk, patch, t, vectors)
        goes_on = walk.settings.playing or not {"seek", "step"}.isdisjoint(verbs.split(patch)[1])
        held = self.held and not goes_on and self.holds_a_vector
        sent = self.sent if held or not self.held else self._without_vectors()
        return msgspec.structs.replace(self, walk=walk, held=held, sent=sent)

    def given(self, inputs: Mapping[str, Any], t: float, vectors: Vectors) -> "Performance":
        """Inputs that somebody sent."""
        held = any(inputs.get(name) is not None for name in self._vector_names)
        walk = self.walk.changed({"playing": False}, t, vectors) if held and self.walk.settings.playing else self.walk
        sent = {**(self._without_vectors() if held else self.sent), **inputs}
        return msgspec.structs.replace(self, walk=walk, held=self.held or held, sent=sent)

    def inputs(self, t: float, vectors: Vectors) -> dict[str, Any]:
        """What the model gets for a frame, under its own names. KeyError if a vector is not among the vectors."""
        names = {"z": self.handles.z, "w": self.handles.w, "truncation": self.handles.truncation}
        if self.held:
            return {**self.sent, **{names.get(name) or name: value for name, value in self.walk.moved(t).items()}}
        made = frame(self.walk, t, vectors)
        return {**self.sent, **{names.get(name) or name: value for name, value in made.inputs.items()}}

    def upto(self, t: float) -> "Performance":
        """The same, for whoever plays it for long: see Walk.upto()."""
        walk = self.walk.upto(t)
        return self if walk is self.walk else msgspec.structs.replace(self, walk=walk)

    @property
    def holds_a_vector(self) -> bool:
        """Did somebody send where to be? Else, held, it only waits to be told something."""
        return any(self.sent.get(name) is not None for name in self._vector_names)

    @property
    def _vector_names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.handles.z, self.handles.w) if name)

    def _without_vectors(self) -> dict[str, Any]:
        return {name: value for name, value in self.sent.items() if name not in self._vector_names}
