import pytest
from onramp import named_files
from onramp.parameters import parse_steps


@pytest.mark.parametrize(
    ("persistence", "recorded"),
    [
        ({"persistence_array_file": "before.asdf"}, True),
        ({"persistence_array_file": "before.asdf", "save_persistence": "after"}, True),
        ({"persistence_array_file": "before.asdf", "save_persistence": "before"}, False),
        ({"persistence_array_file": "before.asdf", "skip": True}, False),
        ({"persistence_array_file": "nowhere.asdf"}, False),
    ],
)
def test_windows_that_were_read_are_recorded_unless_they_change(
    tmp_path, monkeypatch, persistence, recorded
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "before.asdf").touch()
    steps = parse_steps({"persistence": {"skip": False, **persistence}}, "test")
    found = named_files.paths("x_uncal.fits", "NRC_IMAGE", steps)
    assert found == (["before.asdf"] if recorded else [])
    assert named_files.digests("x_uncal.fits", "NRC_IMAGE", steps) == {}
