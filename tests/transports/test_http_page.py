"""The page: its files and nothing else, checked anew by their tags."""

import re
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from tests.transports.serving import serving

STUDIO = Path(str(files("bridge") / "studio"))
DOCS = Path(__file__).resolve().parents[2] / "docs"


async def test_every_file_is_served_with_its_type_and_the_rules():
    async with serving() as server, aiohttp.ClientSession(server.url) as http:
        for file in STUDIO.rglob("*.*"):
            async with http.get(f"/studio/{file.relative_to(STUDIO).as_posix()}") as answer:
                assert answer.status == 200, file
                assert await answer.read() == file.read_bytes()
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
                assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_it_is_packed_for_those_who_take_that_only():
    plain = {"Accept-Encoding": "identity"}
    async with serving() as server, aiohttp.ClientSession(server.url, auto_decompress=False) as http:
        for asked, packed in ((plain, False), ({"Accept-Encoding": "gzip, br"}, True), (plain, False)):
            async with http.get("/studio/app.js", headers=asked) as answer:
                assert (answer.headers.get("Content-Encoding") == "gzip") is packed
                sent, whole = await answer.read(), (STUDIO / "app.js").read_bytes()
        assert sent == whole


async def test_what_is_known_already_is_not_sent_again_and_what_changed_is():
    async with serving() as server, aiohttp.ClientSession(server.url) as http:
        async with http.get("/studio/app.js") as first:
            tag = first.headers["ETag"]
        async with http.get("/studio/app.js", headers={"If-None-Match": f'"other", {tag}'}) as again:
            assert (again.status, await again.read()) == (304, b"")
        async with http.get("/studio/core/ui.js", headers={"If-None-Match": tag}) as other:
            assert other.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/studio/..%2f..%2fserver.py",
        "/studio/core/..%2f..%2f..%2fserver.py",
        "/studio/%2fetc/passwd",
        "/studio/core",
        "/studio/core/nothing.js",
        "/studio/__pycache__/x.pyc",
    ],
)
async def test_no_name_leads_out_of_the_folder(path):
    async with serving() as server, aiohttp.ClientSession(server.url) as http, http.get(path) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not_found"


async def test_the_page_is_there_without_the_token_but_nothing_else():
    async with serving(token="secret") as server, aiohttp.ClientSession(server.url) as http:
        for path, status in (("/", 200), ("/studio/app.js", 200), ("/studio/core/api.js", 200), ("/api/info", 401)):
            async with http.get(path) as answer:
                assert answer.status == status, path


def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else():
    page = (STUDIO / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]* src=)[^>]*>|<style|\son\w+=|style=", page) == []
    for file in [*STUDIO.rglob("*.js"), *STUDIO.rglob("*.css"), STUDIO / "index.html"]:
        if file.parent.name != "vendor":
            asked = re.findall(r"(?:from|import\(|url\(|src=|href=)\s*[\"']https?://", file.read_text(encoding="utf-8"))
            assert asked == [], file


def test_models_101_is_the_same_in_the_page_and_in_the_docs():
    assert (STUDIO / "models-101.md").read_bytes() == (DOCS / "models-101.md").read_bytes()


async def test_a_picture_of_a_card_is_served_and_nothing_beside_it(tmp_path):
    async with serving() as server, aiohttp.ClientSession(server.url) as http:
        async with http.get("/api/models/dream/pictures/samples.jpg") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
        for name in ("model.py", "dream.safetensors", "..%2fpencil%2fpreview.jpg", "nothing.jpg"):
            async with http.get(f"/api/models/dream/pictures/{name}") as answer:
                assert answer.status == 404, name
