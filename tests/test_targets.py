import os

import pytest
from onramp import targets
from onramp.configuration import load
from onramp.errors import InputError, OutputError, ParameterError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two exposures in `uncal`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uncal").mkdir()
    for name in ("b_uncal.fits", "a_uncal.fits", "a_rate.fits"):
        (tmp_path / "uncal" / name).touch()
    return tmp_path


def find(exposures, **options):
    return targets.find(load({"exposures": str(exposures), **options}, "x.yaml"))


def sheet(folder, text, name="sheet.tsv"):
    (folder / name).write_text(text)
    return name


@pytest.mark.parametrize("exposures", ["uncal", "uncal/*_uncal.fits", "**/*_uncal.fits"])
def test_folder_and_glob(folder, exposures):
    found = find(exposures)
    assert {name: target.uncal for name, target in found.items()} == {
        "a": "uncal/a_uncal.fits",
        "b": "uncal/b_uncal.fits",
    }


def test_single_file(folder):
    assert list(find("uncal/b_uncal.fits")) == ["b"]


@pytest.mark.parametrize(("name", "separator"), [("sheet.tsv", "\t"), ("sheet.csv", ",")])
def test_sheet(folder, name, separator):
    rows = [
        ["exposure", "uncal", "steps.jump.rejection_threshold", "steps.dark_current.skip"],
        ["# a remark", "", "", ""],
        ["second", "uncal/b_uncal.fits", "6.5", ""],
        ["first", "uncal/a_uncal.fits", "", "true"],
    ]
    text = "\n".join(separator.join(row) for row in rows)
    found = find(sheet(folder, text, name), steps={"jump": {"rejection_threshold": 5.0}})
    assert list(found) == ["second", "first"]
    assert found["second"].uncal == "uncal/b_uncal.fits"
    thresholds = [target.parameters.jump.rejection_threshold for target in found.values()]
    assert thresholds == [6.5, 5.0]
    assert [t.parameters.dark_current.skip for t in found.values()] == [False, True]


@pytest.mark.parametrize(
    ("exposures", "message"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("nowhere/*.fits", r"nowhere/\*.fits: matches no file"),
        (".", r"\.: holds no \*_uncal.fits file"),
        ("uncal/*.fits", "uncal/a_rate.fits: its name does not end in _uncal.fits"),
        ("uncal/a_rate.fits", "uncal/a_rate.fits: its name does not end in _uncal.fits"),
        ("none.tsv", "none.tsv: no such sheet"),
    ],
)
def test_nothing_to_process(folder, exposures, message):
    with pytest.raises(InputError, match=f"^{message}"):
        find(exposures)


def test_two_exposures_of_one_name(folder):
    (folder / "other").mkdir()
    (folder / "other/a_uncal.fits").touch()
    message = "two exposures are named 'a': other/a_uncal.fits and uncal/a_uncal.fits; list them"
    with pytest.raises(InputError, match=message):
        find("*/*_uncal.fits")


@pytest.mark.parametrize(
    "name", ["../a", "/tmp/a", "a/b", "-a", ".a", "..", "a b", "a\\b", "a*", "ä", "{a}", ""]
)
def test_names_that_are_no_file_names(folder, name):
    text = f"exposure,uncal\n{name},uncal/a_uncal.fits\n"
    with pytest.raises(InputError, match=r"^sheet\.csv: exposure '.*' cannot name a product"):
        find(sheet(folder, text, "sheet.csv"))


def test_odd_name_of_a_file(folder):
    (folder / "uncal/-c_uncal.fits").touch()
    with pytest.raises(InputError, match="exposure '-c' cannot name a product"):
        find("uncal")


