import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from onramp import cli
from onramp.errors import OnrampError, ParameterError
from onramp.reproduce import reproduce
from onramp.verify import verify
from onramp.wfss import cutouts, polyfit
from onramp.wfss.disperse import Window
from onramp.wfss.parameters import WfssContam as Parameters
from onramp.wfss.parameters import parse
from onramp.wfss_contam import WfssContam
from slitless_fields import small_field


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return small_field(tmp_path_factory.mktemp("field"))


@pytest.fixture(scope="module")
def nircam(tmp_path_factory):
    return small_field(tmp_path_factory.mktemp("nircam"), "nircam", 8)


def call(files, **parameters):
    return WfssContam.call(files.cutouts, files.cutouts.parent, parameters=parameters)


def residuals(result, files):
    """Return the scatter of the true contamination, and of what is left of it [DN/s]."""
    truth = np.load(files.truth)
    true, left = [], []
    for n, cutout in enumerate(result.cutouts):
        window = (
            slice(cutout.y, cutout.y + cutout.sci.shape[0]),
            slice(cutout.x, cutout.x + cutout.sci.shape[1]),
        )
        true.append((truth["frame"][window] - truth[f"own_{n}"]).ravel())
        left.append(true[-1] - cutout.contamination.ravel())
    return tuple(np.sqrt(np.mean(np.concatenate(parts) ** 2)) for parts in (true, left))


@pytest.mark.parametrize("exposure", ["field", "nircam"])
def test_truth_is_approached_and_polynomials_help(exposure, request):
    files = request.getfixturevalue(exposure)
    before, flat = residuals(call(files), files)
    _, fitted = residuals(call(files, polyfit_degree=3, n_iterations=2), files)
    assert flat < 0.5 * before
    assert fitted < 0.9 * flat


def test_flat_spectra_are_predicted_to_the_noise_of_the_direct_image(tmp_path):
    files = small_field(tmp_path, "nircam", 3, flat=True, noise=False)
    result, truth = call(files), np.load(files.truth)
    error = result.simulated - truth["frame"]
    assert np.abs(error).max() < 0.03 * truth["frame"].max()
    total = truth["frame"].sum(dtype=float)
    assert abs(error.sum()) < 0.03 * total


@pytest.mark.parametrize(
    "parameters", [{}, {"polyfit_degree": 2}, {"grid": "chunks", "max_pixels_per_chunk": 300}]
)
def test_threads_change_no_bit(field, parameters):
    one = call(field, maximum_cores="none", **parameters)
    several = WfssContam.call(
        field.cutouts,
        field.cutouts.parent,
        parameters={**parameters, "maximum_cores": "5"},
        cores=5,
    )
    assert several.statistics["threads"] == 5
    np.testing.assert_array_equal(one.simulated, several.simulated)
    for a, b in zip(one.cutouts, several.cutouts):
        np.testing.assert_array_equal(a.sci, b.sci)
        np.testing.assert_array_equal(a.own, b.own)


def test_products_hold_what_is_returned(field, tmp_path):
    parameters = {"save_simulated_image": True, "save_contam_images": True}
    result = WfssContam.call(
        field.cutouts,
        field.cutouts.parent,
        parameters=parameters,
        output_dir=tmp_path,
        save_results=True,
    )
    name = result.statistics["exposure"]
    suffixes = "wfss_contam.fits", "simul.fits", "simul_slits.fits", "contam.fits"
    wanted = {*(f"{name}_{s}" for s in suffixes), f"{name}_wfss_contam_provenance.json"}
    assert (
        {path.name for path in tmp_path.iterdir()} == wanted == set(result.statistics["products"])
    )
    with (
        fits.open(tmp_path / f"{name}_wfss_contam.fits", checksum=True) as found,
        fits.open(field.cutouts) as given,
    ):
        assert [h.name for h in found] == [h.name for h in given]
        assert found[0].header["S_CONTAM"] == "COMPLETE"
        assert "wfss_contam.inverse = 'exact' (default)" in str(found[0].header["HISTORY"])
        for n, cutout in enumerate(result.cutouts, start=1):
            np.testing.assert_array_equal(found["SCI", n].data, cutout.sci)
            np.testing.assert_array_equal(found["ERR", n].data, given["ERR", n].data)
        assert found["ASDF"].data.tobytes() == given["ASDF"].data.tobytes()
    with fits.open(tmp_path / f"{name}_simul.fits", checksum=True) as found:
        np.testing.assert_array_equal(found["SCI"].data, result.simulated.astype(np.float32))
    for suffix, kind in (("simul_slits", "own"), ("contam", "contamination")):
        with fits.open(tmp_path / f"{name}_{suffix}.fits", checksum=True) as found:
            for n, cutout in enumerate(result.cutouts, start=1):
                assert found["SCI", n].header["SOURCEID"] == cutout.source
                np.testing.assert_array_equal(found["SCI", n].data, getattr(cutout, kind))


def test_a_source_that_is_not_dispersed_is_still_freed_of_others(field):
    (path,) = field.cutouts.parent.glob("*_cat.ecsv")
    magnitudes = Table.read(path, format="ascii.ecsv")["isophotal_abmag"]
    all_sources, bright = call(field), call(field, magnitude_limit=np.median(magnitudes))
    faint = [n for n, c in enumerate(bright.cutouts) if not c.own.any()]
    assert faint
    assert len(faint) < len(bright.cutouts)
    assert any(bright.cutouts[n].contamination.any() for n in faint)
    assert bright.statistics["dispersed"] < all_sources.statistics["dispersed"]


