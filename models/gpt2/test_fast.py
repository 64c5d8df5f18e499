"""The rows of a pass: each comes out the same, to the last digit, whatever goes on beside it and before it."""

import random
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from bridge.kit.decoding import Bit
from models.gpt2.device import DeviceGPT2
from models.gpt2.fast import FastGPT2
from models.gpt2.layout import Shape
from models.gpt2.products import MOST, padded, padded_rows, product

SHAPE = Shape(layers=2, heads=3, width=96, context=200, vocabulary=120, inner=150)
STEADY = pytest.mark.skipif(not padded_rows(), reason="torch has no product of halves on this processor")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(shape=SHAPE, halves=False):
    chance = torch.Generator().manual_seed(5)

    def some(*size):
        found = torch.randn(*size, generator=chance) * 0.2
        return found.half() if halves else found

    each = {
        "ln_1": (shape.width,),
        "ln_2": (shape.width,),
        "attn.c_attn": (shape.width, 3 * shape.width),
        "attn.c_proj": (shape.width, shape.width),
        "mlp.c_fc": (shape.width, shape.inner),
        "mlp.c_proj": (shape.inner, shape.width),
    }
    told = {"wte.weight": some(shape.vocabulary, shape.width), "wpe.weight": some(shape.context, shape.width)}
    for name, size in [
        ("ln_f", (shape.width,)),
        *((f"h.{number}.{name}", size) for number in range(shape.layers) for name, size in each.items()),
    ]:
        told |= {f"{name}.weight": some(*size), f"{name}.bias": some(size[-1])}
    return told


TEXT = [random.Random(1).randrange(SHAPE.vocabulary) for _ in range(180)]


@pytest.fixture(scope="module", params=["floats", "halves", "another activation"])
def network(request):
    torch.set_num_threads(1)
    shape = SHAPE._replace(activation="silu") if "activation" in request.param else SHAPE
    return FastGPT2(weights(shape, request.param == "halves"), shape, slots=20)


def one_by_one(network, tokens, slot=0):
    """Logits and state after each of these tokens."""
    return [tuple(part[0] for part in network.read([Bit(slot, [token], place)])) for place, token in enumerate(tokens)]


def read(network, slot, tokens, start):
    """Logits and state after the last of them."""
    return tuple(part[0] for part in network.read([Bit(slot, tokens, start)]))


def same(one, other):
    return all(np.array_equal(mine, yours) for mine, yours in zip(one, other, strict=True))


@STEADY
def test_a_prompt_read_in_any_bits_is_the_same_as_token_by_token(network):
    wanted = one_by_one(network, TEXT)
    for cuts in ([0, 180], [0, 1, 3, 10, 77, 180], list(range(0, 181, 15)), [0, 63, 64, 179, 180]):
        for start, end in pairwise(cuts):
            assert same(read(network, 3, TEXT[start:end], start), wanted[end - 1])


@STEADY
@pytest.mark.parametrize("count", [2, 3, 7, 8, 14, 16])
def test_a_text_is_the_same_among_others_of_any_length(network, count):
    wanted = one_by_one(network, TEXT)
    chance = random.Random(count)
    places = [chance.randrange(1, 179) for _ in range(count)]
    slots = chance.sample(range(20), count) if count % 2 else list(range(20 - count, 20))
    for slot, place in zip(slots, places, strict=True):
        read(network, slot, TEXT[:place], 0)
    for turn in range(2):
        here = [place + turn if place + turn < 180 else place for place in places]
        logits, states = network.read(
            [Bit(slot, [TEXT[place]], place) for slot, place in zip(slots, here, strict=True)]
        )
        for row, place in enumerate(here):
            assert same((logits[row], states[row]), wanted[place])


@STEADY
def test_prompts_and_single_tokens_go_in_one_pass(network):
    wanted = one_by_one(network, TEXT)
    read(network, 1, TEXT[:50], 0)
    read(network, 4, TEXT[:9], 0)
    bits = [Bit(4, TEXT[9:109], 9), Bit(1, [TEXT[50]], 50), Bit(9, TEXT[:3], 0), Bit(8, TEXT[:40], 0)]
    logits, states = network.read(bits)
    for row, last in enumerate((108, 50, 2, 39)):
        assert same((logits[row], states[row]), wanted[last])


@STEADY
def test_what_was_in_a_place_before_leaves_no_trace(network):
    wanted = one_by_one(network, TEXT[:20])
    read(network, 5, list(reversed(TEXT)), 0)
    assert same(read(network, 5, TEXT[:20], 0), wanted[-1])
    read(network, 6, list(reversed(TEXT)), 0)
    network.copy(5, 6, 10)
    assert same(read(network, 6, TEXT[10:20], 10), wanted[-1])


@pytest.mark.parametrize("activation", ["gelu_new", "gelu", "relu"])
def test_the_way_for_other_devices_is_the_same_but_for_the_last_digits(activation):
    shape = SHAPE._replace(activation=activation)
    here, there = FastGPT2(weights(shape), shape, 4), DeviceGPT2(weights(shape), shape, 4, "cpu")
    for slot, length in ((0, 60), (2, 100), (3, 7)):
        found = [read(each, slot, TEXT[:length], 0) for each in (here, there)]
        assert all(np.allclose(mine, yours, atol=1e-3) for mine, yours in zip(*found, strict=True))
    stepped = [each.read([Bit(0, [1], 60), Bit(2, [2], 100), Bit(3, [3], 7)]) for each in (here, there)]
    assert all(np.allclose(mine, yours, atol=1e-3) for mine, yours in zip(*stepped, strict=True))


@STEADY
@pytest.mark.parametrize("inner", [33, 224, 3000])
@pytest.mark.parametrize("halves", [True, False])
def test_a_product_is_nearly_as_exact_as_that_of_float32(inner, halves):
    chance = torch.Generator().manual_seed(2)
    matrix = torch.randn(inner, 40, generator=chance) * 0.05
    matrix = matrix.half().float() if halves else matrix
    bias, x = torch.randn(40, generator=chance), torch.randn(padded(9), inner, generator=chance)
    exact = x.double() @ matrix.double() + bias.double()
    usual = (torch.addmm(bias, x, matrix) - exact).abs().max()
    assert (product(matrix, bias)(x) - exact).abs().max() < 8 * usual


@STEADY
def test_every_number_of_rows_is_padded_to_one_that_is_multiplied_like_all_others():
    multiply = product(torch.randn(100, 30), torch.randn(30))
    x = torch.randn(padded(MOST), 100)
    wanted = multiply(x)
    for count in range(1, MOST + 1):
        assert padded(count) >= count
        assert torch.equal(multiply(x[: padded(count)].contiguous())[:count], wanted[:count])


def test_weights_too_large_for_halves_are_multiplied_all_the_same():
    matrix = torch.full((4, 4), 1e6)
    assert torch.allclose(product(matrix, torch.zeros(4))(torch.ones(padded(1), 4)), torch.full((padded(1), 4), 4e6))


@STEADY
def test_the_number_of_threads_does_not_matter(network):
    wanted = one_by_one(network, TEXT[:60])
    torch.set_num_threads(2)
    assert same(read(network, 7, TEXT[:60], 0), wanted[-1])
