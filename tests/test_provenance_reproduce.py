import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from onramp import cli, software
from onramp.dark import process_dark
from onramp.detector1 import process_exposure
from onramp.errors import InputError, OnrampError, ReferenceFileError
from onramp.parameters import parse_steps
from onramp.provenance import ENDING
from onramp.provenance_record import RecordError
from onramp.reproduce import outcome, reproduce
from onramp.simulate import simulate
from onramp.verify import verify
from onramp.wfss.parameters import WfssParameters
from onramp.wfss_contam import process_wfss
from slitless_fields import small_field

NAME = "first_of_two"
STEPS = {
    "jump": {"rejection_threshold": 5.0, "maximum_cores": "2"},
    "ramp_fit": {"save_opt": True},
    "ipc": {"skip": True},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with an exposure that a sheet has named, and its products; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    exposure = simulate(
        "nircam_sub", folder, 5, nx=24, ny=20, nints=2, ngroups=6, cosmic_rays_per_s_cm2=5000.0
    )
    exposure.uncal.rename(folder / "uncal" / f"{NAME}_uncal.fits")
    process_exposure(
        folder / "uncal" / f"{NAME}_uncal.fits", folder / "results", parse_steps(STEPS, "test"),
        folder / "references", {"dark": "N/A"}, cores=2, save_calibrated_ramp=True,
        origins={"jump.rejection_threshold": "sheet: a.tsv"}, context="jwst_1234.pmap",
    )  # fmt: skip
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy whose record names the copied inputs."""
    copy = shutil.copytree(made, tmp_path / "copy")
    path = record(copy)
    path.write_text(path.read_text().replace(f'"{made}/', f'"{copy}/'))
    return copy


def record(folder):
    return folder / "results" / f"{NAME}{ENDING}"


def product(folder, suffix="rate"):
    return folder / "results" / f"{NAME}_{suffix}.fits"


def change_record(folder, change):
    """Let a function change the contents of the record."""
    content = json.loads(record(folder).read_text())
    change(content)
    record(folder).write_text(json.dumps(content))


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", ["rate", "rateints", "ramp", "fitopt"])
def test_every_product_comes_out_with_the_same_bits(folder, suffix):
    found = reproduce(product(folder, suffix))
    assert found == ([f"{NAME}_{suffix}.fits"], [], [], True)


def test_all_products_of_a_record(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    before = files(folder)
    found = reproduce(record(folder), cores=1)
    assert len(found.products) == 4
    assert found.identical
    assert files(folder) == before
    assert not any((tmp_path / "scratch").iterdir())


def test_inputs_that_moved(folder):
    (folder / "uncal").rename(folder / "archive")
    (folder / "references").rename(folder / "stock")
    uncal = folder / "archive" / f"{NAME}_uncal.fits"
    with pytest.raises(InputError, match=r"the uncal file is missing.* --uncal"):
        reproduce(product(folder))
    with pytest.raises(InputError, match=r"reference is missing.* --references"):
        reproduce(product(folder), uncal=uncal)
    with pytest.raises(InputError, match="give the folder where references are now"):
        reproduce(product(folder), uncal=uncal, references=folder / "none")
    assert reproduce(product(folder), uncal=uncal, references=folder).identical


def test_the_reference_with_the_recorded_contents_is_taken(folder):
    gain = next((folder / "references").glob("*gain*"))
    (folder / "a").mkdir()
    (folder / "a" / gain.name).write_bytes(b"another")
    (folder / "z").mkdir()
    gain.rename(folder / "z" / gain.name)
    assert reproduce(product(folder), references=folder).identical
    (folder / "z" / gain.name).unlink()
    with pytest.raises(InputError, match="not the gain reference that was used: 7 bytes"):
        reproduce(product(folder), references=folder)


@pytest.mark.parametrize("what", ["uncal", "references"])
def test_changed_inputs_are_refused(folder, what):
    path = next((folder / what).glob("*gain*" if what == "references" else "*"))
    with open(path, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    with pytest.raises(InputError, match=r"was used: the contents .* find the file with sha256"):
        reproduce(product(folder))


def test_changed_pixels_are_counted(folder):
    with fits.open(product(folder), mode="update") as hdus:
        hdus["SCI"].data[4:6, 5] = 1000.0
        hdus["DQ"].data[0, 0] ^= 1
    found = reproduce(product(folder))
    assert not found.identical
    sci, dq, against = found.differences
    assert sci.startswith(f"{NAME}_rate.fits: [SCI]: 2 of 480 values differ, by up to ")
    assert dq == f"{NAME}_rate.fits: [DQ]: 1 of 480 values differ"
    assert against.startswith(f"{NAME}_rate.fits: is not as recorded: [")


def test_nan_in_the_same_place_is_no_difference(folder):
    with fits.open(product(folder), mode="update") as hdus:
        hdus["SCI"].data[0, :3] = np.nan
        hdus["SCI"].data[5, 5] += 1
    (first, *_) = reproduce(product(folder)).differences
    with fits.open(product(folder)) as hdus:
        border = int(np.isnan(hdus["SCI"].data).sum())
    assert border > 0
    assert int(first.split(" of 480")[0].rpartition(" ")[2]) <= 4


def test_changed_keyword(folder):
    with fits.open(product(folder), mode="update") as hdus:
        hdus[0].header["TARGNAME"] = "somewhere else"
        hdus[0].header.add_history("touched")
    found = reproduce(product(folder)).differences
    assert f"{NAME}_rate.fits: [PRIMARY]: other HISTORY or COMMENT" in found
    assert any("TARGNAME = 'somewhere else'; made again, " in line for line in found)


@pytest.mark.parametrize("size", [0, 1000, 8640])
def test_truncated_product(folder, size):
    content = product(folder).read_bytes()
    product(folder).write_bytes(content[:size])
    assert reproduce(product(folder)).differences


def test_missing_product(folder):
    product(folder).unlink()
    found = reproduce(product(folder))
    assert not found.identical
    outcome = "missing; the one made again has the recorded sums"
    assert found.differences == [f"{NAME}_rate.fits: {outcome}"]


def test_other_parameters_in_the_record(folder):
    change = {"rejection_threshold": 500.0}
    change_record(folder, lambda content: content["parameters"]["jump"].update(change))
    found = reproduce(product(folder)).differences
    assert any("values differ" in line for line in found)


def test_other_sums_in_the_record(folder):
    def change(content):
        content["products"][0]["hdus"][1]["datasum"] = "1"

    change_record(folder, change)
    (line,) = reproduce(product(folder)).differences
    assert "same bits, but not as recorded: [SCI]" in line


def test_other_software_is_named_and_no_difference(folder, monkeypatch):
    now = software.software()
    other = now._replace(version="9.9", versions={**now.versions, "numpy": "1.0"})
    for module in ("onramp.reproduce", "onramp.provenance"):
        monkeypatch.setattr(f"{module}.software", lambda *_: other)
    found = reproduce(product(folder))
    assert not found.identical
    assert found.differences == []
    assert f"onramp: 9.9; it was {now.version}" in found.surroundings
    assert f"numpy: 1.0; it was {now.versions['numpy']}" in found.surroundings
    assert outcome(found).endswith("the same but for what names the software")


def test_other_processor_is_named(folder):
    change_record(folder, lambda content: content["machine"].update(processor="Z80\x1b[2J"))
    (line,) = reproduce(product(folder)).surroundings
    assert line.startswith("processor: ")
    assert line.endswith(r"it was Z80\x1b[2J")


def test_product_that_is_made_no_more(folder):
    def change(content):
        content["products"][0]["file"] = f"{NAME}_jump.fits"

    change_record(folder, change)
    lines = reproduce(record(folder)).differences
    assert lines == [f"{NAME}_jump.fits: is not made any more"]


@pytest.mark.parametrize("name", ["other_rate.fits", f"{NAME}_jump.fits", "rate.fits"])
def test_products_without_a_record(folder, name):
    path = folder / "results" / name
    shutil.copy(product(folder), path)
    with pytest.raises(InputError, match="beside it tells of it"):
        reproduce(path)


def test_records_are_not_trusted(folder):
    change_record(folder, lambda content: content.update(exposure="../../first_of_two"))
    with pytest.raises(RecordError, match="no provenance record: exposure"):
        reproduce(record(folder))


@pytest.mark.parametrize(
    ("place", "value"),
    [("context", "jwst\n.pmap"), ("context", "\u00e9"), ("context", "it's"), ("origins", "a\nb"),
     ("files", "gain\x1b[2J")],
)  # fmt: skip
def test_texts_that_would_harm_a_header_or_a_terminal(folder, place, value):
    def change(content):
        if place == "origins":
            content["origins"]["jump.skip"] = value
        elif place == "files":
            content["references"]["files"][value] = None
        else:
            content["references"]["context"] = value

    change_record(folder, change)
    with pytest.raises(RecordError) as caught:
        reproduce(product(folder))
    assert str(caught.value).isprintable()


def test_references_that_would_be_found_otherwise_are_not_used(folder):
    """What is not recorded plays no part, though a folder beside the uncal file has it."""
    change_record(folder, lambda content: content["references"]["files"].pop("gain"))
    with pytest.raises(ReferenceFileError, match="no gain reference"):
        reproduce(product(folder))


def test_command_line(folder, capsys):
    assert cli.main(["reproduce", str(product(folder))]) == 0
    assert capsys.readouterr().out == f"{NAME}_rate.fits: made again, every bit the same\n"
    with fits.open(product(folder), mode="update") as hdus:
        hdus["ERR"].data[4, 4] = 0
    moved = folder / "elsewhere"
    (folder / "references").rename(moved)
    assert cli.main(["reproduce", str(record(folder)), f"--references={moved}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "[ERR]: 1 of 480 values differ, by up to" in lines[0]
    assert len(lines) > 2
    assert lines[-1].endswith(f"made again, {len(lines) - 1} differences")
    assert cli.main(["reproduce", str(product(folder))]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


def test_errors_are_of_one_line(folder):
    change_record(folder, lambda content: content["uncal"].update(path="/no\nfile"))
    with pytest.raises(OnrampError) as caught:
        reproduce(product(folder))
    assert "\n" not in str(caught.value)


def test_a_dark_is_made_again(tmp_path):
    exposure = simulate("nircam_sub", tmp_path, 5, nx=24, ny=20, nints=1, ngroups=4)
    steps = {"linearity": {"skip": True}, "superbias": {"save_results": True}}
    process_dark(
        exposure.uncal, tmp_path / "results", parse_steps(steps, "test"), tmp_path / "references"
    )
    (path,) = (tmp_path / "results").glob(f"*{ENDING}")
    found = reproduce(path)
    assert found.identical, found.differences
    assert [name.rsplit("_", 1)[1] for name in found.products] == ["dark.fits", "superbias.fits"]
    (dark,) = (tmp_path / "results").glob("*_dark.fits")
    assert reproduce(dark).products == [dark.name]
    with fits.open(dark, mode="update") as file:
        file["SCI"].data[0, 1, 2, 3] += 1
    assert "1 of 1920 values differ" in " ".join(reproduce(dark).differences)


@pytest.fixture
def with_files(tmp_path):
    """A product that a mask of the user's and windows of persistence belong to, and both files."""
    exposure = simulate("nircam_sub", tmp_path, 5, nx=24, ny=20, nints=1, ngroups=4)
    mask, windows = tmp_path / "mask.fits", tmp_path / "windows.asdf"
    fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(np.ones((20, 24), np.uint8), name="SCI")]
    ).writeto(mask)
    steps = {
        "clean_flicker_noise": {"skip": False, "user_mask": str(mask)},
        "persistence": {
            "skip": False, "persistence_time": 1000, "dn_threshold": 10.0,
            "save_persistence": str(windows),
        },
    }  # fmt: skip
    process_exposure(
        exposure.uncal, tmp_path / "results", parse_steps(steps, "test"), tmp_path / "references"
    )
    (rate,) = (tmp_path / "results").glob("*_rate.fits")
    return rate, mask, windows


