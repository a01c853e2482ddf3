import hashlib
import json
import os
import platform
import subprocess
import sys

import astropy
import numba
import numpy as np
import onramp
import pytest
from astropy.io import fits
from onramp import Detector1, pending_file, provenance_record, software
from onramp.checksums import CARD
from onramp.detector1 import process_exposure
from onramp.errors import OutputError
from onramp.parameters import Detector1Parameters, parse_steps
from onramp.provenance import ENDING
from onramp.provenance_record import RecordError, load
from onramp.simulate import simulate

NAME = "jw90001003001_02101_00005_nrcb1"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("provenance")
    return simulate("nircam_sub", folder, 5, nx=24, ny=20, nints=2, ngroups=5)


@pytest.fixture(scope="module")
def products(exposure, tmp_path_factory):
    """A folder of products whose jump threshold is not the default."""
    folder = tmp_path_factory.mktemp("products")
    run(exposure, folder, {"jump": {"rejection_threshold": 4.5, "maximum_cores": "2"}})
    return folder


def run(exposure, folder, steps=None, **options):
    """Process the exposure as a caller does."""
    references = exposure.references["gain"].parent
    Detector1.call(
        exposure.uncal, references=references, steps=steps, output_dir=folder, save_results=True,
        **options,
    )  # fmt: skip
    return folder / f"{NAME}{ENDING}"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_header_names_the_software(products):
    header = fits.getheader(products / f"{NAME}_rate.fits")
    versions = header["V_PYTHON"], header["V_NUMPY"], header["V_NUMBA"], header["V_ASTROP"]
    loaded = np.__version__, numba.__version__, astropy.__version__
    assert versions == (platform.python_version(), *loaded)
    assert header["CAL_SWV"] == onramp.__version__
    assert header["CAL_VCS"] == software.software().revision


def test_header_has_the_digest_of_the_uncal(products, exposure):
    for suffix in ("rate", "rateints"):
        header = fits.getheader(products / f"{NAME}_{suffix}.fits")
        assert header["H_UNCAL"] == sha256(exposure.uncal)


def test_header_has_every_parameter_that_counts_with_its_origin(products):
    lines = list(fits.getheader(products / f"{NAME}_rate.fits")["HISTORY"])
    assert "jump.rejection_threshold = 4.5 (call)" in lines
    assert "jump.three_group_rejection_threshold = 6.0 (default)" in lines
    assert "ramp_fit.algorithm = 'OLS_C' (default)" in lines
    assert "persistence.skip = True (default)" in lines
    assert not [line for line in lines if "maximum_cores" in line or "save_results" in line]
    names = [line.partition(" = ")[0] for line in lines]
    assert len(set(names)) == len(names)


def test_header_of_a_step_has_no_later_parameters(exposure, tmp_path):
    run(exposure, tmp_path, {"superbias": {"save_results": True}})
    lines = list(fits.getheader(tmp_path / f"{NAME}_superbias.fits")["HISTORY"])
    assert any(line.startswith("superbias.skip") for line in lines)
    assert not [line for line in lines if line.startswith(("refpix", "jump", "ramp_fit"))]


def test_record_says_how_products_were_made(products, exposure):
    record = load(products / f"{NAME}{ENDING}")
    assert record.exposure == NAME
    assert record.uncal.path == str(exposure.uncal.resolve())
    assert record.uncal.sha256 == sha256(exposure.uncal)
    assert record.uncal.bytes == exposure.uncal.stat().st_size
    assert record.steps() == parse_steps(
        {"jump": {"rejection_threshold": 4.5, "maximum_cores": "2"}}, "test"
    )
    assert record.origins == {"jump.rejection_threshold": "call", "jump.maximum_cores": "call"}
    assert record.command == sys.orig_argv
    assert record.begun <= record.date <= record.ended
    assert record.references.context is None
    assert not record.save_calibrated_ramp


def test_record_has_the_references(products, exposure):
    record = load(products / f"{NAME}{ENDING}")
    assert record.references.files["ipc"] is None
    found = {kind: file for kind, file in record.references.files.items() if file}
    assert {kind: file.path for kind, file in found.items()} == {
        kind: str(path) for kind, path in exposure.references.items() if kind in found
    }
    for kind, file in found.items():
        assert file.sha256 == sha256(exposure.references[kind])
        assert file.bytes == exposure.references[kind].stat().st_size


