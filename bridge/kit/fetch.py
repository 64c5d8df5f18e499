"""Networks by name: a folder, a file, or an id on the Hugging Face Hub, fetched once and found offline from then on.

python -m bridge.kit.fetch hf:org/name tells as JSON what it is, for whoever must not load the library it takes.
"""

import errno
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from bridge.errors import BridgeError, DiskFull, HubUnreachable, ModelBroken, NetworkGated, NetworkMissing
from bridge.ports.words import size as in_words

Report = Callable[[str, float, str], None]

_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*/[\w.-]+|(?<=hf:)[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
TEXT_FILES = ("*.json", "merges.txt", "vocab.txt", "tokenizer.model", "*.jinja", "README.md", "LICENSE*")
SAFE = ("*.safetensors",)
_WIRES = ("httpx", "httpcore", "requests", "huggingface_hub", "hf_xet")  # whose errors mean that it can't be reached
PICKLED = ("*.bin",)
_TOLD = (".json", ".txt", ".model", ".jinja", ".md")  # endings of what comes along with the weights
_LICENCE = re.compile(r"^license:[ \t]*['\"]?([^'\"\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a network lies. `file` is set where one file was named."""

    folder: Path
    file: Path | None = None


def find(
    network: str, report: Report, *, pickle: bool = False, endpoint: str | None = None, cache: str | None = None
) -> Found:
    """The network of that name, downloaded if need be; ModelBroken, in words, for whatever is in the way.

    Weights that are pickles are fetched only if asked for.
    """
    name = network.strip()
    if not name:
        raise _broken("network is empty", WANTED)
    path = Path(name).expanduser()
    if not name.startswith("hf:") and path.is_dir():
        return Found(path)
    if not name.startswith("hf:") and path.is_file():
        return Found(path.parent, path)
    match = _ID.fullmatch(name, 3 if name.startswith("hf:") else 0)
    if match is None:
        raise _broken(f"there is no {name}", WANTED, NetworkMissing)
    return Found(_Hub(match["id"], match["revision"], report, endpoint, cache).folder(pickle))


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a network on the Hub before it is loaded."""

    id: str
    revision: str | None
    kind: str  # model_type of its config.json: gpt2, llama ...
    licence: str
    size: int  # bytes to download, or that lie here
    kept: bool  # it lies here: nothing need be downloaded
    commit: str = ""


def about(network: str, *, endpoint: str | None = None, cache: str | None = None) -> About:
    """What a network is, from what lies here if all of it does, else from the Hub; only its config.json is fetched."""
    match = _ID.fullmatch(network.strip(), 3 if network.strip().startswith("hf:") else 0)
    if match is None:
        raise _broken(f"{network[:200]} is no Hub id", "it looks like hf:org/name, or hf:org/name@revision")
    return _Hub(match["id"], match["revision"], _nobody, endpoint, cache).about()


def _nobody(stage: str, fraction: float, text: str) -> None:
    """Nobody listens."""


WANTED = (
    "take a folder with config.json and model.safetensors, a .safetensors file in such a folder, "
    "or a Hub id: org/name@revision"
)


def _broken(message: str, hint: str, kind: type[ModelBroken] = ModelBroken) -> ModelBroken:
    return kind(message, hint=hint, field="network")


class _Hub:
    """One repository there. The library `huggingface_hub` keeps its files, for everything that uses it."""

    def __init__(self, id: str, revision: str | None, report: Report, endpoint: str | None, cache: str | None) -> None:
        self.id, self.revision, self._report = id, revision, report
        self._endpoint, self._cache = endpoint, cache
        self._name = f"{id}@{revision}" if revision else id

    def folder(self, pickle: bool) -> Path:
        """Where its files are: in the cache, if they are complete there, else after a download."""
        self._report("looking", -1.0, self._name)
        patterns = [*TEXT_FILES, *(PICKLED if pickle else SAFE)]
        kept = self._kept(patterns)
        if kept is not None:
            return kept
        with self._in_words():
            self._tell(pickle)
            return Path(self._snapshot(patterns, tqdm_class=_bar(self._report, self._name)))

    def about(self) -> About:
        """Of what lies here, or of what there is to fetch."""
        for patterns in ((*TEXT_FILES, *SAFE), (*TEXT_FILES, *PICKLED)):
            if (folder := self._kept(patterns)) is not None:
                return self._about_kept(folder)
        with self._in_words():
            told = self._info()
            files = {each.rfilename: each.size or 0 for each in told.siblings or [] if "/" not in each.rfilename}
            if "config.json" not in files:
                raise _broken(f"{self._name} has no config.json", "it is no network that transformers knows")
            ending = ".safetensors" if any(name.endswith(".safetensors") for name in files) else ".bin"
            config = Path(self._download("config.json", told.sha))
            return About(
                self.id, self.revision, _kind(config), _licence(told), _total(files, ending), False, told.sha or ""
            )

    def _about_kept(self, folder: Path) -> About:
        files = [file for file in folder.iterdir() if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        return About(self.id, self.revision, _kind(folder / "config.json"), _card(folder), size, True, folder.name)

    def _download(self, name: str, revision: str | None) -> str:
        wishes = {"revision": self.revision or revision, "endpoint": self._endpoint, "cache_dir": self._cache}
        bar = _bar(self._report, self._name)
        return str(_library().hf_hub_download(self.id, name, **wishes, tqdm_class=bar))

    def _kept(self, patterns: Sequence[str]) -> Path | None:
        """Weights and config are what makes it complete: a download that broke off leaves neither under its name."""
        try:
            folder = Path(self._snapshot(patterns, local_files_only=True))
        except (OSError, ValueError):
            return None
        weights = [file for pattern in (*SAFE, *PICKLED) if pattern in patterns for file in folder.glob(pattern)]
        return folder if weights and (folder / "config.json").is_file() and _whole(folder) else None

    def _snapshot(self, patterns: Sequence[str], **wishes: Any) -> str:
        return str(
            _library().snapshot_download(
                self.id,
                revision=self.revision,
                allow_patterns=list(patterns),
                endpoint=self._endpoint,
                cache_dir=self._cache,
                **wishes,
            )
        )

    def _tell(self, pickle: bool) -> None:
        """Licence and size, before anything large is fetched; and whether there is anything to fetch."""
        about = self._info()
        files = {each.rfilename: each.size or 0 for each in about.siblings or [] if "/" not in each.rfilename}
        ending = ".bin" if pickle else ".safetensors"
        if not any(name.endswith(ending) for name in files):
            other = any(name.endswith(".bin") for name in files)
            hint = (
                "its weights are pickles, which can hold code: "
                "say pickle=true, or to models pull --pickle, to take them all the same"
                if other
                else WANTED
            )
            raise _broken(f"{self._name} has no {ending} weights", hint)
        total = in_words(_total(files, ending))
        self._report("downloading", 0.0, f"{self._name}: {total}, licence: {_licence(about)}")

    def _info(self) -> Any:
        return (
            _library()
            .HfApi(endpoint=self._endpoint)
            .model_info(self.id, revision=self.revision, files_metadata=True, timeout=20)
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        errors = _library().errors

        try:
            yield
        except errors.GatedRepoError:
            page = f"https://huggingface.co/{self.id}"
            raise _broken(
                f"{self.id} is gated: its publisher lets in only those who asked",
                f"ask at {page}, then log in on this machine: hf auth login",
                NetworkGated,
            ) from None
        except errors.RevisionNotFoundError:
            raise _broken(
                f"{self.id} has no revision {self.revision}", "see its page for the revisions it has", NetworkMissing
            ) from None
        except errors.RepositoryNotFoundError:
            hint = "look at the spelling; if it is private, log in on this machine: hf auth login"
            words = f"there is no {self.id} on the Hub, nor a file or folder of that name here"
            raise _broken(words, hint, NetworkMissing) from None
        except errors.HFValidationError as error:
            raise _broken(f"{self.id} can't be a Hub id: {error}", WANTED) from None
        except OSError as error:
            raise self._trouble(error) from None
        except ModelBroken:
            raise
        except Exception as error:
            if not type(error).__module__.startswith(_WIRES):
                raise
            raise self._offline(error) from None

    def _trouble(self, error: OSError) -> ModelBroken:
        """The library's errors of the network are OSErrors, too."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _broken(
                f"the disk is full: {self._name} could not be downloaded whole",
                "make room, or set HF_HOME to a folder on another disk; what is there already is kept",
                DiskFull,
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return _broken(
                f"{error.filename or 'the folder for downloads'} can't be written", "set HF_HOME to another folder"
            )
        return self._offline(error)

    def _offline(self, error: Exception) -> ModelBroken:
        said = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        return _broken(
            f"{self._name} is not here yet, and the Hub can't be reached: {said}",
            "connect this machine and start again, or name a folder with the network",
            HubUnreachable,
        )


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise _broken(
            "networks of the Hub need the library huggingface_hub", "pip install 'sketchbridge[torch]'"
        ) from None
    return huggingface_hub


def _total(files: dict[str, int], ending: str) -> int:
    return sum(size for name, size in files.items() if name.endswith((ending, *_TOLD)) or name.startswith("LICENSE"))


def _kind(config: Path) -> str:
    try:
        kind = json.loads(config.read_text("utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _broken("its config.json names no model_type", "it is no network that transformers knows") from None
    return str(kind)


def _card(folder: Path) -> str:
    """The licence in the head of the card that lies beside the weights."""
    try:
        text = (folder / "README.md").read_text("utf-8", errors="replace")
    except OSError:
        return "not stated"
    head = text.split("---")[1] if text.startswith("---") else ""
    found = _LICENCE.search(head)
    return found[1].strip() if found else "not stated"


def _whole(folder: Path) -> bool:
    """All parts that an index names are there."""
    for index in folder.glob("*.index.json"):
        try:
            parts = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            return False
        if any(not (folder / part).is_file() for part in parts if str(part).endswith(".safetensors")):
            return False
    return True


def _licence(about: Any) -> str:
    card = about.card_data
    told = card.get("license") if card is not None else None
    named = told or next((tag.partition(":")[2] for tag in about.tags or [] if tag.startswith("license:")), "")
    return str(named) or "not stated"


def _bar(report: Report, name: str) -> Any:
    """A progress bar for the library that tells us instead of drawing itself."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]

    class Bar(tqdm):  # type: ignore[type-arg,misc,unused-ignore]
        monitor_interval = 0  # no thread that looks after bars

        def __init__(self, *args: Any, **settings: Any) -> None:
            settings.pop("name", None)
            super().__init__(*args, **{**settings, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            moved: bool | None = super().update(n)
            if self.unit == "B" and self.total:
                report("downloading", min(self.n / self.total, 1.0), name)
            return moved

    return Bar


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is held."""


def _main(network: str) -> None:
    """What it is, or why that can't be told, as JSON."""
    try:
        told: dict[str, Any] = {"network": asdict(about(network))}
    except BridgeError as error:
        told = {"error": to_builtins(error.info())}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main(sys.argv[1])