def test_windows_of_persistence_are_left_alone(with_files):
    rate, _, windows = with_files
    windows.write_bytes(b"of later exposures")
    reproduce(rate)
    assert windows.read_bytes() == b"of later exposures"


def test_files_that_parameters_name_are_those_of_then(with_files):
    rate, mask, _ = with_files
    assert reproduce(rate).identical
    recorded = json.loads(next(rate.parent.glob(f"*{ENDING}")).read_text())["files"]
    assert [file["path"] for file in recorded] == [str(mask)]
    assert verify(rate.parent).findings == []
    with fits.open(mask, mode="update") as hdus:
        hdus["SCI"].data[3, 3] = 0
    with pytest.raises(InputError, match=r"mask.fits: .*; put the file with sha256 [0-9a-f]{64} t"):
        reproduce(rate)
    (finding,) = verify(rate.parent).findings
    assert finding.file == str(mask)
    mask.unlink()
    with pytest.raises(InputError, match=r"mask.fits: missing or unreadable; put the file"):
        reproduce(rate)


def test_a_slitless_product_has_its_context(tmp_path, monkeypatch):
    field = small_field(tmp_path)
    path = tmp_path / "results"
    overrides = {"photom": field.photom, "wavelengthrange": field.wavelengthrange}
    process_wfss(field.cutouts, path, WfssParameters(), None, overrides, context="jwst_1234.pmap")
    (product,) = path.glob("*_wfss_contam.fits")
    assert fits.getheader(product)["CRDS_CTX"] == "jwst_1234.pmap"
    found = reproduce(product)
    assert found.identical, found.differences
