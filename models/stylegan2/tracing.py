"""A function of tensors as one call that Python has no part in: a small network is an eighth quicker, and other threads can work."""

import warnings

import torch

TRIES = 3  # with other numbers, until it is believed to be the same


def traced(function, example):
    """The same to the bit for tensors of this shape, quicker; the function itself where torch can't do that."""
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # that its branches are fixed: they go by shapes, and the shape is
            whole = as_it_is(torch.jit.trace(function, (example.clone(),), check_trace=False))
            chance = torch.Generator().manual_seed(0)  # of its own: nobody else's numbers change
            others = [torch.randn(example.shape, generator=chance) for _ in range(TRIES)]
            same = all(torch.equal(whole(other), function(other)) for other in others)
    except Exception:  # a torch without it, or one that can't do it here
        return function
    return whole if same else function


def as_it_is(graph):
    """Run without being optimised, which may round in another way."""

    def run(x):
        with torch.jit.optimized_execution(False):
            return graph(x)

    return run
