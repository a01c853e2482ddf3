import numpy as np
import pytest
from onramp.detector1 import Detector1
from onramp.errors import ReferenceFileError
from onramp.kernel_reference import KernelReference
from onramp.reference_types import Reference
from onramp.simulate import simulate
from onramp.steps.sirs import TemplateOffsets, make_kernels, subtract, templates


def naive_convolution(values, kernel):
    half = len(kernel) // 2
    return np.array([
        sum(values[row - k + half] * kernel[k] for k in range(len(kernel))
            if 0 <= row - k + half < len(values))
        for row in range(len(values))
    ])  # fmt: skip


def some_kernels():
    frequency = np.arange(65) / 128
    return make_kernels(
        np.exp(-((frequency * np.arange(6, 14, 2)[:, None]) ** 2)),
        0.5 * np.exp(-((frequency * np.arange(5, 9)[:, None]) ** 2)),
        1.0,
        10,
    )


def test_kernels_have_the_length_and_the_sum_asked_for():
    kernels = some_kernels()
    assert kernels.left.shape == kernels.right.shape == (4, 21)
    np.testing.assert_allclose(kernels.left.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(kernels.right.sum(axis=1), 0.5, atol=1e-3)


def test_templates_agree_with_naive():
    rng = np.random.default_rng(1)
    left, right = rng.normal(0, 5, (2, 60, 4))
    left[7, 2] = 1000
    kernels = some_kernels()
    total = templates(left, right, kernels, 4.0)
    for n in range(4):
        expected = np.zeros(60)
        for values, one in ((left, kernels.left[n]), (right, kernels.right[n])):
            middle = np.median(values)
            good = abs(values - middle) <= 4 * 1.48 * np.median(abs(values - middle))
            signal = naive_convolution((values * good).mean(axis=1), one)
            norm = naive_convolution(np.ones(60), one) / naive_convolution(good.mean(axis=1), one)
            expected += signal * norm
        np.testing.assert_allclose(total[n], expected, 1e-9)


@pytest.mark.parametrize("transposed", [False, True])
def test_each_amplifier_loses_its_template(transposed):
    rng = np.random.default_rng(2)
    data = rng.normal(0, 1, (1, 2, 16, 16)).astype(np.float32)
    fast, slow = rng.normal(0, 1, (1, 2, 8)), rng.normal(0, 1, (1, 2, 4, 16))
    lanes = np.arange(16) // 2
    single = np.array([[True, False]])
    expected = np.empty_like(data)
    for g, y, x in np.ndindex(2, 16, 16):
        column, row = (y, x) if transposed else (x, y)
        value = data[0, g, y, x] - fast[0, g, lanes[column]]
        value = np.float32(value) if single[0, g] else value
        expected[0, g, y, x] = value - slow[0, g, lanes[column] // 2, row]
    subtract(data, 0, TemplateOffsets(lanes, fast, slow, single, transposed))
    np.testing.assert_array_equal(data, expected)


class AnExposure:
    detector = "NRCA1"


def opened(path, tree):
    asdf = pytest.importorskip("asdf")
    asdf.AsdfFile(tree).write_to(path)
    return KernelReference(Reference("sirskernel", path, path.name, ""), AnExposure)


def test_coefficients_of_the_detector_are_read(tmp_path):
    sides = {"gamma": np.ones((4, 9)), "zeta": np.zeros((4, 9))}
    found = opened(tmp_path / "a.asdf", {"nrca1": sides, "nis": {}}).coefficients
    assert [side.sum() for side in found] == [36, 0]
    assert opened(tmp_path / "b.asdf", {"nis": sides}).coefficients is None


@pytest.mark.parametrize(
    ("part", "says"),
    [({"gamma": np.ones((4, 9))}, "has no zeta"),
     ({"gamma": np.ones(4), "zeta": np.ones(4)}, "are not 4 rows")],
)  # fmt: skip
def test_other_contents_are_refused(tmp_path, part, says):
    with pytest.raises(ReferenceFileError, match=says):
        opened(tmp_path / "a.asdf", {"nrca1": part})


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory):
    """A full frame with a sirskernel reference among the others in the folder."""
    asdf = pytest.importorskip("asdf")
    exposure = simulate(
        "nircam_full", tmp_path_factory.mktemp("sirs"), 3, ngroups=2, nx=2048, ny=2048
    )
    frequency = np.arange(129) / 256
    amplitudes = np.exp(-((frequency * np.arange(6, 14, 2)[:, np.newaxis]) ** 2))
    for instrument, detector in (("NIRISS", "nis"), ("NIRCAM", "nrca1")):
        tree = {
            "meta": {
                "reftype": "SIRSKERNEL",
                "telescope": "JWST",
                "instrument": {"name": instrument},
                "useafter": "2020-01-01T00:00:00",
            },
            detector: {"gamma": 0.6 * amplitudes, "zeta": 0.4 * amplitudes**2},
        }
        path = exposure.references["gain"].with_name(f"jwst_{instrument.lower()}_sirs_0001.asdf")
        asdf.AsdfFile(tree).write_to(path)
    return exposure


def _slopes(exposure, **refpix):
    folder = exposure.references["gain"].parent
    return Detector1.call(exposure.uncal, references=folder, steps={"refpix": refpix})[0]


def test_kernels_are_found_in_the_folder(in_folder):
    rate = _slopes(in_folder, refpix_algorithm="sirs")
    assert rate.header["R_SIRSKL"] == "jwst_nircam_sirs_0001.asdf"
    plain = _slopes(in_folder)
    assert "R_SIRSKL" not in plain.header
    assert np.nanstd(rate.sci - plain.sci) > 0
