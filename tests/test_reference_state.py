import os

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import ReferenceFileError
from onramp.parameters import Detector1Parameters, parse_steps
from onramp.reference_state import ReferenceState
from onramp.simulate import simulate

DEFAULT = Detector1Parameters()


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Exposures of two detectors, with one folder of references."""
    monkeypatch.setenv("ONRAMP_CACHE", str(tmp_path / "cache"))
    small = {"nx": 16, "ny": 16, "ngroups": 2}
    nircam = simulate("nircam_full", tmp_path, 1, **small)
    nirspec = simulate("nirspec_bots", tmp_path, 1, nints=1, **small)
    return nircam, nirspec


def states(pair, overrides=None, steps=DEFAULT):
    state = ReferenceState(pair[0].references["dark"].parent, overrides or {})
    return [state.digest(exposure.uncal, steps) for exposure in pair]


def change(path):
    with fits.open(path, mode="update") as file:
        file[1].data[..., 3, 3] += 1


def test_differs_between_detectors(pair):
    first, second = states(pair)
    assert first != second
    assert states(pair) == [first, second]


def test_changed_file_changes_its_detector_alone(pair):
    before = states(pair)
    change(pair[0].references["dark"])
    after = states(pair)
    assert (after[0] != before[0], after[1] != before[1]) == (True, False)


def test_touched_file_changes_nothing(pair):
    before = states(pair)
    for path in pair[0].references.values():
        os.utime(path, (1, 1))
    assert states(pair) == before


def test_new_file_matters(pair):
    before = states(pair)
    dark = pair[1].references["dark"]
    (dark.parent / "newer.fits").write_bytes(dark.read_bytes())
    after = states(pair)
    assert (after[0] != before[0], after[1] != before[1]) == (False, True)


def test_files_that_no_step_needs_do_not_matter(pair):
    steps = parse_steps({"dark_current": {"skip": True}}, "")
    before = states(pair, steps=steps)
    change(pair[0].references["dark"])
    assert states(pair, steps=steps) == before


def test_override_takes_the_place_of_the_folder(pair, tmp_path):
    mine = tmp_path / "mine.fits"
    mine.write_bytes(pair[0].references["dark"].read_bytes())
    before = states(pair, {"dark": str(mine)})
    assert before != states(pair)
    assert before != states(pair, {"dark": "N/A"})
    change(pair[0].references["dark"])
    assert states(pair, {"dark": str(mine)}) == before
    change(mine)
    after = states(pair, {"dark": str(mine)})
    assert np.all(np.array(after) != np.array(before))


def test_what_is_wrong_is_left_to_the_job(pair, tmp_path):
    pair[0].uncal.write_bytes(b"no exposure")
    assert states(pair)[1] == states(pair)[1]
    assert states(pair, {"dark": str(tmp_path / "gone.fits")})


def test_missing_folder():
    with pytest.raises(ReferenceFileError, match=r"nowhere: the folder .* does not exist"):
        ReferenceState("nowhere", {})
