"""What is asked in OpenAI's words, as inputs of a text model."""

from pathlib import Path

import pytest

from bridge import load_class
from bridge.errors import InputError, MissingInput, TooLarge, UnknownInput
from bridge.model import signature_of
from bridge.ports import Text
from bridge.signature import Command, Signature
from bridge.transports import openai_requests as requests

MODELS = Path(__file__).parent.parent / "models"
SCRIBE = signature_of(load_class(MODELS / "scribe"))
COUNTER = signature_of(load_class(MODELS / "counter"))


def plain():
    """A text model that takes nothing but a prompt."""
    run = Command("run", {"prompt": Text()}, {"generated_text": Text(pieces=True)}, streams=True)
    return Signature({}, {"run": run})


def completion(**body):
    return requests.completion({"model": "scribe", "prompt": "a", **body}, SCRIBE)


def chat(**body):
    return requests.chat({"model": "scribe", "messages": [{"role": "user", "content": "a"}], **body}, SCRIBE)


def refused(kind, ask, **body):
    with pytest.raises(kind) as caught:
        ask(**body)
    return caught.value


def test_a_text_model_is_told_by_its_ports():
    assert requests.text_command(SCRIBE) is SCRIBE.default
    assert requests.text_command(plain()).name == "run"
    assert requests.text_command(COUNTER) is None and requests.text_command(None) is None


def test_words_of_both_sides_meet():
    asked = completion(
        max_tokens=7, temperature=0.5, top_p=None, stop=["x", ""], seed=-2, logprobs=3, top_k=4, min_p=0.1, user="me"
    )
    assert asked.inputs == {
        "max_tokens": 7,
        "temperature": 0.5,
        "stop": ["x"],
        "seed": 2**53 - 2,
        "likeliest": 3,
        "top_k": 4,
        "min_p": 0.1,
    }
    assert (asked.command, asked.logprobs, asked.n, asked.stream) == ("run", 3, 1, False)
    assert completion(logprobs=0).inputs == {"likeliest": 1}
    assert completion(logit_bias={"7": -100}).inputs == {"logit_bias": {"7": -100}}
    assert chat(max_completion_tokens=5).inputs == completion(max_completion_tokens=5).inputs == {"max_tokens": 5}
    assert chat(logprobs=True, top_logprobs=4).logprobs == 4 and chat(logprobs=True).logprobs == 0
    assert chat().logprobs == chat(logprobs=False).logprobs == -1


def test_several_texts_have_seeds_of_their_own_and_the_first_has_the_one_given():
    runs = completion(prompt=["a", "b"], n=3, seed=5).runs()
    assert [run["prompt"] for run in runs] == ["a", "a", "a", "b", "b", "b"]
    assert runs[0]["seed"] == runs[3]["seed"] == 5 and len({run["seed"] for run in runs}) == 3
    assert "seed" not in completion(n=2).runs()[0]


def test_the_seed_that_means_another_one_each_time_means_it_here_too():
    assert all("seed" not in run for run in completion(n=2, seed=-1).runs())


def test_whole_numbers_may_have_a_point_as_hosts_without_others_write_them():
    asked = completion(n=2.0, best_of=2.0, seed=7.0, logprobs=1.0)
    assert asked == completion(n=2, best_of=2, seed=7, logprobs=1)
    assert all(type(value) is int for value in (asked.n, asked.logprobs, asked.inputs["seed"]))
    assert chat(logprobs=True, top_logprobs=2.0) == chat(logprobs=True, top_logprobs=2)
    assert completion(seed=-1.0) == completion(seed=-1)


