"""Signatures, kept between starts."""

import hashlib
import os
import sys
from pathlib import Path

import msgspec

from bridge.catalog.entry import Entry
from bridge.signature import Signature


class Cache:
    """One small file for each model folder. A cache that can't be written or read costs time, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = _reader_digest()
        self._known: dict[Path, tuple[str, Signature]] = {}

    def get(self, entry: Entry) -> Signature | None:
        """The signature of this code, if it is known."""
        known = self._known.get(entry.folder) or self._from_file(entry)
        if known is None or known[0] != entry.digest:
            return None
        self._known[entry.folder] = known
        return known[1]

    def put(self, entry: Entry, signature: Signature) -> None:
        """Keep it, here and for the next start."""
        self._known[entry.folder] = (entry.digest, signature)
        file = self._file(entry)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(_Kept(entry.digest + self._reader, signature)))
            fresh.replace(file)
        except OSError:
            return

    def _from_file(self, entry: Entry) -> tuple[str, Signature] | None:
        try:
            kept = msgspec.json.decode(self._file(entry).read_bytes(), type=_Kept)
        except (OSError, ValueError, RecursionError):
            return None
        return (entry.digest, kept.signature) if kept.digest == entry.digest + self._reader else None

    def _file(self, entry: Entry) -> Path:
        return self._folder / f"{entry.id[:60]}-{hashlib.sha256(str(entry.folder).encode()).hexdigest()[:12]}.json"


class _Kept(msgspec.Struct):
    digest: str
    signature: Signature


def _reader_digest() -> str:
    """Of what turns code into a signature: this Python and our own files that read and describe."""
    package = Path(__file__).resolve().parents[1]
    summed = hashlib.sha256(sys.version.encode())
    for file in (package / "model.py", package / "signature.py", *sorted((package / "ports").glob("*.py"))):
        summed.update(file.read_bytes())
    return summed.hexdigest()
