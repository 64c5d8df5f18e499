"""Models that run on a server written with the old Model SDK, named by its address. Pure."""

import re

from bridge.manifest import Manifest

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.IGNORECASE)


def is_address(ref: str) -> bool:
    """Whether a model is named by an address."""
    return _ADDRESS.fullmatch(ref) is not None


def name_of(address: str) -> str:
    """What its session is called when nobody says: host and port."""
    place = address.partition("://")[2].strip("/")
    return re.sub(r"[^A-Za-z0-9]+", "-", place).strip("-")[:64] or "server"


def manifest_of(address: str) -> Manifest:
    """What can be said of it without asking it."""
    place = address.partition("://")[2].strip("/")
    return Manifest(place[:80], "transform", tagline=f"from the server at {address}"[:200], size=0)
