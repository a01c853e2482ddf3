"""Names and header values of any content lead out of no folder, onto no terminal or page."""

import io
import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits
from cards import card
from conftest import workflow
from onramp.errors import InputError, OnrampError, ReferenceFileError
from onramp.printing import PlainFormatter
from onramp.quicklook import draw
from onramp.summary import collect, text

EVIL = (
    "../../x", "/tmp/x", "..", "a/b", "$(touch x)", "`touch x`", "a;b", "{0}", "%s", "$\\frac$",
    "$x_{y$", "<b>&amp;", "'; --", "a\\b", "*",
)  # fmt: skip
CONTROLS = ("\x1b[31mred", "a\rb", "bell\x07", "\x9b31m", "\u202eleft", "back\x08")
ROOT = Path(__file__).resolve().parents[2]
UNSAFE = re.compile(
    r"(?<![\w.])eval\(|(?<![\w.])exec\(|pickle|marshal|shelve|yaml\.(unsafe_|full_)load|"
    r"yaml\.load\((?!.*SafeLoader)|allow_pickle=True|os\.system|shell=True|literal_eval|__import__"
)


def test_nothing_is_evaluated_or_unpickled():
    found = []
    for path in [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk")]:
        lines = enumerate(path.read_text().splitlines(), start=1)
        found += [f"{path}:{n}: {line}" for n, line in lines if UNSAFE.search(line)]
    assert not found, "\n".join(found)


def with_values(healthy, folder, **values):
    """Write the exposure with other values, which need not be valid, in its primary header."""
    content = healthy.uncal.read_bytes()
    for keyword, value in values.items():
        at = content.index(keyword.ljust(8).encode() + b"= ")
        quoted = "'" + value.replace("'", "''") + "'"
        content = content[:at] + card(keyword, quoted) + content[at + 80 :]
    folder.mkdir(exist_ok=True)
    path = folder / healthy.uncal.name
    path.write_bytes(content)
    return path


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("value", EVIL)
def test_no_value_leads_out_of_the_output_folder(healthy, tmp_path, value):
    uncal = with_values(
        healthy, tmp_path / "uncal", FILENAME=value, SUBARRAY=value, PROGRAM=value, TARGNAME=value,
        DATAMODL=value,
    )  # fmt: skip
    before = everything(tmp_path)
    healthy.process(tmp_path / "results", uncal=uncal)
    endings = "_rate.fits", "_rateints.fits", "_parameters.yaml", "_provenance.json"
    made = [f"results/{healthy.name}{ending}" for ending in endings]
    assert set(everything(tmp_path)) == {*before, "results", *made}
    with fits.open(tmp_path / made[0]) as file:
        assert file[0].header["FILENAME"] == f"{healthy.name}_rate.fits"
        assert file[0].header["TARGNAME"] == value


@pytest.mark.parametrize("keyword", ["DETECTOR", "INSTRUME", "EXP_TYPE", "FILENAME", "TARGNAME"])
@pytest.mark.parametrize("value", CONTROLS)
def test_controls_in_headers_are_refused_without_being_shown(healthy, tmp_path, keyword, value):
    uncal = with_values(healthy, tmp_path / "u", **{keyword: value.encode().decode("latin-1")})
    with pytest.raises(InputError) as caught:
        healthy.process(tmp_path / "results", uncal=uncal)
    assert str(caught.value).isprintable()
    assert everything(tmp_path / "results") == []


@pytest.mark.parametrize("name", [*CONTROLS, "caf\xe9", "\udce9", "two\nlines"])
def test_file_names_beyond_ascii(healthy, tmp_path, name):
    try:
        uncal = shutil.copy(healthy.uncal, tmp_path / f"{name}_uncal.fits")
    except UnicodeEncodeError:
        pytest.fail("the file system refuses the name")
    with pytest.raises(InputError, match="no header can hold this file's name") as caught:
        healthy.process(tmp_path / "results", uncal=uncal)
    assert str(caught.value).isprintable()
    assert everything(tmp_path / "results") == []


@pytest.mark.parametrize("name", ["a b", "'quoted'", "$HOME", "a;rm -rf x", "-x", "n" * 180, "%s"])
def test_file_names_within_ascii(healthy, tmp_path, name):
    uncal = shutil.copy(healthy.uncal, tmp_path / f"{name}_uncal.fits")
    healthy.process(tmp_path / "results", uncal=uncal)
    for suffix in ("rate", "rateints"):
        with fits.open(tmp_path / f"results/{name}_{suffix}.fits") as file:
            assert file[0].header["FILENAME"] == f"{name}_{suffix}.fits"


def test_a_name_that_is_too_long(healthy, tmp_path):
    uncal = shutil.copy(healthy.uncal, tmp_path / f"{'n' * 240}_uncal.fits")
    with pytest.raises(OnrampError, match="File name too long"):
        healthy.process(tmp_path / "results", uncal=uncal)


def test_reference_names_beyond_ascii(healthy, tmp_path):
    shutil.copytree(healthy.references, tmp_path / "references")
    dark = next((tmp_path / "references").glob("jwst_nircam_dark_*"))
    dark.rename(dark.with_name("dark\x1b[31m.fits"))
    with pytest.raises(ReferenceFileError, match="no header can hold this file's name") as caught:
        healthy.process(tmp_path / "results", references=tmp_path / "references")
    assert str(caught.value).isprintable()


def test_pictures_show_values_as_they_are(healthy, tmp_path):
    statistics = healthy.process(tmp_path)
    products = [tmp_path / f"{healthy.name}_{suffix}.fits" for suffix in ("rate", "rateints")]
    for value in ("$\\frac$", "$x_{y$", "<b>&amp;", "a\\b"):
        statistics.update(subarray=value, readpatt=value)
        draw(healthy.uncal, *products, statistics, tmp_path / "x.png")
        assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("value", CONTROLS)
def test_logs_and_tables_are_printable(tmp_path, value):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logger = logging.Logger("plain")
    logger.addHandler(handler)
    try:
        raise ValueError(value)
    except ValueError:
        logger.exception("read %s", value)
    (tmp_path / "a_statistics.json").write_text(json.dumps({"instrument": value, "mode": value}))
    facts = {"reason": value, "uncal": {"INSTRUME": value, "EXP_TYPE": value}}
    lines = [f"{key}: {json.dumps(fact)}" for key, fact in facts.items()]
    (tmp_path / "b_pipecrash.txt").write_text("\n".join([*lines, ""]))
    printed = text(collect(tmp_path, ["a", "b"]))
    for line in [*printed.split("\n"), *stream.getvalue().split("\n")]:
        assert line.isprintable(), repr(line)
    assert len(stream.getvalue().split("\n")) == 6


@pytest.mark.parametrize("name", [*EVIL, *CONTROLS, ".hidden", "", " "])
def test_names_in_sheets(finished_project, tmp_path, name):
    """A sheet's names become names of files: what is not plainly one is refused."""
    from onramp.configuration import Configuration
    from onramp.targets import find

    uncal = f"{finished_project.folder}/uncal/{workflow.NIRSPEC}_uncal.fits"
    quoted = name.replace('"', '""')
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(f'exposure,uncal\n"{quoted}","{uncal}"\n'.encode())
    with pytest.raises(InputError) as caught:
        find(Configuration(exposures=str(sheet)))
    assert str(caught.value).isprintable()


def test_command_line(healthy, tmp_path):
    uncal = tmp_path / "\x1b[31mred_uncal.fits"
    uncal.write_bytes(b"no FITS file")
    command = [sys.executable, "-m", "onramp.cli", "detector1", str(uncal)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).replace(b"\n", b"").decode().isprintable()
