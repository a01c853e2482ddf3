"""
Run the reference pipeline on a list of cases, in its own environment and without a CRDS server.

Usage: run_reference.py CASES.json, a list of {uncal, references, output_dir, steps, checked}; what
became of each case is written to output_dir/reference.json.
"""

import gc
import json
import logging
import os
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

CONTEXT = "jwst_0000.pmap"


def main(path):
    """Run every case of a JSON file."""
    isolate(Path(path).parent / "crds")
    import stpipe.crds_client
    from jwst.pipeline import DarkPipeline, Detector1Pipeline

    logging.disable(logging.WARNING)
    stpipe.crds_client.get_context_used = lambda observatory: CONTEXT
    cases = json.loads(Path(path).read_text())
    several = len(cases) > 1  # a single one is run as users run it
    if several:
        gc.freeze()  # each step collects garbage: spare it the libraries
    for case in cases:
        output = Path(case["output_dir"])
        output.mkdir(parents=True, exist_ok=True)
        dark = case.get("pipeline") == "dark"
        pipeline = DarkPipeline if dark else Detector1Pipeline
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
        if several:
            gc.collect()
            gc.freeze()


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
        return model


def override_draft_fit(references):
    """Give the fit within steps that make a rate of their own the case's references."""
    from jwst.clean_flicker_noise import clean_flicker_noise
    from jwst.ramp_fitting import RampFitStep

    def step():
        draft = RampFitStep()
        draft.override_gain = references["gain"]
        draft.override_readnoise = references["readnoise"]
        return draft

    clean_flicker_noise.RampFitStep = step
    clean_flicker_noise.AssignWcsStep = WithoutCoordinates


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
    if case.get("pipeline") == "dark":
        options = {"suffix": "dark"}
    else:
        options = {"save_calibrated_ramp": case.get("ramp", True)}
    pipeline.call(
        case["uncal"], steps=steps, output_dir=case["output_dir"], save_results=True, **options
    )


if __name__ == "__main__":
    main(sys.argv[1])
