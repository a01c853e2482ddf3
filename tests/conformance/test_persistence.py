"""The windows that persistence leaves for later exposures are those of the reference."""

import asdf
import numpy as np
import pytest

CASES = (
    "persistence_of_others", "persistence_of_others_and_own", "persistence_of_another_time",
    "persistence_saved",
)  # fmt: skip


def windows(folder):
    with asdf.open(folder / "windows.asdf", lazy_load=False, memmap=False) as file:
        return {name: dict(value) for name, value in file.tree.items() if "asdf" not in name
                and name != "history"}  # fmt: skip


@pytest.mark.uses_cases(*CASES)
@pytest.mark.parametrize("case", CASES)
def test_saved_windows_are_those_of_the_reference(case, runs):
    run = runs.of(CASES)[case]
    ours, theirs = windows(run.onramp), windows(run.reference)
    assert ours.keys() == theirs.keys()
    for detector, known in theirs.items():
        found = ours[detector]
        assert found.keys() == known.keys()
        assert found["pers_time"] == known["pers_time"]
        assert np.array_equal(found["rows"], known["rows"])
        assert np.array_equal(found["cols"], known["cols"])
        assert found["vals"].size > 0
        np.testing.assert_allclose(found["vals"], known["vals"], rtol=0, atol=1e-5)
