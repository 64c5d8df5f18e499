"""Ways to move in a network's space of styles (w): directions found in its weights, and mixing of two styles by layers."""

import torch


def directions(generator, count=10, layers=None):
    """The `count` directions in which styles change the pictures most, (count, W), unit length, the strongest first.

    Closed-form factorisation (Shen and Zhou 2021): the eigenvectors of A^T A, where A are the weights that turn w into the
    styles of all convolutions, one below the other. `layers`: only those numbers among the style inputs, such as range(0, 6).
    The sign is arbitrary, so the largest part of each is made positive. Asked for more than there are, gives what there is.
    """
    weights = style_weights(generator, layers)  # (styles, W)
    _, vectors = torch.linalg.eigh(weights.t() @ weights)  # in columns, the weakest first
    found = vectors.flip(1).t()[:count]
    largest = found.abs().argmax(dim=1, keepdim=True)
    return (found * found.gather(1, largest).sign()).float().contiguous()


def style_weights(generator, layers=None):
    """The style weights of the convolutions that these style inputs feed, in float64 on the CPU."""
    chosen = [
        layer.affine.weight.detach().double().cpu() * layer.affine.weight_gain
        for number, layer in enumerate(convolutions(generator))
        if layers is None or number in layers
    ]
    if not chosen:
        raise ValueError(
            f"layers: this network has the style inputs 0 to {generator.num_ws - 1}; the last feeds no convolution"
        )
    return torch.cat(chosen)


def convolutions(generator):
    """The 3x3 layers in the order of their style inputs."""
    for resolution in generator.synthesis.resolutions:
        block = getattr(generator.synthesis, f"b{resolution}")
        yield from (block.conv1,) if block.first else (block.conv0, block.conv1)


def spread(styles, found):
    """The standard deviation of the styles (N, W) along each direction (count, W): how far is far in this network. (count)"""
    return (styles @ found.t()).std(dim=0, correction=0)


def move(ws, found, amounts):
    """Styles (N, L, W) moved along each direction (count, W) by an amount, the same for all of a picture: (N, count)."""
    return ws + (amounts @ found)[:, None]


def mix(ws, other, first, last):
    """Styles (N, L, W) whose layers from `first` up to, not with, `last` are those of `other` (N, L, W)."""
    layer = torch.arange(ws.shape[1], device=ws.device)[None, :, None]
    return torch.where((layer >= first) & (layer < last), other, ws)
