"""hf:org/name as a model: looked up on a Hub on this machine, fetched once, run by the model that can."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bridge import references
from bridge.catalog import Catalog, Source, builtin_folder
from bridge.errors import Forbidden, ModelBroken, UnknownModel
from bridge.references import Network
from tests.bridges import COMMAND, ROOT, call, environment, running
from tests.hubs import COMMIT, hub
from tests.kit.networks import generated, gpt2, llama
from tests.transports.serving import calling, serving

SAY = {"prompt": "function draw() {", "temperature": 0, "max_tokens": 12}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {name: tmp_path_factory.mktemp(name) for name in ("gpt2", "llama")}
    models = {"gpt2": gpt2(made["gpt2"]), "llama": llama(made["llama"])}
    texts = {name: generated(models[name], made[name], SAY["prompt"], SAY["max_tokens"]) for name in made}
    return made, texts


@pytest.fixture
def there(folders):
    """A Hub with a GPT-2 and a Llama."""
    with hub() as opened:
        for name, folder in folders[0].items():
            opened.add(f"org/tiny-{name}", folder)
        yield opened


@pytest.fixture
def state(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "config.toml").write_text("port = 1\n")  # where no bridge answers
    return tmp_path / "state"


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("hf:org/Qwen2.5-0.5B@v1.0", "Qwen2-5-0-5B"),
        ("hf:gpt2", "gpt2"),
        ("hf:org/_x_", "x"),
        ("hf:", "network"),
        ("hf:o/" + "n" * 90, "n" * 64),
    ],
)
def test_its_session_is_called_after_it(ref, name):
    assert references.name_of(ref) == name


@pytest.mark.parametrize("text", ["org/net", "hf:org/net@abc", "hf:gpt2"])
def test_an_id_of_the_hub_is_one(text):
    assert references.is_id(text)


@pytest.mark.parametrize("text", ["gpt2", "/etc/passwd", "../../x", "org/net/more", "~/net", "C:\\net", "hf:../x", ""])
def test_a_path_is_no_id_of_the_hub(text):
    assert not references.is_id(text)


# --- in the catalogue ----------------------------------------------------------------------------


class LookUp:
    """Knows what kind everything is, and counts how often it is asked."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.asked: list[str] = []

    async def __call__(self, ref: str) -> Network:
        self.asked.append(ref)
        await asyncio.sleep(0)
        return Network("org/net", self.kind, "mit", 1234, False)


async def never_asked(folder: Path):
    raise AssertionError


def catalogue(state, look_up, folder=None):
    return Catalog([Source("built-in", folder or builtin_folder())], state, never_asked, look_up)


@pytest.mark.parametrize(("kind", "model"), [("gpt2", "gpt2"), ("llama", "lm"), ("qwen3", "lm")])
async def test_the_model_that_runs_its_kind_is_taken(kind, model, state):
    look_up = LookUp(kind)
    catalog = catalogue(state, look_up)
    one, other = await asyncio.gather(catalog.named("hf:org/net"), catalog.resolved("hf:org/net"))
    assert one is other is catalog.get("hf:org/net") and look_up.asked == ["hf:org/net"]
    assert one.folder == builtin_folder() / model and one.options == {"network": "hf:org/net"}
    assert (one.name, one.about.title, one.about.licence_weights, one.about.size) == ("net", "net", "mit", 1234)
    assert [entry.id for entry in catalog.entries if entry.id.startswith("hf:")] == []


async def test_without_a_model_that_runs_it_it_is_told(state, tmp_path):
    with pytest.raises(ModelBroken, match="no model here runs networks of the kind gpt2"):
        await catalogue(state, LookUp("gpt2"), tmp_path).named("hf:org/net")
    with pytest.raises(UnknownModel, match="can't be reached"):
        await catalogue(state, None).named("hf:org/net")


def test_over_a_wire_a_network_is_named_by_its_id_and_never_by_a_path(state):
    entry = catalogue(state, None).get("gpt2")
    entry.check_told({"network": "org/net@abc", "device": "cpu"})
    for path in ("/etc", "./net", "..", "net", "hf:../x", 3):
        with pytest.raises(Forbidden) as caught:
            entry.check_told({"network": path})
        assert caught.value.field == "network"


# --- in a bridge ---------------------------------------------------------------------------------


@pytest.fixture
def at_the_hub(there, tmp_path, monkeypatch):
    for name, value in there.environment(tmp_path / "kept").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return there


async def answer(http, path, **body):
    async with http.post(path, json=body) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
async def test_it_is_opened_over_a_wire_and_is_back_without_the_hub(kind, at_the_hub, folders, state):
    ref = f"hf:org/tiny-{kind}@{COMMIT}"
    async with serving(state=state) as server, calling(server) as http:
        status, opened = await answer(http, "/api/sessions?wait=true", model=ref)
        assert (status, opened["name"], opened["model"], opened["options"]) == (201, f"tiny-{kind}", ref, {})
        _, ran = await answer(http, f"/api/sessions/tiny-{kind}/run", **SAY)
        assert ran["outputs"]["generated_text"] == folders[1][kind]
    asked = len(at_the_hub.asked)
    async with serving(state=state) as server, calling(server) as http:  # as it was saved
        await server.hub.get(f"tiny-{kind}").started()
        _, ran = await answer(http, f"/api/sessions/tiny-{kind}/run", **SAY)
        assert ran["outputs"]["generated_text"] == folders[1][kind] and len(at_the_hub.asked) == asked


