"""The short way on uvloop, where it exists: its transports differ from asyncio's."""

import asyncio
from pathlib import Path

import pytest

from tests.transports import test_http_repeat as told
from tests.transports.serving import serving
from tests.transports.test_http_repeat import calling, in_a_short_call

uvloop = pytest.importorskip("uvloop")


def test_uvloop_does_the_same(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_story(tmp_path))


async def _story(folder: Path) -> None:
    async with serving("echo", "gate") as server:
        async with calling(server) as caller:
            await told.test_it_does_take_the_short_way(server, caller)
            await told.test_calls_sent_ahead_are_answered_in_order(server, caller)
            await told.test_the_end_of_a_head_is_never_taken_for_a_head(server, caller)
        async with calling(server) as caller:
            await told.test_a_run_that_takes_too_long_is_ended(server, caller, folder)
        async with calling(server) as caller:
            await told.test_who_sends_calls_ahead_and_reads_none_waits_for_himself(server, caller)
        async with calling(server) as caller:
            await in_a_short_call(server, caller, folder / "last")
            await server.http.close()
            assert await caller.reader.read() == b""
            (folder / "last").touch()
