"""Which interfaces are chosen, and what of them is told to others."""

import pytest

from bridge.errors import SettingError
from bridge.interfaces import Interface, Place, chosen, interfaces, joins, origins, place

LOOP = Interface("lo", ("127.0.0.1",), ("::1",))
CABLE = Interface("eth0", ("192.168.1.5",), ("fd00::5",))
RADIO = Interface("{8A-1}", ("10.0.0.7", "10.0.0.8"), (), "Wi-Fi")
ALL = [LOOP, CABLE, RADIO]


def yes(address: str) -> bool:
    return True


def test_without_a_wish_all_that_lead_out_of_this_machine_are_chosen():
    assert chosen(ALL, ()) == [CABLE, RADIO]


@pytest.mark.parametrize("wanted", ["Wi-Fi", "{8A-1}", "10.0.0.8"])
def test_an_interface_goes_by_its_name_its_title_and_its_addresses(wanted: str):
    assert chosen(ALL, (wanted,)) == [RADIO]


def test_an_interface_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(SettingError) as raised:
        chosen(ALL, ("eth0", "eth7"))
    assert "eth7" in raised.value.message
    assert "Wi-Fi (10.0.0.7, 10.0.0.8)" in raised.value.hint


@pytest.mark.parametrize(
    ("bound", "speak", "reached"),
    [
        (["0.0.0.0"], "192.168.1.5 10.0.0.7 10.0.0.8", "192.168.1.5 10.0.0.7 10.0.0.8"),
        (["10.0.0.7"], "10.0.0.7 10.0.0.8", "10.0.0.7"),
        (["::"], "192.168.1.5", "fd00::5"),
        (["0.0.0.0", "::"], "192.168.1.5 10.0.0.7 10.0.0.8", "192.168.1.5 fd00::5 10.0.0.7 10.0.0.8"),
        (["172.16.0.1"], "", ""),
    ],
)
def test_what_is_told_is_where_the_server_listens(bound: list[str], speak: str, reached: str):
    assert place([CABLE, RADIO], bound, yes) == Place(tuple(speak.split()), tuple(reached.split()))


def test_a_browser_is_told_where_the_server_listens_what_others_reach_first():
    everywhere = [("0.0.0.0", 8000), ("::", 8000)]
    assert origins(everywhere, ALL) == [
        "http://192.168.1.5:8000", "http://[fd00::5]:8000", "http://10.0.0.7:8000", "http://10.0.0.8:8000",
        "http://127.0.0.1:8000", "http://[::1]:8000",
    ]  # fmt: skip
    assert origins([("10.0.0.7", 80)], ALL) == ["http://10.0.0.7:80"]
    assert origins([("0.0.0.0", 80)], ALL, ("Wi-Fi",))[0] == "http://10.0.0.7:80"
    assert origins([("0.0.0.0", 80)], ALL, ("gone",)) == ["http://127.0.0.1:80"]


def test_where_there_is_no_multicast_nothing_is_spoken():
    assert place([CABLE, RADIO], ("0.0.0.0",), lambda address: address == "10.0.0.7").speak == ("10.0.0.7",)


def test_this_machine_has_itself_and_no_address_of_others_takes_multicast():
    assert any(one.loopback and "127.0.0.1" in one.v4 for one in interfaces())
    assert not joins("192.0.2.255")