async def test_what_is_in_the_way_is_told_over_the_wire(at_the_hub, state):
    async with serving(state=state) as server, calling(server) as http:
        for ref, words in (("hf:org/gated", "is gated"), ("hf:org/none", "there is no org/none"), ("hf:x y", "no Hub")):
            status, told = await answer(http, "/api/sessions", model=ref)
            assert status == 502 and words in told["error"]["message"]
        async with http.get("/api/models/hf:org%2Ftiny-llama") as looked:
            manifest = (await looked.json())["manifest"]
        assert manifest["licence_weights"] == "mit" and manifest["size"] > 1000
        status, told = await answer(http, "/api/sessions", model="gpt2", options={"network": str(state)})
        assert status == 403 and told["error"]["field"] == "network"


# --- on the command line -------------------------------------------------------------------------


@pytest.fixture
def called(there, tmp_path, state):
    async def call_it(*arguments, **variables):
        told = {"OMP_NUM_THREADS": "1", **there.environment(tmp_path / "kept"), **variables}
        return await call(*arguments, variables=told)

    return call_it


async def test_show_tells_licence_and_size_and_fetches_no_weights(called, there, state):
    code, out, complaint = await called("models", "show", "hf:org/tiny-gpt2", "--state", str(state))
    assert code == 0, complaint
    assert "licence of the weights: mit" in out and "size: " in out and "models pull hf:org/tiny-gpt2 fetches it" in out
    assert "max_tokens" in out and not [line for line in there.asked if "GET" in line and "safetensors" in line]


async def test_pull_tells_licence_and_size_first_and_run_then_needs_no_hub(called, folders, state):
    code, out, complaint = await called("models", "pull", "hf:org/tiny-gpt2", "--json")
    assert code == 0, complaint
    pulled = json.loads(out)["network"]
    assert (Path(pulled["folder"]) / "model.safetensors").is_file() and pulled["licence"] == "mit" and pulled["kept"]
    assert "downloading org/tiny-gpt2: " in complaint and "licence: mit" in complaint
    _, out, _ = await called("models", "show", "hf:org/tiny-gpt2", "--state", str(state), HF_HUB_OFFLINE="1")
    assert "here already: yes" in out
    given = [part for name, value in SAY.items() for part in ("-i", f"{name}={value}")]
    code, out, complaint = await called(
        "run", "hf:org/tiny-gpt2", *given, "--state", str(state), HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert code == 0, complaint
    assert out == folders[1]["gpt2"] + ("" if folders[1]["gpt2"].endswith("\n") else "\n")
    assert "no bridge answers on port 1: hf:org/tiny-gpt2 is started just for this" in complaint


async def test_run_alone_fetches_it_and_says_so(called, folders, state):
    given = [part for name, value in SAY.items() for part in ("-i", f"{name}={value}")]
    code, out, complaint = await called("run", "hf:org/tiny-llama", *given, "--json", "--state", str(state))
    assert code == 0, complaint
    assert json.loads(out)["outputs"]["generated_text"] == folders[1]["llama"]
    assert "downloading org/tiny-llama: " in complaint and "licence: mit" in complaint


async def test_pull_takes_pickles_only_if_asked_to(called, there):
    there.networks["org/pickled"] = {"config.json": b'{"model_type": "gpt2"}', "pytorch_model.bin": b"pickles"}
    code, out, complaint = await called("models", "pull", "hf:org/pickled")
    assert (code, out) == (1, "") and "no .safetensors weights" in complaint
    code, out, complaint = await called("models", "pull", "hf:org/pickled", "--pickle", "--json")
    assert code == 0, complaint
    assert (Path(json.loads(out)["network"]["folder"]) / "pytorch_model.bin").read_bytes() == b"pickles"


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("hf:org/gated", "is gated"),
        ("hf:org/none", "there is no org/none"),
        ("hf:org/tiny-gpt2@v9", "has no revision v9"),
        ("hf:org/tiny-gpt2@../x", "revision|Hub id"),
        ("gpt2", "is not on the Hub"),
    ],
)
async def test_pull_says_what_is_in_the_way(ref, words, called):
    code, out, complaint = await called("models", "pull", ref)
    assert (code, out) == (1, "") and "Traceback" not in complaint
    assert any(word in complaint for word in words.split("|")), complaint


async def test_offline_is_told_by_all_of_them(called, state):
    for command in (("models", "show"), ("models", "pull"), ("run",)):
        more = () if "pull" in command else ("--state", str(state))
        code, _, complaint = await called(*command, "hf:org/tiny-gpt2", *more, HF_ENDPOINT="http://127.0.0.1:9")
        assert code == 1 and "the Hub can't be reached" in complaint


async def test_a_bridge_starts_with_it_and_others_start_without(there, tmp_path, state, monkeypatch):
    for name, value in there.environment(tmp_path / "kept").items():
        monkeypatch.setenv(name, value)
    flags = ("--model", "sea=hf:org/tiny-gpt2", "--model", "hf:org/tiny-llama", "--model", "x=hf:org/gated")
    async with running(state, *flags) as bridge:
        assert bridge.sessions == ["sea", "tiny-llama"]
        assert any("x was not opened: org/gated is gated" in line["message"] for line in bridge.log)
        code, out, complaint = await call("run", "sea", "-i", "prompt=for", "--url", bridge.url, "--json")
        assert code == 0 and json.loads(out)["outputs"]["finish_reason"] == "tokens", complaint


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not sent on Windows")
async def test_ctrl_c_leaves_a_download_at_once(there, tmp_path):
    there.slow.clear()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "models", "pull", "hf:org/tiny-gpt2", cwd=ROOT, stderr=asyncio.subprocess.PIPE,
        env=environment() | there.environment(tmp_path / "kept"),
    )  # fmt: skip
    assert process.stderr is not None
    assert b"downloading" in await process.stderr.readline()
    while not [line for line in there.asked if line.startswith("GET") and "safetensors" in line]:
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        said = await process.stderr.read()
        assert await process.wait() == 130
    assert b"Traceback" not in said
