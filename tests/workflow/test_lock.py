"""Two runs in one folder: the second leaves what the first has begun alone."""

import os
import sys

import pytest
from onramp.errors import OutputError

from .conftest import NAMES, ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from onramp_lock import claim


def test_second_run_changes_nothing(finished):
    lock = claim(finished.results)
    finished.configure(references={"override": {"dark": "N/A"}})
    manifests = {p: p.read_bytes() for p in (finished.results / "references").iterdir()}
    products = sorted(path.name for path in finished.results.iterdir())
    cut = next(finished.results.glob("*_rate.fits"))
    cut.write_bytes(cut.read_bytes()[:-1])
    status, printed = finished.run()
    assert status == 1
    assert "onramp: results: another run is making products here; wait for its end" in printed
    assert {p: p.read_bytes() for p in (finished.results / "references").iterdir()} == manifests
    assert sorted(path.name for path in finished.results.iterdir()) == products
    assert finished.plan() == NAMES, "a dry run may look"
    os.close(lock)
    assert finished.rerun()[0] == NAMES


def test_lock_is_held_once(tmp_path):
    lock = claim(tmp_path)
    with pytest.raises(OutputError, match="another run"):
        claim(tmp_path)
    os.close(lock)
    os.close(claim(tmp_path))


def test_folder_that_cannot_be_written_is_for_others_to_tell(tmp_path):
    (tmp_path / "file").touch()
    assert claim(tmp_path / "file") is None
