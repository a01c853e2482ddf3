import json
import os
from pathlib import Path

import numpy as np
import pytest
from onramp import reference_digest
from onramp.errors import ReferenceFileError
from reference_files import chosen, contents, write


def test_a_digest_is_computed_once_for_each_state_of_a_file(folder, cache, monkeypatch):
    path = folder / "jwst_nircam_gain_0001.fits"
    first = reference_digest.digest(path)
    (entry,) = (cache / "references").iterdir()
    assert json.loads(entry.read_text())["sha256"] == first.sha256
    calls = []
    monkeypatch.setattr(reference_digest, "scan", lambda path: calls.append(path) or [])
    assert reference_digest.digest(path) == first
    assert calls == []
    os.utime(path, ns=(1, 1))
    assert reference_digest.digest(path).sha256 == first.sha256
    assert len(calls) == 1
    path.write_bytes(path.read_bytes() + bytes(2880))
    assert reference_digest.digest(path).sha256 != first.sha256


@pytest.mark.parametrize("entry", ["", "[]", '{"path": 1}', "\x00", '{"sha256": "xyz"}'])
def test_a_corrupt_cache_is_ignored_and_mended(folder, cache, entry):
    path = folder / "jwst_nircam_gain_0001.fits"
    first = reference_digest.digest(path)
    (file,) = (cache / "references").iterdir()
    good = file.read_text()
    file.write_text(entry)
    assert reference_digest.digest(path) == first
    assert file.read_text() == good


def test_an_unwritable_cache_does_no_harm(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ONRAMP_CACHE", str(tmp_path / "file"))
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


def test_the_cache_is_where_the_user_says(monkeypatch):
    monkeypatch.setenv("ONRAMP_CACHE", "/a")
    assert reference_digest.cache_folder() == Path("/a")
    monkeypatch.delenv("ONRAMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert reference_digest.cache_folder() == Path("/b/onramp")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert reference_digest.cache_folder() == Path("/c/.cache/onramp")


@pytest.mark.parametrize("kind", ["saturation", "superbias", "linearity", "dark", "gain"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused_wherever_they_are(folder, kind, value, monkeypatch):
    monkeypatch.setattr(reference_digest, "BLOCK_BYTES", 500)
    images = contents(kind)
    (name,) = images
    images[name][..., -1, -1] = value
    write(folder / "bad.fits", kind, images, {"READPATT": "RAPID"})
    for _ in range(2):  # found, then recalled
        with pytest.raises(ReferenceFileError, match=rf"bad\.fits\[{name}\]: \d infinite value"):
            chosen(folder, kind)


def test_values_that_overflow_float32_count_as_infinite(folder):
    image = np.ones((20, 24))
    image[3, 4] = 1e300
    write(folder / "big.fits", "gain", {"SCI": image}, {"READPATT": "RAPID"})
    with pytest.raises(ReferenceFileError, match="1 infinite value;"):
        chosen(folder)


def test_nan_is_legal_unless_there_is_nothing_else(folder):
    image = np.full((20, 24), np.nan, np.float32)
    write(folder / "nan.fits", "gain", {"SCI": image}, {"READPATT": "RAPID"})
    with pytest.raises(ReferenceFileError, match=r"\[SCI\]: no finite value; .* override_gain"):
        chosen(folder)
    image[7, 7] = 1
    write(folder / "nan2.fits", "gain", {"SCI": image}, {"READPATT": "RAPID", "EXP_TYPE": "ANY",
                                                        "SUBARRAY": "SUB64P"})  # fmt: skip
    assert chosen(folder) == "nan2.fits"
