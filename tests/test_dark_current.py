import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onramp.steps.dark_current import (
    Readout,
    groups_needed,
    match_readout,
    match_whole,
    subtract_dark,
    usable,
    whole_readout,
)


def naive_match(dark, science, pattern):
    """Average the dark frame by frame, in which `dark` holds one frame a group, no gap."""
    frames = [np.nan_to_num(frame, nan=0.0) for frame in dark]
    groups = []
    for g in range(science.ngroups):
        start = g * (science.nframes + science.groupgap)
        groups.append(np.mean(frames[start : start + science.nframes], axis=0, dtype=float))
    return np.array(groups)


def a_dark(rng, n):
    dark = np.cumsum(rng.uniform(0, 1, (n, 3, 4)), axis=0).astype(np.float32)
    dark[rng.random(dark.shape) < 0.05] = np.nan
    return dark


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 999),
    ngroups=st.integers(1, 6),
    nframes=st.integers(1, 5),
    groupgap=st.integers(0, 3),
    spare=st.integers(0, 4),
)
def test_agrees_with_naive(seed, ngroups, nframes, groupgap, spare):
    science = Readout(ngroups, nframes, groupgap)
    pattern = Readout(science.frames + spare, 1, 0)
    dark = a_dark(np.random.default_rng(seed), groups_needed(science, pattern))
    expected = naive_match(dark, science, pattern)
    np.testing.assert_allclose(match_readout(dark, science, pattern), expected, 1e-6)


def test_the_same_pattern_is_taken_as_it_is():
    dark = a_dark(np.random.default_rng(1), 5)
    pattern = Readout(9, 4, 1)
    matched = match_readout(dark.copy(), Readout(5, 4, 1), pattern)
    assert np.array_equal(matched, np.nan_to_num(dark, nan=0.0))
    assert groups_needed(Readout(5, 4, 1), pattern) == 5
    assert groups_needed(Readout(20, 4, 1), pattern) == 9


@pytest.mark.parametrize(
    ("science", "pattern"),
    [
        (Readout(3, 4, 1), Readout(9, 4, 1)),
        (Readout(12, 4, 1), Readout(9, 4, 1)),
        (Readout(12, 4, 1), Readout(9, 1, 0)),
        (Readout(2, 4, 1), Readout(30, 2, 1)),
    ],
)
def test_the_whole_dark_begins_with_what_is_subtracted(science, pattern):
    dark = a_dark(np.random.default_rng(2), pattern.ngroups)
    used = match_readout(dark.copy(), science, pattern)
    whole = match_whole(dark.copy(), science, pattern)
    readout = whole_readout(science, pattern)
    assert len(whole) == readout.ngroups >= science.ngroups
    assert (readout.nframes, readout.groupgap) == (science.nframes, science.groupgap)
    np.testing.assert_array_equal(whole[: len(used)], used)


@pytest.mark.parametrize(("ngroups", "nframes", "groupgap"), [(8, 1, 0), (3, 2, 1), (4, 3, 0)])
def test_a_short_dark_goes_on_along_its_last_difference(ngroups, nframes, groupgap):
    science = Readout(ngroups, nframes, groupgap)
    dark = np.array([1, 2, 4, 7], np.float32).reshape(4, 1, 1)
    longer = np.array([1, 2, 4, 7, *(7 + 3 * np.arange(1, 20))], np.float32).reshape(-1, 1, 1)
    expected = naive_match(longer, science, None)
    np.testing.assert_allclose(match_readout(dark, science, Readout(4, 1, 0)), expected, 1e-6)


def test_a_dark_of_one_group_goes_on_level():
    dark = np.full((1, 2, 2), 5, np.float32)
    assert (match_readout(dark, Readout(3, 1, 0), Readout(1, 1, 0)) == 5).all()


@pytest.mark.parametrize(
    ("science", "dark", "expected"),
    [((1, 0), (1, 0), True), ((4, 1), (1, 0), True), ((1, 0), (4, 0), False),
     ((4, 0), (1, 1), False), ((4, 1), (4, 1), True)],
)  # fmt: skip
def test_a_dark_must_sample_at_least_as_finely(science, dark, expected):
    assert usable(Readout(5, *science), Readout(9, *dark)) is expected


def test_frames():
    assert Readout(10, 8, 2).frames == 98
    assert Readout(1, 4, 9).frames == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_subtraction(dtype):
    rng = np.random.default_rng(3)
    data = rng.normal(100, 10, (2, 3, 4, 5)).astype(np.float32)
    dark = rng.uniform(0, 1, (3, 4, 5)).astype(dtype)
    expected = data - dark[None]
    subtract_dark(data, dark)
    assert data.dtype == np.float32
    np.testing.assert_allclose(data, expected, 1e-6)
