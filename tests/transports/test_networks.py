"""Whom a list of addresses and networks means."""

import pytest

from bridge.config import Settings
from bridge.errors import SettingError
from bridge.transports.networks import network, plain, within
from bridge.transports.runway.gate import Gate
from bridge.transports.security import Security


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("::ffff:192.168.1.20", "192.168.1.20"),
        ("fe80::1%eth0", "fe80::1"),
        ("studio.local", "studio.local"),
    ],
)
def test_an_address_is_shown_as_people_write_it(host: str, shown: str):
    assert plain(host) == shown


@pytest.mark.parametrize("entry", ["192.168.1.20", "192.168.1.9/24", "::ffff:192.168.1.20", "::ffff:192.168.1.0/120"])
def test_a_caller_is_the_same_by_whatever_socket_and_however_it_was_named(entry: str):
    named = network(entry)
    assert named is not None
    assert within("192.168.1.20", [named]) and within("::ffff:192.168.1.20", [named])
    assert not within("192.168.2.20", [named]) and not within("fe80::1", [named])


def test_a_zone_belongs_to_our_side_of_a_cable():
    named = network("fe80::1%eth0")
    assert named is not None and within("fe80::1%wlan0", [named]) and not within("fe80::2%eth0", [named])


@pytest.mark.parametrize("entry", ["", "studio.local", "1.2.3", "192.168.1.0/99"])
def test_what_is_no_address_means_nobody(entry: str):
    assert network(entry) is None
    assert not within(entry, [one for one in (network("0.0.0.0/0"), network("::/0")) if one])


@pytest.mark.parametrize("entry", ["192.168.1.20", "::ffff:192.168.1.20", "192.168.1.0/24"])
def test_old_sketches_may_from_the_addresses_that_were_named(entry: str):
    settings = Settings(runway_host="0.0.0.0", runway_allow=(entry,))
    gate = Gate(settings, Security(settings))
    assert gate.admits("192.168.1.20") and gate.admits("::ffff:192.168.1.20") and not gate.admits("192.168.2.20")
    with pytest.raises(SettingError, match="not an address") as refused:
        Gate(Settings(runway_allow=("studio.local",)), Security(settings))
    assert refused.value.field == "runway_allow"
