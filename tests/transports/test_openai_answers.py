"""What text models give out, in OpenAI's words."""

import base64
import math
import struct

import pytest

from bridge.errors import ErrorInfo, ModelFailed
from bridge.transports import openai_answers as answers
from bridge.transports.openai_answers import Choice, Form


def token(text, logprob=-1.0, *likely):
    return {"text": text, "logprob": logprob, "likeliest": [{"text": one, "logprob": -2.0} for one in likely]}


def form(kind="completion", logprobs=-1):
    return Form(kind, "id", 7, "writer", logprobs)


def test_a_text_grows_and_ends():
    choice = Choice(0)
    assert choice.take({"generated_text": "la"}).text == "la"
    assert choice.take({"generated_text": "", "finish_reason": "tokens", "usage": {"prompt_tokens": 3}}).reason is None
    assert choice.end().reason == "length" and choice.text == "la" and choice.usage == {"prompt_tokens": 3}


@pytest.mark.parametrize(
    ("ours", "theirs"), [("end", "stop"), ("stop", "stop"), ("tokens", "length"), ("characters", "length")]
)
def test_reasons_have_their_words(ours, theirs):
    choice = Choice(0)
    choice.take({"finish_reason": ours})
    assert choice.end().reason == theirs


def test_what_is_echoed_stands_before_the_first_piece_and_once():
    choice = Choice(0, echo="say: ")
    assert [choice.take({"generated_text": text}).text for text in ("", "a", "b")] == ["say: ", "a", "b"]
    assert choice.text == "say: ab"


def test_tokens_are_told_with_their_text_and_those_of_a_stop_string_never():
    choice = Choice(0)
    steps = [("", "<"), ("<a", "a"), ("b", "b"), ("", "<"), ("", "/"), ("", "e")]
    told = [[one.text for one in choice.take({"generated_text": t, "tokens": token(k)}).tokens] for t, k in steps]
    assert told == [[], ["<", "a"], ["b"], [], [], []]
    choice.take({"generated_text": "", "finish_reason": "stop"})
    assert choice.end().tokens == () and [one.offset for one in choice.tokens] == [0, 1, 2]


def test_a_token_that_is_half_told_counts():
    choice = Choice(0)
    choice.take({"generated_text": "a", "tokens": token("ab;"), "finish_reason": "stop"})
    assert [one.text for one in choice.end().tokens] == ["ab;"]


def test_a_text_cut_by_its_length_tells_all_its_tokens():
    choice = Choice(0)
    choice.take({"generated_text": "", "tokens": token(r"bytes:\xf0"), "finish_reason": "tokens"})
    assert len(choice.end().tokens) == 1


def test_halves_of_characters_are_bytes():
    choice = Choice(0, echo="e")
    parts = [rf"bytes:\x{byte:02x}" for byte in "🦜".encode()]
    for part in parts[:-1]:
        assert choice.take({"tokens": token(part)}).tokens == ()
    assert len(choice.take({"generated_text": "🦜", "tokens": token(parts[-1])}).tokens) == 4
    choice.take({"generated_text": "!", "tokens": token("!")})
    assert [one.offset for one in choice.tokens] == [1, 1, 1, 1, 2]
    assert b"".join(answers.spelt(part) for part in parts).decode() == "🦜" and answers.spelt("bytes:") == b"bytes:"


def test_logprobs_have_a_form_for_each_kind():
    choice = Choice(0)
    choice.take({"generated_text": "a", "tokens": token("a", -0.5, "a", "b"), "finish_reason": "end"})
    choice.end()
    (told,) = form(logprobs=1).whole([choice], None)["choices"]
    assert told["logprobs"] == {
        "tokens": ["a"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"a": -2.0}],
        "text_offset": [0],
    }
    (told,) = form("chat", logprobs=2).whole([choice], None)["choices"]
    (content,) = told["logprobs"]["content"]
    assert content["bytes"] == [97] and [one["token"] for one in content["top_logprobs"]] == ["a", "b"]
    assert form("chat", logprobs=0).whole([choice], None)["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []


def test_what_is_impossible_has_a_number_that_json_knows():
    choice = Choice(0)
    choice.take({"generated_text": "ab", "tokens": token("a", -math.inf)})
    choice.take({"tokens": token("b", math.nan)})
    assert [one.logprob for one in choice.tokens] == [-9999.0, -9999.0]


def test_usage_counts_a_prompt_once():
    choices = [Choice(index) for index in range(4)]
    for choice in choices:
        counted = {"prompt_tokens": 5, "generated_tokens": 2, "reused_tokens": 4 * (choice.index % 2), "cut_tokens": 1}
        choice.take({"usage": counted})
    told = answers.usage(choices, 2)
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (10, 8, 18)
    assert told["prompt_tokens_details"] == {"cached_tokens": 0, "cut_tokens": 2}
    assert answers.usage([Choice(0)], 1) is None and "usage" not in form().whole([], None)


def test_embeddings_have_length_1():
    told = answers.embeddings([[3.0, 4.0]], "writer", 2, base64=False)
    assert told["data"][0]["embedding"] == [0.6, 0.8] and told["usage"]["total_tokens"] == 2
    packed = answers.embeddings([[3.0, 4.0]], "writer", 2, base64=True)["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == pytest.approx((0.6, 0.8))
    with pytest.raises(ModelFailed):
        answers.embeddings([[0.0, 0.0]], "writer", 2, base64=False)


@pytest.mark.parametrize(
    ("code", "ours", "status", "kind", "theirs"),
    [
        ("invalid_input", 400, 400, "invalid_request_error", "invalid_input"),
        ("too_large", 413, 400, "invalid_request_error", "too_large"),
        ("unknown_model", 404, 404, "invalid_request_error", "model_not_found"),
        ("unauthorized", 401, 401, "authentication_error", "invalid_api_key"),
        ("busy", 429, 429, "rate_limit_error", "rate_limit_exceeded"),
        ("model_failed", 502, 500, "server_error", "model_failed"),
        ("model_stopped", 503, 503, "server_error", "model_stopped"),
    ],
)
def test_errors_have_their_form_and_the_hint_is_in_the_message(code, ours, status, kind, theirs):
    info = ErrorInfo(code, "no", "do it", "field")
    assert answers.error_status(info, ours) == status
    told = answers.error(info, status)["error"]
    assert told == {"message": "no (do it)", "type": kind, "param": "field", "code": theirs}
