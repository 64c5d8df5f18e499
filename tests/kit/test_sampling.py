"""Which token is chosen."""

import numpy as np
import pytest

from bridge.errors import ModelFailed
from bridge.kit.sampling import Bias, Taste, chance, choose, likeliest, log_probabilities

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32))


def shares(taste, seen=(), logits=LOGITS, count=4000):
    """How often each token is chosen."""
    chosen = [choose(logits, taste, seen, 7, place) for place in range(count)]
    return np.bincount(chosen, minlength=len(logits)) / count


def test_temperature_0_takes_the_likeliest():
    assert shares(Taste(temperature=0), count=50).tolist() == [1, 0, 0, 0]


def test_tokens_are_chosen_as_often_as_they_are_likely():
    assert np.allclose(shares(Taste()), [0.5, 0.25, 0.15, 0.1], atol=0.03)


def test_a_low_temperature_favours_the_likeliest_and_a_high_one_evens_out():
    assert shares(Taste(temperature=0.2))[0] > 0.9
    assert np.allclose(shares(Taste(temperature=100)), 0.25, atol=0.03)


@pytest.mark.parametrize(
    ("taste", "left"),
    [
        (Taste(top_k=2), {0, 1}),
        (Taste(top_k=1), {0}),
        (Taste(top_k=9), {0, 1, 2, 3}),
        (Taste(top_p=0.7), {0, 1}),
        (Taste(top_p=0.0), {0}),
        (Taste(min_p=0.29), {0, 1, 2}),
        (Taste(min_p=1.0), {0}),
        (Taste(top_k=3, top_p=0.8), {0, 1}),
        (Taste(top_p=0.95, min_p=0.45), {0, 1}),
    ],
)
def test_only_so_many_are_left_to_choose_from(taste, left):
    assert set(np.flatnonzero(shares(taste))) == left


def test_a_nucleus_is_the_same_as_by_sorting_all():
    random = np.random.default_rng(3)
    logits = (random.standard_normal(500) * 2).astype(np.float32)
    odds = np.exp(log_probabilities(logits)).astype(np.float64)
    order = np.argsort(-odds)
    wanted = set(order[: int(np.searchsorted(np.cumsum(odds[order]), 0.8 * odds.sum())) + 1])
    assert set(np.flatnonzero(shares(Taste(top_p=0.8), logits=logits, count=20_000))) <= wanted


def test_of_many_tokens_those_are_chosen_that_the_sum_of_all_leads_to():
    logits = np.random.default_rng(4).standard_normal(3000).astype(np.float32)
    sums = np.cumsum(np.exp(logits.astype(np.float64)))
    wanted = [int(np.searchsorted(sums, chance(7, place) * sums[-1], side="right")) for place in range(300)]
    assert [choose(logits, Taste(), (), 7, place) for place in range(300)] == wanted


def test_a_nucleus_is_taken_once_even_when_there_are_fewer_tokens_than_top_k():
    assert set(np.flatnonzero(shares(Taste(top_k=9, top_p=0.7)))) == {0, 1}


@pytest.mark.parametrize("taste", [Taste(), Taste(temperature=0), Taste(top_k=1), Taste(presence_penalty=1)])
@pytest.mark.parametrize("broken", [[1, np.nan, 2], [1, np.inf, 2], [-np.inf] * 3])
def test_an_answer_that_is_no_numbers_is_told_in_words(broken, taste):
    with pytest.raises(ModelFailed, match="no numbers"):
        choose(np.array(broken, np.float32), taste, (), 7, 0, {0: 1})


def test_a_penalty_shuns_what_was_there_whatever_the_sign_of_its_logit():
    logits = np.array([2.0, 1.9, -1.0, -1.1], np.float32)
    assert choose(logits, Taste(repetition_penalty=1.5, temperature=0), [0, 0], 1, 0) == 1
    assert choose(logits[2:], Taste(repetition_penalty=1.5, temperature=0), [0], 1, 0) == 1
    assert logits[0] == 2.0


def test_what_was_written_loses_as_much_as_the_penalties_say():
    logits = np.array([2.0, 1.5, 1.0], np.float32)
    written = {0: 2, 2: 1}

    def weights(**penalties):
        return shares_of(Taste(**penalties), written, logits)

    def shares_of(taste, written, logits, count=4000):
        chosen = [choose(logits, taste, (), 7, place, written) for place in range(count)]
        return np.bincount(chosen, minlength=3) / count

    def wanted(*left):
        return np.exp(left) / np.exp(left).sum()

    assert np.allclose(weights(presence_penalty=0.8), wanted(1.2, 1.5, 0.2), atol=0.03)
    assert np.allclose(weights(frequency_penalty=0.8), wanted(0.4, 1.5, 0.2), atol=0.03)
    assert np.allclose(weights(frequency_penalty=-0.5, presence_penalty=0.2), wanted(2.8, 1.5, 1.3), atol=0.03)
    assert logits.tolist() == [2.0, 1.5, 1.0]
    assert choose(logits, Taste(presence_penalty=1.2, temperature=0), (), 7, 0, {0: 1}) == 1


def test_of_equal_tokens_the_first_are_kept():
    assert set(np.flatnonzero(shares(Taste(top_k=2), logits=np.zeros(5, np.float32)))) == {0, 1}


def test_chance_depends_on_seed_and_place_alone_and_is_even():
    numbers = np.array([chance(seed, place) for seed in range(30) for place in range(30)])
    assert len(set(numbers)) == 900 and numbers.min() >= 0 and numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.03 and chance(5, 6) == chance(5, 6)


def test_the_likeliest_come_first_with_their_logarithms():
    tokens, logs = likeliest(LOGITS[::-1].copy(), 2)
    assert tokens == [3, 2] and np.allclose(np.exp(logs), [0.5, 0.25])
    assert likeliest(LOGITS, 99)[0] == [0, 1, 2, 3]


def test_a_bias_is_added_to_the_logits_of_its_tokens_and_spoils_none():
    before = LOGITS.copy()
    assert np.allclose(
        shares(Taste(bias=Bias.of({1: np.log(2), 3: -100}))), [5 / 11.5, 5 / 11.5, 1.5 / 11.5, 0], atol=0.03
    )
    assert shares(Taste(bias=Bias.of({3: 100})), count=50).tolist() == [0, 0, 0, 1]
    assert shares(Taste(bias=Bias.of({2: 3.0}), temperature=0), count=50).tolist() == [0, 0, 1, 0]
    assert shares(Taste(bias=Bias.of({3: 100}), top_k=1, repetition_penalty=2.0), seen=[3], count=50)[3] == 1
    everything = Bias.of(dict.fromkeys(range(4), -100.0))  # all are shunned alike: it is as without
    assert np.allclose(shares(Taste(bias=everything)), shares(Taste()), atol=0.03) and np.array_equal(LOGITS, before)
