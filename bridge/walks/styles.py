"""Around a place in w: tiles lie to it as styles of places in z lie to each other. Only the model can tell those."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge import limits
from bridge.errors import InputError
from bridge.session.session import Session
from bridge.walks.anchors import seeded
from bridge.walks.blends import Array
from bridge.walks.grid import Tile
from bridge.walks.handles import Handles
from bridge.walks.mapping import mapped

_KEPT = 4 * limits.GRID_TILES


class Styles:
    """Those of one session, of the tiles that were shown."""

    def __init__(self, session: Session, handles: Handles) -> None:
        self._session = session
        self._handles = handles
        self._kept: OrderedDict[tuple[int, Tile], NDArray[np.float32]] = OrderedDict()
        self._middles: dict[Any, NDArray[np.float32]] = {}  # of the seed that was looked at last
        self._told = session.signature  # anew by each process
        self._loaded = 0

    def loaded(self) -> int:
        """A number for the process of now: another one may have loaded another network from the same file."""
        if self._told is not self._session.signature:
            self._told = self._session.signature
            self._loaded += 1
        return self._loaded

    def middle(self, tile: Tile) -> Array:
        """The place in z whose surroundings are taken over to w."""
        return seeded(tile.seed, self._handles.latent.z).astype(np.float64)

    def known(self, tile: Tile) -> NDArray[np.float32]:
        """The place of a tile that was made; InputError if it was not."""
        known = self._kept.get((self.loaded(), tile))
        if known is None:
            raise InputError("that tile has not been shown yet", hint="look at it first", field="to")
        return known

    async def made(self, tile: Tile, z: Array, centre: Array, others: Mapping[str, Any]) -> NDArray[np.float32]:
        """The place in w of a tile around that centre, whose vector around the middle is z."""
        loaded = self.loaded()
        style = await mapped(self._session, self._handles, z.astype(np.float32), others)
        middle = await self._mapped_middle(tile, others)
        if len(centre) % len(style):
            said = f"the centre holds {len(centre)} numbers; a style of this network has {len(style)}"
            raise InputError(said, hint="take another centre", field="grid.centre")
        layers = centre.reshape(-1, len(style))  # one for each, or one for all
        place = (layers + (style - middle)).astype(np.float32).ravel()
        self._keep(loaded, tile, place)
        return place

    async def _mapped_middle(self, tile: Tile, others: Mapping[str, Any]) -> NDArray[np.float32]:
        about = self.loaded(), tile.seed, others.get("label")
        if about not in self._middles:
            z = self.middle(tile).astype(np.float32)
            self._middles = {about: await mapped(self._session, self._handles, z, others)}
        return self._middles[about]

    def _keep(self, loaded: int, tile: Tile, place: NDArray[np.float32]) -> None:
        self._kept[loaded, tile] = place
        self._kept.move_to_end((loaded, tile))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
