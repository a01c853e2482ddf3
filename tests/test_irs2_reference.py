from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import ReferenceFileError
from onramp.interleaving import FRAME_READS
from onramp.irs2_reference import read_bad_pixels, read_weights
from onramp.reference_file import open_reference
from onramp.reference_types import IRS2_WEIGHTS, Reference
from onramp.steps.irs2_columns import SHORT
from onramp.steps.irs2_fourier import FREQUENCIES, LONG

EXPOSURE = SimpleNamespace(
    stripes=None,
    name="jw1_nrs1", instrument="NIRSPEC", detector="NRS1", readpatt="NRSIRS2",
    shape=(1, 2, 2048, 2048),
)  # fmt: skip


def write(path, columns, quality=None):
    primary = fits.PrimaryHDU()
    primary.header.update(REFTYPE="REFPIX", TELESCOP="JWST", INSTRUME="NIRSPEC", DETECTOR="NRS1")
    weights = [fits.Column(name, "E", array=values) for name, values in columns.items()]
    hdus = [primary, fits.BinTableHDU.from_columns(weights, name="IRS2")]
    if quality is not None:
        names = "OUTPUT", "ODD_EVEN", "MASK"
        listed = [fits.Column(n, "J", array=v) for n, v in zip(names, zip(*quality))]
        hdus.append(fits.BinTableHDU.from_columns(listed, name="DQ"))
    fits.HDUList(hdus).writeto(path)
    return path


def opened(path):
    return open_reference(Reference("refpix", path, path.name, ""), EXPOSURE)


@pytest.fixture
def short():
    return dict.fromkeys(IRS2_WEIGHTS, np.zeros(8, np.float32))


@pytest.mark.parametrize("reverse", [False, True])
def test_weights_are_found_by_frequency(tmp_path, reverse):
    rng = np.random.default_rng(1)
    some = rng.normal(size=2 * FRAME_READS).astype(np.float32)
    columns = dict.fromkeys(IRS2_WEIGHTS, np.zeros(2 * FRAME_READS, np.float32))
    columns["alpha_2"], columns["beta_3"] = some, 2 * some
    names = IRS2_WEIGHTS[::-1] if reverse else IRS2_WEIGHTS
    path = write(tmp_path / "refpix.fits", {name.upper(): columns[name] for name in names})
    with opened(path) as reference:
        weights = read_weights(reference)
        assert read_bad_pixels(reference) == []
    values = some[::2] + 1j * some[1::2]
    mean = (values + np.roll(values[::-1], 1).conj()) / 2
    frequency = np.arange(FRAME_READS)
    frequency = frequency[frequency % LONG < FREQUENCIES]
    place = frequency % SHORT, frequency % LONG
    alpha, beta = weights[:, :4], weights[:, 4:]
    expected = mean[frequency] * LONG / SHORT
    assert np.allclose(alpha[:, 2][place], expected, rtol=1e-5, atol=1e-4)
    assert np.allclose(beta[:, 3], 2 * alpha[:, 2])
    assert not alpha[:, [0, 1, 3]].any()


def test_listed_pixels(tmp_path, short):
    path = write(tmp_path / "refpix.fits", short, [(1, 2, 5), (4, 1, -(1 << 31))])
    with opened(path) as reference:
        assert read_bad_pixels(reference) == [(1, 2, 5), (4, 1, 1 << 31)]


@pytest.mark.parametrize("row", [(0, 1, 1), (5, 1, 1), (1, 3, 1)])
def test_pixels_that_do_not_exist(tmp_path, short, row):
    path = write(tmp_path / "refpix.fits", short, [row])
    with opened(path) as reference, pytest.raises(ReferenceFileError, match="expected 1 to 4"):
        read_bad_pixels(reference)


def test_wrong_length(tmp_path, short):
    path = write(tmp_path / "refpix.fits", short)
    with opened(path) as reference, pytest.raises(ReferenceFileError, match="expected 2916352"):
        read_weights(reference)


def test_missing_column(tmp_path, short):
    del short["beta_1"]
    with pytest.raises(ReferenceFileError, match="no column beta_1"):
        opened(write(tmp_path / "refpix.fits", short))


def test_missing_table(tmp_path):
    header = fits.Header([("REFTYPE", "REFPIX"), ("TELESCOP", "JWST")])
    path = tmp_path / "refpix.fits"
    fits.PrimaryHDU(header=header).writeto(path)
    with pytest.raises(ReferenceFileError, match=r"\[IRS2\]: extension missing"):
        opened(path)
