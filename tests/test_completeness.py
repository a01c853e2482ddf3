import json

import pytest
from onramp.completeness import PICTURE_END, drop_truncated, files_to_ask_for, find_truncated

SIZES = {"x_rate.fits": 100, "x_rateints.fits": 200}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "quicklook").mkdir()
    for name, size in SIZES.items():
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "x_statistics.json").write_text(json.dumps({"products": SIZES}))
    (tmp_path / "quicklook/x.png").write_bytes(b"\x89PNG" + PICTURE_END)
    return tmp_path


def test_whole_longer_and_absent_files_are_left_alone(results):
    assert find_truncated(results, ["x", "never_run"]) == []
    (results / "x_rate.fits").write_bytes(bytes(101))
    (results / "x_rateints.fits").unlink()
    (results / "quicklook/x.png").unlink()
    assert find_truncated(results, ["x"]) == []


@pytest.mark.parametrize("name", [*SIZES, "x_statistics.json", "quicklook/x.png"])
def test_truncated_files_are_dropped(results, name):
    path = results / name
    for length in (path.stat().st_size - 1, 1, 0):
        path.write_bytes(path.read_bytes()[:length])
        assert find_truncated(results, ["x"]) == [path]
    (line,) = drop_truncated(results, ["x"], dryrun=True)
    assert line.startswith(f"{path}: shorter")
    assert path.exists()
    drop_truncated(results, ["x"])
    assert not path.exists()
    assert drop_truncated(results, ["x"]) == []


def test_pictures_may_be_of_no_interest(results):
    (results / "quicklook/x.png").write_bytes(b"")
    assert find_truncated(results, ["x"], pictures=False) == []


@pytest.mark.parametrize("content", ["[]", "null", '{"products": [1]}', "nonsense"])
def test_statistics_of_any_content(results, content):
    (results / "x_statistics.json").write_text(content)
    assert find_truncated(results, ["x"]) == [results / "x_statistics.json"]


def test_statistics_of_earlier_versions(results):
    (results / "x_statistics.json").write_text('{"exposure": "x"}')
    assert find_truncated(results, ["x"]) == []


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
