"""The tree of addresses, and how OSCQuery describes it."""

from typing import Any

from bridge.errors import BridgeError
from bridge.osc import query
from bridge.osc.addresses import Node, root, session_tree, unknown
from bridge.ports import Boolean, Category, Image, Number, Point, Text, Vector
from bridge.signature import Command, Signature
from bridge.walks.keys import Latent

SIGNATURE = Signature(
    {},
    {
        "run": Command(
            "run",
            {
                "z": Vector(4),
                "level": Number(0, 1, default=0.5, unit="gain", description="how much"),
                "count": Number(1, 9, step=1),
                "mode": Category(("soft", "hard")),
                "on": Boolean(),
                "place": Point(),
                "picture": Image(),
                "words": Text(),
                "direction/1": Number(-5, 5),
                "run": Number(),
            },
            {"image": Image(), "level": Number()},
        ),
        "map": Command("map", {}, {"w": Vector(4)}),
    },
)
TREE = root([session_tree("dream", SIGNATURE, Latent(4, directions=("direction/1",)))])


def at(address: str) -> Node:
    node = TREE.at(address)
    assert node is not None, address
    return node


def nothing(node: Node) -> list[Any] | None:
    return None


def test_every_address_has_its_place():
    kinds = {
        "/subscribe": "subscribe",
        "/sessions": "sessions",
        "/dream/level": "input",
        "/dream/direction/1": "input",
        "/dream/in/run": "input",
        "/dream/run": "run",
        "/dream/run/map": "run",
        "/dream/stream/map": "stream",
        "/dream/cancel": "cancel",
        "/dream/subscribe": "subscribe",
        "/dream/out/image": "out",
        "/dream/out/w": "out",
        "/dream/out/image/unsubscribe": "unsubscribe",
        "/dream/walk/speed": "setting",
        "/dream/walk/direction": "setting",
        "/dream/walk/direction/1": "setting",
        "/dream/walk/seek": "verb",
        "/dream/walk/seek/seconds": "verb",
        "/dream/walk/reset": "reset",
    }
    assert {address: at(address).method.kind for address in kinds} == kinds  # type: ignore[union-attr]
    assert all(at(node.path) is node for node in TREE.all())


def test_without_a_walk_there_are_no_addresses_of_one():
    assert session_tree("a", SIGNATURE, None).at("/walk") is None


def test_a_session_may_be_called_like_one_of_our_words():
    top = root([session_tree("subscribe", SIGNATURE, None)])
    assert top.at("/subscribe").method.kind == "subscribe"  # type: ignore[union-attr]
    assert top.at("/subscribe/level").method.kind == "input"  # type: ignore[union-attr]


def test_what_is_not_there_is_told_by_what_is():
    def told(address: str, signature: Signature | None = SIGNATURE) -> tuple[str, str]:
        error: BridgeError = unknown(address, TREE, signature, ["dream"])
        return error.code, f"{error.message} {error.hint}"

    assert told("/nobody/run", None)[0] == "unknown_session" and "dream" in told("/nobody/run", None)[1]
    assert told("/subscribes", None)[0] == "not_found" and "/subscribe" in told("/subscribes", None)[1]
    assert told("/dream/levle") == ("unknown_input", told("/dream/levle")[1]) and "level" in told("/dream/levle")[1]
    assert told("/dream/out/sound")[0] == "unknown_port" and "image" in told("/dream/out/sound")[1]
    assert told("/dream/run/fly")[0] == "unknown_command" and "map" in told("/dream/run/fly")[1]
    still = root([session_tree("dream", SIGNATURE, None)])
    assert "can't walk" in unknown("/dream/walk/speed", still, SIGNATURE, ["dream"]).message
    assert told("/dream/walk/sped")[0] == "unknown_input" and "speed" in told("/dream/walk/sped")[1]


def test_types_and_ranges_are_those_of_the_ports():
    types = {
        "z": "ffff", "level": "f", "count": "i", "mode": "s", "on": "T", "place": "ff", "picture": "b", "words": "s",
        "out/image": "s", "out/w": "ffff", "run": "I", "walk/speed": "f", "walk/keyframes": "s", "walk/tap": "I",
        "walk/seek": "f",
    }  # fmt: skip
    shown = {path: query.described(at(f"/dream/{path}"), nothing)["TYPE"] for path in types}
    assert shown == types
    level = query.described(at("/dream/level"), lambda node: [0.25])
    assert level == {
        "FULL_PATH": "/dream/level",
        "TYPE": "f",
        "ACCESS": 3,
        "DESCRIPTION": "how much",
        "RANGE": [{"MIN": 0, "MAX": 1}],
        "CLIPMODE": ["none"],
        "UNIT": ["gain"],
        "VALUE": [0.25],
    }
    assert query.described(at("/dream/mode"), nothing)["RANGE"] == [{"VALS": ["soft", "hard"]}]
    assert query.described(at("/dream/place"), nothing)["RANGE"] == [{"MIN": 0, "MAX": 1}] * 2


def test_containers_hold_what_is_below_them():
    described = query.described(TREE, nothing)
    assert described["FULL_PATH"] == "/" and "TYPE" not in described
    assert described["CONTENTS"]["dream"]["CONTENTS"]["direction"]["CONTENTS"]["1"]["FULL_PATH"] == "/dream/direction/1"
    walk = described["CONTENTS"]["dream"]["CONTENTS"]["walk"]["CONTENTS"]
    assert walk["direction"]["TYPE"] == "s" and walk["direction"]["CONTENTS"]["1"]["TYPE"] == "f"


def test_values_stand_one_for_each_type_or_are_null():
    def value(path: str, stands: list[Any] | None) -> Any:
        return query.described(at(f"/dream/{path}"), lambda node: stands)["VALUE"]

    assert value("on", [1]) == [True]
    assert value("z", [1.0, 2.0, 3.0, 4.0]) == [1.0, 2.0, 3.0, 4.0]
    assert value("z", None) == [None] * 4
    assert value("words", []) == [None]
    assert value("picture", None) == [None]
    assert value("walk/target", [3]) == ["3"]


def test_one_attribute_at_a_time():
    assert query.attribute(at("/dream/level"), "VALUE", lambda node: [0.5]) == (200, {"VALUE": [0.5]})
    assert query.attribute(at("/dream/level"), "UNIT", nothing) == (200, {"UNIT": ["gain"]})
    assert query.attribute(at("/dream/run"), "VALUE", nothing).status == 204  # nothing can be read there
    assert query.attribute(at("/dream/words"), "RANGE", nothing).status == 204
    assert query.attribute(at("/dream/level"), "COLOUR", nothing).status == 400
    assert query.attribute(at("/dream/out"), "VALUE", nothing) == (200, {})
    assert set(query.attribute(at("/dream/out"), "CONTENTS", nothing).value["CONTENTS"]) == {"image", "level", "w"}
