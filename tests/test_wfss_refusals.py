"""What wfss_contam refuses, each in one line."""

import logging
import shutil
from types import SimpleNamespace

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from onramp.errors import InputError, ParameterError, ReferenceFileError
from onramp.wfss import inputs, polyfit
from onramp.wfss.files import beside
from onramp.wfss.simulation import simulate_grism
from onramp.wfss_contam import WfssContam
from slitless_fields import small_field


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return small_field(tmp_path_factory.mktemp("field"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another field of the same size."""
    return simulate_grism("niriss", tmp_path_factory.mktemp("other"), 9, 6)


@pytest.fixture
def copied(field, tmp_path):
    shutil.copytree(field.cutouts.parent, tmp_path / "copy")
    return tmp_path / "copy" / field.cutouts.name


def edit(path, keyword, value):
    with fits.open(path, mode="update") as hdus:
        hdus[0].header[keyword] = value


def with_smaller_map(path):
    map_file = path.with_name(path.name.replace("_srctype", "_segm"))
    with fits.open(map_file) as hdus:
        hdus["SCI"].data = hdus["SCI"].data[:-1]
        hdus.writeto(map_file, overwrite=True)


def with_other_map(path):
    map_file = path.with_name(path.name.replace("_srctype", "_segm"))
    with fits.open(map_file) as hdus:
        hdus["SCI"].data[hdus["SCI"].data == 1] = 0
        hdus.writeto(map_file, overwrite=True)


def with_other_catalogue(path):
    table_file = path.with_name(path.name.replace("_srctype.fits", "_cat.ecsv"))
    table = Table.read(table_file, format="ascii.ecsv")
    table["xcentroid"] += 300
    table.write(table_file, format="ascii.ecsv", overwrite=True)


def with_larger_catalogue(path):
    table_file = path.with_name(path.name.replace("_srctype.fits", "_cat.ecsv"))
    table = Table.read(table_file, format="ascii.ecsv")
    table["label"][0] = 99
    table.write(table_file, format="ascii.ecsv", overwrite=True)


def without_wcs(path):
    with fits.open(path) as hdus:
        del hdus["ASDF"]
        hdus.writeto(path, overwrite=True)


def without_sensitivity(path):
    (photom,) = path.parent.glob("*photom*")
    with fits.open(photom) as hdus:
        hdus["PHOTOM"].data["order"][2] = 9
        hdus.writeto(photom, overwrite=True)


def without_ranges(path):
    (ranges,) = path.parent.glob("*wavelengthrange*")
    ranges.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5000])


def with_compressed_map(path):
    map_file = path.with_name(path.name.replace("_srctype", "_segm"))
    with fits.open(map_file) as hdus:
        image = fits.CompImageHDU(hdus["SCI"].data, name="SCI")
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(map_file, overwrite=True)


def with_ranges(change):
    """Return what changes each order's shortest and longest wavelength."""

    def edit_ranges(path):
        (ranges,) = path.parent.glob("*wavelengthrange*")
        with asdf.open(ranges, lazy_load=False, memmap=False) as opened:
            tree = {key: opened.tree[key] for key in ("meta", "wavelengthrange")}
            rows = [list(row) for row in tree["wavelengthrange"]]
        for row in rows:
            row[2:4] = change(*row[2:4])
        asdf.AsdfFile({"meta": dict(tree["meta"]), "wavelengthrange": rows}).write_to(ranges)

    return edit_ranges


def with_text_in_the_catalogue(column):
    def edit_catalogue(path):
        table_file = path.with_name(path.name.replace("_srctype.fits", "_cat.ecsv"))
        table = Table.read(table_file, format="ascii.ecsv")
        table[column] = ["bright"] * len(table)
        table.write(table_file, format="ascii.ecsv", overwrite=True)

    return edit_catalogue


def edit_cutout(keyword, value):
    def edit_card(path):
        with fits.open(path, mode="update") as hdus:
            hdus["SCI"].header[keyword] = value

    return edit_card


def with_text_as_a_size(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"NAXIS1  =         ", b"NAXIS1  = 'many'  ", 1))


def with_an_odd_card(path):
    content = path.read_bytes()
    place = content.index(b"DIRIMAGE= '")
    path.write_bytes(content[: place + 12] + b"\xe9" + content[place + 13 :])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (with_smaller_map, InputError, r"_segm.fits: its size 2200 x 2199 is not"),
        (with_other_map, InputError, r"source 1, order 1: the source is not in .*_segm.fits"),
        (with_other_catalogue, InputError, r"_cat.ecsv: most of its sources lie elsewhere"),
        (with_larger_catalogue, InputError, r"_cat.ecsv: its source 99 is not in the"),
        (without_wcs, InputError, r"_srctype.fits: has no extension ASDF"),
        (without_sensitivity, ReferenceFileError, r"photom.*: has no row of .* order 1"),
        (without_ranges, ReferenceFileError, r"wavelengthrange for INSTRUME=NIRISS.*: none"),
        (cut_short, InputError, r"_srctype.fits: truncated at"),
        (lambda path: edit(path, "EXP_TYPE", "NIS_SOSS"), InputError, r"EXP_TYPE=NIS_SOSS"),
        (lambda path: edit(path, "DIRIMAGE", "none.fits"), InputError, r"DIRIMAGE: .*none.fits"),
        (lambda path: edit(path, "SEGMFILE", ""), InputError, r"SEGMFILE is missing; say --segm"),
        (lambda path: edit(path, "PUPIL", ""), InputError, r"PUPIL is missing"),
        (lambda path: edit(path, "S_CONTAM", "COMPLETE"), InputError, r"S_CONTAM=COMPLETE: its"),
        (edit_cutout("BUNIT", "MJy/sr"), InputError, r"BUNIT=MJy/sr, not DN/s"),
        (edit_cutout("SPORDER", 9), InputError, r"SPORDER=9 has no trace; known: -1, 0, 1, 2, 3"),
        (with_text_as_a_size, InputError, r"_srctype.fits: the header at byte \d+ does not tell"),
        (with_an_odd_card, InputError, r"_srctype.fits: Unparsable card .DIRIMAGE."),
        (with_compressed_map, InputError, r"_segm.fits.SCI.: is no image; if .* funpack"),
        (with_text_in_the_catalogue("xcentroid"), InputError, r"_cat.ecsv: is no catalogue"),
        (with_text_in_the_catalogue("isophotal_abmag"), InputError, r"_cat.ecsv: is no catalogue"),
        (with_ranges(lambda low, high: (high, low)), ReferenceFileError, r"order -1, is no range"),
        (with_ranges(lambda low, high: (low, np.nan)), ReferenceFileError, r"is no range"),
        (with_ranges(lambda low, high: (20.0, 21.0)), ReferenceFileError,
         r"photom.*: has no sensitivity at the wavelengths of order -1, 0, 1, 2, 3 in"),
        (lambda path: (path.unlink(), path.mkdir()), InputError, r"srctype.fits: .* directory"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(copied, tmp_path, change, error, text):
    change(copied)
    with pytest.raises(error, match=text) as caught:
        WfssContam.call(copied, copied.parent, output_dir=tmp_path / "out", save_results=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_unknown_order_is_told(field):
    with pytest.raises(ParameterError, match=r"there is no order 7; known: -1, 0, 1, 2, 3"):
        WfssContam.call(field.cutouts, field.cutouts.parent, parameters={"orders": [1, 7]})


def test_map_of_whole_numbers_of_any_size(field, copied):
    map_file = copied.with_name(copied.name.replace("_srctype", "_segm"))
    with fits.open(map_file) as hdus:
        hdus["SCI"].data = hdus["SCI"].data.astype(np.int64)
        hdus.writeto(map_file, overwrite=True)
    found, expected = (WfssContam.call(path, copied.parent) for path in (copied, field.cutouts))
    np.testing.assert_array_equal(found.simulated, expected.simulated)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (("direct_image",), "sources of the segmentation map are no brighter than the background"),
        (("segmentation", "catalogue"), "falls no light of their sources in"),
        (("direct_image", "segmentation", "catalogue"), "falls no light of their sources in"),
    ],
)
def test_files_of_another_field_are_told(field, other, files, text):
    """Where there are sources of the same numbers, in an image of the same size."""
    stem = str(other.cutouts).removesuffix("_srctype.fits")
    endings = {"direct_image": "i2d.fits", "segmentation": "segm.fits", "catalogue": "cat.ecsv"}
    given = {name: f"{stem}_{endings[name]}" for name in files}
    with pytest.raises(InputError, match=text):
        WfssContam.call(field.cutouts, field.cutouts.parent, **given)


def test_photom_is_that_of_the_detector(copied):
    (photom,) = copied.parent.glob("*photom*")
    second = shutil.copy(photom, photom.with_name("other_photom.fits"))
    with fits.open(second, mode="update") as hdus:
        hdus[0].header["DETECTOR"] = "NRCA1"
    WfssContam.call(copied, copied.parent)
    photom.unlink()
    with pytest.raises(ReferenceFileError, match=r"photom for .*DETECTOR=NIS.*: none"):
        WfssContam.call(copied, copied.parent)


def test_the_cutouts_are_not_overwritten(copied):
    inside = copied.rename(copied.with_name(copied.name.replace("_srctype", "_wfss_contam")))
    content = inside.read_bytes()
    with pytest.raises(InputError, match=r"the product would take its place"):
        WfssContam.call(inside, copied.parent, output_dir=copied.parent, save_results=True)
    assert inside.read_bytes() == content


@pytest.mark.parametrize("cores", [0, -3, 2.5, "half", True])
def test_cores_are_a_whole_number(field, cores):
    with pytest.raises(ParameterError, match=rf"cores={cores!r}: give a whole number"):
        WfssContam.call(field.cutouts, field.cutouts.parent, cores=cores)


def test_names_of_files_are_known(field):
    with pytest.raises(TypeError, match="direct_imag"):
        WfssContam.call(field.cutouts, field.cutouts.parent, direct_imag="x")


def test_parameters_are_values_by_name(field):
    with pytest.raises(ParameterError, match=r"\['orders'\] are no values by name"):
        WfssContam.call(field.cutouts, field.cutouts.parent, parameters=["orders"])


def test_planning_does_without_files_that_are_missing(copied):
    assert len(beside(copied)) == 3
    edit(copied, "DIRIMAGE", "none.fits")
    assert beside(copied) == beside(copied.parent / "none.fits") == []


def test_orders_without_sensitivity_are_told_if_others_have_one(caplog):
    orders = [SimpleNamespace(order=n, calibrated=n != 2) for n in (1, 2)]
    references = {kind: SimpleNamespace(path=kind) for kind in ("photom", "wavelengthrange")}
    with caplog.at_level(logging.WARNING, "onramp"):
        inputs.check_sensitivity(orders, references)
    (record,) = caplog.records
    assert "at the wavelengths of order 2 in wavelengthrange: nothing" in record.message


def test_equations_that_tell_nothing_are_no_fit():
    base = np.ones((4, 4))
    observed = polyfit.Observed(np.ones((4, 4), np.float32), None, None)
    assert polyfit.solve(observed, np.array([base, base]), 1e-30) is None
    assert polyfit.solve(observed, np.array([base, base]), 0.1) is not None
