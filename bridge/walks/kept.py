"""Favourites that settings name: found among those that were kept, and fit to be walked."""

from collections.abc import Callable

from bridge.errors import InputError
from bridge.walks.keys import Favourite, Given, Key, Latent
from bridge.walks.settings import Settings, favourites_at

Kept = Callable[[str], Given | None]  # the vector of a favourite of this model


def given(settings: Settings, latent: Latent, kept: Kept, hint: str) -> dict[str, Given]:
    """Their vectors by id; InputError for one that is not there or does not fit. `hint`: where they are listed."""
    return {id: _fitting(id, field, settings, latent, kept, hint) for field, id in favourites_at(settings)}


def _fitting(id: str, field: str, settings: Settings, latent: Latent, kept: Kept, hint: str) -> Given:
    found = kept(id)
    if found is None:
        raise InputError(f"there is no favourite {id!r} of this model", hint=hint, field=field)
    if found.space == "w" and settings.space != "w":
        raise InputError(f"the favourite {id!r} was kept in w", hint='set space to "w" as well', field=field)
    length = latent.length(found.space)
    if len(found.data) != 4 * length:
        said = f"the favourite {id!r} holds {len(found.data) // 4} numbers; this network walks with {length}"
        raise InputError(said, hint="it was kept with another network, or with a style for each layer", field=field)
    return found


def in_vectors(settings: Settings, places: dict[str, Given]) -> Settings:
    """The same, its favourites as the vectors that they are."""

    def plainly(key: Key) -> Key:
        return places.get(key.favourite, key) if isinstance(key, Favourite) else key

    return settings.with_keys(plainly)
