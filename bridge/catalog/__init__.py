"""Which models there are: folders found in several places, read without importing any of them."""

from bridge.catalog.catalog import Catalog
from bridge.catalog.entry import Entry, Source
from bridge.catalog.places import GROUP, builtin_folder, package_sources, sources

__all__ = ["GROUP", "Catalog", "Entry", "Source", "builtin_folder", "package_sources", "sources"]
