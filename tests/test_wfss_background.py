import warnings

import numpy as np
import pytest
from astropy.stats import sigma_clip
from onramp.wfss import background


def reference_background(image):
    from astropy.stats import SigmaClip
    from photutils.background import Background2D, MedianBackground

    box = tuple(size // 5 for size in image.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Background2D(
            image, box, filter_size=(3, 3), sigma_clip=SigmaClip(sigma=3.0),
            bkg_estimator=MedianBackground(), exclude_percentile=30.0,
        ).background  # fmt: skip


@pytest.mark.parametrize("shape", [(100, 150), (103, 151), (7, 9)])
@pytest.mark.parametrize("missing", [False, True])
def test_is_that_of_photutils(shape, missing):
    rng = np.random.default_rng(shape[0])
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = (rng.normal(1, 0.1, shape) + x / 500 + (y / 300) ** 2).astype(np.float32)
    image[rng.random(shape) < 0.03] += 20
    if missing:
        image[: shape[0] // 4, : shape[1] // 3] = np.nan
    found = background.background(background.mesh(image), y.ravel(), x.ravel()).reshape(shape)
    np.testing.assert_allclose(found, reference_background(image), rtol=1e-6)


def test_skewed_values_are_clipped_as_by_astropy():
    values = np.random.default_rng(4).exponential(1.0, 5000).astype(np.float32)
    kept = sigma_clip(values.astype(float), 3.0, maxiters=5).compressed()
    assert background.clipped_median(values) == (np.median(kept), kept.size)


def test_clipped_median_leaves_outliers_and_missing_values_out():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(5, 1, 3000), np.full(60, 1e4), np.full(20, np.nan)])
    rng.shuffle(values)
    median, count = background.clipped_median(values)
    assert abs(median - 5) < 0.1
    assert 2900 < count <= 3000


def test_flat_image_and_image_without_data():
    flat = np.full((50, 50), 3.0, np.float32)
    assert (background.background(background.mesh(flat), np.arange(4), np.arange(4)) == 3).all()
    empty = np.full((50, 50), np.nan, np.float32)
    assert np.isnan(background.background(background.mesh(empty), np.arange(4), np.arange(4))).all()
