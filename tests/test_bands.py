"""Bands of rows, shared by threads."""

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
