import os
import socket
import sys

import pytest

from bridge.errors import PortTaken, SettingError
from bridge.transports.listen import listen


def closed(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def test_port_0_takes_a_free_one_for_both_loopbacks() -> None:
    sockets = listen("127.0.0.1", 0)
    assert sockets[0].family == socket.AF_INET
    assert len({each.getsockname()[1] for each in sockets}) == 1
    closed(sockets)


def test_a_taken_port_names_who_has_it_and_the_flag() -> None:
    first = listen("127.0.0.1", 0)
    port = first[0].getsockname()[1]
    with pytest.raises(PortTaken) as raised:
        listen("127.0.0.1", port)
    assert str(port) in raised.value.message and "--port" in raised.value.hint
    if sys.platform == "linux":
        assert f"process {os.getpid()}" in raised.value.message
    closed(first)


def test_a_host_that_is_none_of_ours_is_told() -> None:
    for host in ("203.0.113.7", "no such host"):
        with pytest.raises(SettingError) as raised:
            listen(host, 0)
        assert raised.value.field == "host"
