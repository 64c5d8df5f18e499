"""What model.toml may say, and that nothing in a folder can hurt whoever lists it."""

import datetime as dt
import os
from pathlib import Path

import pytest

from bridge import limits, manifest
from bridge.errors import ModelBroken
from bridge.manifest import Manifest

LEAST = 'title = "Pencil"\nkind = "transform"\n'


def folder(path: Path, text: str | bytes = LEAST) -> Path:
    path.mkdir(exist_ok=True)
    (path / "model.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(text: str) -> str:
    with pytest.raises(ModelBroken) as caught:
        manifest.parse(text)
    return f"{caught.value.message} | {caught.value.hint}"


def test_title_and_kind_are_enough():
    assert manifest.parse(LEAST) == Manifest(title="Pencil", kind="transform")


def test_everything_that_can_be_said():
    said = manifest.parse(
        LEAST + 'tagline = "Draws"\ncategory = "drawing"\nkeywords = ["sketch", "line"]\nlicence_code = "MIT"\n'
        'licence_weights = "CC0"\npublisher = "us"\nattribution = "them"\ncpu = "slow"\ngpu = "helps"\nsize = 12\n'
        'published = 2026-01-31\npreview = "a.png"\n[links]\npaper = "https://example.org/paper"\n'
    )
    assert said.keywords == ("sketch", "line") and said.links == {"paper": "https://example.org/paper"}
    assert said.published == dt.date(2026, 1, 31) and (said.cpu, said.gpu, said.size) == ("slow", "helps", 12)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "no title | it is the name people read"),
        ('title = "A"', "has no kind | it is extract, generate or transform"),
        (LEAST + 'taglin = "x"', "there is no key 'taglin' | did you mean tagline?"),
        (LEAST + "colour = 3", "there is no key 'colour' | it knows title, kind"),
        ('title = "A"\nkind = "convert"', "kind can't be 'convert' | it is extract, generate or transform"),
        ('title = 3\nkind = "extract"', "title can't be 3"),
        ('title = ""\nkind = "extract"', "title can't be ''"),
        (LEAST + 'keywords = "sketch"', "keywords can't be 'sketch' | it is a list of words"),
        (LEAST + "keywords = [1]", "keywords can't be [1]"),
        (LEAST + "cpu = true", "cpu can't be True | it is yes, slow or no"),
        (LEAST + 'gpu = "needed"', "a GPU is needed and that it runs without"),
        (LEAST + 'size = "4 GB"', "size can't be '4 GB' | it is bytes"),
        (LEAST + "size = -1", "size can't be -1"),
        (LEAST + 'published = "yesterday"', "published can't be 'yesterday' | it is a date without quotes"),
        (LEAST + 'category = "<b>"', "category can't be '<b>'"),
        (LEAST + 'links = {paper = "javascript:alert(1)"}', "links can't be"),
        (LEAST + "title = ", "is not valid TOML"),
        ("x = " + "[" * 5000, "is not valid TOML"),
        (LEAST + "size = " + "9" * 5000, "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_what_it_takes(line, says):
    assert says in refusal(line)


def test_an_error_shows_no_more_than_a_little_of_a_long_value():
    assert len(refusal(LEAST + f'category = "{"<" * 5000}"')) < 300


def test_every_key_says_what_it_takes_and_the_docs_tell_the_same():
    docs = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
    for key, takes in manifest.fields().items():
        line = next(line for line in docs.splitlines() if line.startswith(f"| `{key}` |"))
        assert takes in line.replace("`", "")


class TestFolders:
    def test_the_size_is_counted_where_it_is_not_told(self, tmp_path):
        folder(tmp_path)
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "net.bin").write_bytes(bytes(1000))
        assert manifest.read(tmp_path).size == 1000 + len(LEAST)

    def test_counting_ends_somewhere(self, tmp_path, monkeypatch):
        monkeypatch.setattr(limits, "MODEL_FILES", 2)
        for name in "abcd":
            (tmp_path / name).write_bytes(bytes(10))
        assert manifest.size_of(tmp_path) == 20

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (b"\xff\xfe\x00", "is not text"),
            (b"#" * (limits.MANIFEST_BYTES + 1), "is too large"),
        ],
    )
    def test_a_file_that_is_no_manifest(self, tmp_path, text, says):
        with pytest.raises(ModelBroken, match=says):
            manifest.read(folder(tmp_path, text))

    def test_a_folder_in_its_place(self, tmp_path):
        (tmp_path / "model.toml").mkdir()
        with pytest.raises(ModelBroken, match="not a plain file"):
            manifest.read(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_in_its_place_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "model.toml")
        with pytest.raises(ModelBroken, match="not a plain file"):
            manifest.read(tmp_path)

    def test_a_link_to_nowhere(self, tmp_path):
        (tmp_path / "model.toml").symlink_to(tmp_path / "nowhere")
        assert manifest.is_model_folder(tmp_path)
        with pytest.raises(ModelBroken, match="can't be read"):
            manifest.read(tmp_path)

    def test_the_preview_is_found_by_its_usual_name(self, tmp_path):
        assert manifest.preview_of(folder(tmp_path), None) is None
        (tmp_path / "preview.png").write_bytes(b"x")
        assert manifest.preview_of(tmp_path, None) == (tmp_path / "preview.png").resolve()

    @pytest.mark.parametrize("name", ["../secret.png", "out.png", "notes.txt", "missing.png", "/etc/hostname.png"])
    def test_a_preview_stays_in_its_folder_and_is_a_picture(self, tmp_path, name):
        (tmp_path / "secret.png").write_bytes(b"x")
        inside = folder(tmp_path / "model", LEAST + f'preview = "{name}"')
        (inside / "notes.txt").write_bytes(b"x")
        (inside / "out.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(ModelBroken, match="preview can't be"):
            manifest.read(inside)

    def test_the_card_is_cut_at_its_limit_and_never_fails(self, tmp_path):
        assert manifest.card_of(tmp_path) == ""
        (tmp_path / "README.md").write_bytes(b"\xff" + b"a" * (limits.CARD_BYTES + 5))
        assert len(manifest.card_of(tmp_path)) == limits.CARD_BYTES
