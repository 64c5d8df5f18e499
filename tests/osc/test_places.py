"""Receivers as people write them."""

import pytest

from bridge.errors import InputError
from bridge.osc.places import Place, port_of, read


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("localhost:12000", Place("localhost", 12000)),
        ("192.168.1.20", Place("192.168.1.20")),
        ("[::1]:9001", Place("::1", 9001)),
        ("fe80::1", Place("fe80::1")),
        ("osc.udp://127.0.0.1:12000/", Place("127.0.0.1", 12000)),
        ("osc.tcp://127.0.0.1:12000", Place("127.0.0.1", 12000, tcp=True)),
    ],
)
def test_hosts_ports_and_schemes(text: str, place: Place):
    assert read(text) == place


def test_a_place_is_shown_as_it_is_written():
    assert [str(read(text)) for text in ("a:1", "[::1]:2", "osc.tcp://a:3")] == ["a:1", "[::1]:2", "osc.tcp://a:3"]


def test_a_port_is_a_port():
    assert [port_of(given) for given in (12000, 12000.0, "12000")] == [12000] * 3
    for given in (0, -1, 65536, 1.5, True, None, "many", float("nan"), float("inf")):
        with pytest.raises(InputError):
            port_of(given)
