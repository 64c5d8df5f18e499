"""How many threads the model's library should use. On busy cores two can be five times slower than one."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

_ROUNDS = 3
_WORTH = 1.3  # so much quicker with more threads, or the cores are left to the server and to those who look
_BUDGET_S = 4.0


def choose(
    attempt: Callable[[], object],
    set_threads: Callable[[int], object],
    candidates: Sequence[int],
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """The fewest threads with which `attempt` is nearly as quick as with any number, tried in turns; sets it."""
    times: dict[int, list[float]] = {count: [] for count in candidates}
    began = clock()
    set_threads(candidates[0])
    attempt()  # the first call pays for things that later ones find ready
    for _ in range(_ROUNDS):
        for count in candidates:
            set_threads(count)
            start = clock()
            attempt()
            times[count].append(clock() - start)
        if clock() - began > _BUDGET_S:
            break
    quickest = min(median(taken) for taken in times.values())
    best = next(count for count in sorted(times) if median(times[count]) <= quickest * _WORTH)
    set_threads(best)
    return best


def candidates(cores: int | None = None) -> list[int]:
    """1, 2, 4 ... up to the cores this process may use."""
    most = cores or _usable_cores()
    counts = [1]
    while counts[-1] * 2 <= most:
        counts.append(counts[-1] * 2)
    return counts if counts[-1] == most else [*counts, most]


def setter() -> Callable[[int], object] | None:
    """What sets the threads of the library the model has loaded; None when there is none to set."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return torch.set_num_threads  # type: ignore[no-any-return]
    return None


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
