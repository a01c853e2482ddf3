import numpy as np
import pytest
from onramp.steps import nirspec_optics
from onramp.steps.nirspec_optics import Aperture, Detector, Grating, Optics, Prism

FOCAL, PIXEL = 0.28, 18e-6  # m
LENGTH = 0.64  # of the collimator [m]
RANGE = 2.9e-6, 3.6e-6  # m
GRATING = Grating(1.0e5, -1)
PRISM = Prism(np.deg2rad(16.6), np.array([0.8, 0.4, 1.0]), np.array([0.01, 0.03, 900.0]))
WAVELENGTHS = np.linspace(*RANGE, 41)


def optics(disperser=GRATING, tilt=None, **changes):
    middle = -np.arcsin(1.0e5 * np.mean(RANGE) / 2) if tilt is None else tilt

    def scaled(factor, shift=0.0):
        return lambda x, y: ((x - shift) * factor, (y - shift) * factor)

    found = Optics(
        Detector(False, (0, 0)),
        (scaled(PIXEL, 1023.5), lambda x, y: (x / PIXEL + 1023.5, y / PIXEL + 1023.5)),
        (scaled(1 / FOCAL), scaled(FOCAL)),
        scaled(1 / LENGTH),
        (0.002, -0.001, 0.003, middle),
        disperser,
        RANGE,
    )
    return found._replace(**changes)


def aperture(y=2e-3, height=1.2e-3, low=-0.55, high=0.55):
    return Aperture(lambda at, _: (np.full(at.shape, 1e-3), y + height * at), low, high)


def at(height, count=41):
    return np.full(count, float(height))


@pytest.mark.parametrize("disperser", [GRATING, PRISM], ids=["grating", "prism"])
def test_pixels_in_which_light_falls_see_the_aperture(disperser):
    instrument = optics(disperser, None if disperser is GRATING else np.deg2rad(-25))
    for height in (-0.54, 0.0, 0.54):
        x, y = nirspec_optics.pixels(instrument, aperture(), at(height), WAVELENGTHS)
        assert nirspec_optics.lit(instrument, aperture(), x, y).all()
    for height in (-0.56, 0.56):
        x, y = nirspec_optics.pixels(instrument, aperture(), at(height), WAVELENGTHS)
        assert not nirspec_optics.lit(instrument, aperture(), x, y).any()


def test_a_box_holds_all_light_of_an_aperture():
    instrument = optics()
    for refined in (True, False):
        columns, rows = nirspec_optics.box(instrument, aperture(), refined)
        for height in np.linspace(-0.55, 0.55, 5):
            x, y = nirspec_optics.pixels(instrument, aperture(), at(height), WAVELENGTHS)
            on = (x > 0) & (x < 2047)
            assert nirspec_optics.within(columns, rows, x[on], y[on]).all()
    _, around = nirspec_optics.box(instrument, aperture(), False)
    assert around[0] <= rows[0] < rows[1] <= around[1]


def test_light_of_a_grating_follows_its_equation():
    entering = 0.1, -0.05, np.sqrt(1 - 0.1**2 - 0.05**2)
    x, y, z = Grating(2e5, -1).leaving(entering, np.array([1e-6, 2e-6]))
    assert x + 0.1 == pytest.approx(2e5 * np.array([1e-6, 2e-6]))
    assert y == pytest.approx(0.05)
    assert x**2 + y**2 + z**2 == pytest.approx(1)


def test_refraction_of_a_prism_is_found_from_its_directions():
    """The square of the index that knows() compares is that of Sellmeier's equation."""
    entering = 0.42, 0.03, np.sqrt(1 - 0.42**2 - 0.03**2)
    for micron in (0.6, 2.0, 5.3):
        leaving = PRISM.leaving(entering, np.array([micron * 1e-6]))
        sine, cosine = np.sin(PRISM.angle), np.cos(PRISM.angle)
        along = (leaving[0] + entering[0] * (1 - 2 * sine**2)) / (2 * sine * cosine)
        index = np.sqrt(along**2 + entering[0] ** 2 + entering[1] ** 2)
        assert index == pytest.approx(PRISM.refraction(micron), rel=1e-12)
        assert PRISM.knows(entering, leaving).all()
    beyond = PRISM.leaving(entering, np.array([8.5e-6]))
    assert not PRISM.knows(entering, beyond).any()


