"""wfss_contam beside the reference's, with the choices that follow it."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from onramp.wfss.simulation import simulate_grism
from onramp.wfss_contam import WfssContam
from wfss_cases import COMPATIBLE, SCENES, SMALL

HERE = Path(__file__).parent
CASES = [*SMALL, *SCENES]


@pytest.fixture(scope="module")
def exposures(request, tmp_path_factory):
    """The simulated exposure of each selected case, by name."""
    selected = {
        item.callspec.params["case"] for item in request.session.items
        if getattr(item, "callspec", None) and item.fspath == request.fspath
    }  # fmt: skip
    found = {}
    for seed, case in enumerate(CASES, start=1):
        if case.name in selected:
            folder = tmp_path_factory.mktemp(case.name)
            found[case.name] = simulate_grism(
                case.mode, folder, seed, case.sources, places=case.places
            )
            if case.catalogue is not None:
                (path,) = folder.glob("*_cat.ecsv")
                table = Table.read(path, format="ascii.ecsv")[: case.catalogue]
                table.write(path, format="ascii.ecsv", overwrite=True)
    return found


@pytest.fixture(scope="module")
def reference(exposures, jwst_python, tmp_path_factory):
    """The reference's arrays by case."""
    folder = tmp_path_factory.mktemp("reference")
    jobs = [_job(case, exposures[case.name], folder) for case in CASES if case.name in exposures]
    commands = []
    for n, share in enumerate((jobs[::2], jobs[1::2])):  # the two scenes are the last of all
        (folder / f"cases{n}.json").write_text(json.dumps(share))
        commands.append([jwst_python, HERE / "run_wfss.py", folder / f"cases{n}.json"])
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(subprocess.run, check=True), commands))
    return {name: np.load(folder / f"{name}.npz") for name in exposures}


def _job(case, exposure, folder):
    paths = {
        kind: str(getattr(exposure, kind)) for kind in ("cutouts", "photom", "wavelengthrange")
    }
    return {
        **paths,
        "output": str(folder / f"{case.name}.npz"),
        "parameters": dict(case.parameters),
    }


@pytest.mark.parametrize("case", [pytest.param(case.name, id=case.name) for case in CASES])
def test_agrees_with_the_reference(case, exposures, reference, record_property):
    asked = next(c for c in CASES if c.name == case)
    files = exposures[case]
    ours = WfssContam.call(
        files.cutouts, files.cutouts.parent, parameters={**asked.parameters, **COMPATIBLE}
    )
    theirs = reference[case]
    labels = [(cutout.source, cutout.order) for cutout in ours.cutouts]
    assert labels == [tuple(label) for label in theirs["labels"]]
    assert ("simul" in theirs) == (ours.simulated is not None)
    peak = 1.0 if ours.simulated is None else theirs["simul"].max()
    compare = partial(_compare, record_property, asked, peak)
    if ours.simulated is not None:
        compare("simul", ours.simulated, theirs["simul"])
        own = [cutout for cutout in ours.cutouts if cutout.own is not None]
        assert len(own) == len(theirs["simul_labels"])
        for n, cutout in enumerate(own):
            compare("simul_slits", cutout.own, theirs[f"simul_{n}"])
    for n, cutout in enumerate(ours.cutouts):
        if ours.simulated is not None:
            expected = theirs[f"contam_{n}"]
            compare("contam", cutout.contamination, expected)
        compare("wfss_contam", cutout.sci, theirs[f"output_{n}"])


def _compare(record_property, case, peak, product, ours, theirs):
    assert ours.shape == theirs.shape
    unequal = int(np.count_nonzero(np.isnan(ours) != np.isnan(theirs)))
    worst = float(np.nanmax(np.abs(ours - theirs), initial=0)) / peak
    problem = "" if worst <= case.limit and not unequal else f"{worst:.1e} of the peak"
    row = case.name, product, "SCI", worst, float(worst <= case.limit), unequal, problem
    record_property("agreement", row)
    assert not problem
