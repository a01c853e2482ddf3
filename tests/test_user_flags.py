import numpy as np
import pytest
from astropy.io import fits
from onramp import Detector1
from onramp.errors import InputError
from onramp.flags import DO_NOT_USE, HOT
from onramp.simulate import simulate


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return simulate("nircam_sub", tmp_path_factory.mktemp("sub"), 1, nx=40, ny=32, ngroups=4)


def process(files, path, **others):
    steps = {"dq_init": {"user_supplied_dq": str(path), **others}}
    folder = files.uncal.parent.parent / "references"
    return Detector1.call(files.uncal, references=folder, steps=steps).rate


def write(folder, values, name="flags.fits"):
    fits.PrimaryHDU(values).writeto(folder / name)
    return folder / name


def test_flags_of_a_user_are_added(files, tmp_path):
    flags = np.zeros((32, 40), np.int32)
    flags[10, 20], flags[11, 21] = HOT, DO_NOT_USE
    none = process(files, write(tmp_path, np.zeros_like(flags), "none.fits"))
    found = process(files, write(tmp_path, flags))
    assert np.array_equal(found.dq & ~none.dq, flags & ~none.dq.astype(np.int32))
    assert found.dq[10, 20] & HOT
    assert np.isnan(found.sci[11, 21])
    assert not np.isnan(none.sci[11, 21])
    others = np.ones((32, 40), bool)
    others[9:13, 19:23] = False  # pixels beside one that is not used may lose their jumps
    assert np.array_equal(found.sci[others], none.sci[others], equal_nan=True)


def test_flags_do_not_matter_where_the_step_is_skipped(files, tmp_path):
    flags = np.full((32, 40), DO_NOT_USE, np.int16)
    assert np.isfinite(process(files, write(tmp_path, flags), skip=True).sci).any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((31, 40), np.int32), r"int32 values of shape \(31, 40\).*\(32, 40\)"),
        (np.zeros((2, 32, 40), np.int32), "takes integers of shape"),
        (np.zeros((32, 40), np.float32), "float32 values"),
        (None, "no image"),
    ],
)
def test_other_files_are_refused(files, tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        process(files, write(tmp_path, values))


def test_a_missing_file_is_named(files, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.fits"):
        process(files, tmp_path / "nowhere.fits")


def test_frames_of_stripes_are_refused(tmp_path):
    files = simulate("niriss_superstripes", tmp_path, 1, ny=12)
    with pytest.raises(InputError, match="put together from stripes"):
        process(files, write(tmp_path, np.zeros((12, 40), np.int32)))
