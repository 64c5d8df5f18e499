"""Networks from the Hub, which here is a small server on this machine that answers as the real one does."""

import errno
import hashlib
import http.server
import json
import re
import threading

import pytest

pytest.importorskip("huggingface_hub")

from bridge.errors import ModelBroken
from bridge.kit.fetch import find

FILES = {"config.json": b'{"model_type": "gpt2"}', "model.safetensors": b"weights" * 200, "README.md": b"not needed"}
COMMIT = "a" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """One network, org/net; others that are gated, pickled, or not there."""

    served = 0

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        type(self).served += 1
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            return self._about(path.removeprefix("api/models/"))
        repo, _, name = path.partition("/resolve/")
        name = name.partition("/")[2]
        if repo != "org/net" or name not in FILES:
            return self._refuse(404, "EntryNotFound")
        return self._give(FILES[name], "application/octet-stream", ETag=f'"{hashlib.sha1(FILES[name]).hexdigest()}"')

    def _about(self, path):
        repo, _, rest = path.partition("/revision/")
        repo, _, tree = repo.partition("/tree/")
        if repo == "org/gated":
            return self._refuse(403, "GatedRepo")
        if repo not in ("org/net", "org/pickled"):
            return self._refuse(404, "RepoNotFound")
        if (rest or tree) not in ("", "main", COMMIT):
            return self._refuse(404, "RevisionNotFound")
        names = FILES if repo == "org/net" else ["config.json", "pytorch_model.bin"]
        files = [{"rfilename": name, "size": len(FILES.get(name, b""))} for name in names]
        if tree:
            entries = [
                {"type": "file", "path": name, "size": each["size"], "oid": "0"}
                for name, each in zip(names, files, strict=True)
            ]
            return self._give(json.dumps(entries).encode(), "application/json")
        about = {"id": repo, "sha": COMMIT, "siblings": files, "tags": ["license:mit"], "cardData": {"license": "mit"}}
        return self._give(json.dumps(about).encode(), "application/json")

    def _give(self, body, kind, **headers):
        self.send_response(200)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "X-Repo-Commit": COMMIT,
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *said):
        """Nothing."""


@pytest.fixture
def hub():
    class Counting(Hub):
        served = 0

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.counting = Counting
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(hub, tmp_path):
    told = []

    def get(name, **more):
        endpoint = more.pop("endpoint", f"http://127.0.0.1:{hub.server_port}")
        return find(name, lambda *said: told.append(said), endpoint=endpoint, cache=str(tmp_path / "kept"), **more)

    get.told = told
    return get


def refused(fetch, name, **more):
    with pytest.raises(ModelBroken) as caught:
        fetch(name, **more)
    assert caught.value.field == "network"
    return f"{caught.value.message} | {caught.value.hint}"


def test_a_network_is_fetched_once_with_licence_and_size_told_before(fetch, hub):
    found = fetch(f"org/net@{COMMIT}")
    assert (found.folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not (found.folder / "README.md").exists()
    _, fraction, text = next(said for said in fetch.told if said[0] == "downloading")
    assert fraction == 0 and "1.39 KiB" in text and "licence: mit" in text
    served = hub.counting.served
    assert fetch(f"org/net@{COMMIT}") == found and hub.counting.served == served


def test_once_it_is_here_nobody_need_be_reached(fetch):
    found = fetch(f"hf:org/net@{COMMIT}")
    assert fetch(f"hf:org/net@{COMMIT}", endpoint="http://127.0.0.1:9") == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/gated", "is gated.*hf auth login"),
        ("org/nothing", "there is no org/nothing on the Hub.*spelling"),
        ("org/net@v9", "has no revision v9"),
        ("org/pickled", "no .safetensors weights.*pickle=true"),
        ("no such thing", "there is no no such thing.*org/name@revision"),
    ],
)
def test_what_is_in_the_way_is_told_in_words(name, said, fetch):
    assert re.search(said, refused(fetch, name))


def test_without_a_network_it_says_so(fetch):
    assert "the Hub can't be reached" in refused(fetch, "org/net", endpoint="http://127.0.0.1:9")


def test_a_full_disk_is_told_as_such(fetch, monkeypatch):
    from huggingface_hub import file_download

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full)
    assert "the disk is full" in refused(fetch, "org/net")


def test_a_folder_and_a_file_are_taken_as_they_are(tmp_path, fetch):
    file = tmp_path / "net.safetensors"
    file.touch()
    assert (fetch(str(tmp_path)).folder, fetch(str(file)).file) == (tmp_path, file)
