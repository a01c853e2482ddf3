import json
from types import SimpleNamespace

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import models
from astropy.table import Table
from onramp import nirspec_regions
from onramp.errors import InputError, ReferenceFileError
from onramp.nirspec_references import OpticsReference, ShutterReference
from onramp.nirspec_regions import NoLightError, Slit, fixed_slit, science_regions
from onramp.simulation import nirspec_optics


def an_exposure(exp_type="NRS_FIXEDSLIT", detector="NRS1", path="x_uncal.fits", **changes):
    keywords = {"GRATING": "G395H", "FILTER": "F290LP", "GWA_XTIL": 0.3, "GWA_YTIL": 0.1}
    place = {"name": "FULL", "xstart": 1, "ystart": 1, **changes.pop("place", {})}
    return SimpleNamespace(
        name="x", path=path, exp_type=exp_type, detector=detector, sci_keywords=dict,
        shape=(1, 2, *changes.pop("size", (2048, 2048))), instrument="NIRSPEC",
        primary=keywords | changes, subarray=SimpleNamespace(**place),
    )  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return nirspec_optics.references(tmp_path_factory.mktemp("optics"), "G395H")


def opened(paths, grating="G395H", **changes):
    exposure = SimpleNamespace(name="x", instrument="NIRSPEC", detector="NRS1", grating=grating)
    found = {}
    for kind in (*nirspec_regions.COMMON, *nirspec_regions.SLICER, nirspec_regions.SHUTTERS):
        reference = SimpleNamespace(path=(paths | changes)[kind], type=kind)
        reader = ShutterReference if kind == "msaoper" else OpticsReference
        found[kind] = reader(reference, exposure)
    return found


@pytest.fixture(scope="module")
def references(paths):
    return opened(paths)


def rows_of(mask):
    return np.flatnonzero(mask.any(axis=1))


