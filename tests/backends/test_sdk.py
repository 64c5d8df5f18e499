"""A model on a server of the old Model SDK, as a session of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bridge import limits
from bridge.backends import sdk
from bridge.backends.sdk_client import SdkClient
from bridge.elsewhere import is_address, manifest_of, name_of
from bridge.errors import ModelBroken, ModelFailed
from bridge.ports import Blob, Encoding
from bridge.session.messages import Start
from bridge.session.session import Session
from tests.backends.sdk_server import FLOOD, SdkServer
from tests.transports.serving import serving


@asynccontextmanager
async def opened(server: SdkServer, **options: object) -> AsyncIterator[Session]:
    address = server.address
    async with Session("far", manifest_of(address), Start("far", address, dict(options)), sdk.launch) as session:
        await session.started()
        yield session


async def test_it_takes_and_gives_what_the_server_says():
    async with SdkServer().running() as server, opened(server) as session:
        signature = session.signature
        assert signature is not None and list(signature.commands) == ["grow", "paint"]
        assert signature.commands["paint"].inputs["mood"].choices == ("calm", "wild")  # type: ignore[union-attr]
        assert session.describe()["place"] == f"the server at {server.address}"
        assert await sdk.describe(server.address) == signature


async def test_every_output_of_a_stream_takes_the_place_of_the_one_before():
    async with SdkServer().running() as server, opened(server) as session:
        async with session.run({"seed": "a"}) as run:
            assert [output.values["text"] async for output in run] == ["a!", "a!!", "a!!!"]
        assert (await session.run({"seed": "b"}).result()).outputs == {"text": "b!!!"}


async def test_pictures_come_in_every_encoding():
    async with SdkServer().running() as server, opened(server) as session:
        asked = {"z": [0, 1, 2, 3]}
        png = (await session.run(asked, "paint").result()).outputs["image"]
        raw = (await session.run(asked, "paint", {"image": Encoding("raw")}).result()).outputs["image"]
        assert png.format == "png" and raw == Blob("raw", bytes(3), {"width": 1, "height": 1, "channels": 3})
        assert server.calls[0][2] == {"mood": "calm", "z": [0, 1, 2, 3]}


async def test_what_is_no_stream_is_soon_asked_for_plainly():
    async with SdkServer().running() as server, opened(server) as session:
        for _ in range(5):
            await session.run({"z": [0] * 4}, "paint").result()
            await session.run({"seed": ""}).result()
        ways = [way for way, name, _ in server.calls if name == "paint"]
        assert ways == ["job"] * 3 + ["post"] * 2
        assert {way for way, name, _ in server.calls if name == "grow"} == {"job"}


async def test_a_server_without_jobs_is_asked_plainly():
    async with SdkServer(sockets=False).running() as server, opened(server) as session:
        assert (await session.run({"seed": "a"}).result()).outputs == {"text": "a!!!"}
        with pytest.raises(ModelFailed, match="ValueError"):
            await session.run({"seed": "fail"}).result()
        assert {way for way, _, _ in server.calls} == {"post"}


async def test_a_model_on_a_gpu_that_can_not_be_copied_is_asked_plainly():
    async with SdkServer().running() as server, opened(server) as session:
        assert (await session.run({"seed": "cuda"}).result()).outputs == {"text": "cuda!!!"}
        assert [way for way, _, _ in server.calls] == ["job", "post"]


async def test_its_errors_are_told():
    async with SdkServer().running() as server, opened(server) as session:
        with pytest.raises(ModelFailed, match=r"ValueError\('no'\)"):
            await session.run({"seed": "fail"}).result()
        with pytest.raises(ModelFailed, match="hung up during this run"):
            await session.run({"seed": "vanish"}).result()
        assert (await session.run({"seed": "on"}).result()).outputs == {"text": "on!!!"}


async def test_cancel_hangs_up_on_the_job():
    async with SdkServer().running() as server, opened(server) as session:
        async with session.run({"seed": "endless"}) as run:
            assert (await anext(aiter(run))).values == {"text": "endless!"}
        await asyncio.wait_for(server.hung_up.wait(), 20)
        assert (await session.run({"seed": "next"}).result()).outputs == {"text": "next!!!"}


async def test_a_server_quicker_than_the_worker_waits_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "SDK_OUTPUTS", 4)
    async with SdkServer().running() as server:
        client = SdkClient(server.address)
        try:
            job = client.submit("grow", {"seed": "flood"}, False)
            calm, before = 0, -1
            while calm < 40 or not before:  # the system's buffers are full, and nobody takes anything
                await asyncio.sleep(0.005)
                calm, before = (calm + 1, before) if server.sent == before else (0, server.sent)
            assert job.waiting == 4 and server.sent < FLOOD
            numbers = []
            while (message := await asyncio.to_thread(job.take, 1)) != {"type": "succeeded"}:
                numbers.append(int(message["outputData"]["text"][:7]))
                assert job.waiting <= 5
            assert numbers == list(range(FLOOD))
        finally:
            await asyncio.to_thread(client.close)


async def test_options_are_told_before_the_first_run():
    async with SdkServer().running() as server, opened(server, size="512"):
        assert server.options == {"size": "512"}


async def test_a_server_that_loads_is_waited_for():
    async with SdkServer(loading=2).running() as server, opened(server) as session:
        assert session.state == "ready"


async def test_where_nobody_answers_it_says_so():
    async with SdkServer().running() as server:
        address = server.address
    async with Session("far", manifest_of(address), Start("far", address, {}), sdk.launch) as session:
        with pytest.raises(ModelBroken, match=f"the server at {address} does not answer"):
            await session.started()
    with pytest.raises(ModelBroken, match=r"does not answer: [^\[\]']+$"):  # nothing of what libraries add
        await sdk.describe(address)


async def test_a_server_that_goes_and_comes_back_is_asked_again():
    server = SdkServer()
    async with AsyncExitStack() as stack:
        async with server.running():
            session = await stack.enter_async_context(opened(server))
            await session.run({"seed": "a"}).result()
        with pytest.raises(ModelFailed, match="does not answer"):
            await session.run({"seed": "b"}).result()
        async with server.running(port=int(server.address.rpartition(":")[2])):
            assert (await session.run({"seed": "c"}).result()).outputs == {"text": "c!!!"}
        assert session.stats.restarts == 0


async def test_what_is_no_such_server_is_named():
    async with serving("echo") as other:
        address = other.url
        with pytest.raises(ModelBroken, match=r"^there is nothing at /meta$") as caught:
            await sdk.describe(address)
        assert "--runway" in caught.value.hint


@pytest.mark.parametrize("seed", ["large", "large job"])
async def test_an_output_beyond_the_limit_is_told(seed: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "BODY_BYTES", limits.MIB)
    async with SdkServer(sockets=seed == "large job").running() as server:
        client = SdkClient(server.address)
        try:
            job = client.submit("grow", {"seed": seed}, False)
            while (said := await asyncio.to_thread(job.take, 1)) is None:
                pass
            assert isinstance(said, ModelFailed) and "gave out more than 1 MiB at once" in said.message
        finally:
            await asyncio.to_thread(client.close)


async def test_it_is_opened_by_its_address_and_found_again(tmp_path):
    async with SdkServer().running() as server:
        async with serving(models=(f"far={server.address}",), state=tmp_path) as bridge:
            await bridge.opened()
            session = bridge.hub.get("far")
            await session.started()
            assert (await session.run({"seed": "x"}).result()).outputs == {"text": "x!!!"}
            await bridge.hub.open(server.address)
            assert name_of(server.address) in bridge.hub.sessions
        async with serving(models=(), state=tmp_path) as bridge:
            await bridge.opened()
            assert list(bridge.hub.sessions) == ["far", name_of(server.address)]
            await bridge.hub.get("far").started()


def test_addresses_are_told_from_ids_and_paths():
    for address in ("http://127.0.0.1:9000", "https://studio.local/model/", "HTTP://[::1]:9000"):
        assert is_address(address)
    for other in ("dream", "/models/dream", "http:/x", "http://", "ftp://x", "http://user@x", "http://x?y", "hf:a/b"):
        assert not is_address(other)
    assert name_of("http://127.0.0.1:9000/") == "127-0-0-1-9000"
