"""
Run the reference's wfss_contam on simulated exposures, in its own environment and without a server.

Usage: run_wfss.py CASES.json, a list of {cutouts, photom, wavelengthrange, output, parameters}; the
arrays of the products go to `output`, an npz file, with the CPU seconds that the step took.
"""

import json
import logging
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from run_reference import CONTEXT, isolate


def main(path):
    """Run every case of a JSON file."""
    path = Path(path).resolve()
    isolate(path.parent / "crds")
    import stpipe.crds_client

    logging.disable(logging.WARNING)
    stpipe.crds_client.get_context_used = lambda observatory: CONTEXT
    for case in json.loads(path.read_text()):
        os.chdir(Path(case["cutouts"]).parent)  # its direct image is named without a folder
        np.savez(case["output"], **run(case))


def run(case):
    """Return the arrays of a case's products and what they cost."""
    from jwst.wfss_contam import WfssContamStep
    from jwst.wfss_contam.wfss_contam import contam_corr
    from stdatamodels.jwst import datamodels

    step = WfssContamStep()
    parameters = {name: getattr(step, name) for name in NAMES} | case["parameters"]
    parameters["oversample_factor"] = parameters.pop("wl_oversample")
    with (
        datamodels.open(case["cutouts"]) as cutouts,
        datamodels.WavelengthrangeModel(case["wavelengthrange"]) as ranges,
        datamodels.open(case["photom"]) as photom,
    ):
        for slit in cutouts.slits:  # as the pipeline hands them over, in memory
            slit.data, slit.err, slit.dq, slit.meta.wcs  # noqa: B018
        start = time.process_time()
        found = contam_corr(cutouts, ranges, photom, "1", **parameters)
        seconds = time.process_time() - start
        return {"cpu": seconds, "peak_mb": peak_mb(), **arrays(*found)}


NAMES = (
    *("orders", "magnitude_limit", "wl_oversample", "max_pixels_per_chunk", "polyfit_degree"),
    *("n_iterations", "l2_alpha", "rejection_threshold"),
)


def peak_mb():
    """Return the most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def arrays(output, simul, contam, simul_slits):
    """Return the products' arrays by name; of a step that was skipped only the output's."""
    found = {"labels": [(s.source_id, s.meta.wcsinfo.spectral_order) for s in output.slits]}
    found |= {f"output_{n}": slit.data for n, slit in enumerate(output.slits)}
    if simul is None:
        return found
    found["simul"] = simul.data
    found |= {f"contam_{n}": slit.data for n, slit in enumerate(contam.slits)}
    labels = [(slit.source_id, slit.meta.wcsinfo.spectral_order) for slit in simul_slits.slits]
    found["simul_labels"] = labels
    return found | {f"simul_{n}": slit.data for n, slit in enumerate(simul_slits.slits)}


if __name__ == "__main__":
    main(sys.argv[1])