def test_record_has_the_sums_of_the_products(products):
    record = load(products / f"{NAME}{ENDING}")
    assert {p.file for p in record.products} == {f"{NAME}_rate.fits", f"{NAME}_rateints.fits"}
    for product in record.products:
        assert product.bytes == (products / product.file).stat().st_size
        with fits.open(products / product.file) as hdus:
            told = [(h.name, h.header["DATASUM"], h.header["CHECKSUM"]) for h in hdus]
        assert [(h.name, h.datasum, h.checksum) for h in product.hdus] == told


def test_products_have_the_same_bits_but_for_their_date(exposure, products, tmp_path):
    run(exposure, tmp_path, {"jump": {"rejection_threshold": 4.5, "maximum_cores": "none"}})
    for suffix in ("rate", "rateints"):
        contents = []
        for folder in (products, tmp_path):
            content = (folder / f"{NAME}_{suffix}.fits").read_bytes()
            first = [content[n : n + CARD] for n in range(0, 28800, CARD)]
            first = [card for card in first if not card.startswith((b"DATE    ", b"CHECKSUM"))]
            contents.append(b"".join(first) + content[28800:])
        assert contents[0] == contents[1]


def test_no_path_of_this_machine_is_in_the_products(products, exposure):
    content = b"".join(path.read_bytes() for path in products.glob("*.fits"))
    for folder in (products, exposure.uncal.parent, exposure.references["gain"].parent):
        assert str(folder).encode() not in content


def test_context_and_origins_are_told(exposure, tmp_path):
    origins = {"refpix.side_gain": "configuration file: a/über.yaml"}
    process_exposure(
        exposure.uncal, tmp_path, parse_steps({"refpix": {"side_gain": 0.5}}, "test"),
        exposure.references["gain"].parent, {}, origins=origins, context="jwst_1234.pmap",
    )  # fmt: skip
    header = fits.getheader(tmp_path / f"{NAME}_rate.fits")
    assert header["CRDS_CTX"] == "jwst_1234.pmap"
    assert "refpix.side_gain = 0.5 (configuration file)" in list(header["HISTORY"])
    record = load(tmp_path / f"{NAME}{ENDING}")
    assert (record.references.context, record.origins) == ("jwst_1234.pmap", origins)


