"""Networks from the Hub, which here is a small server on this machine that answers as the real one does."""

import errno
import json
import re
import subprocess
import sys

import pytest

pytest.importorskip("huggingface_hub")

from bridge.errors import ModelBroken
from bridge.kit.fetch import about, find
from tests.bridges import environment
from tests.hubs import CARD, COMMIT
from tests.hubs import hub as opened_hub

FILES = {
    "config.json": b'{"model_type": "gpt2"}',
    "model.safetensors": b"weights" * 200,
    "README.md": CARD,
    "tf_model.h5": b"not needed",
}


@pytest.fixture
def hub():
    with opened_hub() as hub:
        hub.networks["org/net"] = dict(FILES)
        hub.networks["org/pickled"] = {"config.json": FILES["config.json"], "pytorch_model.bin": b"pickles"}
        hub.networks["org/strange"] = {"config.json": b"[]", "model.safetensors": b"weights"}
        hub.networks["org/data"] = {"data.csv": b"1,2"}
        yield hub


@pytest.fixture
def fetch(hub, tmp_path):
    told = []

    def get(name, **more):
        endpoint = more.pop("endpoint", hub.url)
        return find(name, lambda *said: told.append(said), endpoint=endpoint, cache=str(tmp_path / "kept"), **more)

    get.told = told
    return get


def refused(fetch, name, code, **more):
    with pytest.raises(ModelBroken) as caught:
        fetch(name, **more)
    assert (caught.value.field, caught.value.code) == ("network", code)
    return f"{caught.value.message} | {caught.value.hint}"


def test_a_network_is_fetched_once_with_licence_and_size_told_before(fetch, hub):
    found = fetch(f"org/net@{COMMIT}")
    assert (found.folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert sorted(file.name for file in found.folder.iterdir()) == sorted(FILES.keys() - {"tf_model.h5"})
    _, fraction, text = next(said for said in fetch.told if said[0] == "downloading")
    assert fraction == 0 and "1.43 KiB" in text and "licence: mit" in text
    asked = len(hub.asked)
    assert fetch(f"org/net@{COMMIT}") == found and len(hub.asked) == asked


def test_once_it_is_here_nobody_need_be_reached(fetch):
    found = fetch(f"hf:org/net@{COMMIT}")
    assert fetch(f"hf:org/net@{COMMIT}", endpoint="http://127.0.0.1:9") == found


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("org/gated", "network_gated", "is gated.*hf auth login"),
        ("org/nothing", "network_missing", "there is no org/nothing on the Hub.*spelling"),
        ("org/net@v9", "network_missing", "has no revision v9"),
        ("org/pickled", "model_broken", "no .safetensors weights.*pickle=true"),
        ("no such thing", "network_missing", "there is no no such thing.*org/name@revision"),
    ],
)
def test_what_is_in_the_way_is_told_in_words(name, code, said, fetch):
    assert re.search(said, refused(fetch, name, code))


def test_pickles_are_fetched_only_if_asked_for(fetch, hub):
    assert not [line for line in hub.asked if ".bin" in line]
    found = fetch("org/pickled", pickle=True)
    assert (found.folder / "pytorch_model.bin").read_bytes() == b"pickles"
    assert fetch("org/pickled", pickle=True, endpoint="http://127.0.0.1:9") == found


def test_without_a_network_it_says_so(fetch):
    assert "the Hub can't be reached" in refused(fetch, "org/net", "hub_unreachable", endpoint="http://127.0.0.1:9")


def test_a_full_disk_is_told_as_such(fetch, monkeypatch):
    from huggingface_hub import file_download

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full)
    assert "the disk is full" in refused(fetch, "org/net", "disk_full")


def test_a_folder_and_a_file_are_taken_as_they_are(tmp_path, fetch):
    file = tmp_path / "net.safetensors"
    file.touch()
    assert (fetch(str(tmp_path)).folder, fetch(str(file)).file) == (tmp_path, file)


# --- what it is, before it is fetched ------------------------------------------------------------


def told(hub, tmp_path, name, **more):
    return about(name, **{"endpoint": hub.url, "cache": str(tmp_path / "kept"), **more})


def test_what_a_network_is_can_be_told_without_its_weights(hub, tmp_path, fetch):
    first = told(hub, tmp_path, "hf:org/net")
    assert (first.id, first.revision, first.kind, first.licence, first.kept) == ("org/net", None, "gpt2", "mit", False)
    assert first.size == sum(len(FILES[name]) for name in ("config.json", "model.safetensors", "README.md"))
    assert first.commit == COMMIT and not [line for line in hub.asked if "safetensors" in line]
    fetch("org/net")
    kept = told(hub, tmp_path, "hf:org/net", endpoint="http://127.0.0.1:9")
    assert kept.kept and (kept.kind, kept.licence, kept.size) == ("gpt2", "mit", first.size)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf:org/gated", "is gated.*hf auth login"),
        ("hf:org/nothing", "there is no org/nothing on the Hub.*spelling"),
        ("hf:org/net@v9", "has no revision v9"),
        ("hf:org/strange", "names no model_type"),
        ("hf:org/data", "has no config.json"),
        ("hf:no such thing", "is no Hub id"),
        ("hf:../../etc", "is no Hub id|can't be a Hub id"),
        ("hf:", "is no Hub id"),
    ],
)
def test_why_it_can_not_be_told_is_told(name, said, hub, tmp_path):
    with pytest.raises(ModelBroken) as caught:
        told(hub, tmp_path, name)
    assert re.search(said, f"{caught.value.message} | {caught.value.hint}")


def test_offline_and_not_here_is_told(hub, tmp_path):
    with pytest.raises(ModelBroken, match="the Hub can't be reached"):
        told(hub, tmp_path, "hf:org/net", endpoint="http://127.0.0.1:9")


def test_a_process_of_its_own_tells_it_as_json(hub, tmp_path):
    def said(name):
        command = [sys.executable, "-m", "bridge.kit.fetch", name]
        variables = environment() | hub.environment(tmp_path)
        return json.loads(subprocess.run(command, env=variables, capture_output=True, check=True).stdout)

    assert said("hf:org/net")["network"]["kind"] == "gpt2"
    assert said("hf:org/gated")["error"]["code"] == "network_gated"


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelBroken) as caught:
        about("hf:org/net")
    assert "sketchbridge[torch]" in caught.value.hint
