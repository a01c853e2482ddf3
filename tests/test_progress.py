import pytest
from onramp import progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_run_from_its_start_to_its_end(clock):
    tally = progress.Tally(4, clock)
    assert tally.standing() == (4, 0, 0, 0, 4, None, None)
    tally.begin("a")
    tally.begin("b")
    clock.now += 30
    tally.end("a", True)
    assert tally.standing() == (4, 1, 0, 1, 2, 2.0, 90.0)
    tally.end("b", False)
    assert tally.standing() == (4, 1, 1, 0, 2, 4.0, 30.0)
    for name in "cd":
        tally.begin(name)
        tally.end(name, True)
    assert tally.standing()[:5] == (4, 3, 1, 0, 0)
    assert tally.standing().seconds_to_go == 0


def test_an_exposure_that_is_tried_again_counts_once(clock):
    tally = progress.Tally(2, clock)
    tally.begin("a")
    tally.end("a", False)
    assert tally.standing().failed == 1
    tally.begin("a")
    assert tally.standing()[1:5] == (0, 0, 1, 1)
    tally.end("a", True)
    assert tally.standing()[1:5] == (1, 0, 0, 1)


def test_throughput_is_that_of_late(clock):
    tally = progress.Tally(10_000, clock)
    for n in range(3 * progress.WINDOW):
        clock.now += 60 if n < progress.WINDOW else 0.5
        tally.end(str(n), True)
    assert tally.standing().per_minute == pytest.approx(120)


def test_a_stalled_run_slows_down(clock):
    tally = progress.Tally(10, clock)
    clock.now += 10
    tally.end("a", True)
    fast = tally.standing().per_minute
    clock.now += 90
    assert tally.standing().per_minute == pytest.approx(fast / 10)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        ((9, 0, 0, 2, 7, None, None), "0 of 9 done, 2 running, 7 left"),
        (
            (200, 12, 1, 2, 185, 34.26, 330.0),
            "12 of 200 done, 1 failed, 2 running, 185 left, 34.3 a minute, 6 min to go",
        ),
        ((9, 9, 0, 0, 0, 5.0, 0.0), "9 of 9 done, 0 running, 0 left, 5 a minute"),
    ],
)
def test_words(standing, words):
    assert progress.line(progress.Standing(*standing)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (91, "2 min"),
        (7000, "117 min"),
        (7200, "2 h"),
        (4e5, "4.6 days"),
    ],
)
def test_duration(seconds, words):
    assert progress.duration(seconds) == words


def test_an_end_that_is_told_twice_counts_once():
    tally = progress.Tally(3, iter(range(100)).__next__)
    tally.begin("a")
    tally.end("a", True)
    before = len(tally.ended)
    tally.end("a", True)
    assert len(tally.ended) == before
    assert tally.counts == {"done": 1, "failed": 0, "running": 0}


def test_what_a_job_has_not_come_to_is_left():
    tally = progress.Tally(3, iter(range(100)).__next__)
    tally.begin("a")
    tally.begin("b")
    tally.end("b", True)
    for name in "abc":
        tally.withdraw(name)
    standing = tally.standing()
    assert (standing.done, standing.running, standing.left) == (1, 0, 2)
