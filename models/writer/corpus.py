"""The texts that writer learns from: source code of npm packages, named in corpus.json with version, licence and checksum.

Only what may be used by anybody for anything is in that list. A package is taken when its own package.json names the licence that the list
names, and the file that tells the licence is in it; a file of it that names another licence is left out. Then: source files, not built ones;
each once; comments and imports thinned out; one layout for all (clean.mjs). The texts themselves stay in the work folder: they are not part
of this project.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .sketches import sketches

HERE = Path(__file__).parent
LICENCES = re.compile(r"(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD|Unlicense|CC0-1\.0|[()]| AND | OR )+")
SKIP = re.compile(  # what is not source, is not meant to be read, or came from elsewhere
    r"(^|/)(libs?3rd|libs|vendor|third-?party|tests?|specs?|__tests__|fixtures|locales?|i18n|shaders?-?lib|shaderchunk|fonts?|wgsl"
    r"|node_modules)/|\.(min|umd|cjs|test|spec)\.|(^|/)(rollup|eslint|webpack)|\.config\.",
    re.IGNORECASE,
)
BUILT = re.compile(r"__decorate\(|_createClass|__awaiter|_interopRequire|__extends\(|sourceMappingURL=data")
# a file that names a licence of its own, other than its package's, that asks for more
OTHERWISE = re.compile(
    r"\b[LA]?GPL(-|v|\b)|GNU (Lesser|Library|General|Affero)|\bCC[- ]BY-(NC|SA|ND)-\d|non-?commercial", re.IGNORECASE
)
LONGEST = 60_000  # characters of one text; a longer one is cut at the ends of statements
LARGEST = 2_500_000  # characters of one package: no voice drowns the others


SKETCHES, HOW_MANY = "sketches", 3_000  # by the grammar of sketches.py


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    licence: str
    licence_in: str  # the file of the package that tells it
    integrity: str
    use: tuple[str, ...] = ("",)  # paths, or beginnings of paths
    held_out: bool = False  # for validation: never trained on


def packages(part="packages"):
    rows = json.loads((HERE / "corpus.json").read_text(encoding="utf-8"))[part]
    return [Package(**row | {"use": tuple(row.get("use", ()))}) for row in rows]


def fetch(wanted, folder):
    """Have npm download what is not there yet, each at its version; refuse what is not to the bit what the list says."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [f"{p.name}@{p.version}" for p in wanted if not archive(p, folder).exists()]
    if missing:
        command = [tool("npm"), "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), *missing]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603, names from corpus.json
    for package in wanted:
        check(package, folder)


def archive(package, folder):
    return folder / f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"


def check(package, folder):
    data = archive(package, folder).read_bytes()
    if "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode() != package.integrity:
        raise ValueError(f"{package.name} {package.version} is not what the list says: its checksum differs")
    files = read(package, folder, lambda path: path in ("package.json", package.licence_in))
    told = json.loads(files["package.json"])["license"]
    if told != package.licence or not LICENCES.fullmatch(told) or package.licence_in not in files:
        raise ValueError(f"{package.name} says {told!r}, the list {package.licence!r} in {package.licence_in}")


def read(package, folder, wish):
    """The wished files of a package by their paths, as text."""
    with tarfile.open(archive(package, folder)) as content:
        inside = ((m.name.partition("/")[2], m) for m in content if m.isfile())
        found = {path: content.extractfile(m).read() for path, m in inside if wish(path)}  # in the archive's own order
    return {path: found[path].decode("utf-8", "replace") for path in sorted(found)}


def unpack(package, folder, into):
    """A tool's own files."""
    for path, text in read(package, folder, lambda path: path.endswith((".mjs", ".js", ".json"))).items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_text(text, encoding="utf-8")


def sources(package, folder):
    def wish(path):
        return path.endswith((".js", ".mjs")) and not SKIP.search(path) and any(path.startswith(u) for u in package.use)

    return [text for text in read(package, folder, wish).values() if is_source(text)]


def is_source(text):
    lines = text.splitlines()
    return (
        bool(lines)
        and not BUILT.search(text)
        and not OTHERWISE.search(text)
        and max(map(len, lines)) < 3_000
        and len(text) < 80 * len(lines)
    )


def is_good(text):
    """After cleaning: words more than numbers, and in the alphabet that most code is written in."""
    lines = text.splitlines()
    digits = sum(map(str.isdigit, text))
    foreign = sum(not c.isascii() for c in text)
    long = sum(len(line) > 200 for line in lines)
    return len(text) > 150 and digits < 0.12 * len(text) and foreign < 0.005 * len(text) and long <= len(lines) / 500


def clean(texts, tools, processes=2):
    """Each text as clean.mjs gives it back, or None where it is no JavaScript that can be read."""
    command = ["clean.mjs", tools / "acorn", tools / "prettier"]
    parts = [[{"text": text} for text in texts[i::processes]] for i in range(processes)]
    cleaned = [None] * len(texts)
    with ThreadPoolExecutor(processes) as pool:
        for i, answers in enumerate(pool.map(lambda part: ask_node(command, part), parts)):
            cleaned[i::processes] = [answer.get("text") for answer in answers]
    return cleaned


def ask_node(command, rows):
    """What a script of this folder answers to each of the rows."""
    script, *arguments = command
    whole = [tool("node"), str(HERE / script), *map(str, arguments)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run(whole, input=lines, capture_output=True, text=True, check=True, encoding="utf-8")  # noqa: S603
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def tool(name):
    found = shutil.which(name)
    if not found:
        raise FileNotFoundError(f"{name} is not installed: Node.js brings it")
    return found


def collect(folder, processes=2):
    """All texts as {package: [text]}, downloaded and cleaned at the first time, from texts.json after that."""
    ready = folder / "texts.json"
    if ready.exists():
        return json.loads(ready.read_text(encoding="utf-8"))
    everything, tools = packages(), packages("tools")
    fetch(everything + tools, folder / "packages")
    for tool in tools:
        unpack(tool, folder / "packages", folder / "tools" / tool.name)
    raw = [(p.name, text) for p in everything for text in sources(p, folder / "packages")]
    raw += [(SKETCHES, text) for text in sketches(HOW_MANY)]
    print(f"cleaning {len(raw)} files, {sum(len(t) for _, t in raw) / 1e6:.1f} MB ...", flush=True)
    cleaned = clean([text for _, text in raw], folder / "tools", processes)
    texts = {name: [] for name, _ in raw}
    seen = set()
    for (name, _), text in zip(raw, cleaned, strict=True):
        for part in portions(text or ""):
            mark = hashlib.sha256(re.sub(r"\s+", "", part).encode()).digest()
            if mark not in seen and is_good(part) and sum(map(len, texts[name])) < LARGEST:
                texts[name].append(part)
            seen.add(mark)
    partial = ready.with_suffix(".partial")
    partial.write_text(json.dumps(texts), encoding="utf-8")
    partial.replace(ready)
    return texts


def portions(text):
    """A long text in parts, cut only where a line stands at the very left."""
    part, size = [], 0
    for line in text.splitlines(keepends=True):
        if size > LONGEST and line[0] not in " \n})]`":
            yield "".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield "".join(part)
