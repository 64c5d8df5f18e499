"""What each row of a pass looks at: row by row and head by head, so that none depends on the others.

A row looks at whole blocks of the cache; what it may not see there weighs nothing, exactly. So a score and a sum come out the
same whether a token is read with its prompt or written, and however far others look.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

BLOCK = 16  # positions; of a product's numbers, the last few are added in another way unless they are so many
NEAR = 64  # texts in neighbouring slots that are as long but for this share a call
NEVER = np.float32(-1e30)  # what a position that may not be seen gets for a score


def blocks(count: int) -> int:
    """So many positions, rounded up to whole blocks."""
    return -(-count // BLOCK) * BLOCK


class _Group(NamedTuple):
    """Rows that are looked up in one call."""

    rows: slice
    slots: slice  # one for each of these rows, or one for all
    reach: int


class Look:
    """Where the rows of a pass stand: the slot and the position of each."""

    def __init__(self, slots: Sequence[int], positions: Sequence[int], heads: int) -> None:
        self.groups = list(_groups(slots, positions))
        reach = max(group.reach for group in self.groups)
        seen = np.arange(reach) <= np.array(positions)[:, None]
        self.hidden = np.where(seen, np.float32(0), NEVER)[:, None, None]
        self.scores = np.zeros((len(slots), heads, 1, reach), np.float32)
        self.shares = torch.from_numpy(self.scores)  # the same memory
        self.where = _where(slots, positions)

    def over(self, q: Any, kept: Any, fresh: Any, found: Any) -> None:
        """Keep what these rows bring, and look at all that is kept.

        q and found: rows, heads, d; kept: slots, keys and values, heads, positions, d; fresh: rows, keys and values, heads, d.
        """
        kept[self.where] = fresh[0] if len(fresh) == 1 else fresh
        scores = self.scores
        for rows, slots, reach in self.groups:
            np.matmul(kept[slots, 0, :, :reach], q[rows, :, :, None], out=scores[rows, :, 0, :reach, None])
        scores += self.hidden
        torch.softmax(self.shares, -1, out=self.shares)
        for rows, slots, reach in self.groups:
            np.matmul(scores[rows, :, :, :reach], kept[slots, 1, :, :reach], out=found[rows, :, None])


def _where(slots: Sequence[int], positions: Sequence[int]) -> tuple[Any, ...]:
    """What of the cache these rows fill."""
    every = slice(None)
    if len(slots) == 1:
        return slots[0], every, every, positions[0]
    return np.array(slots), every, every, np.array(positions)


def _groups(slots: Sequence[int], positions: Sequence[int]) -> list[_Group]:
    groups: list[_Group] = []
    start = 0
    for row in range(1, len(slots) + 1):
        if row < len(slots) and _together(slots, positions, start, row):
            continue
        spread = slice(slots[start], slots[row - 1] + 1)
        groups.append(_Group(slice(start, row), spread, blocks(max(positions[start:row]) + 1)))
        start = row
    return groups


def _together(slots: Sequence[int], positions: Sequence[int], start: int, row: int) -> bool:
    """One text's next position in the same block; or the next slot, about as long."""
    if slots[start] == slots[row - 1] == slots[row]:
        return positions[row] // BLOCK == positions[start] // BLOCK
    return slots[row] - slots[start] == row - start and positions[row] // NEAR == positions[start] // NEAR
