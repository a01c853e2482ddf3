import contextlib
import sys
import threading

import pytest
from onramp.later import TURN, Later, short_turns
from onramp.wfss.scene import MOST_WAITING, SHARES, TOGETHER, batches, in_order


@pytest.mark.parametrize("aside", [False, True])
def test_the_result_is_that_of_the_function(aside):
    with Later(pow, 2, 5, aside=aside) as later:
        assert later.result() == 32


@pytest.mark.parametrize("aside", [False, True])
def test_what_the_function_raises_is_raised_when_it_is_asked_for(aside):
    with Later(int, "x", aside=aside) as later, pytest.raises(ValueError, match="invalid literal"):
        later.result()


def test_it_is_called_aside_at_once_or_when_it_is_asked_for():
    names = []

    def note():
        names.append(threading.current_thread() is threading.main_thread())

    with Later(note, aside=False):
        pass
    assert names == []
    with Later(note, aside=True):
        pass
    assert names == [False]
    with Later(note, aside=False) as later:
        for _ in range(2):
            later.result()
    assert names == [False, True]


def test_turns_are_as_long_as_before_once_they_need_not_be_short():
    before = sys.getswitchinterval()
    with contextlib.suppress(KeyError), short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN, abs=1e-6)
        raise KeyError
    assert sys.getswitchinterval() == before > TURN


def test_turns_of_several_threads_end_in_any_order():
    before = sys.getswitchinterval()
    first, second = short_turns(), short_turns()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() < before
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == before


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 8, 9, 200])
def test_results_come_in_the_order_of_their_tasks(threads, count):
    begun = []

    def work(batch):
        begun.extend(batch)
        return [n * n for n in batch]

    found = in_order(work, batches(range(count), threads), threads)
    assert list(found) == [n * n for n in range(count)]
    assert sorted(begun) == list(range(count))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 7, 50, 1000])
def test_batches_are_small_enough_for_all_threads_to_get_some(threads, count):
    found = [list(batch) for batch in batches(range(count), threads)]
    assert [n for batch in found for n in batch] == list(range(count))
    assert all(1 <= len(batch) <= TOGETHER for batch in found)
    assert len(found) >= min(count, SHARES * threads)


def test_no_more_is_done_than_is_soon_asked_for():
    begun = []

    def work(n):
        begun.append(n)
        return [n]

    results = in_order(work, iter(range(100_000)), 2)
    next(results)
    results.close()
    assert len(begun) <= MOST_WAITING + 3


def test_the_caller_does_what_nobody_has_begun_and_nothing_twice():
    done, others = [], threading.Event()

    def work(n):
        if threading.current_thread() is not threading.main_thread():
            assert others.wait(10)
            return [n]
        done.append(n)
        if len(done) == 3:
            others.set()
        return [n]

    assert list(in_order(work, range(200), 2)) == list(range(200))
    assert len(done) == len(set(done)) >= 3
