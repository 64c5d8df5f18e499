"""What holds for every test: nothing blocks the loop, and nothing is left behind."""

from tests.guards import no_blocked_loop, nothing_left_behind

__all__ = ["no_blocked_loop", "nothing_left_behind"]
