"""Renamed sessions, told in an order that mixes nobody up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.osc.renames import news


def followed(renames: dict[str, str]) -> dict[str, str]:
    """What a client that does as it is told makes of it: each name with who has it, by its first name."""
    known = {name: name for name in renames}
    for command, data in news(renames):
        if command == "PATH_RENAMED":
            old, new = data["OLD"][1:], data["NEW"][1:]
            assert new not in known, "taken"
            known[new] = known.pop(old)
        elif command == "PATH_REMOVED":
            del known[data[1:]]
        else:
            assert data[1:] not in known, "taken"
            known[data[1:]] = "new"
    return known


@pytest.mark.parametrize(
    ("renames", "known"),
    [
        ({"a": "b"}, {"b": "a"}),
        ({"a": "b", "b": "c"}, {"b": "a", "c": "b"}),
        ({"c": "d", "a": "b", "b": "c"}, {"b": "a", "c": "b", "d": "c"}),
        ({"a": "b", "b": "a"}, {"b": "a", "a": "new"}),
    ],
)
def test_each_name_goes_to_who_has_it_now(renames: dict[str, str], known: dict[str, str]):
    assert followed(renames) == known


@given(st.permutations(range(6)))
def test_whatever_goes_round(order: list[int]):
    renames = {str(old): str(new) for old, new in enumerate(order) if old != new}
    known = followed(renames)
    assert known.keys() == set(renames.values())
    assert all(renames[first] == name for name, first in known.items() if first != "new")
