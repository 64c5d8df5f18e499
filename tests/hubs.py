"""A Hub for networks on this machine, which answers the library `huggingface_hub` as the real one does."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMMIT = "a" * 40
GATED = "org/gated"  # nobody gets in
CARD = b"---\nlicense: mit\ntags:\n- text\n---\n# A network\n"


_LISTED = {"config.json": b"{}", "model.safetensors": b"weights"}  # of the one that is gated: seen, not had


class Hub(http.server.BaseHTTPRequestHandler):
    """What is in `networks`: by id, the contents of the files by name. Each has one commit."""

    networks: dict[str, dict[str, bytes]]
    asked: list[str]
    slow: threading.Event  # weights are given once it is set

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/")
        self.asked.append(f"{self.command} {path}")
        if path.startswith("api/models/"):
            return self._about(path.removeprefix("api/models/"))
        repo, _, name = path.partition("/resolve/")
        name = name.partition("/")[2]
        if repo == GATED:
            return self._refuse(403, "GatedRepo")
        data = self.networks.get(repo, {}).get(name)
        if data is None:
            return self._refuse(404, "EntryNotFound")
        if name.endswith(".safetensors") and self.command == "GET":
            self.slow.wait()
        return self._give(data, "application/octet-stream", ETag=f'"{hashlib.sha1(data).hexdigest()}"')

    def _about(self, path):
        repo, _, rest = path.partition("/revision/")
        repo, _, tree = repo.partition("/tree/")
        if repo not in self.networks and repo != GATED:
            return self._refuse(404, "RepoNotFound")
        if (rest or tree) not in ("", "main", COMMIT):
            return self._refuse(404, "RevisionNotFound")
        files = {name: len(data) for name, data in self.networks.get(repo, _LISTED).items()}
        if tree:
            entries = [{"type": "file", "path": name, "size": size, "oid": "0"} for name, size in files.items()]
            return self._give(json.dumps(entries).encode(), "application/json")
        siblings = [{"rfilename": name, "size": size} for name, size in files.items()]
        about = {"id": repo, "sha": COMMIT, "siblings": siblings, "tags": [], "cardData": {"license": "mit"}}
        return self._give(json.dumps(about).encode(), "application/json")

    def _give(self, body, kind, **headers):
        self.send_response(200)
        length = {"Content-Type": kind, "Content-Length": str(len(body)), "X-Repo-Commit": COMMIT}
        for name, value in {**length, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

    def _refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *said):
        """Nothing."""


class Opened:
    """A Hub that answers."""

    def __init__(self, port: int, hub: type[Hub]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.networks = hub.networks
        self.asked = hub.asked
        self.slow = hub.slow

    def add(self, id: str, folder: Path) -> None:
        """A folder of files as a network, with a card that states a licence."""
        self.networks[id] = {"README.md": CARD, **{file.name: file.read_bytes() for file in folder.iterdir()}}

    def environment(self, cache: Path) -> dict[str, str]:
        """For a process that shall ask here, and keep what it gets there."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}


@contextmanager
def hub() -> Iterator[Opened]:
    """One that answers until the block is left."""

    own: type[Hub] = type("Own", (Hub,), {"networks": {}, "asked": [], "slow": threading.Event()})
    own.slow.set()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Opened(server.server_port, own)
        finally:
            own.slow.set()
            server.shutdown()
            thread.join()