ROW = "a\tuncal/a_uncal.fits\t{}\n"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", InputError, "is no table of exposures"),
        ("exposure\tuncal\n", InputError, "lists no exposure"),
        ("exposure,uncal\na,b\n", InputError, "column 'exposure' is missing .*separate .* tabs"),
        ("exposure\tfile\na\tb\n", InputError, "column 'uncal' is missing"),
        ("exposure\tuncal\na\tb\tc\td\n", InputError, "^sheet.tsv: "),
        ("exposure\tuncal\na\tgone_uncal.fits\n", InputError, "'a': no such uncal file: 'gone_"),
        ("exposure\tuncal\na\t\n", InputError, "exposure 'a': no such uncal file: ''"),
        (f"exposure\tuncal\tjump\n{ROW}", ParameterError, "unknown column 'jump'"),
        (
            f"exposure\tuncal\tsteps.jmup.skip\n{ROW}",
            ParameterError,
            "unknown column 'steps.jmup.skip'; did you mean 'steps.jump",
        ),
        (
            f"exposure\tuncal\tsteps.jump.rejection\n{ROW.format(5)}",
            ParameterError,
            "exposure 'a': step 'jump' has no parameter 'rejection'",
        ),
        (
            f"exposure\tuncal\tsteps.jump.rejection_threshold\n{ROW.format('high')}",
            ParameterError,
            "exposure 'a': steps.jump.rejection_threshold='high'",
        ),
        (
            f"exposure\tuncal\tsteps.jump.maximum_cores\n{ROW.format('half')}",
            ParameterError,
            "'steps.jump.maximum_cores' concerns all exposures",
        ),
        (
            f"exposure\tuncal\tsteps.ramp_fit.skip\n{ROW.format('true')}",
            ParameterError,
            "exposure 'a': would have other products than the rest",
        ),
    ],
)
def test_faulty_sheet_is_one_line(folder, text, error, message):
    with pytest.raises(error, match=message) as caught:
        find(sheet(folder, text))
    assert str(caught.value).startswith("sheet.tsv: ")
    assert "\n" not in str(caught.value)


def test_sheet_that_is_no_text(folder):
    (folder / "sheet.tsv").write_bytes(b"\xff\xfe\x00exposure")
    with pytest.raises(InputError, match=r"sheet\.tsv: is no table of exposures"):
        find("sheet.tsv")


def test_ten_thousand_exposures_cost_nothing(folder):
    for n in range(10_000):
        os.link(folder / "uncal/a_uncal.fits", folder / f"uncal/x{n}_uncal.fits")
    assert len(find("uncal")) == 10_002


def test_suffixes():
    steps = load({"steps": {"jump": {"save_results": True}}}, "x").steps
    assert targets.suffixes(steps, False) == ("rate", "rateints", "jump")
    assert targets.suffixes(steps, True) == ("rate", "rateints", "ramp", "jump")


@pytest.mark.parametrize(
    "steps",
    [
        {"ramp_fit": {"save_opt": True}},  # fitopt, or likely_chisq where read times are uneven
        {"reset": {"save_results": True}},  # only MIRI
        {"superbias": {"save_results": True}},  # not MIRI
        {"clean_flicker_noise": {"skip": False, "save_mask": True}},
    ],
)
def test_what_not_every_exposure_has_is_nobodys_target(steps):
    assert targets.suffixes(load({"steps": steps}, "x").steps, False) == ("rate", "rateints")


@pytest.mark.parametrize(
    ("step", "values"),
    [("dark_current", {"dark_output": "dark"}), ("ramp_fit", {"save_opt": True, "opt_name": "x"})],
)
def test_two_exposures_do_not_write_one_file(folder, step, values):
    with pytest.raises(ParameterError, match=r"'a' and 'b' would write the same file; put {expos"):
        find("uncal", steps={step: values})
    assert len(find("uncal/a_uncal.fits", steps={step: values})) == 1
    named = {name: f"{{exposure}}_{v}" if v is not True else v for name, v in values.items()}
    assert len(find("uncal", steps={step: named})) == 2


def test_a_sheet_may_name_the_file_of_each_exposure(folder):
    rows = "exposure\tuncal\tsteps.dark_current.dark_output\n"
    rows += "".join(f"{name}\tuncal/{name}_uncal.fits\tof_{name}\n" for name in "ab")
    found = find(sheet(folder, rows))
    assert [t.parameters.dark_current.dark_output for t in found.values()] == ["of_a", "of_b"]


def test_folder_of_products(folder):
    targets.check_folder("new/results")
    targets.check_folder("uncal")
    assert not (folder / "new").exists()
    with pytest.raises(OutputError, match=r"a_uncal\.fits is not a folder; choose another"):
        targets.check_folder("uncal/a_uncal.fits/results")


def test_folder_without_rights(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="is not writable; choose another"):
        targets.check_folder("new/results")
