from typing import Any

from bridge import Model


class Echo(Model):
    """Gives back what it gets."""

    def run(self, value: Any = None) -> Any:
        return value
