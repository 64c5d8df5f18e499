"""Matrix products in which a row comes out the same, to the last digit, whatever rows stand beside it.

That is what makes a text the same alone and among others. Libraries don't promise it: for one row, two, or many they take
different ways, which add in different orders. torch has one on x86 whose way for three rows is that for all larger numbers but
a few (7 is 4 + 3, but 61 is 60 + 1), and which numbers these are is found out by trying. Its weights are halves (float16): what a
half can't hold goes into a second product, so that both together are as exact as float32. Networks stored as halves need only the
first, and that is also the quickest product there is on such a processor: half the memory is read.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

MOST = 128  # rows in a product
LARGEST = 65504.0  # of float16
_FINER = 2.0**11  # a half holds 11 bits; what is left over is that much smaller


def product(matrix: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """x @ matrix + bias, for as many rows as `padded` says."""
    matrix, bias = matrix.float(), bias.float().contiguous()
    if not padded_rows() or matrix.abs().max() > LARGEST:
        plain = matrix.contiguous()
        return lambda x: torch.addmm(bias, x, plain)
    halves = matrix.half().float()
    rest = (matrix - halves) * _FINER
    multiply, packed = _multiply(), _packed(halves)
    if not rest.count_nonzero():
        return lambda x: multiply(x, packed, bias)
    return _Both(packed, _packed(rest), bias)


class _Both:
    """The product with the halves, and that with what they can't hold."""

    def __init__(self, halves: Any, rest: Any, bias: Tensor) -> None:
        self.halves, self.rest, self.bias, self.none = halves, rest, bias, torch.zeros_like(bias)
        self.multiply = _multiply()

    def __call__(self, x: Tensor) -> Tensor:
        found = self.multiply(x, self.halves, self.bias)
        rest = self.multiply(x, self.rest, self.none).numpy()
        rest *= 1 / _FINER
        numbers = found.numpy()
        numbers += rest  # not by torch, which multiplies and adds in one step, but not in every place
        return found


def padded(count: int) -> int:
    """So many rows are to be multiplied where `count` are wanted."""
    rows = padded_rows()
    return rows[count] if rows else count


@cache
def padded_rows() -> Sequence[int]:
    """The same for every count up to MOST; empty where there is no such product."""
    try:
        steady = _steady(2 * MOST)
    except (RuntimeError, AttributeError):  # torch was built without it
        return ()
    largest = max(steady, default=0)
    if largest < MOST:
        return ()
    return tuple(min(number for number in steady if number >= count) for count in range(MOST + 1))


def _steady(most: int) -> list[int]:
    """The numbers of rows that are all multiplied in the most usual way."""
    chance = torch.Generator().manual_seed(1)
    matrix, row = torch.randn(250, 72, generator=chance), torch.randn(1, 250, generator=chance)
    packed, none, multiply = _packed(matrix.half().float()), torch.zeros(72), _multiply()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is marked as old, but has no younger one that is as quick
        found = {number: multiply(row.expand(number, -1).contiguous(), packed, none) for number in range(1, most + 1)}
    usual = found[most][0]
    if not torch.allclose(usual, row[0] @ matrix.half().float(), atol=1e-3):
        return []
    return [number for number, rows in found.items() if torch.equal(rows, usual.expand_as(rows))]


def _packed(matrix: Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.fbgemm_pack_gemm_matrix_fp16(matrix.t().contiguous())


def _multiply() -> Callable[[Tensor, Any, Tensor], Tensor]:
    return torch.fbgemm_linear_fp16_weight_fp32_activation
