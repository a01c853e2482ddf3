from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from onramp import light_curve
from onramp.errors import InputError

START, LENGTH = 60000.0, 0.001


def an_exposure(nints=3, first=0, timed=True):
    begin = START + LENGTH * np.arange(first, first + nints) if timed else np.zeros(0)
    times = {"start": begin, "mid": begin + LENGTH / 2, "end": begin + LENGTH}
    return SimpleNamespace(
        name="x", detector="NRS1", shape=(nints, 2, 4, 4), integration_times=times.__getitem__
    )


def written(folder, name="curve.ecsv", **columns):
    path = folder / name
    Table(columns).write(path, format="ascii.ecsv" if name.endswith("ecsv") else "ascii.csv")
    return str(path)


TIMES = START + LENGTH * (np.arange(6) + 0.52)


def test_rows_are_found_by_their_times(tmp_path):
    order = [4, 2, 0, 1, 3, 5]
    fluxes = np.arange(6.0)
    path = written(tmp_path, MJD_UTC=TIMES[order], whitelight_flux=fluxes[order])
    assert light_curve.read(path, an_exposure(2, first=3)).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("name", ["whitelight_flux", "aperture_sum", "flux"])
def test_columns_of_the_archive_are_known(tmp_path, name):
    path = written(tmp_path, **{name: [1.0, 2.0, np.nan]})
    np.testing.assert_equal(light_curve.read(path, an_exposure()), [1.0, 2.0, np.nan])


def test_the_columns_of_the_detector_come_first(tmp_path):
    path = written(
        tmp_path, MJD_UTC_NRS2=TIMES + 1, whitelight_flux_NRS2=np.zeros(6),
        MJD_UTC_NRS1=TIMES, whitelight_flux_NRS1=np.arange(6.0),
    )  # fmt: skip
    assert light_curve.read(path, an_exposure()).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("name", ["curve.csv", "curve.ecsv"])
def test_without_times_rows_are_integrations(tmp_path, name):
    path = written(tmp_path, name, flux=[3.0, 1.0, 2.0])
    assert light_curve.read(path, an_exposure()).tolist() == [3.0, 1.0, 2.0]
    timed = written(tmp_path, f"timed_{name}", MJD=TIMES[:3], flux=[3.0, 1.0, 2.0])
    assert light_curve.read(timed, an_exposure(timed=False)).tolist() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"flux": [1.0, 2.0]}, "2 rows; x has 3 integrations"),
        ({"light": [1.0, 2.0, 3.0]}, "no column whitelight_flux or"),
        ({"MJD": TIMES[:2], "flux": [1.0, 2.0]}, "no row at MJD 60000.002500, when integration 3"),
        ({"MJD": [np.nan] * 3, "flux": [1.0, 2.0, 3.0]}, "no row at MJD 60000.000500"),
        ({"MJD": [], "flux": []}, "no row at MJD 60000.000500"),
        ({"flux": ["a", "b", "c"]}, "flux is no column of numbers"),
    ],
)
def test_what_is_no_light_curve_of_it_is_refused(tmp_path, columns, says):
    path = written(tmp_path, **columns)
    with pytest.raises(InputError, match=says) as error:
        light_curve.read(path, an_exposure())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", None])
def test_what_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "curve.ecsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"curve\.ecsv: cannot be read as a table") as error:
        light_curve.read(str(path), an_exposure())
    assert "\n" not in str(error.value)
