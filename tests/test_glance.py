import pytest
from astropy.io import fits
from onramp.errors import InputError
from onramp.exposure import Exposure
from onramp.glance import glance
from onramp.simulate import simulate


@pytest.fixture
def uncal(tmp_path):
    return simulate("nirspec_bots", tmp_path, 1, nx=24, ny=16, nints=3, ngroups=2).uncal


def test_agrees_with_the_whole_check(uncal):
    with Exposure(uncal) as exposure:
        expected = exposure.instrument, exposure.detector, exposure.shape, False
        assert glance(uncal) == expected


def test_needs_no_more_than_the_headers(uncal):
    whole = uncal.read_bytes()
    expected = glance(uncal)
    data = fits.open(uncal)
    with data:
        end = data["SCI"].fileinfo()["datLoc"]
    uncal.write_bytes(whole[:end])
    assert glance(uncal) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"INSTRUME= ", b"INSTRUMX= "),
        (b"XTENSION= 'IMAGE", b"XTENSION= 'TABLE"),
        (b"EXTNAME = 'SCI ", b"EXTNAME = 'ERR "),
        (b"NAXIS4  =", b"NAXIS7  ="),
        (b"NAXIS1  =                   24", b"NAXIS1  =                    0"),
        (b"SIMPLE", b""),
    ],
)
def test_other_files_are_refused(uncal, old, new):
    content = uncal.read_bytes()
    assert old in content
    uncal.write_bytes(content.replace(old, new) if new else b"")
    with pytest.raises(InputError, match=r"does not begin as an uncal file does"):
        glance(uncal)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        glance(tmp_path / "gone_uncal.fits")
