"""Bands of rows, shared by threads."""

import sys
import threading
import time

import pytest
from onramp.bands import in_threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_bands(threads):
    barrier = threading.Barrier(min(threads, 2))

    def work(band):
        if band < 2:
            barrier.wait(10)
        return band * band

    assert in_threads(work, range(20), threads) == [band * band for band in range(20)]


def test_no_band_is_no_result():
    assert in_threads(lambda band: band, (), 2) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_what_fails_is_raised_and_no_other_band_begun(threads):
    """Also where the first thread is not the one that fails."""
    begun, failed = [], threading.Event()

    def work(band):
        begun.append(band)
        if band == 1:
            failed.set()
            raise ValueError("band 1")
        if band == 0 and threads > 1:
            failed.wait(10)
        time.sleep(0.002)

    with pytest.raises(ValueError, match="band 1"):
        in_threads(work, range(500), threads)
    assert len(begun) < 50


@pytest.mark.parametrize("callers", [True, False])
def test_what_either_thread_raises_comes_to_the_caller(callers):
    caller, meeting = threading.get_ident(), threading.Barrier(2)

    def work(band):
        if band < 2:
            meeting.wait(10)
        if (threading.get_ident() == caller) == callers:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        in_threads(work, range(500), 2)


def test_threads_take_short_turns_at_the_interpreter_only_meanwhile():
    before = sys.getswitchinterval()
    turns = in_threads(lambda band: sys.getswitchinterval(), range(3), 2)
    assert max(turns) < before == sys.getswitchinterval()
