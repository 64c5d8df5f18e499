"""Places in latent spaces that people want to find again: a vector with a name and a small picture."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import Busy, InputError, ModelFailed, NotFound, TooLarge
from bridge.ports import Blob, Boolean, Category, Encoding, Number, Text, Vector, to_json
from bridge.ports.words import came
from bridge.session.fanout import Events
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.walks.handles import Handles, picture_of
from bridge.walks.keys import Given
from bridge.workspace import SavedFavourite, Workspace

_KEPT = Boolean, Category, Number, Text, Vector  # what is kept beside a place; no pictures or sounds
_PICTURE = Encoding("jpeg", quality=85, width=128)


class Favourites:
    """All favourites of a workspace, at hand without waiting once they are loaded."""

    def __init__(self, workspace: Workspace, events: Events) -> None:
        self._workspace = workspace
        self._events = events
        self._kept: dict[str, SavedFavourite] = {}

    async def load(self) -> None:
        """Read what was kept."""
        self._kept = {favourite.id: favourite for favourite in await self._workspace.favourites()}

    def of(self, session: str | None = None) -> list[SavedFavourite]:
        """Those of one session, or all, the oldest first."""
        return [favourite for favourite in self._kept.values() if session in (None, favourite.session)]

    def get(self, id: str) -> SavedFavourite:
        """The favourite of that id; NotFound if there is none."""
        if id not in self._kept:
            raise NotFound(f"there is no favourite {id[:80]!r}", hint="GET /api/favourites lists them", field="id")
        return self._kept[id]

    def vector(self, id: str, model: str) -> Given | None:
        """Its vector, if it is one of this model."""
        favourite = self._kept.get(id)
        if favourite is None or favourite.model != model:
            return None
        return Given(favourite.space, favourite.vector)

    async def add(self, session: Session, handles: Handles, here: Mapping[str, Any], name: str = "") -> SavedFavourite:
        """Keep where the session is now: here, beside its live inputs. Makes the small picture, so it takes one run."""
        if len(self._kept) >= limits.FAVOURITES:
            raise Busy(f"{limits.FAVOURITES} favourites are kept, as many as there may be", hint="drop some of them")
        name = _name(name or f"{session.name} {len(self.of(session.name)) + 1}")
        assert session.signature is not None
        command = session.signature.default
        now = {**session.snapshot(), **session.signature.parse(command, here, partial=True)}
        inputs = {key: value for key, value in now.items() if value is not None}
        space, vector = _place(inputs, handles, session.name)
        picture = await _picture(session, inputs)
        rest = {key: to_json(value) for key, value in inputs.items() if _is_kept(key, value, handles)}
        return await self._keep(
            SavedFavourite(secrets.token_hex(6), session.name, session.model, name, space, vector, rest, picture)
        )

    async def rename(self, id: str, name: str) -> SavedFavourite:
        return await self._keep(msgspec.structs.replace(self.get(id), name=_name(name)))

    async def renamed(self, old: str, new: str) -> None:
        """Those of a session go with its name."""
        for favourite in self.of(old):
            await self._keep(msgspec.structs.replace(favourite, session=new))

    async def forget(self, id: str) -> None:
        """Drop it for good."""
        favourite = self.get(id)
        await self._workspace.forget(id)
        self._kept.pop(id, None)
        self._events.publish(Event("favourite", favourite.session, {"id": id, "name": None}))

    async def _keep(self, favourite: SavedFavourite) -> SavedFavourite:
        await self._workspace.keep(favourite)
        self._kept[favourite.id] = favourite
        self._events.publish(Event("favourite", favourite.session, {"id": favourite.id, "name": favourite.name}))
        return favourite


def check_model(favourite: SavedFavourite, session: Session) -> None:
    """InputError unless that session runs its model."""
    if favourite.model != session.model:
        said = f"{favourite.name!r} is a favourite of {favourite.model}, and {session.name} runs {session.model}"
        raise InputError(said, hint="name a session of that model", field="session")


def shown(favourite: SavedFavourite, session: Session, handles: Handles) -> dict[str, Any]:
    """The live inputs that make its picture again in a session of its model: the place, and what lay on top of it.
    What was not set then is as the model has it."""
    assert session.signature is not None
    places = {handles.z, handles.w}
    unset = {
        name: port.default
        for name, port in session.signature.default.inputs.items()
        if isinstance(port, _KEPT) and not port.required and name not in places
    }
    place = handles.w if favourite.space == "w" and handles.w else handles.z
    return {**unset, **favourite.inputs, place: favourite.vector}


def described(favourite: SavedFavourite) -> dict[str, Any]:
    """As JSON, with its vector."""
    return {**listed(favourite), favourite.space: to_json(Blob("f32", favourite.vector))}


def listed(favourite: SavedFavourite) -> dict[str, Any]:
    """As JSON for a list; its picture by address."""
    return {
        "id": favourite.id,
        "session": favourite.session,
        "model": favourite.model,
        "name": favourite.name,
        "inputs": favourite.inputs,
        "space": favourite.space,
        "picture": f"/api/favourites/{favourite.id}.jpg",
    }


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"name takes a text; {came(name)} came", field="name")
    if len(name) > limits.NAME_CHARS:
        raise TooLarge(f"name takes up to {limits.NAME_CHARS} characters; {len(name)} came", field="name")
    return name.strip()


def _place(inputs: Mapping[str, Any], handles: Handles, name: str) -> tuple[str, bytes]:
    for space, input in (("w", handles.w), ("z", handles.z)):
        value = inputs.get(input or "")
        if isinstance(value, Blob):
            return space, bytes(value.data)
    raise InputError(f"{name} is nowhere yet", hint=f"let it walk, or send {handles.z}", field=handles.z)


def _is_kept(name: str, value: Any, handles: Handles) -> bool:
    """Beside the place: numbers, words, other vectors."""
    return not isinstance(value, Blob) or (value.format == "f32" and name not in (handles.z, handles.w))


async def _picture(session: Session, inputs: Mapping[str, Any]) -> bytes:
    """A small one of these inputs; the walk goes on meanwhile."""
    assert session.signature is not None
    port = picture_of(session.signature.default)
    if port is None:
        return b""
    async with session.run(inputs, None, {port: _PICTURE}, quiet=True) as run:
        made = (await run.result()).outputs[port]
    if not isinstance(made, Blob):
        raise ModelFailed(f"{session.name} gave no picture")
    return bytes(made.data)