def test_slices_lie_above_each_other_with_dark_between(references):
    light = science_regions(an_exposure("NRS_IFU"), references, shutters_too=False)
    assert light[nirspec_regions.FIXED_SLIT_ROWS].all()
    column = light[:, 1000]
    column[nirspec_regions.FIXED_SLIT_ROWS] = False
    assert np.count_nonzero(np.diff(column.astype(int)) == 1) >= 26
    assert 0.3 < column[column.size // 8 :].mean() < 0.8


def test_shutters_that_do_not_close_are_added(references):
    exposure = an_exposure("NRS_IFU")
    closed = science_regions(exposure, references, shutters_too=False)
    light = science_regions(exposure, references, shutters_too=True)
    assert (light & closed == closed).all()
    assert np.count_nonzero(light & ~closed) > 1000


def test_without_a_list_of_shutters_they_are_not_masked(references, caplog):
    exposure = an_exposure("NRS_IFU")
    unlisted = {**references, "msaoper": None}
    closed = science_regions(exposure, references, shutters_too=False)
    np.testing.assert_array_equal(science_regions(exposure, unlisted, shutters_too=True), closed)
    assert "no msaoper reference" in caplog.text


def test_all_fixed_slits_of_a_full_frame_are_light(references):
    light = science_regions(an_exposure(), references, shutters_too=False)
    assert 950 < rows_of(light)[0] < rows_of(light)[-1] < 1080


def test_a_subarray_has_one_slit(references):
    place = {"name": "SUB512", "xstart": 1025, "ystart": 957}
    exposure = an_exposure(place=place, size=(32, 512))
    full = science_regions(an_exposure(), references, shutters_too=False)
    light = science_regions(exposure, references, shutters_too=False)
    assert light.any()
    assert (~full[956:988, 1024:1536] & light).sum() == 0
    series = science_regions(an_exposure("NRS_BRIGHTOBJ", place=place, size=(32, 512)), references,
                             shutters_too=False)  # fmt: skip
    np.testing.assert_array_equal(series, light)


@pytest.mark.parametrize(("grating", "band"), [("G235M", "F170LP"), ("G140H", "F070LP")])
def test_what_falls_beside_the_second_detector(references, grating, band):
    exposure = an_exposure("NRS_IFU", "NRS2", GRATING=grating, FILTER=band)
    with pytest.raises(NoLightError, match=f"no slice falls on NRS2 with {grating}"):
        science_regions(exposure, references, shutters_too=False)


def test_slits_beside_the_detector_are_none(references):
    place = {"name": "SUB512", "xstart": 1, "ystart": 5000}
    with pytest.raises(NoLightError, match="no slit falls on NRS1"):
        science_regions(an_exposure(place=place), references, shutters_too=False)


def test_a_filter_that_is_not_listed_has_the_gratings_wavelengths(references):
    listed = science_regions(an_exposure(), references, shutters_too=False)
    other = science_regions(an_exposure(FILTER="F110W"), references, shutters_too=False)
    np.testing.assert_array_equal(other, listed)
    with pytest.raises(ReferenceFileError, match="no wavelengths of GRATING=G999H"):
        science_regions(an_exposure(GRATING="G999H"), references, shutters_too=False)


@pytest.fixture
def configured(tmp_path):
    """Return a function that writes a configuration and returns its exposure."""

    def configured(*fixed_slits, edit=lambda rows: None, dither=1):
        path = tmp_path / "shutters_msa.fits"
        nirspec_optics.write_configuration(path, fixed_slits)
        with fits.open(path, mode="update") as hdus:
            edit(hdus["SHUTTER_INFO"].data)
        return an_exposure("NRS_MSASPEC", path=tmp_path / "x_uncal.fits", MSAMETFL=path.name,
                           MSAMETID=2, PATT_NUM=dither)  # fmt: skip

    return configured


def test_slitlets_are_rows_of_shutters(configured):
    found = nirspec_regions.open_shutters(configured())
    reach = 1.05
    assert found == [
        Slit(1, 100 + 40 * 365 - 1, -reach - 1.15, reach + 1.15),
        Slit(3, 250 + 99 * 365 - 1, -reach, reach),
        Slit(2, 30 + 4 * 365 - 1, -reach, reach + 1.15),
        Slit(4, 365 + 169 * 365 - 1, -reach, reach),
    ]


def test_fixed_slits_count_if_they_have_a_source(configured):
    exposure = configured(("S200A1", "Y"), ("S400A1", "N"))
    found = nirspec_regions.open_shutters(exposure)
    assert [slit for slit in found if slit.quadrant == 5] == [fixed_slit("S200A1")]


def test_rows_of_fixed_slits_are_masked_unless_one_is_used(configured, references):
    rows = nirspec_regions.FIXED_SLIT_ROWS
    assert science_regions(configured(), references, shutters_too=False)[rows].all()
    used = configured(("S200A1", "Y"))
    assert not science_regions(used, references, shutters_too=False)[rows].all()


def _two_sources(rows):
    rows["primary_source"][rows["slitlet_id"] == 1] = "Y"


def _source_in_background(rows):
    rows["background"][rows["slitlet_id"] == 1] = "Y"


def _beyond(rows):
    rows["shutter_row"][rows["slitlet_id"] == 1] = 366


def _slit_twice(rows):
    rows["fixed_slit"][rows["slitlet_id"] == 1] = "S200A1"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_two_sources, "slitlet 1 has two primary sources"),
        (_source_in_background, "slitlet 1 has a source in background"),
        (_slit_twice, "S200A1 is listed twice"),
        (_beyond, "slitlet 1: shutter 366, 41 beyond 365, 171"),
    ],
)
def test_what_no_configuration_can_be_is_refused(configured, edit, says):
    with pytest.raises(InputError, match=rf"shutters_msa\.fits: {says}") as error:
        nirspec_regions.open_shutters(configured(("S200B1", "N"), edit=edit))
    assert "\n" not in str(error.value)