def test_nobody_bright_enough_leaves_the_data_alone(field):
    result = call(field, magnitude_limit=1.0)
    assert result.simulated is None
    assert result.statistics["state"] == "SKIPPED"
    assert not any(cutout.contamination.any() for cutout in result.cutouts)


def test_the_first_world_coordinates_are_found_among_many(tmp_path):
    from onramp.wfss import trees
    from onramp.wfss.hdus import FitsFile
    from onramp.wfss.simulation import files, instruments, wcs

    blank = np.zeros((4, 5), np.float32)
    parts = [files.Cutout(n, 1, 3, 4, blank, blank, blank.astype("u4")) for n in (1, 2, 3)]
    path, grism = tmp_path / "x_srctype.fits", wcs.grism_wcs(instruments.NIRCAM)
    files.write_cutouts(instruments.NIRCAM, parts, grism, {}, path, shared=False)
    with FitsFile(path) as file:
        found = trees.first_cutout_wcs(file)
    args = 53.16, -27.79, 4.4, 1
    np.testing.assert_allclose(found.invert(*args), grism.invert(*args))


def naive_cut(image, place, window):
    out = np.zeros(window.shape)
    for y in range(window.y, window.y_end):
        for x in range(window.x, window.x_end):
            if place.y <= y < place.y_end and place.x <= x < place.x_end:
                out[y - window.y, x - window.x] = image[y - place.y, x - place.x]
    return out


@pytest.mark.parametrize("corner", [(0, 0), (-3, 2), (5, -4), (7, 7), (30, 30)])
def test_cutting_is_the_naive_one(corner):
    image = np.random.default_rng(1).normal(size=(8, 9))
    place, (x, y) = Window(4, 13, 3, 11), corner
    window = Window(x, x + 10, y, y + 6)
    np.testing.assert_array_equal(
        cutouts.cut(image, place, window), naive_cut(image, place, window)
    )


def test_solve_finds_the_combination_and_honours_flags():
    rng = np.random.default_rng(4)
    bases = rng.uniform(0.5, 2, (3, 20, 30))
    data = np.tensordot([1.0, 0.3, -0.2], bases, 1)
    err, dq = rng.uniform(0.1, 1, data.shape), np.zeros(data.shape, np.uint32)
    data[3, 4], dq[3, 4], data[5, 5] = 1e6, 1, np.nan
    found = polyfit.solve(polyfit.Observed(data, err, dq), bases, 0.0)
    np.testing.assert_allclose(found, [1.0, 0.3, -0.2], rtol=1e-10)
    shrunk = polyfit.solve(polyfit.Observed(data, err, dq), bases, 1e5)
    assert np.linalg.norm(shrunk) < np.linalg.norm(found)
    assert polyfit.solve(polyfit.Observed(data, err, dq + np.uint32(1)), bases, 0.1) is None


def test_parameters_take_text_and_name_the_nearest():
    found = parse({"orders": "1, 2", "maximum_cores": "half"}, "here").wfss_contam
    assert (found.orders, found.maximum_cores) == ((1, 2), "half")
    assert Parameters().maximum_cores == "1"
    with pytest.raises(ParameterError, match="did you mean 'polyfit_degree'"):
        parse({"polyfit_degre": 2}, "here")
    with pytest.raises(ParameterError, match=r"here: wfss_contam\.wl_oversample=0"):
        parse({"wl_oversample": 0}, "here")


def test_command_writes_products_and_tells_mistakes(field, tmp_path, capsys):
    arguments = ["wfss_contam", str(field.cutouts), "--output_dir", str(tmp_path), "--quiet"]
    folder = ["--references", str(field.cutouts.parent)]
    assert cli.main([*arguments, *folder, "--steps.wfss_contam.orders=1"]) == 0
    assert len(list(tmp_path.glob("*_wfss_contam.fits"))) == 1
    assert cli.main([*arguments, *folder, "--steps.jump.skip=true"]) == 1
    assert "unknown step 'jump'" in capsys.readouterr().err
    override = "--override_photom=/none/photom.fits"
    assert cli.main([*arguments, *folder, override]) == 1
    assert "/none/photom.fits: photom: is not there" in capsys.readouterr().err


def test_other_commands_do_not_load_what_only_this_step_needs():
    code = (
        "import sys; from onramp import cli; cli._parser(); import onramp.detector1; "
        "print(sorted({'asdf', 'gwcs', 'stdatamodels', 'photutils'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_products_are_verified_and_made_again(field, tmp_path):
    parameters = {"save_contam_images": True, "polyfit_degree": 1}
    WfssContam.call(
        field.cutouts, field.cutouts.parent, parameters=parameters, output_dir=tmp_path,
        save_results=True,
    )  # fmt: skip
    found = verify(tmp_path)
    assert (found.records, found.products, found.findings) == (1, 2, [])
    contam = next(p for p in tmp_path.glob("*_contam.fits") if "wfss" not in p.name)
    again = reproduce(contam)
    assert again.products == [contam.name]
    assert again.identical


def test_no_polynomials_of_degree_0(field):
    one, other = call(field, polyfit_degree=0), call(field)
    assert one.statistics["fitted"] == 0
    np.testing.assert_array_equal(one.simulated, other.simulated)


def test_a_missing_library_is_named(field, monkeypatch):
    monkeypatch.setitem(sys.modules, "gwcs", None)
    with pytest.raises(OnrampError, match=r"needs gwcs.* -e '\.\[wfss\]'"):
        call(field)
