"""Vectors in w, which only the model itself can tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ModelFailed
from bridge.ports import Blob, Encoding
from bridge.session.session import Session
from bridge.walks.handles import Handles

_BESIDE = ("label",)  # what else the model's map may ask for


async def mapped(
    session: Session, handles: Handles, z: NDArray[np.float32], current: Mapping[str, Any]
) -> NDArray[np.float32]:
    """The vector in w of one in z, for the label among the current inputs. Raises what the model raises."""
    assert handles.map is not None
    assert handles.w is not None
    assert session.signature is not None
    takes = session.signature.command(handles.map).inputs
    inputs = {name: current[name] for name in _BESIDE if name in takes and current.get(name) is not None}
    inputs[handles.z] = z.tobytes()
    async with session.run(inputs, handles.map, {handles.w: Encoding("f32")}, quiet=True) as run:
        made = (await run.result()).outputs[handles.w]
    if not isinstance(made, Blob):
        raise ModelFailed(f"{handles.map} gave no vector")
    return np.frombuffer(made.data, "<f4").astype(np.float32)
