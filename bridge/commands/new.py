"""sketchbridge new: a model folder from the template."""

from pathlib import Path

from bridge import template
from bridge.commands import show
from bridge.config import Settings


def new(settings: Settings, name: str, folder: Path | None, as_json: bool) -> None:
    """Make it, and say what to do next."""
    made = template.create(name, folder.absolute() if folder else settings.models_folder)
    # In the user's own folder it is found by its name, elsewhere only by its path.
    reference = name if folder is None else str(made)
    if as_json:
        show.json({"folder": str(made), "model": reference})
        return
    print(f"Made {made}")
    print(f"  what it does is in {made / 'model.py'}")
    print(f"  try it:  sketchbridge --model {reference}")
