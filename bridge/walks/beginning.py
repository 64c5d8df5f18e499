"""How a walk begins, or begins again after the bridge was restarted. Needs no numpy."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Begin(msgspec.Struct, frozen=True):
    """How a walk begins: its settings, where on its path, and whether it waits to be told before it shows anything."""

    settings: Mapping[str, Any] = {}
    place: float = 0.0
    stands_by: bool = False


STANDING_BY = Begin({"playing": False}, stands_by=True)
