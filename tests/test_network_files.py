"""A file that a model can open is a model of its own: dropped into the models folder, or named on the command line."""

from pathlib import Path

import pytest

from bridge.catalog import Catalog, Source
from bridge.errors import ModelBroken, UnknownModel
from tests.transports.serving import calling, serving

READER = {
    "model.toml": 'title = "Reader"\nkind = "extract"\n[opens]\n".words" = "file"\n',
    "model.py": """
from pathlib import Path

from bridge import Model


class Reader(Model):
    def setup(self, file: str, loud: bool = False) -> None:
        self.words = Path(file).read_text()
        self.loud = loud

    def run(self) -> str:
        return self.words.upper() if self.loud else self.words
""",
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def yours(state: Path) -> Path:
    folder = state / "models"
    for name, text in READER.items():
        (folder / "reader").mkdir(parents=True, exist_ok=True)
        (folder / "reader" / name).write_text(text)
    (folder / "My Poem.words").write_text("roses are red")
    (folder / "other.txt").write_text("no")
    return folder


async def never_asked(folder: Path):
    raise AssertionError


def test_a_dropped_file_is_listed_under_its_name(yours, tmp_path):
    catalog = Catalog([Source("yours", yours)], tmp_path, never_asked)
    assert [entry.id for entry in catalog.entries] == ["my-poem", "reader"]
    entry = catalog.get("my-poem")
    assert entry.about.title == "My Poem" and entry.about.size == len("roses are red")
    assert str(yours) not in str(entry.describe())


async def test_it_is_opened_with_its_file_and_its_options_and_comes_back(yours, state):
    async with serving(state=state) as server, calling(server) as http:
        async with http.post("/api/sessions", json={"model": "my-poem", "options": {"loud": True}}) as answer:
            assert answer.status == 201
        async with http.post("/api/sessions/my-poem/run") as answer:
            assert (await answer.json())["outputs"]["text"] == "ROSES ARE RED"
        async with http.get("/api/sessions/my-poem") as answer:
            assert (await answer.json())["options"] == {"loud": True}
    async with (
        serving(state=state) as server,
        calling(server) as http,
        http.post("/api/sessions/my-poem/run") as answer,
    ):
        assert (await answer.json())["outputs"]["text"] == "ROSES ARE RED"


async def test_one_named_by_its_path_runs_under_the_name_given(yours, tmp_path):
    path = yours / "My Poem.words"
    async with serving(models=(f"verse={path}",), state=yours.parent) as server, calling(server) as http:
        await server.hub.get("verse").started()
        async with http.post("/api/sessions/verse/run") as answer:
            assert (await answer.json())["outputs"]["text"] == "roses are red"
        async with http.post("/api/sessions", json={"model": "reader", "name": "verse"}) as answer:
            assert answer.status == 409


async def test_over_the_wire_no_file_can_be_named(yours):
    async with serving(state=yours.parent) as server, calling(server) as http:
        body = {"model": "reader", "options": {"file": "/etc/hostname"}}
        async with http.post("/api/sessions", json=body) as answer:
            assert answer.status == 403 and (await answer.json())["error"]["field"] == "file"


def test_files_nobody_opens_and_files_that_are_not_there_are_told(yours, tmp_path):
    catalog = Catalog([Source("yours", yours)], tmp_path, never_asked)
    with pytest.raises(ModelBroken, match=r"no model opens other\.txt"):
        catalog.resolve(str(yours / "other.txt"))
    with pytest.raises(UnknownModel, match="there is no folder and no file"):
        catalog.resolve(str(yours / "gone.words"))
