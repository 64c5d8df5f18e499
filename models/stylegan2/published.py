"""Writes a generator as the pickle that stylegan2-ada-pytorch would write, to try out our own reading of such files."""

import contextlib
import pickle
import sys
import types

import torch

from . import network

KINDS = {
    network.Generator: "Generator",
    network.Mapping: "MappingNetwork",
    network.Synthesis: "SynthesisNetwork",
    network.Block: "SynthesisBlock",
    network.StyleConv: "SynthesisLayer",
    network.ToRGB: "ToRGBLayer",
    network.Conv: "Conv2dLayer",
    network.Linear: "FullyConnectedLayer",
}


def write_pickle(generator, path, source="", change=None, **beside):
    """`source` stands where published files carry their code. `change(record)` may alter the record of each layer, and
    `beside` stands beside the generator in the file."""
    levels = len(generator.settings["channels"])
    half = generator.settings["half_levels"]
    filtered = {f"synthesis.b{4 << i}": i >= levels - half for i in range(levels)}

    def record(module, place):
        attributes = attributes_of(module)
        if place in filtered:
            attributes["use_fp16"] = filtered[place]
        state = {
            "training": False,
            "_parameters": dict(module.named_parameters(recurse=False)),
            "_buffers": dict(module.named_buffers(recurse=False)) | filters(module),
            "_modules": {name: record(inner, f"{place}.{name}".lstrip(".")) for name, inner in module.named_children()},
            **attributes,
        }
        made = {"type": "class", "version": 6, "module_src": source, "class_name": KINDS[type(module)], "state": state}
        if change:
            change(made)
        return Persistent(made)

    content = {"G": None, "D": None, "G_ema": record(generator, ""), "training_set_kwargs": None, "augment_pipe": None}
    with known("torch_utils.persistence", _reconstruct_persistent_obj):
        path.write_bytes(pickle.dumps(content | beside))


def attributes_of(module):
    if isinstance(module, network.StyleConv):
        return {"activation": "lrelu", "conv_clamp": module.clamp, "up": 2 if module.up else 1, "use_noise": True}
    if isinstance(module, network.ToRGB):
        return {"conv_clamp": module.clamp}
    if isinstance(module, network.Linear):
        return {"activation": "linear" if module.linear else "lrelu", "bias_gain": module.bias_gain}
    return {}


def filters(module):
    if isinstance(module, (network.StyleConv, network.Block)):
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        return {"resample_filter": torch.outer(taps, taps)}
    return {}


class Persistent:
    """Pickles as a call of the function that published files name."""

    def __init__(self, record):
        self.record = record

    def __reduce__(self):
        return _reconstruct_persistent_obj, (self.record,)


def _reconstruct_persistent_obj(record):
    raise AssertionError("nothing may call this")


@contextlib.contextmanager
def known(name, function):
    """For the time of writing, `function` lives in a module of that name."""
    before = function.__module__
    module = types.ModuleType(name)
    setattr(module, function.__name__, function)
    names = [name.rpartition(".")[0], name]
    sys.modules.update(dict.fromkeys(names, module))
    function.__module__ = name
    try:
        yield
    finally:
        function.__module__ = before
        for each in names:
            del sys.modules[each]
