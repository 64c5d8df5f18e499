"""Where models come from: paths the user named, their folder, installed packages, the built-in ones."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge import limits, manifest
from bridge.catalog.entry import Entry, Source
from bridge.errors import ModelBroken

GROUP = "sketchbridge.models"  # the entry points by which an installed package offers models


def builtin_folder() -> Path:
    """The models that come with the bridge: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_models"
    return inside if inside.is_dir() else package.parent / "models"


def sources(yours: Path | None = None, paths: Iterable[Path] = ()) -> list[Source]:
    """Every place where a bridge looks: paths the user named, their folder, installed packages, the built-in ones."""
    found = [Source("path", path) for path in paths]
    if yours is not None:
        found.append(Source("yours", yours))
    return [*found, *package_sources(), Source("built-in", builtin_folder())]


def package_sources() -> list[Source]:
    """What installed packages offer; none of them is imported."""
    return [_package_source(point) for point in importlib.metadata.entry_points(group=GROUP)]


def _package_source(point: importlib.metadata.EntryPoint) -> Source:
    """The folder that an entry point such as `mine = "my_package.models"` names."""
    top, *rest = point.value.partition(":")[0].strip().split(".")
    try:
        # For a name without dots this only looks; it imports nothing.
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place, *rest)
        if model_folders(folder):
            return Source("package", folder)
    problem = ModelBroken(
        f"{point.value} is not a folder of models in an installed package",
        hint="a package names it so: my_package.models",
    )
    return Source("package", Path(point.name), problem.info())


def model_folders(place: Path) -> list[Path]:
    """The place itself if it is a model folder, else the model folders in it."""
    if manifest.is_model_folder(place):
        return [place]
    try:
        with os.scandir(place) as items:
            names = sorted(item.name for item in items if not item.name.startswith((".", "_")))
    except OSError:
        return []  # not there yet, or not ours to read: no models
    return [place / name for name in names[: limits.MODELS_PER_SOURCE] if manifest.is_model_folder(place / name)]


def openable_files(source: Source, opens: Mapping[str, Entry]) -> list[Path]:
    """What lies in that place, or is it, and can be opened by a model. Only what the user put there."""
    if source.origin not in ("path", "yours") or manifest.is_model_folder(source.folder):
        return []
    if source.folder.is_file():
        return [source.folder] if source.folder.suffix.lower() in opens else []
    if source.origin == "path":
        return []
    try:
        with os.scandir(source.folder) as items:
            names = sorted(item.name for item in items if not item.name.startswith((".", "_")) and item.is_file())
    except OSError:
        return []
    return [source.folder / name for name in names if Path(name).suffix.lower() in opens][: limits.MODELS_PER_SOURCE]