def test_results_in_memory_leave_no_record(exposure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = Detector1.call(exposure.uncal, references=exposure.references["gain"].parent)
    assert result.rate.header["H_UNCAL"] == sha256(exposure.uncal)
    assert not {"CHECKSUM", "DATASUM"} & {*result.rate.header}
    assert not any(tmp_path.iterdir())


def test_the_sums_of_the_uncal_are_not_taken_over(exposure, tmp_path):
    uncal = tmp_path / exposure.uncal.name
    with fits.open(exposure.uncal) as hdus:
        hdus.writeto(uncal, checksum=True)
    references = exposure.references["gain"].parent
    process_exposure(uncal, tmp_path, Detector1Parameters(), references, {})
    for suffix in ("rate", "rateints"):
        with fits.open(tmp_path / f"{NAME}_{suffix}.fits", checksum=True) as hdus:
            assert [h.verify_checksum() for h in hdus] == [1] * len(hdus)
            assert [h.verify_datasum() for h in hdus] == [1] * len(hdus)
    in_memory = Detector1.call(uncal, references=references).rate.header
    assert not {"CHECKSUM", "DATASUM"} & {*in_memory}


@pytest.mark.parametrize("name", ["parameters.yaml", "provenance.json"])
def test_a_text_that_cannot_be_written_leaves_no_product(exposure, tmp_path, monkeypatch, name):
    write = pending_file.write_all

    def full(file, content, offset):
        if name in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(28, "No space left on device")
        write(file, content, offset)

    monkeypatch.setattr(pending_file, "write_all", full)
    with pytest.raises(OutputError, match=f"{name}: cannot be written: No space"):
        run(exposure, tmp_path)
    assert not any(tmp_path.iterdir())


def test_schema_is_the_models(tmp_path, products, capsys):
    import jsonschema

    schema = json.loads(provenance_record.SCHEMA.read_text())
    record = json.loads((products / f"{NAME}{ENDING}").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(record, schema)
    del record["uncal"]["sha256"]
    with pytest.raises(jsonschema.ValidationError, match="sha256"):
        jsonschema.validate(record, schema)
    assert provenance_record.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_schema_out_of_date(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(provenance_record, "SCHEMA", tmp_path / "schema.json")
    assert provenance_record.main(["--check"]) == 1
    assert "--write" in capsys.readouterr().err
    assert provenance_record.main(["--write"]) == 0
    assert provenance_record.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version=2; this onramp reads version 1"),
        ({"exposure": "../x"}, "exposure"),
        ({"exposure": "x"}, "is the record of 'x'"),
        ({"products": [{"file": "../../x.fits", "bytes": 1, "hdus": []}]}, "products.0.file"),
        ({"products": [{"file": "/etc/x.fits", "bytes": 1, "hdus": []}]}, "products.0.file"),
        ({"products": [{"file": "x.fits", "bytes": 1, "hdus": []}]}, "no product of"),
        ({"uncal": {"path": "x.fits", "bytes": 1, "sha256": "0" * 64}}, "uncal.path"),
        ({"uncal": {"path": "/x.fits", "bytes": "1", "sha256": "0" * 64}}, "uncal.bytes"),
        ({"parameters": {"jump": {"rejection_threshold": "!!python/object"}}}, "threshold"),
        ({"parameters": {"jmp": {}}}, "jmp"),
        ({"more": 1}, "more"),
        ({"date": "today"}, "date"),
    ],
)
def test_records_are_not_trusted(products, tmp_path, change, words):
    content = json.loads((products / f"{NAME}{ENDING}").read_text())
    path = tmp_path / f"{NAME}{ENDING}"
    path.write_text(json.dumps({**content, **change}))
    with pytest.raises(RecordError) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'{"version": 1}', b"1" * 5_000_000],
)
def test_what_is_no_record(tmp_path, content):
    path = tmp_path / f"{NAME}{ENDING}"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_commit_of_this_checkout(tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", tmp_path]
    assert software.checkout(tmp_path) == (None, None)
    (tmp_path / "scripts").mkdir()
    module = tmp_path / "scripts" / "module.py"
    module.write_text("one = 1\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert software.checkout(tmp_path) == (head.stdout.strip(), False)
    (tmp_path / "README").write_text("not a script\n")
    assert software.checkout(tmp_path) == (head.stdout.strip(), False)
    module.write_text("one = 2\n")
    assert software.checkout(tmp_path) == (head.stdout.strip(), True)
    subprocess.run([*git, "add", "."], check=True)
    assert software.checkout(tmp_path) == (head.stdout.strip(), True)


@pytest.mark.parametrize("layout", ["loose", "packed", "detached", "worktree"])
def test_commit_without_git(tmp_path, monkeypatch, layout):
    monkeypatch.setenv("PATH", "")
    folder = tmp_path / "repository" / ".git"
    (folder / "refs/heads").mkdir(parents=True)
    project, told = folder.parent, folder / "HEAD"
    if layout == "worktree":
        project, linked = tmp_path / "linked", folder / "worktrees" / "linked"
        project.mkdir()
        linked.mkdir(parents=True)
        (project / ".git").write_text(f"gitdir: {linked}\n")
        (linked / "commondir").write_text("../..\n")
        told = linked / "HEAD"
    told.write_text(f"{COMMIT}\n" if layout == "detached" else "ref: refs/heads/main\n")
    if layout == "packed":
        text = f"# pack-refs with: peeled\n{'f' * 40} refs/heads/other\n{COMMIT} refs/heads/main\n"
        (folder / "packed-refs").write_text(text)
    else:
        (folder / "refs/heads/main").write_text(f"{COMMIT}\n")
    assert software.checkout(project) == (COMMIT, None)


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "nonsense", "ref: ../../../secret"])
def test_no_commit_where_there_is_none(tmp_path, monkeypatch, head):
    monkeypatch.setenv("PATH", "")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert software.checkout(tmp_path) == (None, None)


@pytest.mark.parametrize(
    ("dirty", "revision"),
    [(False, COMMIT), (True, f"{COMMIT}-dirty"), (None, f"{COMMIT}-unchecked")],
)
def test_revision(dirty, revision):
    assert software.Software("1", COMMIT, dirty, "", {}).revision == revision


def test_no_revision_without_a_checkout():
    assert software.Software("1", None, None, "", {}).revision == "N/A"
