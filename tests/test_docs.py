"""The docs name everything there is, and nothing that is not."""

import re
from pathlib import Path

import pytest

import bridge
from bridge import config, ports, wire
from bridge.errors import BY_CODE
from bridge.transports.http_answer import STATUS
from bridge.walks.settings import FIELDS
from bridge.walks.verbs import VERBS
from tests.transports.serving import serving

ROOT = Path(__file__).parent.parent


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


async def test_http_names_every_route_with_its_query_and_no_other():
    async with serving() as server:
        there = {f"{route.method} {route.path}": route for route in server.http.routes}
    text = page("http.md")
    assert set(re.findall(r"`((?:GET|POST|PATCH|PUT|DELETE) /[^`]*)`", text)) == set(there)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for name, route in there.items():
        row = next(row for row in rows if f"`{name}`" in row)
        assert [query.name for query in route.query if f"`{query.name}`" not in row] == []


def test_settings_name_every_setting():
    text = page("settings.md")
    assert [name for name in config.described() if f"`{name}`" not in text] == []


def test_walks_name_every_setting_and_verb():
    text = page("walks.md")
    assert [name for name in (*FIELDS, *VERBS, "directions") if f"`{name}`" not in text] == []


def test_ports_name_every_kind():
    kinds = {str(kind.__struct_config__.tag) for kind in ports.AnyPort.__args__}
    assert len(kinds) == 15
    assert [kind for kind in kinds if f"`{kind}`" not in page("ports.md")] == []


def test_protocol_names_every_message():
    text = page("protocol.md")
    assert [name for name in {**wire.REQUESTS, **wire.ANSWERS} if f"`{name}`" not in text] == []


def test_every_error_has_a_status_or_inherits_one():
    for error in BY_CODE.values():
        assert any(parent.code in STATUS for parent in error.__mro__ if hasattr(parent, "code"))


def test_the_authors_words_are_these_and_no_others():
    assert set(bridge.__all__) == {
        "Any",
        "Array",
        "Audio",
        "Boolean",
        "Box",
        "Category",
        "Directory",
        "File",
        "Image",
        "InputError",
        "Landmarks",
        "Model",
        "ModelFailed",
        "Number",
        "Point",
        "Segmentation",
        "Text",
        "Vector",
        "command",
        "load_class",
    }
    assert all(hasattr(bridge, name) for name in bridge.__all__)


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(name: str):
    here = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", here.read_text(encoding="utf-8"))
    assert [link for link in links if not (here.parent / link).exists()] == []


def test_the_readmes_tree_is_the_tree():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("## What is where")[1].split("```")[1]
    top = {line.split()[0].rstrip("/") for line in tree.splitlines() if line and line[0].isalpha()}
    assert [name for name in top if not (ROOT / name).exists()] == []
    inside = {name for line in tree.splitlines() if line[:1] in "├└" for name in re.findall(r"\w+(?:\.py|/)", line)}
    assert [name for name in inside if name and not (ROOT / "bridge" / name).exists()] == []
