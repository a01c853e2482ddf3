import numpy as np
import pytest
from onramp import flags

STANDARD = [
    "DO_NOT_USE",
    "SATURATED",
    "JUMP_DET",
    "DROPOUT",
    "OUTLIER",
    "PERSISTENCE",
    "AD_FLOOR",
    "CHARGELOSS",
    "RESERVED",
    "NON_SCIENCE",
    "DEAD",
    "HOT",
    "WARM",
    "LOW_QE",
    "RC",
    "TELEGRAPH",
    "NONLINEAR",
    "BAD_REF_PIXEL",
    "NO_FLAT_FIELD",
    "NO_GAIN_VALUE",
    "NO_LIN_CORR",
    "NO_SAT_CHECK",
    "UNRELIABLE_BIAS",
    "UNRELIABLE_DARK",
    "UNRELIABLE_SLOPE",
    "UNRELIABLE_FLAT",
    "OPEN",
    "ADJ_OPEN",
    "FLUX_ESTIMATED",
    "MSA_FAILED_OPEN",
    "OTHER_BAD_PIXEL",
    "REFERENCE_PIXEL",
]


def test_bits_are_those_of_the_archive():
    """In the order of the table of flags in the pipeline's documentation."""
    assert {"GOOD": 0, **{name: 1 << n for n, name in enumerate(STANDARD)}} == flags.PIXEL


def naive_translate(dq, definition):
    result = np.zeros(dq.shape, np.uint32)
    for where, stored in np.ndenumerate(dq):
        for value, name in definition:
            if int(stored) & value and name.strip() in flags.PIXEL:
                result[where] |= flags.PIXEL[name.strip()]
    return result


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, ">i4"])
def test_translation_agrees_with_naive(dtype):
    rng = np.random.default_rng(1)
    definition = [
        (1, "HOT"),
        (2, "DO_NOT_USE "),
        (4, "NO_SUCH"),
        (8, "REFERENCE_PIXEL"),
        (16, "RC"),
    ]
    dq = rng.integers(0, 64, (3, 5, 6)).astype(dtype)
    translated = flags.translate(dq, definition)
    assert translated.dtype == np.uint32
    assert np.array_equal(translated, naive_translate(dq, definition))
    assert translated.any()


@pytest.mark.parametrize("definition", [None, []])
def test_without_a_definition_bits_are_standard(definition):
    dq = np.array([[1, 1 << 31]], np.uint32)
    assert np.array_equal(flags.translate(dq, definition), dq)


def test_the_highest_bit():
    dq = np.array([[0, 1 << 31]], np.uint32)
    assert flags.translate(dq, [(1 << 31, "WARM")]).tolist() == [[0, flags.WARM]]
