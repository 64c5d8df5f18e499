"""Arrays of other libraries, told by how they behave: numpy, torch on any device, PIL. For the worker mostly."""

from typing import Any

import numpy as np
import numpy.typing as npt


def as_array(value: Any) -> npt.NDArray[Any]:
    """The values as a numpy array; TypeError or ValueError where they are none."""
    if hasattr(value, "detach"):  # a torch tensor may be on a device, in a graph, of a type that numpy has not
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
    found = np.asarray(value)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"an array of {found.dtype} holds no numbers")
    return found


def float32_bytes(found: npt.NDArray[Any]) -> bytes:
    """One row of numbers, little-endian; what float32 has no room for becomes infinity."""
    if found.ndim > 2 or (found.ndim == 2 and found.shape[0] != 1) or found.dtype.kind not in "fiu":
        raise ValueError("one row of numbers is needed")
    with np.errstate(over="ignore"):
        return found.astype("<f4").tobytes()
