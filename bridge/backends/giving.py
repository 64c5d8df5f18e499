"""A thread that gives out what a run made while the model works on the next one. One thing at a time, in order."""

import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue


class Giving:
    """Work handed to it is done behind the caller's back; what has to come after it settles first."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._free = threading.Lock()  # taken while something is being done; the cheapest thing to wait for
        self._thread: threading.Thread | None = None

    def hand(self, work: Callable[[], object]) -> None:
        """Have it done, after what was handed before. Waits for that, so that no more than one thing waits."""
        self._free.acquire()
        if self._thread is None:
            self._thread = threading.Thread(target=self._give, name="giving", daemon=True)
            self._thread.start()
        self._work.put(work)

    def settle(self) -> None:
        """Until all that was handed is done."""
        with self._free:
            pass

    def close(self) -> None:
        """When all that was handed is done, end the thread. Idempotent."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def _give(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception as error:  # such as that the server is gone, which the inbox will tell
                traceback.print_exception(error)
            finally:
                self._free.release()
