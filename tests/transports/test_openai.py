"""OpenAI's own client against this bridge."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import openai
import psutil
import pytest
from openai import AsyncOpenAI

from bridge.errors import Busy
from tests.models.scribe.model import LINE, SONG
from tests.transports.serving import MODELS, calling, connections, deaf, full, serving

SAY = [{"role": "user", "content": "la "}]
SURE = {"model": "scribe", "temperature": 0}


@asynccontextmanager
async def talking(server, key="none needed"):
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
async def served():
    async with serving("scribe", "counter") as server, talking(server) as client:
        yield server, client


async def opened(server, name, **options):
    session = await server.hub.open(str(MODELS / "scribe"), name, options)
    await session.started()
    return session


def sung(prompt, count):
    """What the scribe goes on with: so many bytes."""
    start = len(prompt.encode()) % len(LINE)
    return (LINE * (count // len(LINE) + 2))[start : start + count].decode("utf-8", "replace")


async def gathered(stream):
    return [chunk async for chunk in stream]


# --- models --------------------------------------------------------------------------------------


async def test_text_models_that_run_are_listed_and_others_not(served):
    server, client = served
    await opened(server, "poet", ends=True)
    assert [model.id for model in (await client.models.list()).data] == ["scribe", "poet"]
    model = await client.models.retrieve("poet")
    assert (model.object, model.owned_by, model.id) == ("model", "sketchbridge", "poet")


async def test_a_session_is_found_by_its_models_id_too(served):
    server, client = served
    await server.hub.close_session("scribe")
    await opened(server, "poet")
    assert (await client.models.retrieve("scribe")).id == "poet"
    answer = await client.completions.create(**SURE, prompt="la ", max_tokens=3)
    assert answer.model == "poet" and answer.choices[0].text == sung("la ", 3)


async def test_one_that_was_stopped_is_not_listed_and_another_of_its_model_is_taken(served):
    server, client = served
    await opened(server, "poet")
    server.hub.get("scribe").stop()
    assert [model.id for model in (await client.models.list()).data] == ["poet"]
    async with calling(server) as http:
        await server.hub.rename("scribe", "idle")
        async with http.post("/v1/completions", json={**SURE, "prompt": "la ", "max_tokens": 3}) as answer:
            assert (await answer.json())["model"] == "poet"
        async with http.post("/v1/completions", json={**SURE, "model": "idle", "prompt": "la "}) as answer:
            assert answer.status == 503 and "start it again" in (await answer.json())["error"]["message"]


async def test_one_that_still_loads_is_waited_for(served):
    server, client = served
    await server.hub.open(str(MODELS / "scribe"), "late")
    assert (await client.completions.create(model="late", prompt="la ", max_tokens=3, temperature=0)).choices[0].text


# --- texts ---------------------------------------------------------------------------------------


async def test_a_text_whole_and_in_a_stream_is_the_same(served):
    _, client = served
    whole = await client.completions.create(**SURE, prompt="la ", max_tokens=60)
    assert whole.choices[0].text == sung("la ", 60) and whole.choices[0].finish_reason == "length"
    assert whole.object == "text_completion" and whole.id.startswith("cmpl-")
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (3, 60, 63)
    chunks = await gathered(await client.completions.create(**SURE, prompt="la ", max_tokens=60, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["length"]
    assert len(chunks) > 20 and {chunk.id for chunk in chunks} == {chunks[0].id} and all(not c.usage for c in chunks)


async def test_a_chat_whole_and_in_a_stream_is_the_same(served):
    _, client = served
    whole = await client.chat.completions.create(**SURE, messages=SAY, max_completion_tokens=30)
    (choice,) = whole.choices
    assert (choice.message.role, choice.message.content) == ("assistant", sung("la ", 30))
    assert whole.object == "chat.completion" and whole.id.startswith("chatcmpl-")
    chunks = await gathered(
        await client.chat.completions.create(
            **SURE, messages=SAY, max_tokens=30, stream=True, stream_options={"include_usage": True}
        )
    )
    *steps, last = chunks
    assert steps[0].choices[0].delta.role == "assistant"
    assert "".join(step.choices[0].delta.content or "" for step in steps) == choice.message.content
    assert steps[-1].choices[0].finish_reason == "length"
    assert last.choices == [] and last.usage.completion_tokens == 30
    assert all("usage" in step.model_fields_set and step.usage is None for step in steps)


async def test_a_stream_without_usage_does_not_speak_of_it(served):
    _, client = served
    for asked in (
        client.completions.create(prompt="la ", **SURE, stream=True, max_tokens=3),
        client.chat.completions.create(messages=SAY, **SURE, stream=True, max_tokens=3),
    ):
        assert not any("usage" in chunk.model_fields_set for chunk in await gathered(await asked))


async def test_penalties_shun_what_was_written(served):
    _, client = served
    plain = await client.completions.create(**SURE, prompt="la ", max_tokens=60)
    shy = await client.completions.create(**SURE, prompt="la ", max_tokens=60, frequency_penalty=2, presence_penalty=2)
    assert len(set(shy.choices[0].text)) > len(set(plain.choices[0].text))
    with pytest.raises(openai.BadRequestError, match="presence_penalty takes a number from -2 to 2"):
        await client.chat.completions.create(**SURE, messages=SAY, presence_penalty=3)


async def test_single_tokens_are_favoured_or_shunned(served):
    _, client = served
    plain = (await client.completions.create(**SURE, prompt="la ", max_tokens=30)).choices[0].text
    never = {str(ord(" ")): -100, str(ord("o")): -100}
    for asked in (
        client.completions.create(**SURE, prompt="la ", max_tokens=30, logit_bias=never),
        client.chat.completions.create(**SURE, messages=SAY, max_tokens=30, logit_bias=never),
    ):
        (choice,) = (await asked).choices
        text = choice.text if hasattr(choice, "text") else choice.message.content
        assert {" ", "o"} <= set(plain) and not {" ", "o"} & set(text)
    only = await client.completions.create(model="scribe", prompt="la ", max_tokens=5, logit_bias={str(ord("x")): 100})
    assert only.choices[0].text == "xxxxx"


@pytest.mark.parametrize(
    ("bias", "said"),
    [
        ({"257": 1}, "the token '257'; they have numbers from 0 to 256"),
        ({"-1": 1}, "the token '-1'"),
        ({"one": 1}, "the token 'one'"),
        ({"\u0663": 1}, "the token"),
        ({"9" * 5000: 1}, "the token '999"),
        ({"1": 101}, "from -100 to 100 for token 1; 101 came"),
        ({"1": True}, "True came"),
        ({"1": "5"}, "'5' came"),
        ({str(number): 1 for number in range(1025)}, "1024 tokens at most; 1025 came"),
        ([1], "takes the numbers of tokens"),
    ],
)
async def test_a_bias_that_makes_no_sense_is_told_before_a_stream_begins(served, bias, said):
    _, client = served
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(**SURE, prompt="la ", stream=True, extra_body={"logit_bias": bias})
    assert said in caught.value.message and caught.value.param == "logit_bias"


async def test_as_many_stop_strings_are_taken_as_the_model_takes(served):
    _, client = served
    many = [f"<{number}>" for number in range(15)]
    answer = await client.completions.create(**SURE, prompt="la ", stop=[*many, "🦜"])
    assert answer.choices[0].text == "漢字 lo "
    with pytest.raises(openai.BadRequestError, match="stop takes a list of up to 16"):
        await client.completions.create(**SURE, prompt="la ", stop=[*many, "a", "b"])


async def test_the_clients_own_gathering_of_a_stream_works(served):
    _, client = served
    async with client.chat.completions.stream(**SURE, messages=SAY, stop="🦜") as stream:
        whole = await stream.get_final_completion()
    assert whole.choices[0].message.content == "漢字 lo "


async def test_parts_of_a_message_are_one_text(served):
    _, client = served
    said = [{"role": "user", "content": [{"type": "text", "text": "l"}, {"type": "text", "text": "a "}]}]
    answer = await client.chat.completions.create(**SURE, messages=said, max_tokens=9)
    assert answer.choices[0].message.content == sung("la ", 9)


async def test_several_texts_of_several_prompts_keep_their_order(served):
    _, client = served
    wishes = {"model": "scribe", "prompt": ["la ", "hey"], "n": 3, "max_tokens": 25, "seed": 4, "temperature": 4}
    whole = await client.completions.create(**wishes)
    assert [choice.index for choice in whole.choices] == list(range(6))
    texts = [choice.text for choice in whole.choices]
    assert len(set(texts)) > 4 and whole.usage.prompt_tokens == 6
    alone = await client.completions.create(**{**wishes, "prompt": "hey", "n": 1})
    assert alone.choices[0].text == texts[3]
    parts = [""] * 6
    async for chunk in await client.completions.create(**wishes, stream=True):
        parts[chunk.choices[0].index] += chunk.choices[0].text
    assert parts == texts


async def test_more_texts_than_are_written_at_once_all_come(served):
    _, client = served
    answer = await client.completions.create(**SURE, prompt="la ", n=40, max_tokens=4)
    assert [choice.text for choice in answer.choices] == [sung("la ", 4)] * 40


async def test_token_numbers_are_a_prompt_and_the_prompt_may_be_echoed(served):
    _, client = served
    tokens = await client.completions.create(**SURE, prompt=[list(b"la "), list(b"hey")], max_tokens=5)
    texts = await client.completions.create(**SURE, prompt=["la ", "hey"], max_tokens=5, echo=True)
    assert [choice.text for choice in tokens.choices] == [sung("la ", 5), sung("hey", 5)]
    assert [choice.text for choice in texts.choices] == ["la " + sung("la ", 5), "hey" + sung("hey", 5)]
    stream = await client.completions.create(**SURE, prompt="la ", max_tokens=5, echo=True, stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "la " + sung("la ", 5)


async def test_a_stop_string_cut_by_tokens_ends_the_text_and_never_shows(served):
    _, client = served
    for stop in ("🦜 he", ["zzz", "lo 🦜"]):
        whole = await client.completions.create(**SURE, prompt="", max_tokens=90, stop=stop)
        first = stop if isinstance(stop, str) else stop[1]
        assert whole.choices[0].text == sung("\0", 200).partition(first)[0]
        assert whole.choices[0].finish_reason == "stop"
        stream = await client.completions.create(**SURE, prompt="", max_tokens=90, stop=stop, stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == whole.choices[0].text


async def test_a_text_that_ends_by_itself_says_so(served):
    server, client = served
    await opened(server, "poet", ends=True)
    answer = await client.chat.completions.create(model="poet", messages=SAY, temperature=0, logprobs=True)
    assert answer.choices[0].message.content == SONG[3:] and answer.choices[0].finish_reason == "stop"
    assert "".join(one.token for one in answer.choices[0].logprobs.content).endswith("so ")


async def test_logprobs_of_both_kinds(served):
    _, client = served
    answer = await client.completions.create(**SURE, prompt="la ", max_tokens=9, logprobs=2)
    told = answer.choices[0].logprobs
    assert len(told.tokens) == len(told.token_logprobs) == len(told.text_offset) == 9
    assert all(len(likely) == 2 and logprob < 0 for likely, logprob in zip(told.top_logprobs, told.token_logprobs))  # noqa: B905
    assert told.text_offset == [0, 0, 0, 1, 1, 1, 2, 3, 4] and told.tokens[6:] == [" ", "l", "o"]
    chat = {**SURE, "messages": SAY, "max_tokens": 9, "logprobs": True, "top_logprobs": 1}
    whole = (await client.chat.completions.create(**chat)).choices[0].logprobs.content
    assert bytes(byte for one in whole for byte in one.bytes) == sung("la ", 9).encode()
    assert [len(one.top_logprobs) for one in whole] == [1] * 9
    parts = []
    async for chunk in await client.chat.completions.create(**chat, stream=True):
        if chunk.choices[0].logprobs:
            parts += chunk.choices[0].logprobs.content
    assert parts == whole


async def test_a_prompt_beyond_the_context_counts_whole_and_says_what_was_cut(served):
    _, client = served
    answer = await client.completions.create(**SURE, prompt="x" * 5000, max_tokens=3)
    assert answer.usage.prompt_tokens == 5000 and answer.usage.prompt_tokens_details.cut_tokens >= 5000 - 512
    empty = await client.completions.create(**SURE, prompt="", max_tokens=3)
    assert empty.choices[0].text == sung("\0", 3)


async def test_embeddings_as_numbers_and_as_the_client_likes_them_best(served):
    _, client = served
    packed = await client.embeddings.create(model="scribe", input=["la", "lo", "la"])
    first, other, again = (each.embedding for each in packed.data)
    assert first == again != other and sum(value * value for value in first) == pytest.approx(1, abs=1e-5)
    plain = await client.embeddings.create(model="scribe", input=list(b"lo"), encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(other, abs=1e-6) and packed.usage.prompt_tokens == 6


async def test_what_is_wrong_with_an_input_is_not_told_of_a_prompt(served):
    _, client = served
    for strange in ([9999], ["la", "x" * 1_000_001], ""):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model="scribe", input=strange)
        assert caught.value.param == "input" and "prompt" not in caught.value.message


async def test_watchers_of_the_session_see_the_first_text_only(served):
    server, client = served
    async with server.hub.get("scribe").subscribe("generated_text", policy="all") as frames:
        await client.completions.create(**SURE, prompt="la ", max_tokens=4, n=3)
        await client.embeddings.create(model="scribe", input="la ")
        await client.completions.create(**SURE, prompt="l", max_tokens=1)
        seen = [await anext(frames)]
        while not seen[-1].value.startswith("a"):
            seen.append(await anext(frames))
    assert len({frame.run for frame in seen}) == 2


# --- what goes wrong -----------------------------------------------------------------------------


WRONG = (
    ({"model": "nobody"}, openai.NotFoundError, "model", "no model 'nobody' runs here.*scribe"),
    ({"model": "counter"}, openai.BadRequestError, "model", "counter writes no text"),
    ({"n": 1000}, openai.BadRequestError, "n", "from 1 to 128; 1000 came"),
    ({"temperature": 100}, openai.BadRequestError, "temperature", "from 0 to 5; 100 came"),
    ({"max_tokens": 0}, openai.BadRequestError, "max_tokens", "from 1 to 16384"),
    ({"prompt": "x" * 1_050_000}, openai.BadRequestError, "prompt", "up to 1000000 characters"),
    ({"prompt": [9999]}, openai.BadRequestError, "prompt", "no token 9999"),
    ({"prompt": [-1]}, openai.BadRequestError, "prompt", "can't be read"),
    ({"suffix": "x"}, openai.BadRequestError, "suffix", "not possible"),
    ({"extra_body": {"temprature": 1}}, openai.BadRequestError, "temprature", "no parameter"),
    ({"extra_body": {"prompt_tokens": [1]}}, openai.BadRequestError, "prompt_tokens", "no parameter"),
)


@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_the_clients_own(served, stream):
    _, client = served
    for wishes, kind, field, words in WRONG:
        with pytest.raises(kind, match=words) as caught:
            await client.completions.create(**{**SURE, "prompt": "la ", "stream": stream, **wishes})
        assert caught.value.param == field and caught.value.type == "invalid_request_error"


async def test_a_talk_has_as_much_room_as_a_prompt(served):
    _, client = served
    half = {"role": "user", "content": "x" * 500_000}
    assert (await client.chat.completions.create(**SURE, messages=[half, half], max_tokens=2)).choices
    with pytest.raises(openai.BadRequestError, match="up to 1000000 characters together; 1000002 came") as caught:
        await client.chat.completions.create(**SURE, messages=[half, half, {**half, "content": "la"}])
    assert caught.value.param == "messages"


async def test_what_clients_made_for_azure_send_along_is_passed_over(served):
    server, _ = served
    versioned = AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="any", max_retries=0, timeout=30, default_query={"api-version": "preview"}
    )
    async with versioned as client:
        assert [model.id for model in (await client.models.list()).data] == ["scribe"]
        assert (await client.completions.create(**SURE, prompt="la ", max_tokens=3)).choices[0].text == sung("la ", 3)
        assert (await client.chat.completions.create(**SURE, messages=SAY, max_tokens=3)).choices
        assert (await client.embeddings.create(model="scribe", input="la")).data
        with pytest.raises(openai.BadRequestError, match="'limit' is not a parameter"):
            await client.models.list(extra_query={"limit": 1})


async def test_temperature_0_and_a_wild_one_work(served):
    _, client = served
    for temperature in (0, 5):
        assert (await client.completions.create(model="scribe", prompt="la ", temperature=temperature)).choices[0].text


async def test_what_is_no_request_is_told_in_the_same_form(served):
    server, _ = served
    async with calling(server) as http:
        for body, words in ((b"{", "not JSON"), (b"[]", "a list"), (b"", "nothing came"), (b'"\xff"', "UTF-8")):
            async with http.post("/v1/completions", data=body) as answer:
                error = (await answer.json())["error"]
            assert answer.status == 400 and words in error["message"] and set(error) == {
                "message", "type", "param", "code",
            }  # fmt: skip
        for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/v1/completions", 405)):
            async with http.request(method, path) as answer:
                assert answer.status == status and "type" in (await answer.json())["error"]
        async with http.get("/v1/models", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403 and (await answer.json())["error"]["type"] == "permission_error"
        async with http.get("/nothing") as answer:
            assert "hint" in (await answer.json())["error"]


async def test_the_key_is_the_bridges_token():
    async with serving("scribe", token="sesame") as server:
        async with talking(server, "sesame") as client:
            assert (await client.models.list()).data[0].id == "scribe"
        async with talking(server, "wrong") as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                await client.completions.create(**SURE, prompt="a")
    assert caught.value.code == "invalid_api_key" and caught.value.response.headers["WWW-Authenticate"]


async def test_a_page_with_the_clients_many_headers_may_call(served):
    server, _ = served
    asked = {
        "Origin": "http://localhost:8800",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang,x-stainless-retry-count",
    }
    async with calling(server) as http, http.options("/v1/chat/completions", headers=asked) as answer:
        assert "x-stainless-lang" in answer.headers["Access-Control-Allow-Headers"].lower()


async def test_a_full_queue_is_the_clients_rate_limit():
    async with serving("scribe", queue=2) as server, talking(server) as client, AsyncExitStack() as waiting:
        slow = await opened(server, "slow", pause=0.01)
        with suppress(Busy):
            for _ in range(100):
                await waiting.enter_async_context(slow.run({"prompt": "a", "max_tokens": 9999}))
        with pytest.raises(openai.RateLimitError) as caught:
            await client.completions.create(model="slow", prompt="a")
    assert caught.value.code == "rate_limit_exceeded" and caught.value.response.headers["Retry-After"] == "1"


async def test_a_model_that_dies_midway_is_told_in_the_stream_and_as_a_whole(served):
    server, client = served
    slow = await opened(server, "slow", pause=0.005)
    before = {child.pid for child in psutil.Process().children()}
    doing = asyncio.create_task(client.completions.create(model="slow", prompt="a", max_tokens=9999))
    stream = await client.completions.create(model="slow", prompt="a", max_tokens=9999, stream=True)
    await anext(aiter(stream))
    (worker,) = [pid for pid in before if str(pid) in slow.describe()["place"]]
    psutil.Process(worker).kill()
    with pytest.raises(openai.APIError, match="the process of slow"):
        await gathered(stream)
    with pytest.raises(openai.InternalServerError, match="the process of slow"):
        await doing


async def test_a_session_that_is_closed_ends_its_streams_with_a_word(served):
    server, client = served
    await opened(server, "slow", pause=0.005)
    stream = await client.completions.create(model="slow", prompt="a", max_tokens=9999, stream=True, n=3)
    await anext(aiter(stream))
    await server.hub.close_session("slow")
    with pytest.raises(openai.APIError, match="slow was closed"):
        await gathered(stream)


# --- callers that leave --------------------------------------------------------------------------


async def until_idle(session):
    async with asyncio.timeout(10):
        while session.describe()["stats"]["under_way"]:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("n", [1, 3])
async def test_who_leaves_a_stream_frees_the_model(served, n):
    server, client = served
    slow = await opened(server, "slow", pause=0.002)
    stream = await client.completions.create(model="slow", prompt="la ", max_tokens=16_000, stream=True, n=n)
    await anext(aiter(stream))
    await stream.close()
    await until_idle(slow)
    assert slow.describe()["stats"]["cancelled"] == n
    text = await client.completions.create(model="slow", prompt="la ", max_tokens=5, temperature=0)
    assert text.choices[0].text == sung("la ", 5)


async def test_who_does_not_wait_for_the_whole_frees_the_model(served):
    server, client = served
    slow = await opened(server, "slow", pause=0.002)
    doing = asyncio.create_task(client.chat.completions.create(model="slow", messages=SAY, max_tokens=16_000))
    while not slow.describe()["stats"]["under_way"]:
        await asyncio.sleep(0.005)
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    await until_idle(slow)
    assert slow.describe()["stats"]["cancelled"] == 1


async def test_who_does_not_read_costs_the_others_nothing(served):
    server, client = served
    body = json.dumps({**SURE, "prompt": "la ", "max_tokens": 16_000, "stream": True, "logprobs": 20}).encode()
    request = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with deaf(server, request) as connection:
        async with asyncio.timeout(20):
            assert await full(connection) < 2_000_000
        answer = await client.completions.create(**SURE, prompt="la ", max_tokens=60)
        assert answer.choices[0].text == sung("la ", 60)
    await until_idle(server.hub.get("scribe"))
    assert connections(server)
