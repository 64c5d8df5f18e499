"""Random and mutated datagrams into the old app's OSC: only a mistake in words may come of it."""

import json
import logging

import psutil
import pytest

from bridge.osc import codec
from tests.transports.runway.homes import homes
from tests.transports.runway.test_osc import Ear, ear
from tests.transports.test_noise import AT_ONCE, GROWTH, batches, noise

PACKETS = 10_000
TEXT = json.dumps({"value": {"a": [1, 2.5, None], "b": "ä"}})
WHOLE = (
    codec.message("/query", [TEXT]),
    codec.message("/query", [TEXT.encode()]),
    codec.message("/query", ["[]"]),
    codec.message("/query", [TEXT, 1]),
    codec.message("/server/connect"),
    codec.message("/server/connect", [57199]),
    codec.message("/server/disconnect"),
    codec.message("/data", [TEXT]),
    codec.message("/error", ["{}"]),
    codec.message("/nowhere", [1, 2.5, True, None]),
    codec.bundle([codec.message("/query", [TEXT]), codec.message("/server/disconnect")]),
    codec.bundle([codec.bundle([codec.message("/server/connect", [])] * 3)]),
)


async def answered(one: Ear, number: int) -> None:
    """Until it has answered this, so that all before it was read."""
    one.say("/query", json.dumps({"value": number}))
    while await one.hear("/data") != {"any": number}:
        pass


@pytest.mark.timeout(600)
async def test_it_goes_on_and_the_log_stays_clean(caplog: pytest.LogCaptureFixture) -> None:
    memory, before = psutil.Process(), 0
    async with homes("echo") as server, ear(server, "echo") as one, ear(server, "echo") as other:
        number = 0
        async for batch in batches(noise(7, WHOLE, PACKETS)):
            number += 1
            for data in batch:
                one.send(data)
            await answered(one, number)
            if number == PACKETS // AT_ONCE // 5:
                before = memory.memory_info().rss
        await answered(other, -1)
        assert memory.memory_info().rss - before < GROWTH
    assert [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info] == []
