"""Which models are found, which of two counts, what a broken one does (nothing); none is imported to be listed."""

import asyncio
import datetime as dt
import importlib.metadata
import json
import os
import sys
from pathlib import Path

import pytest

from bridge import catalog, limits
from bridge.catalog import Catalog, Source
from bridge.errors import InputError, ModelBroken, UnknownModel
from bridge.model import load_class, signature_of
from bridge.signature import Signature

CODE = "from bridge import Model\nclass Mine(Model):\n    def run(self, {name}: str) -> str: return {name}\n"


class Describer:
    """Stands for the child: imports here, and counts how often it is asked and how many ask at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, folder: Path) -> Signature:
        self.asked.append(folder.name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            await self.go.wait()
            return signature_of(load_class(folder))
        finally:
            self.at_once -= 1


def model(place: Path, name: str, toml: str = "", code: str = "", title: str = "", kind: str = "transform") -> Path:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(f'title = "{title or name}"\nkind = "{kind}"\n{toml}')
    (folder / "model.py").write_text(code or CODE.format(name="text"))
    return folder


@pytest.fixture
def place(tmp_path):
    return tmp_path / "place"


@pytest.fixture
def describer():
    return Describer()


@pytest.fixture
def look(tmp_path, place, describer):
    """A catalogue of that place, or of these sources."""

    def made(*sources: Source) -> Catalog:
        return Catalog(sources or [Source("yours", place)], tmp_path / "state", describer)

    return made


def ids(entries):
    return [entry.id for entry in entries]


class TestFinding:
    def test_a_folder_with_a_manifest_is_a_model(self, place, look):
        model(place, "rain", 'tagline = "It rains"')
        (place / "notes").mkdir()
        model(place, "_template")
        model(place, ".hidden")
        entry = look().entries[0]
        assert ids(look().entries) == ["rain"]
        assert (entry.origin, entry.about.tagline, entry.problem) == ("yours", "It rains", None)

    def test_a_place_may_be_a_model_folder_itself(self, place, look):
        assert ids(look(Source("path", model(place, "rain"))).entries) == ["rain"]

    def test_a_place_that_is_not_there_holds_nothing(self, place, look):
        assert look().entries == []

    def test_a_path_that_was_named_and_is_not_there_is_told(self, place, look):
        entry = look(Source("path", place / "rain")).entries[0]
        assert entry.id == "rain" and "is not there" in entry.problem.message

    def test_listing_imports_nothing(self, place, look):
        model(place, "rain", code="raise SystemExit('imported')")
        assert ids(look().entries) == ["rain"]
        assert not [name for name in sys.modules if name.startswith("model_") and "rain" in name]

    def test_card_and_preview_come_along(self, place, look):
        folder = model(place, "rain")
        (folder / "README.md").write_text("# Rain")
        (folder / "preview.jpg").write_bytes(b"x")
        entry = look().get("rain")
        assert entry.card == "# Rain" and entry.preview.name == "preview.jpg"

    def test_a_description_tells_no_path_of_this_machine(self, place, look, tmp_path):
        (model(place, "rain", "published = 2026-01-31") / "preview.jpg").write_bytes(b"x")
        told = json.dumps(look().get("rain").describe())
        assert str(tmp_path) not in told and '"published": "2026-01-31"' in told


class TestBroken:
    @pytest.mark.parametrize(
        ("name", "spoil", "says"),
        [
            ("rain", lambda folder: (folder / "model.toml").write_text("title = "), "not valid TOML"),
            ("rain", lambda folder: (folder / "model.toml").write_text("a" * 100_000), "too large"),
            ("rain", lambda folder: (folder / "model.toml").write_bytes(b"\xff"), "not text"),
            ("rain", lambda folder: (folder / "model.toml").write_text('title = "A"\nkind = 3'), "kind can't be 3"),
            ("rain", lambda folder: (folder / "model.py").unlink(), "has no model.py"),
            ("Slow Rain", lambda folder: None, "can't be a model's id"),
        ],
    )
    def test_it_is_listed_with_its_reason_and_disturbs_nobody(self, place, look, name, spoil, says):
        spoil(model(place, name))
        model(place, "fine")
        found = {entry.id: entry for entry in look().entries}
        assert says in found.pop("slow-rain" if " " in name else name).problem.message
        assert found["fine"].problem is None

    def test_it_can_t_be_resolved_and_says_why(self, place, look):
        (model(place, "rain") / "model.toml").write_text("title = ")
        with pytest.raises(ModelBroken, match="not valid TOML"):
            look().resolve("rain")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_a_manifest_that_may_not_be_read(self, place, look):
        (model(place, "rain") / "model.toml").chmod(0)
        assert "can't be read" in look().get("rain").problem.message

    async def test_code_that_can_t_be_read_is_told_and_asked_for_once(self, place, look, describer):
        model(place, "rain", code="import torchless")
        found = look()
        entry = (await found.describe_all())[0]
        assert "needs torchless" in entry.problem.message and entry.about.title == "rain"
        with pytest.raises(ModelBroken, match="needs torchless"):
            await found.signature(found.get("rain"))
        assert describer.asked == ["rain"]
        assert found.resolve("rain").id == "rain"  # it may be opened: that tells the same, with its log

    async def test_code_that_was_mended_is_asked_for_again(self, place, look):
        folder = model(place, "rain", code="import torchless")
        found = look()
        await found.describe_all()
        (folder / "model.py").write_text(CODE.format(name="words"))
        found.refresh()
        assert (await found.describe_all())[0].problem is None


class TestWhatIsPutThereLater:
    async def test_is_found_when_it_is_named(self, place, look):
        found = look()
        model(place, "rain")
        assert (await found.named("rain")).id == "rain"
        model(place, "snow")
        assert (await found.resolved("snow")).id == "snow"
        for ask in (found.named, found.resolved):
            with pytest.raises(UnknownModel, match="there is no model 'hail'"):
                await ask("hail")


class TestWhichCounts:
    def test_path_before_yours_before_package_before_built_in(self, place, look):
        order = ["built-in", "package", "yours", "path"]
        for origin in order:
            model(place / origin, "rain", title=origin)
        sources = [Source(origin, place / origin) for origin in order]
        while sources:
            found = look(*sources)
            assert found.get("rain").about.title == sources[-1].origin
            assert len(found.shadowed) == len(sources) - 1
            sources.pop()

    def test_the_hidden_one_says_by_which(self, place, look):
        model(place / "a", "rain")
        model(place / "b", "rain")
        hidden = look(Source("built-in", place / "a"), Source("yours", place / "b")).shadowed[0]
        assert hidden.problem.message == "rain (built-in) is hidden by yours of the same name"

    def test_the_same_folder_twice_is_one_model(self, place, look):
        folder = model(place, "rain")
        assert look(Source("yours", place), Source("path", folder)).shadowed == ()


class TestNaming:
    def test_by_id(self, place, look):
        model(place, "rain")
        assert look().resolve("rain").folder == place / "rain"

    def test_by_path_which_then_counts_more(self, place, look):
        model(place, "rain", title="mine")
        other = model(place / "else", "rain", title="other")
        found = look()
        assert found.resolve(str(other)).about.title == "other"
        assert found.resolve("rain").about.title == "other"
        assert found.resolve(str(place / "rain")).about.title == "mine"

    def test_a_path_may_be_relative(self, place, look, monkeypatch):
        model(place, "rain")
        monkeypatch.chdir(place)
        assert look().resolve("./rain").id == "rain"
        monkeypatch.chdir(place / "rain")
        assert look().resolve(".").id == "rain"

    def test_an_unknown_id_with_the_nearest(self, place, look):
        model(place, "pencil")
        with pytest.raises(UnknownModel, match="no model 'pensil'") as caught:
            look().resolve("pensil")
        assert caught.value.hint == "did you mean 'pencil'? there are pencil"

    def test_a_folder_named_like_an_id(self, place, look, monkeypatch):
        model(place, "rain")
        monkeypatch.chdir(place)
        with pytest.raises(UnknownModel) as caught:
            look(Source("yours", place / "none")).resolve("rain")
        assert caught.value.hint == f"for the folder of that name write .{os.sep}rain"

    def test_a_path_that_is_not_there(self, look, tmp_path):
        with pytest.raises(UnknownModel, match="there is no folder"):
            look().resolve(str(tmp_path / "none"))

    def test_a_folder_without_a_manifest(self, place, look):
        place.mkdir()
        with pytest.raises(ModelBroken, match=r"has no model\.toml"):
            look().resolve(str(place))

    def test_a_folder_of_models_names_one(self, place, look):
        model(place, "rain")
        with pytest.raises(ModelBroken) as caught:
            look().resolve(str(place))
        assert caught.value.hint == "name one of its folders: rain"

    def test_a_path_with_an_impossible_name(self, place, look):
        with pytest.raises(ModelBroken, match="can't be a model's id"):
            look().resolve(str(model(place, "Slow Rain")))

    @pytest.mark.parametrize("ref", ["", "a/../..", "\0", "x" * 5000])
    def test_nonsense_is_refused_in_words(self, look, ref):
        with pytest.raises((UnknownModel, ModelBroken)):
            look().resolve(ref)

    def test_get_takes_no_paths(self, place, look):
        with pytest.raises(UnknownModel):
            look().get(str(model(place, "rain")))


class TestDescribing:
    async def test_the_signature_comes_from_the_child_and_is_kept(self, place, look, describer):
        model(place, "rain")
        found = look()
        assert found.get("rain").signature is None
        signature = await found.signature(found.get("rain"))
        assert list(signature.default.inputs) == ["text"]
        assert found.get("rain").signature == signature
        assert look().get("rain").signature == signature  # another catalogue, the next start
        assert describer.asked == ["rain"]

    async def test_changed_code_is_described_anew(self, place, look, describer):
        folder = model(place, "rain")
        found = look()
        await found.describe_all()
        (folder / "extra.py").write_text("")
        found.refresh()
        assert found.get("rain").signature is None
        await found.describe_all()
        assert describer.asked == ["rain", "rain"]

    async def test_a_changed_manifest_is_not(self, place, look, describer):
        folder = model(place, "rain")
        found = look()
        await found.describe_all()
        (folder / "model.toml").write_text('title = "New"\nkind = "extract"')
        found.refresh()
        assert found.get("rain").about.title == "New" and found.get("rain").signature is not None

    async def test_many_who_ask_share_one_child(self, place, look, describer):
        model(place, "rain")
        found = look()
        entry = found.get("rain")
        described = await asyncio.gather(*(found.described(entry) for _ in range(5)))
        assert describer.asked == ["rain"] and len({id(each.signature) for each in described}) == 1

    async def test_one_who_leaves_takes_nothing_from_the_others(self, place, look, describer):
        model(place, "rain")
        found = look()
        describer.go.clear()
        first, second = (asyncio.create_task(found.described(found.get("rain"))) for _ in range(2))
        while not describer.asked:
            await asyncio.sleep(0)
        first.cancel()
        describer.go.set()
        assert (await second).signature is not None
        assert first.cancelled() or await asyncio.gather(first, return_exceptions=True)

    async def test_few_children_at_a_time(self, place, look, describer):
        for name in "abcdef":
            model(place, name)
        described = await look().describe_all()
        assert all(entry.signature for entry in described)
        assert describer.most_at_once == limits.DESCRIBE_AT_ONCE

    async def test_a_child_that_never_answers_is_a_problem_of_its_model(self, place, look, describer, monkeypatch):
        monkeypatch.setattr(limits, "DESCRIBE_SECONDS", 0.01)
        model(place, "rain")
        describer.go.clear()
        entry = (await look().describe_all())[0]
        assert "took more than" in entry.problem.message and describer.at_once == 0

    @pytest.mark.parametrize("kept", [b"", b"{", b"{}", b'{"digest": "x", "signature": {"options": {}}}', b"\xff" * 9])
    async def test_a_spoiled_cache_is_made_anew(self, place, look, describer, tmp_path, kept):
        model(place, "rain")
        await look().describe_all()
        file = next((tmp_path / "state" / "signatures").iterdir())
        file.write_bytes(kept)
        assert look().get("rain").signature is None
        await look().describe_all()
        assert look().get("rain").signature is not None

    async def test_a_cache_that_can_t_be_written_costs_only_time(self, place, look, tmp_path):
        (tmp_path / "state").write_text("a file where the folder should be")
        model(place, "rain")
        found = look()
        await found.describe_all()
        assert found.get("rain").signature is not None

    async def test_no_half_written_file_is_left_in_the_cache(self, place, look, tmp_path):
        model(place, "rain")
        await look().describe_all()
        assert [file.suffix for file in (tmp_path / "state" / "signatures").iterdir()] == [".json"]


class TestSearching:
    @pytest.fixture
    async def found(self, place, look):
        model(place, "pencil", 'tagline = "Draws"\nkeywords = ["sketch"]\npublished = 2026-01-02', title="Zeichner")
        model(place, "palette", 'tagline = "Colours"\ncategory = "colour"\npublished = 2026-03-01', kind="extract")
        model(place, "café", title="x")  # can't be an id, stays listed
        image = CODE.replace("{name}: str", "image: Annotated[object, Image()]").replace("{name}", "'a'")
        image = "from typing import Annotated\nfrom bridge import Image\n" + image
        model(
            place, "gan", 'tagline = "Draws faces"\ncpu = "no"\ngpu = "needed"', code=image, kind="generate", title="Ä"
        )
        catalogue = look()
        await catalogue.describe_all()
        return catalogue

    async def test_words_are_looked_for_everywhere_and_all_have_to_be_there(self, found):
        assert ids(found.search("DRAWS")) == ["gan", "pencil"]
        assert ids(found.search("draws sketch")) == ["pencil"]
        assert ids(found.search("sketch faces")) == []

    async def test_accents_do_not_matter(self, found):
        assert ids(found.search("a faces")) == ["gan"]

    async def test_named_so_comes_before_mentioned(self, place, look):
        model(place, "a", 'tagline = "like a pencil"')
        model(place, "pencil")
        assert ids(look().search("pencil")) == ["pencil", "a"]

    async def test_filters(self, found):
        assert ids(found.search(kind="extract")) == ["palette"]
        assert ids(found.search(category="Colour")) == ["palette"]
        assert ids(found.search(input="image")) == ["gan"]
        assert ids(found.search(output="text", kind="generate")) == ["gan"]
        assert ids(found.search(cpu=False)) == ["gan"]
        assert "gan" not in ids(found.search(cpu=True))

    async def test_broken_ones_are_found_by_name_and_by_no_filter(self, found):
        assert "cafe" in ids(found.search())
        assert ids(found.search("cafe")) == ["cafe"]
        for asked in ({"kind": "extract"}, {"cpu": True}, {"cpu": False}, {"input": "text"}, {"category": "colour"}):
            assert "cafe" not in ids(found.search(**asked))

    async def test_sorted_by_name_or_newest(self, found, place):
        assert ids(found.search(sort="name")) == ["gan", "cafe", "palette", "pencil"]
        for name in ("gan", "café"):
            os.utime(place / name / "model.toml", (0, dt.datetime(2026, 2, 1, tzinfo=dt.UTC).timestamp()))
        found.refresh()
        assert ids(found.search(sort="newest", cpu=None))[:3] == ["palette", "gan", "pencil"]

    @pytest.mark.parametrize("asked", [{"sort": "size"}, {"kind": "convert"}])
    async def test_an_unknown_choice_is_told_with_the_known_ones(self, found, asked):
        field, value = next(iter(asked.items()))
        with pytest.raises(InputError, match=f"{field} can't be '{value}'") as caught:
            found.search(**asked)
        assert caught.value.field == field and " or " in caught.value.hint


class TestPackages:
    def offer(self, monkeypatch, *values: str) -> None:
        points = [importlib.metadata.EntryPoint("mine", value, catalog.GROUP) for value in values]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)

    def test_a_package_s_folder_is_found_without_importing_it(self, place, look, monkeypatch):
        (place / "rainy" / "parts").mkdir(parents=True)
        (place / "rainy" / "__init__.py").write_text("raise SystemExit('imported')")
        model(place / "rainy" / "parts", "rain")
        monkeypatch.syspath_prepend(place)
        self.offer(monkeypatch, "rainy.parts")
        found = look(*catalog.package_sources())
        assert found.get("rain").origin == "package" and "rainy" not in sys.modules

    @pytest.mark.parametrize("value", ["nowhere.models", "rainy.gone", "json", "..", ""])
    def test_a_package_that_offers_nothing_is_told(self, look, monkeypatch, value):
        self.offer(monkeypatch, value)
        entry = look(*catalog.package_sources()).entries[0]
        assert entry.id == "mine" and "is not a folder of models in an installed package" in entry.problem.message


def test_the_built_in_models_are_in_order(tmp_path, describer):
    found = Catalog([Source("built-in", catalog.builtin_folder())], tmp_path, describer)
    assert {"palette", "pencil"} <= set(ids(found.entries))
    assert [entry.problem for entry in found.entries if entry.problem] == []
    for entry in (found.get("palette"), found.get("pencil")):
        assert entry.card and entry.about.tagline and entry.preview.stat().st_size <= 60_000
