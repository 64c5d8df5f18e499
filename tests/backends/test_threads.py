from bridge.backends import threads


class Library:
    """Stands for torch: the clock moves as far as a call takes with so many threads."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds = seconds
        self.count = 0
        self.now = 0.0

    def set_threads(self, count: int) -> None:
        self.count = count

    def call(self) -> None:
        self.now += self.seconds[self.count]

    def clock(self) -> float:
        return self.now


def chosen(seconds: dict[int, float]) -> int:
    library = Library(seconds)
    best = threads.choose(library.call, library.set_threads, sorted(seconds), library.clock)
    assert library.count == best
    return best


def test_the_quickest_number_of_threads_wins():
    assert chosen({1: 0.010, 2: 0.006, 4: 0.004}) == 4


def test_two_threads_that_fight_lose_against_one():
    assert chosen({1: 0.010, 2: 0.050}) == 1


def test_the_fewest_win_a_near_tie():
    assert chosen({1: 0.0102, 2: 0.0100, 4: 0.0101}) == 1


def test_a_slow_model_is_not_tried_for_ever():
    library = Library({1: 3.0, 2: 3.0})
    threads.choose(library.call, library.set_threads, [1, 2], library.clock)
    assert library.now <= 10


def test_candidates_go_up_to_the_cores_there_are():
    assert threads.candidates(1) == [1]
    assert threads.candidates(2) == [1, 2]
    assert threads.candidates(6) == [1, 2, 4, 6]
    assert threads.candidates(8) == [1, 2, 4, 8]
