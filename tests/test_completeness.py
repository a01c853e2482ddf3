import json

import pytest
from onramp.completeness import PICTURE_END, drop_incomplete, files_to_ask_for, find_incomplete

SIZES = {"x_rate.fits": 100, "x_rateints.fits": 200}


def found(results, *arguments, **options):
    """Return the paths of what is found, of which all products are declared."""
    declared = [f"{results}/{{exposure}}_{end}.fits" for end in ("rate", "rateints")]
    return [each.path for each in find_incomplete(results, *arguments, declared, **options)]


@pytest.fixture
def results(tmp_path):
    (tmp_path / "quicklook").mkdir()
    for name, size in SIZES.items():
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "x_statistics.json").write_text(json.dumps({"products": SIZES}))
    (tmp_path / "quicklook/x.png").write_bytes(b"\x89PNG" + PICTURE_END)
    return tmp_path


def test_whole_longer_and_absent_files_are_left_alone(results):
    assert found(results, ["x", "never_run"]) == []
    (results / "x_rate.fits").write_bytes(bytes(101))
    (results / "x_rateints.fits").unlink()
    (results / "quicklook/x.png").unlink()
    assert found(results, ["x"]) == []


@pytest.mark.parametrize("name", [*SIZES, "x_statistics.json", "quicklook/x.png"])
def test_truncated_files_are_dropped(results, name):
    path = results / name
    for length in (path.stat().st_size - 1, 1, 0):
        path.write_bytes(path.read_bytes()[:length])
        assert found(results, ["x"]) == [path]
    (line,) = drop_incomplete(results, ["x"], dryrun=True)
    assert line.startswith(f"{path}: shorter")
    assert path.exists()
    drop_incomplete(results, ["x"])
    assert not path.exists()
    assert drop_incomplete(results, ["x"]) == []


@pytest.mark.parametrize("length", [None, 5])
def test_what_the_workflow_does_not_know_of_makes_the_exposure_again(results, length):
    """As products of one instrument's steps, or under names of the user's."""
    path, statistics = results / "x_fitopt.fits", results / "x_statistics.json"
    sizes = {**SIZES, path.name: 10}
    statistics.write_text(json.dumps({"products": sizes}))
    if length:
        path.write_bytes(bytes(length))
    declared = [f"{results}/{{exposure}}_{end}.fits" for end in ("rate", "rateints")]
    (line,) = drop_incomplete(results, ["x"], declared, dryrun=True)
    assert line.startswith(f"{path}: {'shorter' if length else 'is missing'}")
    assert statistics.exists()
    (line,) = drop_incomplete(results, ["x"], declared)
    assert line.endswith("it is made again")
    assert not statistics.exists()
    assert not path.exists()
    assert (results / "x_rate.fits").exists()


def test_pictures_may_be_of_no_interest(results):
    (results / "quicklook/x.png").write_bytes(b"")
    assert found(results, ["x"], pictures=False) == []


@pytest.mark.parametrize("content", ["[]", "null", '{"products": [1]}', "nonsense"])
def test_statistics_of_any_content(results, content):
    (results / "x_statistics.json").write_text(content)
    assert found(results, ["x"]) == [results / "x_statistics.json"]


def test_statistics_of_earlier_versions(results):
    (results / "x_statistics.json").write_text('{"exposure": "x"}')
    assert found(results, ["x"]) == []


def test_one_file_stands_for_all_of_an_exposure(results):
    products = [str(results / f"{{exposure}}_{end}.fits") for end in ("rate", "rateints")]
    picture = str(results / "quicklook/{exposure}.png")

    def asked(*options):
        found = files_to_ask_for(["x", "y"], products, *options)
        return [path.removeprefix(f"{results}/") for path in found]

    assert asked() == asked(picture) == ["x_rate.fits", "y_rate.fits"]
    assert asked(picture, True) == ["x_rate.fits", "quicklook/x.png", "y_rate.fits"]
    (results / "quicklook/x.png").unlink()
    assert asked(picture) == ["x_rate.fits", "quicklook/x.png", "y_rate.fits"]
    (results / "x_rateints.fits").unlink()
    assert asked(picture) == ["x_rateints.fits", "y_rate.fits"]


def test_nothing_is_there_yet(tmp_path):
    product = f"{tmp_path}/new/{{exposure}}_rate.fits"
    assert list(files_to_ask_for(["x"], [product])) == [f"{tmp_path}/new/x_rate.fits"]
