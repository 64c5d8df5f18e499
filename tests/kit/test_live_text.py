"""Text through a real worker: typed along, left, and side by side."""

import asyncio
import os
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bridge.errors import InputError
from tests.kit.networks import generated, gpt2
from tests.transports.serving import serving

MODEL = Path(__file__).parents[2] / "models" / "gpt2"
TYPED = "function draw() { line(i, 0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("net")


@pytest.fixture(scope="module")
def theirs(folder):
    return gpt2(folder)


@pytest.fixture(scope="module")
def wanted(theirs, folder):
    """What transformers makes of each beginning of what is typed."""
    return {length: generated(theirs, folder, TYPED[:length], 60) for length in (*range(5, 10), len(TYPED))}


@pytest.fixture
async def session(wanted, folder, monkeypatch):
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    async with serving() as server:
        opened = await server.hub.open(str(MODEL), "text", {"network": str(folder)})
        await opened.started()
        yield opened


async def text_of(session, prompt, **wishes):
    async with session.run({"prompt": prompt, "temperature": 0, **wishes}) as run:
        return (await run.result()).outputs


async def test_typing_on_abandons_the_old_thought_and_keeps_what_both_begin_with(session, wanted):
    steps = {}
    async with (
        session.subscribe("version", policy="all") as versions,
        session.subscribe("usage", policy="all") as usages,
    ):
        for length in range(10, len(TYPED) + 1):
            session.send(
                {
                    "prompt": TYPED[:length],
                    "temperature": 0,
                    "max_tokens": 200 if length < len(TYPED) else 20,
                    "version": length,
                }
            )
            while (frame := await anext(versions)).value != length:
                assert frame.value < length
            steps[frame.run] = length
        usage = await anext(usages)
    assert list(steps.values()) == list(range(10, len(TYPED) + 1))
    assert steps[usage.run] == len(TYPED) and usage.value["reused_tokens"] >= usage.value["prompt_tokens"] - 3
    assert (await text_of(session, TYPED, max_tokens=60))["generated_text"] == wanted[len(TYPED)]


async def test_who_leaves_does_not_touch_the_others(session, wanted):
    others = [asyncio.create_task(text_of(session, TYPED[:length], max_tokens=60)) for length in range(5, 10)]
    for _ in range(3):
        async with session.run({"prompt": TYPED, "temperature": 0, "max_tokens": 10_000}) as run:
            async for _ in run:
                break
    texts = [(await other)["generated_text"] for other in others]
    assert texts == [wanted[length] for length in range(5, 10)]
    assert session.describe()["stats"]["under_way"] <= 1  # the last to leave may be on its way out
    assert (await text_of(session, "x", max_tokens=1))["finish_reason"] == "tokens"
    assert session.describe()["stats"]["under_way"] == 0


async def test_what_a_run_gives_as_a_whole_and_what_it_does_not_take(session):
    outputs = await text_of(session, TYPED, max_tokens=12, max_characters=9, alternatives=2, likeliest=2, vectors=True)
    assert len(outputs["generated_text"]) == 9 and outputs["finish_reason"] == "characters"
    assert outputs["encountered_end"] is False and outputs["alternatives"][0] == outputs["generated_text"]
    assert len(outputs["tokens"]["likeliest"]) == 2 and len(outputs["embedding"]) == 48
    for wishes, said in (
        ({"temperature": 100}, "temperature takes a number from 0 to 5"),
        ({"alternatives": 50}, "alternatives takes a whole number from 1 to 8"),
        ({"max_tokens": 0}, "max_tokens takes"),
        ({"prompt": "x" * 1_000_001}, "up to 1000000 characters"),
    ):
        with pytest.raises(InputError, match=said):
            session.run({"prompt": "a", **wishes})


# --- live inputs stay, but what belongs to a prompt goes with it ----------------------------------


@pytest.fixture
async def scribe():
    async with serving("scribe") as server:
        yield server.hub.get("scribe")


async def counted(session, usages, **inputs):
    """The tokens of the prompt that a live send is gone on with."""
    session.send({"max_tokens": 2, **inputs})
    return (await anext(usages)).value["prompt_tokens"]


async def test_a_prompt_sent_live_takes_the_place_of_tokens_that_were_sent_before(scribe):
    async with scribe.subscribe("usage", policy="all") as usages:
        assert await counted(scribe, usages, prompt="", prompt_tokens=[108, 97, 32]) == 3
        assert await counted(scribe, usages, temperature=0.1) == 3  # the tokens stay, as all live inputs do
        assert await counted(scribe, usages, prompt="longer") == 6
        assert await counted(scribe, usages, prompt_tokens=[108, 97]) == 2
        assert await counted(scribe, usages, prompt="again") == 5


async def test_a_prompt_sent_live_without_a_version_does_not_get_that_of_another(scribe):
    async with (
        scribe.subscribe("usage", policy="all") as usages,
        scribe.subscribe("version", policy="all") as versions,
    ):
        await counted(scribe, usages, prompt="a", version=4)
        await counted(scribe, usages, temperature=0.1)  # the same prompt still
        await counted(scribe, usages, prompt="b")
        await counted(scribe, usages, prompt="c", version=5)
        await counted(scribe, usages, prompt_tokens=[108])
        await counted(scribe, usages, prompt="d", version=6)
        told = {}
        while 6 not in told.values():
            frame = await anext(versions)
            told[frame.run] = frame.value
        assert list(told.values()) == [4, 4, 5, 6]
