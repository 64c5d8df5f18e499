import base64
import io
import os
import re
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import Array, Blob, Content, Directory, Encoding, File, media_type
from bridge.ports.files import safe_name
from tests.ports import files

BYTES = Encoding("bytes")
TREE = {"a.txt": b"one", "deep/b.bin": bytes(range(256)), "deep/er/ü.txt": b""}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders are unpacked, so that a test can see what is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"1,2",
        bytearray(b"1,2"),
        memoryview(b"1,2"),
        base64.b64encode(b"1,2").decode(),
        "data:text/csv;base64," + base64.b64encode(b"1,2").decode(),
        "data:text/csv,1%2C2",
        "data:,1%2c2",
        Blob("bytes", b"1,2"),
    ],
)
def test_takes_content(raw):
    assert File().parse(raw, "table") == Blob("bytes", b"1,2")


def test_the_model_gets_bytes_with_a_name():
    port = File(extension="CSV")
    assert port.extension == ".csv"
    found = port.load(port.parse(Blob("bytes", b"1,2", {"name": "C:\\data\\My Table.CSV"}), "table"), "table")
    assert (found, found.name, type(found)) == (b"1,2", "My Table.CSV", Content)
    assert port.load(port.parse(b"1,2", "table"), "table").name == ""


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "table takes a .csv file; an empty file came"),
        ("not base64!", "table takes a .csv file; the text 'not base64!' came"),
        ("/etc/passwd.csv", "table takes a .csv file; the text '/etc/passwd.csv' came"),
        ("file:///etc/passwd", "table takes a .csv file; the address 'file:///etc/passwd' came"),
        (7, "table takes a .csv file; 7 came"),
        (Path("/etc/passwd"), "table takes a .csv file; a value of type PosixPath came"),
        (Blob("bytes", b"x", {"name": "a.txt"}), "table takes a .csv file; a.txt came"),
        (bytes(limits.FILE_BYTES + 1), "table takes up to 48 MiB; 48 MiB came"),
    ],
)
def test_refuses_in_words(raw, message):
    with pytest.raises(InputError) as caught:
        File(extension=".csv").parse(raw, "table")
    assert (caught.value.message.replace("WindowsPath", "PosixPath"), caught.value.field) == (message, "table")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", ""),
        (".hidden", "hidden"),
        ("a\0b\n.txt", "a_b_.txt"),
        ('<a>:"|?*.txt', "_a______.txt"),
        ("grüß.txt", "grüß.txt"),
        ("\ud800.txt", "txt"),
        ("x" * 500 + ".jpeg", "x" * 195 + ".jpeg"),
        ("x." + "y" * 500, "." + "y" * 199),
        (None, ""),
        (7, ""),
    ],
)
def test_names_mean_nothing_to_a_file_system(name, safe):
    assert safe_name(name) == safe


@given(st.text())
def test_any_name_becomes_a_harmless_one(name):
    safe = safe_name(name)
    assert len(safe) <= 200
    assert not set(safe) & set('/\\\0<>:"|?*')
    assert safe not in (".", "..")


def test_dumps_bytes_or_a_written_file(tmp_path):
    written = tmp_path / "song.mid"
    written.write_bytes(b"MThd")
    port = File()
    assert port.dump(b"abc", BYTES, "song") == Blob("bytes", b"abc")
    assert port.dump(Content(b"abc", "a.txt"), BYTES, "song") == Blob("bytes", b"abc", {"name": "a.txt"})
    blob = port.dump(written, BYTES, "song")
    assert blob == Blob("bytes", b"MThd", {"name": "song.mid"})
    assert media_type(blob) == "audio/midi"


@pytest.mark.parametrize("given", [None, "abc", 7, Path("nowhere"), bytes(limits.FILE_BYTES + 1)])
def test_bad_outputs_are_the_models_fault(given):
    with pytest.raises(ModelFailed, match="for song") as caught:
        File().dump(given, BYTES, "song")
    assert caught.value.field == "song"


def test_wrong_extension_is_told_to_the_author():
    with pytest.raises(ValueError, match=re.escape("File: extension is the text '.c/v'; it looks like .csv")):
        File(extension="c/v")


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [files.zipped(TREE), files.tarred(TREE), files.tarred(TREE, "w"), files.tarred(TREE, "w:bz2")],
    ids=["zip", "tar.gz", "tar", "tar.bz2"],
)
def test_the_model_gets_a_folder_and_nothing_is_left_of_it(data, temporary):
    port = Directory()
    folder = port.load(port.parse(data, "photos"), "photos")
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == TREE
    port.release(folder)
    assert list(temporary.iterdir()) == []


def refused(data: bytes, temporary: Path) -> InputError:
    """Why it is refused, whatever notices; nothing may be left."""
    port = Directory()
    with pytest.raises(InputError) as caught:
        port.load(port.parse(data, "photos"), "photos")
    assert list(temporary.iterdir()) == []
    assert caught.value.field == "photos"
    assert str(temporary) not in caught.value.message
    return caught.value


@pytest.mark.parametrize("pack", [files.zipped, files.tarred], ids=["zip", "tar"])
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "..",
        "a\\..\\..\\evil",
        "C:evil",
        "con",
        "a/NUL.txt",
        "evil ",
        "evil.",
        "a\nb",
        "/".join("d" * (limits.FOLDER_DEPTH + 1)),
    ],
)
def test_names_that_lead_out_are_refused(pack, name, temporary):
    assert "has a name that" in refused(pack({"fine.txt": b"1", name: b"2"}), temporary).message
    assert not (temporary.parent / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, temporary):
    assert "'x' is a link or a device" in refused(files.tarred_entry("x", kind, "/etc/passwd"), temporary).message


