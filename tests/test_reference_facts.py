import pytest
from astropy.io import fits
from onramp.errors import InputError
from onramp.exposure import Exposure
from onramp.reference_facts import META, keywords_of, read_facts
from onramp.simulate import simulate


@pytest.fixture
def uncal(tmp_path):
    return simulate("nirspec_bots", tmp_path, 1, nx=16, ny=16, nints=1, ngroups=2).uncal


def test_facts_are_those_of_the_exposure(uncal):
    facts = read_facts(uncal, "mine")
    with Exposure(uncal) as exposure:
        for name in ("instrument", "detector", "exp_type", "readpatt", "date_obs"):
            assert getattr(facts, name) == getattr(exposure, name)
        for name in ("name", "xstart", "ystart", "nx", "ny"):
            assert getattr(facts.subarray, name) == getattr(exposure.subarray, name)
        present = {name for name in META if name in exposure.primary}
        assert facts.keywords == {name: exposure.primary[name] for name in present}
    assert facts.name == "mine"
    assert facts.keywords["TSOVISIT"] is True


@pytest.mark.parametrize(
    "value", ["it's", "", "a / b", 3, -7, 2.5, 1e-5, True, False, "  led", "12345678"]
)
def test_values_are_those_that_astropy_reads(value):
    header = fits.Header([("SIMPLE", True), ("PATTTYPE", value, "a 'comment'"), ("FILTER", "x")])
    told = header["PATTTYPE"]
    expected = told.strip() if isinstance(told, str) else told
    assert keywords_of(header.tostring().encode()) == {"PATTTYPE": expected, "FILTER": "x"}


def test_value_in_a_comment_is_none():
    header = fits.Header([("SIMPLE", True), ("COMMENT", "FILTER  = 'F200W'"), ("FILTER", None)])
    assert keywords_of(header.tostring().encode()) == {}


@pytest.mark.parametrize(
    "mode",
    ["nircam_sub", "nircam_dhs", "niriss_superstripes", "nircam_superstripes",
     "nircam_pure_superstripes", "nircam_repeated_superstripes"],
)  # fmt: skip
def test_area_is_that_of_the_exposure(tmp_path, mode):
    simulated = simulate(mode, tmp_path, 3, ngroups=2)
    facts = read_facts(simulated.uncal, "x")
    with Exposure(simulated.uncal) as exposure:
        for field in facts.area._fields:
            assert getattr(facts.area, field) == getattr(exposure.area, field), field


def test_long_header_is_read_to_its_end(uncal):
    with fits.open(uncal, mode="update") as file:
        for n in range(700):
            file[0].header.insert(5, ("COMMENT", f"line {n} END"))
    assert read_facts(uncal, "x").detector == "NRS1"


@pytest.mark.parametrize("content", [b"", b"no FITS file", b"SIMPLE  =" + b" " * 4000])
def test_files_that_are_none(tmp_path, content):
    path = tmp_path / "x_uncal.fits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x_uncal\.fits: does not begin as a FITS file does"):
        read_facts(path, "x")


def test_missing_file_and_keywords(tmp_path, uncal):
    with pytest.raises(InputError, match="gone: No such file"):
        read_facts(tmp_path / "gone", "x")
    with fits.open(uncal, mode="update") as file:
        del file[0].header["SUBSTRT1"]
    with pytest.raises(InputError, match="SUBSTRT1 missing"):
        read_facts(uncal, "x")
    with fits.open(uncal, mode="update") as file:
        file[0].header["SUBSTRT1"] = "one"
    with pytest.raises(InputError, match="no whole numbers; mend the header"):
        read_facts(uncal, "x")
