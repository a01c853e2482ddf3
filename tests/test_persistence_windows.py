"""The file in which windows pass from one exposure to the next."""

import threading
from types import SimpleNamespace

import asdf
import numpy as np
import pytest
from astropy.io import fits
from onramp import Detector1, persistence_windows
from onramp.errors import InputError, OnrampError
from onramp.flags import PERSISTENCE
from onramp.simulate import simulate


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("windows"), 8, nx=40, ny=48, nints=2, ngroups=5
    )


def call(exposure, step, **options):
    return Detector1.call(
        exposure.uncal, references=exposure.references["gain"].parent,
        steps={"persistence": {"skip": False, "persistence_time": 10, **step}}, **options,
    )  # fmt: skip


def test_windows_pass_from_one_exposure_to_the_next(exposure, tmp_path):
    windows = str(tmp_path / "windows.asdf")
    step = {"persistence_time": 10_000}
    saving = {**step, "dn_threshold": 1000.0, "save_persistence": windows}
    first = call(exposure, saving, save_calibrated_ramp=True).ramp
    opened = (first.groupdq[-1, -1] & PERSISTENCE) != 0
    assert 0 < opened.sum() < opened.size
    for later, holds in ((0.05, True), (0.5, False)):
        uncal = tmp_path / exposure.uncal.name
        with fits.open(exposure.uncal) as hdus:
            hdus["INT_TIMES"].data["int_start_MJD_UTC"] += later
            hdus.writeto(uncal, overwrite=True)
        moved = exposure._replace(uncal=uncal)
        after = {**step, "persistence_array_file": windows}
        second = call(moved, after, save_calibrated_ramp=True).ramp
        still = (second.groupdq[0, 0] & PERSISTENCE) != 0
        assert still[opened].all() if holds else not still[opened].all()


def test_other_files_are_no_windows(exposure, tmp_path):
    path = tmp_path / "windows.asdf"
    path.write_text("nothing")
    with pytest.raises(InputError, match="no ASDF file"):
        call(exposure, {"persistence_array_file": str(path)})


@pytest.mark.parametrize("place", ["nowhere/windows.asdf", "model.asdf"])
def test_where_windows_cannot_be_saved_nothing_is_made(exposure, tmp_path, place):
    asdf.AsdfFile({"NRCB1": {"vals": [1.0]}, "roi": [1, 2]}).write_to(tmp_path / "model.asdf")
    before = (tmp_path / "model.asdf").read_bytes()
    step = {"save_persistence": str(tmp_path / place)}
    with pytest.raises(OnrampError, match="choose another save_persistence"):
        call(exposure, step, output_dir=tmp_path / "results", save_results=True)
    assert not list((tmp_path / "results").iterdir())
    assert (tmp_path / "model.asdf").read_bytes() == before


def test_windows_of_two_detectors_that_end_together(tmp_path, monkeypatch):
    """Each is in the file, though the second begins to save while the first is at it."""
    path, at_it, threads = tmp_path / "windows.asdf", threading.Event(), []
    read = persistence_windows._read
    windows = {}
    for detector in ("NRCA1", "NRCA2"):
        exposure = SimpleNamespace(detector=detector, path=path, primary={})
        made = persistence_windows.PersistenceWindows.__new__(
            persistence_windows.PersistenceWindows
        )
        made._exposure, made.runs, made._after = exposure, True, np.ones((2, 3))
        made._parameters = SimpleNamespace(save_persistence=str(path), persistence_time=5)
        windows[detector] = made

    def slow(found):
        tree = read(found)
        if not at_it.is_set():
            at_it.set()
            threads.append(threading.Thread(target=windows["NRCA2"].save))
            threads[0].start()
            threads[0].join(0.3)
        return tree

    monkeypatch.setattr(persistence_windows, "_read", slow)
    asdf.AsdfFile({}).write_to(path)
    windows["NRCA1"].save()
    threads[0].join()
    assert set(read(path)) == {"NRCA1", "NRCA2"}


@pytest.mark.parametrize(
    ("keyword", "value"), [("EXPSTART", "abc"), ("EFFINTTM", "long"), ("EXPSTART", None)]
)
def test_times_that_are_none_are_told(exposure, tmp_path, keyword, value):
    uncal = tmp_path / exposure.uncal.name
    with fits.open(exposure.uncal) as hdus:
        del hdus["INT_TIMES"]
        hdus[0].header[keyword] = value
        hdus.writeto(uncal)
    with pytest.raises(InputError, match=keyword):
        call(exposure._replace(uncal=uncal), {})


def test_a_table_of_times_without_them_is_told(exposure, tmp_path):
    uncal = tmp_path / exposure.uncal.name
    with fits.open(exposure.uncal) as hdus:
        hdus["INT_TIMES"].columns.change_name("int_mid_MJD_UTC", "middle")
        hdus.writeto(uncal)
    with pytest.raises(InputError, match=r"\[INT_TIMES\]: does not say when"):
        call(exposure._replace(uncal=uncal), {})
