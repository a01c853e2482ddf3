"""
Run the reference pipeline on a list of cases, in its own environment and without a CRDS server.

Usage: run_reference.py CASES.json, a list of {uncal, references, output_dir, steps, checked}; what
became of each case is written to output_dir/reference.json. With - in place of the file, cases come
one a line, and what became of each is printed.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

CONTEXT = "jwst_0000.pmap"


def main(path):
    """Run every case of a JSON file as users run it."""
    load(Path(path).parent / "crds")
    for case in json.loads(Path(path).read_text()):
        run(case)


def serve():
    """Run cases that are given line by line; tell what became of each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    load(Path(tempfile.mkdtemp()) / "crds")
    spare_time()
    for line in sys.stdin:
        fate = run(json.loads(line))
        gc.collect()
        gc.freeze()
        print(json.dumps(fate), file=answers, flush=True)


def load(cache):
    """Import the reference, which is not to look anything up."""
    isolate(cache)
    import stpipe.crds_client

    importlib.import_module("jwst.pipeline")
    logging.disable(logging.WARNING)
    stpipe.crds_client.get_context_used = lambda observatory: CONTEXT


def spare_time():
    """Do without what takes time in small exposures and changes nothing."""
    from astropy.io.fits import conf

    gc.freeze()  # each step collects garbage: spare it the libraries
    for name in list(conf):  # looked up for each card of each header
        setattr(type(conf), name, getattr(conf, name))


def run(case):
    """Run a case; return what became of it, which is written to its folder as well."""
    from jwst.pipeline import DarkPipeline, Detector1Pipeline

    output = Path(case["output_dir"])
    output.mkdir(parents=True, exist_ok=True)
    pipeline = DarkPipeline if case.get("pipeline") == "dark" else Detector1Pipeline
    start = time.process_time()
    problem = attempt(pipeline, case, case.get("checked", True))
    if problem and not case.get("checked", True):
        problem = attempt(pipeline, case, True)
    fate = {
        "problem": problem,
        "cpu_seconds": time.process_time() - start,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (output / "reference.json").write_text(json.dumps(fate))
    return fate


def attempt(pipeline, case, checked):
    """
    Run one case; return the traceback if it fails, else an empty text.

    `checked`: whether all that is assigned to a product is checked, as it is for users. Some modes
    rely on what the check does to a product besides.
    """
    os.environ["VALIDATE_ON_ASSIGNMENT"] = str(checked).lower()
    try:
        run_case(pipeline, case)
    except Exception:
        return traceback.format_exc()
    return ""


def isolate(cache):
    """Keep the reference from asking any server; to be called before it is imported."""
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    os.environ["CRDS_SERVER_URL"] = "https://localhost:9/none"
    os.environ["CRDS_PATH"] = str(cache)
    warnings.simplefilter("ignore")


class WithoutCoordinates:
    """In the place of the step that assigns coordinates, for which there are no references."""

    def run(self, model):
        from astropy.modeling.models import Identity
        from gwcs import WCS

        model.meta.wcs = WCS(Identity(2), output_frame="world")
        return model


def override_draft_fit(references):
    """Give the steps within steps that make a rate of their own the case's references."""
    from jwst.assign_wcs import AssignWcsStep
    from jwst.background import BackgroundStep
    from jwst.clean_flicker_noise import clean_flicker_noise, tso_median_image
    from jwst.flatfield import FlatFieldStep
    from jwst.msaflagopen import MSAFlagOpenStep
    from jwst.ramp_fitting import RampFitStep
    from jwst.tso_photometry import TSOPhotometryStep
    from jwst.white_light import WhiteLightStep

    def step():
        draft = RampFitStep()
        draft.override_gain = references["gain"]
        draft.override_readnoise = references["readnoise"]
        return draft

    def given(step_type):
        def make():
            step = step_type()
            for kind in step.reference_file_types:
                setattr(step, f"override_{kind}", references.get(kind, "N/A"))
            return step

        return make

    clean_flicker_noise.RampFitStep = step
    clean_flicker_noise.FlatFieldStep = given(FlatFieldStep)
    optics = "camera" in references
    clean_flicker_noise.AssignWcsStep = given(AssignWcsStep) if optics else WithoutCoordinates
    clean_flicker_noise.MSAFlagOpenStep = given(MSAFlagOpenStep)
    tso_median_image.BackgroundStep = given(BackgroundStep)
    tso_median_image.WhiteLightStep = given(WhiteLightStep)
    photometry = given(TSOPhotometryStep)
    tso_median_image.TSOPhotometryStep = SimpleNamespace(call=lambda model: photometry().run(model))


def light_curve_given(path):
    """Give a light curve in place of what is extracted, for which there are no references."""
    if path is None:
        return contextlib.nullcontext()
    from astropy import units as u
    from astropy.table import QTable
    from jwst.clean_flicker_noise import tso_median_image
    from stdatamodels.jwst.datamodels import TSOMultiSpecModel

    def spectra(*_, **__):
        model = TSOMultiSpecModel()
        model.spec.append(model.spec.item())
        return model

    table = QTable.read(path)
    table.sort("MJD_UTC")
    table["whitelight_flux_NRS1"] = table["whitelight_flux"] = table["whitelight_flux"] << u.Jy
    return mock.patch.multiple(
        tso_median_image,
        Extract2dStep=lambda: SimpleNamespace(run=spectra),
        Extract1dStep=SimpleNamespace(call=spectra),
        WhiteLightStep=lambda: SimpleNamespace(run=lambda _: table),
        _soss_box_extract=spectra,
    )


def run_case(pipeline, case):
    """Run one case, every reference overridden so that nothing is looked up."""
    steps = {}
    for name, step in pipeline.step_defs.items():
        for kind in getattr(step, "reference_file_types", None) or ():
            override = case["references"].get(kind, "N/A")
            steps.setdefault(name, {})[f"override_{kind}"] = override
    for name, values in case.get("steps", {}).items():
        steps.setdefault(name, {}).update(values)
    override_draft_fit(case["references"])
    light_curve = steps.get("clean_flicker_noise", {}).pop("light_curve", None)
    if case.get("pipeline") == "dark":
        options = {"suffix": "dark"}
    else:
        options = {"save_calibrated_ramp": case.get("ramp", True)}
    with light_curve_given(light_curve):
        pipeline.call(
            case["uncal"], steps=steps, output_dir=case["output_dir"], save_results=True, **options
        )


if __name__ == "__main__":
    serve() if sys.argv[1] == "-" else main(sys.argv[1])
