import numpy as np
import pytest
from astropy.io import fits
from onramp.wfss.field import extract
from onramp.wfss.hdus import FitsFile


def test_labelled_pixels_are_found_in_images_that_are_not_square():
    rng = np.random.default_rng(2)
    labels = (rng.integers(1, 3, (30, 50)) * (rng.random((30, 50)) < 0.2)).astype(np.uint32)
    image = (rng.normal(5, 1, labels.shape) + 9 * labels).astype(np.float32)
    found = extract(image, labels, "a.fits")
    rows, columns = np.nonzero(labels)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.columns, columns)
    np.testing.assert_array_equal(found.labels, labels[rows, columns])


@pytest.mark.parametrize("count", range(28, 36))
def test_headers_end_anywhere_in_a_block(tmp_path, count):
    header = fits.Header([(f"KEY{n}", n) for n in range(count)])
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(name="B")]).writeto(path)
    with FitsFile(path) as file:
        assert [hdu.name for hdu in file.hdus] == ["PRIMARY", "B"]
        assert file.hdus[0].cards[f"KEY{count - 1}"] == count - 1