def test_prompts_come_in_four_forms():
    assert completion(prompt=[1, 2]).prompts == ({"prompt": "", "prompt_tokens": [1, 2]},)
    assert completion(prompt=[[1, 2], [3]]).prompts[1] == {"prompt": "", "prompt_tokens": [3]}
    assert completion(prompt=["a", "b"]).prompts == ({"prompt": "a"}, {"prompt": "b"})
    assert completion(prompt="").prompts == ({"prompt": ""},)
    for strange in ([], {}, [1, "a"], [[]], [True], 3, [None]):
        assert refused(InputError, completion, prompt=strange).field == "prompt"
    assert refused(MissingInput, completion, prompt=None).field == "prompt"
    with pytest.raises(InputError, match="no token numbers"):
        requests.completion({"prompt": [1]}, plain())


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("suffix", ["x"]),
        ("best_of", [3, 0, "2"]),
        ("n", [0, -1, 1000, "2", 1.5, True]),
        ("logprobs", [-1, 21, True]),
        ("stop", [3, [1], {"a": 1}]),
        ("seed", ["a", 1.5]),
        ("stream", ["yes"]),
        ("echo", [1]),
    ],
)
def test_what_a_completion_can_not_do_is_refused_by_name(field, values):
    for value in values:
        assert refused(InputError, completion, **{field: value}).field == field


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": "2"}, "n takes a whole number from 1 to 128; the text '2' came"),
        ({"logprobs": True}, "logprobs takes a whole number from 0 to 20; true came"),
        ({"seed": {}}, "seed is a whole number; an object came"),
        ({"seed": 1.5}, "seed is a whole number; 1.5 came"),
        ({"stream": 1}, "stream is true or false; 1 came"),
        ({"stop": 3}, "stop is a text, or a list of texts; 3 came"),
        ({"stop": ["a", None]}, "stop is a text, or a list of texts; a list with nothing came"),
        ({"prompt": 5}, "prompt can't be read: 5 came"),
        ({"stream": True, "stream_options": "usage"}, "the text 'usage' came"),
    ],
)
def test_what_came_is_told(wrong, said):
    assert said in refused(InputError, completion, **wrong).message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tools", [[{"type": "function"}]]),
        ("tool_choice", ["required"]),
        ("response_format", [{"type": "json_object"}]),
        ("modalities", [["text", "audio"]]),
        ("moderation", [{"model": "any"}]),
        ("verbosity", ["low"]),
        ("top_logprobs", [2, -1]),
        ("logprobs", [3]),
        ("echo", [True]),
        ("best_of", [2]),
        ("messages", [None, [], "hello", {}, 3]),
    ],
)
def test_what_a_chat_can_not_do_is_refused_by_name(field, values):
    for value in values:
        assert refused(InputError, chat, **{field: value}).field == field


def test_what_asks_for_nothing_is_taken():
    asked = chat(
        tools=[], tool_choice="auto", response_format={"type": "text"}, presence_penalty=0.0, logit_bias={}, n=1,
        metadata={"a": "b"}, store=False, service_tier="auto", parallel_tool_calls=True, stream_options=None,
        verbosity="medium", prediction={"type": "content", "content": "a"}, prompt_cache_options={}, seed=-1,
        logprobs=False, top_logprobs=0,
    )  # fmt: skip
    assert asked == chat(presence_penalty=0, logit_bias={})
    assert completion(best_of=2, n=2, suffix=None, frequency_penalty=None) == completion(n=2)
    assert completion(messages=None, thinking=None, top_logprobs=None) == completion()
    assert chat(echo=None, best_of=None, thinking=None) == chat()
    assert completion(presence_penalty=0.5, frequency_penalty=-1).inputs == {
        "presence_penalty": 0.5,
        "frequency_penalty": -1,
    }


def test_an_unknown_word_is_refused_and_those_of_the_model_are_named():
    error = refused(UnknownInput, completion, temprature=1)
    assert error.field == "temprature" and "min_p" in error.hint
    for ours in ("alternatives", "likeliest", "vectors", "version", "messages", "prompt_tokens"):
        assert refused(UnknownInput, completion, **{ours: 1}).field == ours


def test_a_model_that_can_not_is_not_asked():
    for word, value in (("temperature", 1), ("max_tokens", 3), ("stop", "x"), ("seed", 1)):
        with pytest.raises(InputError, match=f"takes no {word}"):
            requests.completion({"prompt": "a", word: value}, plain())
    for word, value, nothing in (
        ("presence_penalty", 0.5, 0),
        ("frequency_penalty", 0.5, 0),
        ("logit_bias", {"1": 5}, {}),
    ):
        with pytest.raises(InputError, match="not possible here"):
            requests.completion({"prompt": "a", word: value}, plain())
        assert requests.completion({"prompt": "a", word: nothing}, plain()).inputs == {}
    with pytest.raises(InputError, match="takes no logprobs"):
        requests.completion({"prompt": "a", "logprobs": 1}, plain())
    asked = requests.chat({"messages": [{"role": "user", "content": "a"}] * 2}, plain())
    assert (asked.command, asked.prompts) == ("run", ({"prompt": "a\na"},))