def test_links_in_a_zip_are_refused(temporary):
    link = zipfile.ZipInfo("x")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "'x' is a link" in refused(out.getvalue(), temporary).message


@pytest.mark.parametrize("pack", [files.zipped, files.tarred], ids=["zip", "tar"])
def test_a_bomb_is_refused(pack, temporary, monkeypatch):
    monkeypatch.setattr(limits, "FOLDER_BYTES", 1_000_000)
    error = refused(pack({"a": bytes(600_000), "b": bytes(600_000)}), temporary)
    assert isinstance(error, TooLarge)
    port = Directory()
    folder = port.load(port.parse(pack({"a": bytes(900_000)}), "photos"), "photos")
    assert (folder / "a").stat().st_size == 900_000
    port.release(folder)


def test_a_zip_that_lies_of_its_sizes_is_refused(temporary, monkeypatch):
    monkeypatch.setattr(limits, "FOLDER_BYTES", 1_000_000)
    honest = files.zipped({"a": bytes(5_000_000)})
    size = struct.pack("<I", 5_000_000)
    assert honest.count(size) == 2
    refused(honest.replace(size, struct.pack("<I", 10)), temporary)


@pytest.mark.parametrize("pack", [files.zipped, files.tarred], ids=["zip", "tar"])
def test_too_many_files_are_refused(pack, temporary, monkeypatch):
    monkeypatch.setattr(limits, "FOLDER_FILES", 20)
    assert isinstance(refused(pack({f"{n}.txt": b"" for n in range(21)}), temporary), TooLarge)


def test_a_zip_with_an_endless_list_is_refused_before_it_is_read(temporary):
    listed = bytearray(files.zipped(TREE))
    at = listed.rfind(b"PK\x05\x06")
    struct.pack_into("<I", listed, at + 12, 100_000_000)
    assert isinstance(refused(bytes(listed), temporary), TooLarge)


def test_a_tar_whose_notes_are_huge_is_refused(temporary):
    entry = tarfile.TarInfo("a")
    entry.pax_headers = {"comment": "x" * 3_000_000}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry)
    assert "an entry in it is broken" in refused(out.getvalue(), temporary).message


@pytest.mark.parametrize("pack", [files.zipped, files.tarred], ids=["zip", "tar"])
def test_what_breaks_off_is_refused(pack, temporary):
    data = pack({"a": os.urandom(5000)})
    for part in (0.3, 0.9):
        assert "can't be unpacked" in refused(data[: int(len(data) * part)], temporary).message


@pytest.mark.parametrize("pack", [files.zipped, files.tarred], ids=["zip", "tar"])
def test_two_files_in_one_place_are_refused(pack, temporary):
    refused(pack({"a": b"", "a/b": b""}), temporary)


def test_unusual_packing_is_refused(temporary):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"1")
    assert "is packed in a way" in refused(out.getvalue(), temporary).message


def test_the_finders_notes_are_left_out():
    port = Directory()
    folder = port.load(Blob("bytes", files.zipped({"a": b"1", "__MACOSX/._a": b"2"})), "photos")
    assert [path.name for path in folder.iterdir()] == ["a"]
    port.release(folder)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"hello", "photos takes a folder as a ZIP or tar archive; text came"),
        (files.encoded("png"), "photos takes a folder as a ZIP or tar archive; a PNG picture came"),
        ("/home/me/photos", "photos takes a folder as a ZIP or tar archive; the text '/home/me/photos' came"),
    ],
)
def test_other_files_are_refused_in_words(raw, message):
    with pytest.raises(InputError) as caught:
        Directory().parse(raw, "photos")
    assert caught.value.message == message


def test_folders_that_the_model_wrote_go_out_as_a_zip(tmp_path):
    made = tmp_path / "made"
    for name, data in TREE.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    blob = Directory().dump(made, BYTES, "photos")
    assert blob.meta == {"name": "made.zip"}
    with zipfile.ZipFile(io.BytesIO(blob.data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == TREE


def test_links_do_not_go_out(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "a").write_bytes(b"1")
    try:
        (made / "link").symlink_to(tmp_path)
    except OSError:
        pytest.skip("links can't be made here")
    with zipfile.ZipFile(io.BytesIO(Directory().dump(made, BYTES, "photos").data)) as archive:
        assert archive.namelist() == ["a"]


@pytest.mark.parametrize("given", [None, "made", b"PK", Path("nowhere")])
def test_no_folder_is_the_models_fault(given):
    with pytest.raises(ModelFailed, match="for photos"):
        Directory().dump(given, BYTES, "photos")


def test_only_folders_of_ours_are_removed(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    Directory().release(mine)
    Directory().release(None)
    assert mine.exists()


def test_folders_in_a_list_are_removed_even_when_one_is_broken(temporary):
    port = Array(Directory())
    good, bad = files.zipped(TREE), files.zipped({"../evil": b""})
    with pytest.raises(InputError):
        port.load(port.parse([good, bad], "photos"), "photos")
    assert list(temporary.iterdir()) == []
    folders = port.load(port.parse([good, good], "photos"), "photos")
    port.release(folders)
    assert list(temporary.iterdir()) == []
