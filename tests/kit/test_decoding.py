"""The engine: texts that share each step of a network, and know nothing of each other."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from bridge.kit.decoding import CHUNK, CHUNK_ALONE, SHOWN_ALWAYS, Engine, Wishes
from bridge.kit.pieces import ByteSpeller
from bridge.kit.sampling import Taste, choose
from tests.kit.oracle import Endless, Letters, Oracle, answer

BOLD = Wishes(Taste(temperature=1.0), max_tokens=20, seed=3)
SURE = Wishes(Taste(temperature=0), max_tokens=20)


def engine(tokens=None, **network):
    return Engine(Oracle(**network), tokens or Endless())


def whole(writing):
    steps = [step for step in writing if step]
    return "".join(step.get("generated_text", "") for step in steps), steps[-1]


def plainly(prompt, wishes):
    """The same text without an engine."""
    tokens = Endless().encode(prompt)
    made = []
    for place in range(wishes.max_tokens):
        made.append(choose(answer([*tokens, *made])[0], wishes.taste, [*tokens, *made], wishes.seed, place))
    return "".join(Endless().spelt(token) for token in made)


def together(writings):
    """All of them in turns, as the worker does it."""
    texts, left = [""] * len(writings), dict(enumerate(writings))
    while left:
        for number, writing in tuple(left.items()):
            try:
                texts[number] += (next(writing) or {}).get("generated_text", "")
            except StopIteration:
                del left[number]
    return texts


@pytest.mark.parametrize("wishes", [SURE, BOLD, replace(BOLD, taste=Taste(repetition_penalty=1.3))])
def test_a_text_goes_on_as_its_network_says(wishes):
    assert whole(engine().write("hello", wishes))[0] == plainly("hello", wishes)


def test_the_same_seed_gives_the_same_text_and_another_another():
    one = engine()
    again, other = whole(one.write("a", BOLD))[0], whole(one.write("a", replace(BOLD, seed=4)))[0]
    assert whole(one.write("a", BOLD))[0] == again != other
    free = replace(BOLD, seed=-1)
    assert whole(one.write("a", free))[0] != whole(one.write("a", free))[0]


def test_texts_written_side_by_side_share_the_steps_and_are_the_same_as_alone():
    one = engine(slots=8)
    prompts = [f"prompt {number}" for number in range(8)]
    assert together([one.write(prompt, BOLD) for prompt in prompts]) == [plainly(prompt, BOLD) for prompt in prompts]
    assert one.network.stepped.count(8) >= 17


def test_texts_that_come_and_go_at_any_time_do_not_touch_the_others():
    chance = random.Random(1)
    one = engine(slots=5)
    left, done = {}, 0
    for number in range(400):
        if len(left) < 8 and chance.random() < 0.5:
            prompt = "function draw() { line("[: chance.randrange(1, 22)] + chance.choice(["", "x", "yy"])
            wishes = replace(BOLD, seed=number, max_tokens=chance.randrange(1, 30))
            left[number] = [one.write(prompt, wishes), "", prompt, wishes]
        for key, entry in tuple(left.items()):
            try:
                entry[1] += (next(entry[0]) or {}).get("generated_text", "")
            except StopIteration:
                assert entry[1] == plainly(*entry[2:])
                done += 1
                del left[key]
                continue
            if chance.random() < 0.02:
                entry[0].close()
                assert plainly(*entry[2:]).startswith(entry[1])
                del left[key]
    assert done > 50


def test_a_keystroke_at_the_end_costs_one_token():
    one = engine()
    writing = one.write("let x", SURE)
    for _ in range(4):
        next(writing)
    writing.close()
    one.network.read_tokens.clear()
    one.network.stepped.clear()
    text, end = whole(one.write("let x!", SURE))
    assert one.network.read_tokens == [] and len(one.network.stepped) == 20
    assert text == plainly("let x!", SURE) and end["usage"]["reused_tokens"] == 5


def test_what_was_written_and_taken_over_is_not_computed_again():
    one = engine()
    text, _ = whole(one.write("let x", SURE))
    one.network.read_tokens.clear()
    _, end = whole(one.write("let x" + text[:12], SURE))
    assert one.network.read_tokens == [] and end["usage"]["reused_tokens"] == 16


def test_long_prompts_are_read_in_bits_and_others_go_on_meanwhile():
    one = engine(context=1000)
    short = one.write("a", replace(SURE, max_tokens=60))
    next(short)
    long = one.write("b" * 300, SURE)
    steps = 0
    while next(long) is None:
        assert "generated_text" in next(short)
        steps += 1
    assert steps == 300 // CHUNK and max(one.network.read_tokens[1:]) == CHUNK
    alone = engine(context=1000)
    next(alone.write("b" * 300, SURE))
    assert alone.network.read_tokens == [CHUNK_ALONE]


def test_a_short_prompt_does_not_wait_for_a_long_one():
    one = engine(context=1000)
    long, short = one.write("b" * 500, SURE), one.write("a" * 5, SURE)
    next(long)
    assert next(short) == {"generated_text": plainly("a" * 5, SURE)[0]}


def test_who_leaves_frees_the_network_at_once():
    one = engine(slots=2)
    first, second, third = (one.write(prompt, SURE) for prompt in "abc")
    next(first), next(second)
    assert next(third) is None and one.under_way == 3
    first.close()
    first.close()
    assert one.under_way == 2 and list(first) == []
    while (step := next(third)) is None:
        next(second)
    assert step["generated_text"]
    second.close(), third.close()
    one.network.stepped.clear()
    assert one.under_way == 0 and one.network.stepped == []


def test_more_texts_than_places_take_turns():
    one = engine(slots=2)
    assert together([one.write(prompt, SURE) for prompt in "abcde"]) == [plainly(prompt, SURE) for prompt in "abcde"]


def test_a_prompt_beyond_the_context_loses_its_beginning_by_whole_steps():
    one = engine(context=64)
    prompt = "".join(chr(40 + number % 50) for number in range(200))
    text, end = whole(one.write(prompt, SURE))
    cut = end["usage"]["cut_tokens"]
    assert text == plainly(prompt[cut:], SURE) and 200 - 64 <= cut <= 200 - 20 and cut % 16 == 0
    longer = whole(one.write(prompt + "#", SURE))[1]["usage"]
    assert longer["cut_tokens"] == cut and longer["reused_tokens"] == 200 - cut


def test_a_text_outgrows_the_context_by_letting_go_of_its_beginning():
    one = engine(context=32)
    wishes = replace(BOLD, max_tokens=200)
    text, end = whole(one.write("abc", wishes))
    assert (
        len(text) == 200
        and end["finish_reason"] == "tokens"
        and text.startswith(plainly("abc", replace(wishes, max_tokens=29)))
    )
    assert max(map(len, one.network.cache)) <= 32


def test_an_empty_prompt_begins_with_the_networks_own_beginning():
    assert whole(engine().write("", SURE))[0] == whole(engine().write(chr(31), SURE))[0]


def test_it_says_why_it_ended():
    text, end = whole(engine().write("ab", replace(BOLD, max_characters=7)))
    assert (len(text), end["finish_reason"], end["encountered_end"]) == (7, "characters", False)
    text, end = whole(engine().write("ab", replace(BOLD, stop=(plainly("ab", BOLD)[5:8],))))
    assert (text, end["finish_reason"], end["encountered_end"]) == (plainly("ab", BOLD)[:5], "stop", True)
    wishes = replace(BOLD, max_tokens=5000)
    text, end = whole(engine(Letters(), context=64).write("ab", wishes))
    assert (
        end["finish_reason"] == "end" and end["encountered_end"] and end["usage"]["generated_tokens"] == len(text) + 1
    )


def test_alternatives_share_the_prompt_and_differ():
    one = engine(slots=4, context=200)
    prompt = "a long prompt that all of them begin with"
    steps = [step for step in one.write(prompt, replace(BOLD, alternatives=3)) if step]
    texts = steps[-1]["alternatives"] if "alternatives" in steps[-1] else steps[-2]["alternatives"]
    assert texts[0] == plainly(prompt, BOLD) == "".join(step.get("generated_text", "") for step in steps)
    assert len(set(texts)) == 3 and [len(text) for text in texts] == [20, 20, 20]
    assert sum(one.network.read_tokens) == len(prompt) and steps[-1]["usage"]["generated_tokens"] == 60


@pytest.mark.parametrize(
    "taste", [Taste(presence_penalty=1.5), Taste(frequency_penalty=0.7), Taste(temperature=0, frequency_penalty=2)]
)
def test_what_was_written_is_shunned_and_what_was_asked_is_not(taste):
    prompt, made = "hello", []
    for place in range(40):
        tokens = [*Endless().encode(prompt), *made]
        counts = {token: made.count(token) for token in made}
        made.append(choose(answer(tokens)[0], taste, tokens, 3, place, counts))
    wishes = replace(BOLD, taste=taste, max_tokens=40)
    assert whole(engine().write(prompt, wishes))[0] == "".join(map(Endless().spelt, made))
    assert whole(engine().write(prompt, replace(wishes, taste=Taste(temperature=taste.temperature))))[0] != "".join(
        map(Endless().spelt, made)
    )


def test_what_was_written_is_counted_beyond_the_context():
    writing = engine(context=32).write("abc", replace(BOLD, taste=Taste(presence_penalty=2), max_tokens=500))
    text, _ = whole(writing)
    assert sum(writing._all[0].written.values()) == 500 and len(writing._all[0].written) == len(set(text))


def test_long_alternatives_are_not_told_again_with_each_token_and_whole_in_the_end():
    wishes = replace(BOLD, alternatives=3, max_tokens=2000)
    steps = [step for step in engine(context=64).write("ab", wishes) if step]
    told = [step["alternatives"] for step in steps if "alternatives" in step]
    assert [len(text) for text in told[-1]] == [2000] * 3
    assert told[-1][0] == "".join(step.get("generated_text", "") for step in steps)
    lengths = [sum(map(len, texts)) for texts in told]
    assert all(later - length <= 3 for length, later in itertools.pairwise(lengths) if length < SHOWN_ALWAYS)
    assert sum(lengths) < 200 * lengths[-1]  # told each time it would be 1000 times


def test_alternatives_go_on_when_the_first_of_them_ends():
    steps = list(engine(slots=1).write("ab", replace(BOLD, alternatives=3, max_tokens=4)))
    texts = [step["alternatives"] for step in steps if step and "alternatives" in step][-1]
    assert [len(text) for text in texts] == [4, 4, 4] and steps[-1]["usage"]["reasons"] == ["tokens"] * 3


def test_probabilities_likely_tokens_and_the_state_are_told_if_asked_for():
    step = next(engine().write("ab", replace(SURE, likeliest=3, vectors=True)))
    logits, state = answer(Endless().encode("ab"))
    odds = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert step["tokens"]["likeliest"][0]["text"] == step["tokens"]["text"] == step["generated_text"]
    assert (
        step["tokens"]["number"] == odds.argmax() and len({one["number"] for one in step["tokens"]["likeliest"]}) == 3
    )
    assert np.isclose(np.exp(step["tokens"]["logprob"]), odds.max()) and len(step["tokens"]["likeliest"]) == 3
    assert np.allclose(step["probabilities"], np.sort(odds)[::-1][:16], atol=1e-6) and np.array_equal(
        step["embedding"], state
    )
    assert set(next(engine().write("ab", SURE))) == {"generated_text"}


def tokens_of(steps):
    return [step["tokens"]["text"] for step in steps if step and "tokens" in step]


@pytest.mark.parametrize("length", [1, 3])
def test_no_token_of_a_stop_string_is_told_and_those_before_it_are(length):
    told = plainly("ab", BOLD)
    steps = list(engine().write("ab", replace(BOLD, likeliest=2, stop=(told[5 : 5 + length],))))
    assert steps[-1]["finish_reason"] == "stop" and tokens_of(steps) == list(told[:5])


def test_no_token_of_a_stop_string_is_told_where_the_characters_end_with_it():
    class Syllables(Endless):
        def spelt(self, token):
            return super().spelt(token) + "-!"

        def speller(self, before):
            return ByteSpeller({token: self.spelt(token).encode() for token in range(self.words)})

    wishes = replace(SURE, likeliest=2, stop=("!",), max_characters=2)
    steps = list(engine(Syllables()).write("ab", wishes))
    assert len(steps[-1]["generated_text"]) == 2 and tokens_of(steps) == []


def test_tokens_that_only_began_like_a_stop_string_are_told_with_their_text_one_in_each_step():
    told = plainly("ab", BOLD)
    wishes = replace(BOLD, likeliest=2, version=3, stop=(told[4:9] + "\0",))
    steps = [step for step in engine().write("ab", wishes) if step]
    assert tokens_of(steps) == list(told) and {step["version"] for step in steps} == {3}
    texts = [step.get("generated_text", "") for step in steps]
    known = [sum(map(len, tokens_of(steps[: place + 1]))) for place in range(len(steps))]
    assert "".join(texts) == told and known[3] == 4 < known[-1] and "" in texts
    assert all(len("".join(texts[: place + 1])) <= count <= len("".join(texts)) for place, count in enumerate(known))


def test_what_was_held_back_is_told_when_the_text_ends():
    told = plainly("ab", BOLD)
    steps = [step for step in engine().write("ab", replace(BOLD, likeliest=2, stop=(told[-3:] + "\0",))) if step]
    assert tokens_of(steps) == list(told) and "".join(step.get("generated_text", "") for step in steps) == told
    left = engine().write("ab", replace(BOLD, likeliest=2, stop=(told[-3:] + "\0",)))
    for _ in range(18):
        next(left)
    left.close()
    assert list(left) == []


def test_without_a_stop_string_each_token_is_told_at_once():
    steps = list(engine().write("ab", replace(BOLD, likeliest=2)))
    assert [step["tokens"]["text"] for step in steps] == [step["generated_text"] for step in steps]


def test_every_step_carries_the_version_of_its_prompt():
    steps = list(engine().write("ab", replace(SURE, version=17)))
    assert {step["version"] for step in steps} == {17}
