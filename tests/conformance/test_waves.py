"""The waves that emicorr finds on the fly are written as the reference writes them."""

import asdf
import numpy as np
import pytest

CASES = "miri_onthefly_saved", "miri_onthefly_saved_full"
OF_THE_WRITER = {"author", "date", "filename", "model_type", "useafter"}


def tree(folder):
    (path,) = folder.glob("*_emi_ref_waves.asdf")
    with asdf.open(path, lazy_load=False, memmap=False) as file:
        return {name: file[name] for name in ("meta", "frequencies", "subarray_cases")}


@pytest.mark.uses_cases(*CASES)
@pytest.mark.parametrize("case", CASES)
def test_waves_are_those_of_the_reference(case, runs):
    run = runs.of(CASES)[case]
    ours, theirs = tree(run.onramp), tree(run.reference)
    for meta in (ours["meta"], theirs["meta"]):
        for name in OF_THE_WRITER:
            meta.pop(name, None)
    assert ours["meta"] == theirs["meta"]
    assert ours["subarray_cases"] == theirs["subarray_cases"]
    assert ours["frequencies"].keys() == theirs["frequencies"].keys()
    for name, known in theirs["frequencies"].items():
        found = ours["frequencies"][name]
        assert found["frequency"] == known["frequency"]
        wave, expected = (np.asarray(each["phase_amplitudes"]) for each in (found, known))
        assert wave.shape == expected.shape
        np.testing.assert_allclose(wave, expected, rtol=1e-6, atol=1e-6 * np.ptp(expected))