def test_too_many_texts_are_told():
    assert refused(TooLarge, completion, prompt=["a"] * 70, n=2).field == "n"
    assert refused(TooLarge, completion, prompt=["a"] * 1000).field == "prompt"


def test_echo_needs_the_text():
    assert completion(prompt=["a", "b"], echo=True).echo == ("a", "b")
    assert refused(InputError, completion, prompt=[1], echo=True).field == "echo"
    assert refused(InputError, completion, echo=True, logprobs=1).field == "echo"


def test_messages_become_texts():
    said = [
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "he"}, {"type": "text", "text": "llo"}], "name": "me"},
        {"role": "assistant", "content": "hi", "tool_calls": None},
    ]
    assert chat(messages=said).prompts == (
        {
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "hi"},
            ]
        },
    )
    assert chat().command == "chat"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("hello", "messages[1]"),
        ({"role": "tool", "content": "a"}, "messages[1].role"),
        ({"content": "a"}, "messages[1].role"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "messages[1].content"),
        ({"role": "user", "content": ["a"]}, "messages[1].content"),
        ({"role": "user", "content": [{"type": "text", "text": None}]}, "messages[1].content"),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, "messages[1]"),
    ],
)
def test_a_strange_message_is_named_by_its_place(message, field):
    assert refused(InputError, chat, messages=[{"role": "user", "content": "a"}, message]).field == field


def test_what_is_strange_about_a_message_is_told():
    for content, said in (
        (None, "a list of parts; nothing came"),
        (["a"], "has a part that is the text 'a'"),
        ([{"type": "image_url"}], "a part whose type is the text 'image_url'"),
        ([{"type": "text", "text": 5}], "a text part whose text is 5"),
    ):
        assert said in refused(InputError, chat, messages=[{"role": "user", "content": content}]).message
    assert refused(MissingInput, chat, messages=None).field == "messages"
    assert "messages[0].role takes system, " in refused(InputError, chat, messages=[{"content": "a"}]).message


def test_lengths_that_differ_are_not_guessed_between():
    assert refused(InputError, chat, max_tokens=3, max_completion_tokens=4).field == "max_tokens"
    assert chat(max_tokens=3, max_completion_tokens=3).inputs == {"max_tokens": 3}


def test_usage_in_a_stream_is_wanted_or_not():
    assert chat(stream=True, stream_options={"include_usage": True}).usage
    assert not chat(stream=True, stream_options={}).usage
    assert refused(InputError, chat, stream_options={"include_usage": True}).field == "stream_options"
    assert refused(InputError, chat, stream=True, stream_options={"x": 1}).field == "stream_options"


def test_embeddings_are_runs_of_one_token():
    def embeddings(**body):
        return requests.embeddings({"model": "scribe", "input": "a", **body}, SCRIBE)

    assert embeddings(input=["a", "b"]).runs() == [
        {"vectors": True, "max_tokens": 1, "temperature": 0, "prompt": text} for text in "ab"
    ]
    for field, value in (("input", ""), ("input", ["a", ""]), ("dimensions", 4), ("encoding_format", "int8")):
        assert refused(InputError, embeddings, **{field: value}).field == field
    assert refused(UnknownInput, embeddings, temperature=1).field == "temperature"
    long = refused(TooLarge, embeddings, input=["a", "x" * 1_000_001])
    assert (long.field, long.message[:10]) == ("input", "input take")
    with pytest.raises(InputError, match="no embeddings"):
        requests.embeddings({"input": "a"}, plain())


def test_the_model_has_to_be_named():
    for name in (None, ""):
        with pytest.raises(MissingInput):
            requests.model_name({"model": name})
    with pytest.raises(InputError, match="model is a name; 3 came"):
        requests.model_name({"model": 3})