def test_a_configuration_beside_what_a_link_leads_to(configured, tmp_path):
    exposure = configured()
    expected = nirspec_regions.open_shutters(exposure)
    links = tmp_path / "links"
    links.mkdir()
    (links / "second_uncal.fits").symlink_to("first_uncal.fits")
    (links / "first_uncal.fits").symlink_to(exposure.path)
    exposure.path = links / "second_uncal.fits"
    assert nirspec_regions.open_shutters(exposure) == expected
    nearer = links / exposure.primary["MSAMETFL"]
    nearer.write_text("damaged")
    with pytest.raises(InputError, match=f"{nearer}.*cannot be read"):
        nirspec_regions.open_shutters(exposure)


def test_a_configuration_that_is_missing_is_named(configured, tmp_path):
    exposure = configured()
    (tmp_path / "shutters_msa.fits").unlink()
    with pytest.raises(InputError, match=r"shutters_msa\.fits: the MSA metadata file of x cannot"):
        nirspec_regions.open_shutters(exposure)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(Table({"a": [1]}), name="SHUTTER_INFO")]
                 ).writeto(tmp_path / "shutters_msa.fits")  # fmt: skip
    with pytest.raises(InputError, match=r"cannot be read .*no column background"):
        nirspec_regions.open_shutters(exposure)
    del exposure.primary["MSAMETFL"]
    with pytest.raises(InputError, match="MSAMETFL missing, which says what shutters were open"):
        nirspec_regions.open_shutters(exposure)


def test_references_that_are_missing_are_named(references):
    with pytest.raises(ReferenceFileError, match="no camera reference for mask_science_regions"):
        science_regions(an_exposure(), {**references, "camera": None}, shutters_too=False)
    without_slicer = {**references, "ifupost": None}
    science_regions(an_exposure(), without_slicer, shutters_too=False)
    with pytest.raises(ReferenceFileError, match="no ifupost reference"):
        science_regions(an_exposure("NRS_IFU"), without_slicer, shutters_too=False)


@pytest.mark.parametrize("keyword", ["GRATING", "FILTER"])
def test_keywords_that_are_missing_are_named(references, keyword):
    exposure = an_exposure()
    del exposure.primary[keyword]
    with pytest.raises(InputError, match=f"{keyword} missing"):
        science_regions(exposure, references, shutters_too=False)


@pytest.mark.parametrize(
    ("kind", "content"),
    [("camera", b"{}"), ("camera", b"#ASDF 1.0.0\n--- {a: [\n...\n"), ("camera", b""),
     ("msaoper", b"{}")],
)  # fmt: skip
def test_references_that_are_damaged_are_named(paths, tmp_path, kind, content):
    path = tmp_path / paths[kind].name
    path.write_bytes(content)
    with pytest.raises(ReferenceFileError, match=rf"{path.name}: .*override_{kind}") as error:
        opened(paths, **{kind: path})
    assert "\n" not in str(error.value)


def test_references_that_lack_something_are_named(paths, references):
    wrong = {**references, "camera": references["wavelengthrange"]}
    with pytest.raises(ReferenceFileError, match=r"wavelengthrange\.asdf: has no model; give"):
        science_regions(an_exposure(), wrong, shutters_too=False)


def test_a_prism_that_is_too_warm_is_refused(tmp_path):
    references = opened(nirspec_optics.references(tmp_path, "PRISM"), "PRISM")
    prism = {"GRATING": "PRISM", "FILTER": "CLEAR"}
    science_regions(an_exposure(GWA_TILT=59.0, **prism), references, shutters_too=False)
    with pytest.raises(ReferenceFileError, match="the prism is 20 K warmer"):
        science_regions(an_exposure(GWA_TILT=60.0, **prism), references, shutters_too=False)
    with pytest.raises(InputError, match="GWA_TILT missing"):
        science_regions(an_exposure(**prism), references, shutters_too=False)


