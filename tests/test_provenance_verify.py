import json
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from onramp import cli
from onramp.checksums import BLOCK
from onramp.detector1 import process_exposure
from onramp.errors import InputError
from onramp.fits_sums import DamagedError, read_hdus
from onramp.parameters import Detector1Parameters
from onramp.provenance import ENDING
from onramp.simulate import simulate
from onramp.verify import printable, verify

SEEDS = 5, 6
NAMES = [f"jw90001003001_02101_{seed:05d}_nrcb1" for seed in SEEDS]
NAME = NAMES[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the inputs and the products of two exposures; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    for seed in SEEDS:
        exposure = simulate("nircam_sub", folder, seed, nx=24, ny=20, nints=2, ngroups=5)
        process_exposure(
            exposure.uncal, folder / "results", Detector1Parameters(), folder / "references", {}
        )
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy whose records name the copied inputs."""
    copy = shutil.copytree(made, tmp_path / "copy")
    for path in (copy / "results").glob(f"*{ENDING}"):
        path.write_text(path.read_text().replace(f'"{made}/', f'"{copy}/'))
    return copy


@pytest.fixture
def findings(folder):
    """A function that verifies the folder and returns what is printed as different."""

    def findings(**options):
        return [str(finding) for finding in verify(folder / "results", **options).findings]

    return findings


def product(folder, suffix="rate", name=NAME):
    return folder / "results" / f"{name}_{suffix}.fits"


def record(folder, name=NAME):
    return folder / "results" / f"{name}{ENDING}"


def change_record(folder, change):
    """Let a function change the contents of a record."""
    content = json.loads(record(folder).read_text())
    change(content)
    record(folder).write_text(json.dumps(content))


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


@pytest.mark.parametrize("cores", [None, 1, 4])
def test_what_was_made_is_as_recorded(folder, cores):
    found = verify(folder / "results", cores)
    assert found.findings == found.unreachable == []
    assert (found.records, found.products) == (2, 4)
    assert found.inputs == 2 + 7  # uncal files; references that both have used


def test_a_product_stands_for_its_record(folder):
    found = verify(product(folder))
    assert (found.records, found.findings) == (1, [])
    with pytest.raises(InputError, match=r"no \*_provenance.json beside it tells of it"):
        verify(product(folder, "ramp"))


def test_the_folder_of_slitless_products_is_looked_at(folder):
    inner = folder / "results" / "wfss_contam"
    inner.mkdir()
    for path in (folder / "results").glob(f"{NAME}*"):
        path.rename(inner / path.name)
    assert verify(folder / "results").records == len(SEEDS)
    (inner / f"{NAME}_rate.fits").unlink()
    (finding,) = verify(folder / "results").findings
    assert finding.file == str(inner / f"{NAME}_rate.fits")


def test_products_of_an_earlier_run_are_told(folder, caplog):
    uncal = next((folder / "uncal").glob(f"{NAME}*"))
    options = uncal, folder / "results", Detector1Parameters(), folder / "references", {}
    process_exposure(*options, save_calibrated_ramp=True)
    assert not caplog.records
    process_exposure(*options)
    (told,) = caplog.records
    assert told.message.startswith(f"{product(folder, 'ramp')}: is of an earlier run")
    assert [str(found) for found in verify(folder / "results").findings] == [
        f"{product(folder, 'ramp')}: no record tells of it"
    ]


def test_one_record(folder):
    product(folder, name=NAMES[1]).unlink()
    found = verify(record(folder))
    assert (found.records, found.products, found.findings) == (1, 2, [])


@pytest.mark.parametrize("bit", [0, 7])
def test_every_flipped_bit_is_found(folder, findings, bit):
    path = product(folder)
    size = path.stat().st_size
    rng = np.random.default_rng(bit)
    whole = path.read_bytes()
    for offset in [0, 79, size - 1, *rng.integers(0, size, 60).tolist()]:
        flip(path, offset, bit)
        (line,) = findings(inputs=False)
        assert line.startswith(f"{path}: ")
        path.write_bytes(whole)
    assert findings() == []


def test_changed_data_with_sums_that_fit(folder, findings):
    """Who changes data and their sums is still found by the record."""
    with fits.open(product(folder), mode="update", checksum=True) as hdus:
        hdus["SCI"].data[3, 3] += 1
    assert findings() == [f"{product(folder)}: [SCI]: the data are not those recorded"]


def test_damaged_data(folder, findings):
    with fits.open(product(folder)) as hdus:
        offset = hdus["ERR"].fileinfo()["datLoc"]
    flip(product(folder), offset + 40)
    assert findings() == [
        f"{product(folder)}: [ERR]: the data are not those recorded, nor what their DATASUM says"
    ]


def test_changed_header_with_sums_that_fit(folder, findings):
    fits.setval(product(folder), "TARGNAME", value="another", ext=0)
    with fits.open(product(folder), mode="update", checksum=True) as hdus:
        hdus[0].add_checksum()
    assert findings() == [f"{product(folder)}: [PRIMARY]: the header is not the one recorded"]


@pytest.mark.parametrize("size", [0, 100, BLOCK, 3 * BLOCK, -BLOCK, -1])
def test_truncated(folder, findings, size):
    length = product(folder).stat().st_size
    os.truncate(product(folder), size % length)
    line = f"{product(folder)}: {size % length} bytes; {length} are recorded"
    assert findings() == [line]


def test_longer(folder, findings):
    with open(product(folder), "ab") as file:
        file.write(bytes(BLOCK))
    (line,) = findings()
    assert "are recorded" in line


def test_missing(folder, findings):
    product(folder).unlink()
    assert findings() == [f"{product(folder)}: missing"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text(path.read_text() + " "), "parameters are not the recorded"),
        (lambda path: path.write_bytes(b"\xff\x00"), "parameters are not the recorded"),
    ],
)
def test_parameters_beside_the_record(folder, findings, change, problem):
    change(folder / "results" / f"{NAME}_parameters.yaml")
    (found,) = findings()
    assert f"{NAME}_parameters.yaml: " in found
    assert problem in found


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling"])
def test_what_is_no_file(folder, findings, kind):
    path = product(folder)
    path.unlink()
    make = {"folder": os.mkdir, "pipe": os.mkfifo, "dangling": lambda p: os.symlink("none", p)}
    make[kind](path)
    (line,) = findings()
    assert line.startswith(f"{path}: ")


def test_a_product_of_another_exposure(folder, findings):
    shutil.copy(product(folder, name=NAMES[1]), product(folder))
    assert findings() == [f"{product(folder)}: [SCI]: the data are not those recorded"]


def test_moved(folder, findings):
    """Products may move with their records, not without."""
    (folder / "results").rename(folder / "elsewhere")
    assert verify(folder / "elsewhere").findings == []
    (folder / "results").mkdir()
    product(folder).symlink_to(folder / "elsewhere" / product(folder).name)
    record(folder).symlink_to(folder / "elsewhere" / record(folder).name)
    missing = product(folder, "rateints"), folder / "results" / f"{NAME}_parameters.yaml"
    assert findings() == [f"{path}: missing" for path in missing]


def test_products_that_no_record_knows(folder, findings):
    record(folder).unlink()
    known = product(folder, name=NAMES[1])
    shutil.copy(known, known.with_name("x_cal.fits"))  # another program's
    shutil.copy(folder / "uncal" / f"{NAME}_uncal.fits", folder / "results")
    fits.PrimaryHDU().writeto(folder / "results" / "other_rate.fits")
    paths = product(folder, "rate"), product(folder, "rateints")
    assert findings() == [f"{path}: no record tells of it" for path in paths]


def test_stale_product_of_an_earlier_run(folder, findings):
    shutil.copy(product(folder), product(folder, "gain_scale"))
    assert findings() == [f"{product(folder, 'gain_scale')}: no record tells of it"]


@pytest.mark.parametrize("suffix", ["dark", "flicker_noise", "mask", "pctfrm_correction"])
def test_stale_parts_of_an_earlier_run(folder, findings, suffix):
    shutil.copy(product(folder), product(folder, suffix))
    assert findings() == [f"{product(folder, suffix)}: no record tells of it"]


def test_changed_uncal(folder, findings):
    uncal = folder / "uncal" / f"{NAME}_uncal.fits"
    flip(uncal, uncal.stat().st_size - 1)
    assert findings() == [f"{uncal}: the contents are not those recorded (used by {NAME})"]
    assert findings(inputs=False) == []


def test_changed_reference_is_told_once(folder, findings):
    gain = next((folder / "references").glob("*gain*"))
    with open(gain, "ab") as file:
        file.write(b"\0")
    size = gain.stat().st_size
    line = f"{gain}: {size} bytes; {size - 1} are recorded (used by {NAME} and 1 more)"
    assert findings() == [line]


def test_inputs_out_of_reach_are_no_difference(folder):
    shutil.rmtree(folder / "uncal")
    found = verify(folder / "results")
    assert found.findings == []
    assert found.unreachable == [str(folder / "uncal" / f"{name}_uncal.fits") for name in NAMES]
    assert found.inputs == 7


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "/proc/self/mem", "/", "/tmp/\0", "x"])
def test_paths_of_records_are_no_devices(folder, path):
    change_record(folder, lambda content: content["uncal"].update(path=path))
    found = verify(record(folder))
    assert found.findings or found.unreachable == [path]


def test_a_pipe_for_an_input_does_not_hang(folder):
    os.mkfifo(folder / "pipe")
    change_record(folder, lambda content: content["uncal"].update(path=str(folder / "pipe")))
    assert verify(record(folder)).unreachable == [str(folder / "pipe")]


def test_broken_record(folder, findings):
    change_record(folder, lambda content: content.pop("uncal"))
    first, *others = findings()
    assert first.startswith(f"{record(folder)}: is no provenance record: uncal: ")
    assert len(others) == 2  # nobody knows its products any more


def test_a_record_with_other_products(folder, findings):
    def change(content):
        content["products"][0]["hdus"].pop()

    change_record(folder, change)
    (line,) = findings()
    assert "has the HDUs PRIMARY, SCI, ERR" in line


@pytest.mark.parametrize("where", ["nowhere", "uncal"])
def test_no_record_at_all(folder, where):
    with pytest.raises(InputError, match="give a folder of products"):
        verify(folder / where)


def test_command_line(folder, capsys):
    results = str(folder / "results")
    assert cli.main(["verify", results]) == 0
    assert capsys.readouterr().out == "2 records, 4 products, 9 inputs: all as recorded\n"
    product(folder).unlink()
    shutil.rmtree(folder / "references")
    assert cli.main(["verify", results, "--cores=2"]) == 1
    printed = capsys.readouterr()
    summary = "2 records, 4 products, 2 inputs: 1 difference; 7 inputs out of reach"
    assert printed.out == f"{product(folder)}: missing\n{summary}\n"
    assert len(printed.err.splitlines()) == 7
    assert cli.main(["verify", results, "--products_only"]) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "nowhere"], "nowhere: No such file"),
        (["verify", ".", "--steps.jump.skip=true"], "takes parameters from records"),
        (["verify", ".", "--product_only"], "did you mean '--products_only'"),
    ],
)
def test_mistakes_get_one_line(arguments, words, capsys):
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_printed_lines_are_lines():
    assert printable("a\nb\x1b[31m\u202e é") == r"a\nb\x1b[31m\u202e é"


def header(**cards):
    """Return a header's block, fixed format."""
    lines = [f"{key:<8}= {value:>20}" for key, value in cards.items()]
    return "".join(line.ljust(80) for line in [*lines, "END"]).ljust(BLOCK).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * BLOCK,
        header(SIMPLE="T")[:-1],
        header(SIMPLE="T"),
        header(SIMPLE="T", BITPIX=8, NAXIS=1, NAXIS1=10**17),
        header(SIMPLE="T", BITPIX=8, NAXIS=1, NAXIS1=-5),
        header(SIMPLE="T", BITPIX=8, NAXIS=999999999),
        header(SIMPLE="T", BITPIX=8, NAXIS=0) + b"junk",
        header(SIMPLE="T", BITPIX=8, NAXIS=0) + header(SIMPLE="T", BITPIX=8, NAXIS=0),
        header(SIMPLE="T", BITPIX=8, NAXIS=0).replace(b"END", b"   "),
    ],
)
def test_files_that_are_no_whole_fits(tmp_path, content):
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    with open(path, "rb") as file, pytest.raises(DamagedError):
        read_hdus(file.fileno())


def test_hdus_of_any_file_are_those_of_astropy(tmp_path):
    rng = np.random.default_rng(3)
    table = fits.Column("a", "3E", array=rng.normal(size=(7, 3)))
    ragged = fits.Column("b", "PJ()", array=np.array([[1, 2], [3], [4] * 5] + [[0]] * 4, object))
    image = fits.ImageHDU(rng.integers(0, 99, (3, 5), np.int16), name="IMAGE")
    hdus = [fits.PrimaryHDU(), image, fits.BinTableHDU.from_columns([table, ragged], name="TABLE")]
    fits.HDUList(hdus).writeto(tmp_path / "x.fits", checksum=True)
    with open(tmp_path / "x.fits", "rb") as file, fits.open(tmp_path / "x.fits") as expected:
        for ours, theirs in zip(read_hdus(file.fileno()), expected, strict=True):
            assert ours.name == theirs.name
            assert ours.datasum == ours.told_datasum == theirs.header["DATASUM"]
            assert ours.told_checksum == theirs.header["CHECKSUM"]
            assert ours.adds_up
            assert ours.offset == theirs.fileinfo()["datLoc"]