def test_sellmeiers_equation():
    square = 4.0
    terms = 0.8 * square / (square - 0.01), 0.4 * square / (square - 0.03), square / (square - 900)
    assert PRISM.refraction(2.0) == pytest.approx(np.sqrt(1 + sum(terms)))


def test_rotations_are_undone():
    direction = 0.2, -0.1, np.sqrt(1 - 0.05)
    angles = 0.1, -0.2, 0.3, 0.05
    there = nirspec_optics.rotated(direction, angles, "xyzy")
    back = nirspec_optics.rotated(there, [-angle for angle in reversed(angles)], "yzyx")
    assert back == pytest.approx(direction)
    assert sum(value**2 for value in there) == pytest.approx(1)


def test_rotation_about_an_axis():
    turned = nirspec_optics.rotated((0.0, 0.0, 1.0), [np.pi / 6], "y")
    assert turned == pytest.approx((-0.5, 0.0, np.sqrt(0.75)))
    assert nirspec_optics.rotated((0.5, 0.0, np.sqrt(0.75)), [np.pi / 2], "z")[:2] == (
        pytest.approx((0.0, -0.5), abs=1e-12)
    )


@pytest.mark.parametrize("flipped", [False, True])
def test_frames_are_counted_from_their_first_pixel(flipped):
    detector = Detector(flipped, (1024, 956))
    x, y = detector.own(3.0, 5.0)
    assert (x, y) == ((1020.0, 1086.0) if flipped else (1027.0, 961.0))
    assert detector.frame(x, y) == (3.0, 5.0)


def test_a_subarray_sees_what_the_frame_sees():
    part = optics(detector=Detector(False, (300, 800)))
    y, x = np.mgrid[880.0:940, 900:920]
    whole = nirspec_optics.lit(optics(), aperture(), x, y)
    assert 0 < whole.sum() < whole.size
    np.testing.assert_array_equal(whole, nirspec_optics.lit(part, aperture(), x - 300, y - 800))


def test_the_telescopes_motion_moves_the_light():
    moving = optics(motion=1 - 1e-4)
    still_x, _ = nirspec_optics.pixels(optics(), aperture(), at(0), WAVELENGTHS)
    x, _ = nirspec_optics.pixels(moving, aperture(), at(0), WAVELENGTHS)
    redder, _ = nirspec_optics.pixels(optics(), aperture(), at(0), WAVELENGTHS / (1 - 1e-4))
    assert x == pytest.approx(redder)
    assert np.abs(x - still_x).min() > 0.1


@pytest.mark.parametrize(
    ("limits", "meets"),
    [
        (((0.5, 90.5), (3.5, 9.5)), True),
        (((2050.5, 2057.5), (3.5, 9.5)), False),
        (((-0.5, -0.5), (3.5, 9.5)), False),
        (((5.5, 7.0), (3.5, 9.5)), False),
        (((5.5, 90.5), (3.5, 4.0)), False),
        (((5.5, 90.5), (2050.5, 2047.5)), False),
    ],
)
def test_boxes_beyond_the_detector(limits, meets):
    assert nirspec_optics.meets_detector(*limits) == meets


def test_a_grid_has_the_pixels_that_a_box_touches():
    x, y = nirspec_optics.grid((2.7, 4.5), (-0.5, 1.5))
    assert x.tolist() == [[3.0, 4.0], [3.0, 4.0]]
    assert y[:, 0].tolist() == [0.0, 1.0]
