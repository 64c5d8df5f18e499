"""Address patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadMessage, TooLarge
from bridge.osc import patterns
from bridge.osc.addresses import Method, Node


def tree(*paths: str) -> Node:
    top = Node("/")
    for path in paths:
        top.add(path.lstrip("/"), Method("input"))
    return top


TREE = tree("/a/x", "/a/y", "/b/x", "/b/walk/speed", "/b/direction/1", "/b/direction/2")


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("*", ["", "a", "abc"], []),
        ("a*c", ["ac", "abc", "abbc", "acc"], ["a", "ab", "xac"]),
        ("?b", ["ab", "bb"], ["b", "aab"]),
        ("[a-c]1", ["a1", "b1", "c1"], ["d1", "1", "ab1"]),
        ("[c-a]1", ["a1", "b1"], ["d1"]),
        ("[!a-c]1", ["d1"], ["a1", "1"]),
        ("[ab-]", ["a", "b", "-"], ["c"]),
        ("{one,two}", ["one", "two"], ["three", "on", "onetwo"]),
        ("{a,ab}b", ["ab", "abb"], ["b"]),
        ("x{,y}z", ["xz", "xyz"], ["xyyz"]),
        ("{a,b}*[0-9]?", ["a12", "bxx1y"], ["c12", "a1"]),
        ("plain", ["plain"], ["plai", "plainer"]),
    ],
)
def test_one_part(pattern: str, names: list[str], others: list[str]):
    part = patterns.Part(pattern)
    assert [name for name in (*names, *others) if part.matches(name)] == names


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/*/x", ["/a/x", "/b/x"]),
        ("/a/*", ["/a/x", "/a/y"]),
        ("/b/direction/[12]", ["/b/direction/1", "/b/direction/2"]),
        ("//speed", ["/b/walk/speed"]),
        ("//x", ["/a/x", "/b/x"]),
        ("/b//{speed,1}", ["/b/walk/speed", "/b/direction/1"]),
        ("/{a,b}/?", ["/a/x", "/a/y", "/b/x"]),
        ("/nobody/*", []),
    ],
)
def test_whole_patterns_find_their_addresses(pattern: str, paths: list[str]):
    found = [node.path for node in patterns.search(TREE, pattern) if node.method is not None]
    assert sorted(found) == sorted(paths)


def test_plain_addresses_are_none():
    assert not patterns.is_pattern("/dream/direction/1")
    assert all(map(patterns.is_pattern, ("/a*", "/a?", "/[a]", "/{a}", "//a", "/a//b")))


@pytest.mark.parametrize("pattern", ["/[a", "/{a,b", "/a/["])
def test_open_brackets_are_refused(pattern: str):
    with pytest.raises(BadMessage, match="end"):
        patterns.search(TREE, pattern)


def test_endless_patterns_are_refused():
    for pattern in ("/" + "a" * 300, "/*" * 50):
        with pytest.raises(TooLarge):
            patterns.search(TREE, pattern)


def test_a_pattern_made_to_be_slow_is_not():
    """With backtracking this would take years."""
    assert not patterns.Part("*a" * 60 + "b").matches("a" * 120)
    with pytest.raises(TooLarge, match="ways"):
        patterns.Part("{a,aa}" * 30 + "b")


@given(st.text(alphabet="*?[]{},!-ab", max_size=20), st.text(alphabet="ab-", max_size=8))
def test_no_pattern_breaks_anything(pattern: str, name: str):
    try:
        part = patterns.Part(pattern)
    except (BadMessage, TooLarge):
        return
    assert part.matches(name) in (True, False)
