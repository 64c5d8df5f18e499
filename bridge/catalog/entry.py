"""One model as the catalogue knows it, and the places where it looks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge import elsewhere, references
from bridge.errors import ErrorInfo, Forbidden, ModelBroken, from_info
from bridge.manifest import Manifest
from bridge.signature import Signature

Origin = Literal["path", "yours", "package", "built-in"]


class Source(msgspec.Struct, frozen=True):
    """A place with models: a model folder, or a folder of them. With a problem it is a place that can't be found."""

    origin: Origin
    folder: Path
    problem: ErrorInfo | None = None


class Entry(msgspec.Struct, frozen=True):
    """One model as the catalogue knows it. Without a manifest it can't be opened, and `problem` says why."""

    id: str
    folder: Path
    origin: Origin
    manifest: Manifest | None = None
    card: str = ""
    preview: Path | None = None
    digest: str = ""  # of its code; another digest means another signature
    signature: Signature | None = None  # None until described
    problem: ErrorInfo | None = None
    changed: float = 0.0  # when its folder was written to, in seconds since 1970
    file: Path | None = None  # such as a network, which the model of the folder loads
    options: dict[str, Any] = {}  # that go with the file, or with the network on the Hub
    address: str = ""  # of the server that holds it, where that is not this bridge
    kept: bool = True  # all of it lies here; of a network on the Hub, when it was looked up

    @property
    def about(self) -> Manifest:
        """The manifest; ModelBroken with the reason where there is none."""
        if self.manifest is None:
            raise from_info(self.problem) if self.problem else ModelBroken(f"{self.id} can't be read")
        return self.manifest

    @property
    def name(self) -> str:
        """What its session is called when nobody says."""
        if self.address:
            return elsewhere.name_of(self.address)
        return references.name_of(self.id) if references.is_reference(self.id) else self.id

    @property
    def where(self) -> str:
        """What a backend finds it by."""
        return self.address or str(self.folder)

    def check(self) -> None:
        """ModelBroken, with the reason, for one that can't be opened."""
        _ = self.about

    def check_told(self, options: Mapping[str, Any] | None) -> None:
        """Forbidden where options that came over a wire name a file of this machine."""
        for name, value in (options or {}).items():
            if self.manifest is None:
                continue
            by_path = name in self.manifest.hub.values() and not (isinstance(value, str) and references.is_id(value))
            if by_path or name in self.manifest.opens.values():
                raise Forbidden(
                    f"{name} names a file of the bridge's machine, so only there it can be said",
                    hint=f"put the file into the models folder there, or start with --model NAME=FILE; {self.id} "
                    "is then listed under its name",
                    field=name,
                )

    def describe(self) -> dict[str, Any]:
        """All that is known, as JSON: for the directory, the studio, the command line. No path of this machine."""
        return {
            "id": self.id,
            "origin": self.origin,
            "title": self.manifest.title if self.manifest else self.id,
            "manifest": msgspec.to_builtins(self.manifest) if self.manifest else None,
            "card": self.card,
            "preview": self.preview is not None,
            "signature": msgspec.to_builtins(self.signature) if self.signature else None,
            "problem": msgspec.to_builtins(self.problem) if self.problem else None,
        }
