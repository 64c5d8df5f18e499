"""A walk as JSON, to be kept and gone on with. What comes back may have been written by anybody, so it is checked."""

from typing import Any

import msgspec

from bridge.errors import BadMessage, BridgeError
from bridge.walks.settings import FIELDS, Settings
from bridge.walks.timeline import Walk


def saved(walk: Walk) -> bytes:
    """All of its state, for restored."""
    return msgspec.json.encode(walk)


def restored(data: bytes) -> Walk:
    """The walk that saved gave; BadMessage if this can't be one."""
    try:
        return checked(msgspec.json.decode(data))
    except msgspec.DecodeError as error:
        raise BadMessage(f"this is not the state of a walk: {error}") from None


def checked(raw: Any) -> Walk:
    """The same of JSON that was read already."""
    try:
        walk = msgspec.convert(raw, Walk)
        walk.settings.changed(_set(walk.settings), walk.latent)
        FIELDS["bpm"].parse(walk.clock.tempo.bpm, "bpm", walk.latent)
    except (msgspec.ValidationError, BridgeError) as error:
        raise BadMessage(f"this is not the state of a walk: {error}") from None
    if any(len(held) != 8 * walk.latent.length(walk.settings.space) for held in _held(walk)):
        raise BadMessage("this is not the state of a walk: a vector in it has another length")
    return walk


def _set(settings: Settings) -> dict[str, Any]:
    """All that is set: what is not, not every model has."""
    return {name: value for name, value in settings.plain().items() if value is not None}


def _held(walk: Walk) -> list[bytes]:
    """The vectors it holds itself."""
    fading = [walk.fade.start] if walk.fade else []
    following = [walk.following.start, walk.following.speed] if walk.following else []
    return [*fading, *filter(None, following)]