@pytest.mark.parametrize(
    ("kind", "other", "says"),
    [
        ("camera", "collimator", "REFTYPE=COLLIMATOR is not of x; .* override_camera"),
        ("msa", "msaoper", "cannot be read as ASDF"),
    ],
)
def test_references_of_another_type_are_refused(paths, kind, other, says):
    with pytest.raises(ReferenceFileError, match=says) as error:
        opened(paths, **{kind: paths[other]})
    assert "\n" not in str(error.value)


def test_dispersers_of_another_grating_are_refused(paths, tmp_path):
    with pytest.raises(ReferenceFileError, match="GRATING=G395H is not of x"):
        opened(paths, "G140H")
    path = tmp_path / "disperser.asdf"
    with asdf.open(paths["disperser"]) as file:
        file["meta"]["instrument"] = {"name": "NIRSPEC", "p_grating": "G140H|G395H|"}
        file.write_to(path)
    opened(paths, "G140H", disperser=path)
    with pytest.raises(ReferenceFileError, match=r"GRATING=G140H\|G395H is not of x"):
        opened(paths, "G235H", disperser=path)


def test_light_that_does_not_leave_the_grating_is_no_warning(references):
    """The tests make errors of warnings."""
    listed = OpticsReference.__new__(OpticsReference)
    ranges = {"wavelengthrange": [[2.9e-6, 3e-5]], "waverange_selector": ["F290LP_G395H"]}
    listed.tree = {**references["wavelengthrange"].tree, **ranges, "order": [-1]}
    given = {**references, "wavelengthrange": listed}
    light = science_regions(an_exposure(), given, shutters_too=False)
    assert (light & science_regions(an_exposure(), references, shutters_too=False)).any()


@pytest.mark.parametrize("change", [{"reftype": "other"}, {"msaoper": [{"Q": 1}]}, {"x": 0}])
def test_lists_of_shutters_are_checked(paths, tmp_path, change):
    tree = json.loads(paths["msaoper"].read_text())
    if "x" in change:
        tree["msaoper"][0] |= change
    else:
        tree |= change
    path = tmp_path / "msaoper.json"
    path.write_text(json.dumps(tree))
    with pytest.raises(ReferenceFileError, match=r"msaoper\.json: is no list of shutters"):
        opened(paths, msaoper=path)


@pytest.mark.parametrize(
    ("kind", "change", "says"),
    [
        ("camera", {"model": models.Polynomial2D(1)}, "model has no inverse"),
        ("camera", {"model": 3}, "model is no transform"),
        ("disperser", {"theta_x": "y"}, "theta_x='y' is no number"),
        ("msa", {"Q5": {"data": [["a"] * 5] * 5, "model": models.Identity(2)}}, "are no numbers"),
    ],
)
def test_references_with_impossible_content_are_named(paths, tmp_path, kind, change, says):
    with asdf.open(paths[kind]) as file:
        tree = {**file.tree, **change}
        path = tmp_path / f"{kind}.asdf"
        asdf.AsdfFile(tree).write_to(path)
    with pytest.raises(ReferenceFileError, match=rf"{kind}\.asdf: .*{says}; give another {kind}"):
        science_regions(an_exposure(), opened(paths, **{kind: path}), shutters_too=False)


def test_lamps_behind_an_opaque_filter_have_wavelengths_of_their_own(references):
    wide = {**references["wavelengthrange"].tree, "waverange_selector": ["F290LP_G395H", "L_G395H"],
            "order": [-1, -1], "wavelengthrange": [[2.9e-6, 5.1e-6], [3.5e-6, 3.6e-6]]}  # fmt: skip
    listed = OpticsReference.__new__(OpticsReference)
    listed.tree = wide
    given = {**references, "wavelengthrange": listed}
    narrow = science_regions(an_exposure(FILTER="OPAQUE", LAMP="L"), given, shutters_too=False)
    full = science_regions(an_exposure(), given, shutters_too=False)
    assert 0 < narrow.sum() < full.sum() / 4
