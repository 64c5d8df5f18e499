import base64
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from models.writer import corpus
from models.writer.sketches import CHOICES, REFERENCE, sketches

CODE = "export function lerp(a, b, t) {\n  return a + (b - a) * t;\n}\n"


@pytest.fixture
def package(tmp_path):
    """A package of one source file, and the row of the list that names it."""
    files = {
        "package.json": '{"license": "MIT"}',
        "LICENSE": "MIT License",
        "src/lerp.js": CODE,
        "src/lerp.min.js": CODE,
        "test/lerp.js": CODE,
        "lib/a/tests/lerp.js": CODE,
        "src/readme.md": "hello",
    }
    row = corpus.Package("@our/lerp", "1.0.0", "MIT", "LICENSE", "", ("src", "lib"))
    with tarfile.open(corpus.archive(row, tmp_path), "w:gz") as content:
        for path, text in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(text.encode())
            content.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha512(corpus.archive(row, tmp_path).read_bytes()).digest()
    return replace(row, integrity="sha512-" + base64.b64encode(digest).decode())


def test_everything_in_the_list_may_be_used_and_is_pinned():
    for package in corpus.packages() + corpus.packages("tools"):
        assert corpus.LICENCES.fullmatch(package.licence), package
        assert package.version[0].isdigit() and package.integrity.startswith("sha512-")
    assert {"leaflet", "konva"} <= {p.name for p in corpus.packages() if p.held_out}


@pytest.mark.parametrize(
    "licence", ["LGPL-2.1", "GPL-3.0", "MIT OR GPL-3.0", "SEE LICENSE IN LICENSE", "UNLICENSED", "CC-BY-NC-4.0", ""]
)
def test_other_licences_are_not_allowed(licence):
    assert not corpus.LICENCES.fullmatch(licence)


def test_a_package_as_the_list_says_is_taken(package, tmp_path):
    corpus.check(package, tmp_path)
    assert corpus.sources(package, tmp_path) == [CODE]


def test_a_package_that_differs_is_refused(package, tmp_path):
    with pytest.raises(ValueError, match="its checksum differs"):
        corpus.check(replace(package, integrity="sha512-AAAA"), tmp_path)
    with pytest.raises(ValueError, match="says 'MIT', the list 'ISC'"):
        corpus.check(replace(package, licence="ISC"), tmp_path)
    with pytest.raises(ValueError, match="in COPYING"):
        corpus.check(replace(package, licence_in="COPYING"), tmp_path)


def test_what_was_built_is_not_source():
    assert corpus.is_source(CODE)
    assert not corpus.is_source("var a=1;" * 500)
    assert not corpus.is_source(CODE + "__decorate([x], y);\n")
    assert not corpus.is_source("")


@pytest.mark.parametrize(
    "words", ["SPDX-License-Identifier: LGPL-2.1+", "GNU General Public License", "licence: GPLv3", "CC-BY-NC-4.0"]
)
def test_a_file_under_another_licence_than_its_package_is_left_out(words):
    assert not corpus.is_source(f"// {words}\n{CODE}")


def test_tables_and_other_languages_are_left_out():
    assert corpus.is_good(CODE * 3)
    assert not corpus.is_good("const a = [123456, 789012, 345678];\n" * 10)
    assert not corpus.is_good(CODE * 3 + "// " + "画" * 40)
    assert not corpus.is_good(CODE)  # too short


def test_long_texts_are_cut_where_a_statement_begins():
    text = CODE * 2_000
    parts = list(corpus.portions(text))
    assert "".join(parts) == text and len(parts) > 1
    assert all(part.startswith("export") for part in parts)


def test_sketches_are_the_same_again_and_mostly_different():
    some = sketches(200, seed=1)
    assert some == sketches(200, seed=1)
    assert len(set(some)) > 190
    assert not [text for text in some if "@" in text or "¦" in text]
    assert all(text.count("{") == text.count("}") and text.count("(") == text.count(")") for text in some)


def test_every_rule_that_is_named_is_there():
    for choices in CHOICES.values():
        for choice in choices:
            assert {rule for rule, _ in REFERENCE.findall(choice)} <= set(CHOICES)


def test_marked_parts_of_the_card_are_exchanged():
    pytest.importorskip("torch")
    from models.writer.make import replaced

    text = "before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n"
    assert replaced(text, "a", "new\n") == text.replace("old", "new")
    assert replaced(replaced(text, "a", "new\n"), "a", "old\n") == text


@pytest.mark.skipif(not (corpus.HERE / "README.md").is_file(), reason="the card is not there yet: --card makes it")
def test_the_card_names_every_package():
    card = (corpus.HERE / "README.md").read_text(encoding="utf-8")
    rows = json.loads((corpus.HERE / "corpus.json").read_text(encoding="utf-8"))["packages"]
    missing = [row["name"] for row in rows if f"| {row['name']} | {row['version']} | {row['licence']} |" not in card]
    assert not missing
