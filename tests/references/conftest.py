import pytest
from onramp.parameters import parse_steps
from reference_files import FITS_TYPES, contents, write


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ONRAMP_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "references"
    for kind in FITS_TYPES:
        write(folder / f"jwst_nircam_{kind}_0001.fits", kind, contents(kind))
    return folder


@pytest.fixture
def parameters():
    return parse_steps({}, "test")
