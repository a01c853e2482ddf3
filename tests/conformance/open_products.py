"""
Open products with the reference's data models, and run its stage 2 on one, in its environment.

Usage: open_products.py JOB.json, {folder, products, rate}; prints what was found as JSON.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

from run_reference import CONTEXT, isolate


def main(path):
    """Open each product; run stage 2 on the rate with its heavy steps skipped."""
    job = json.loads(Path(path).read_text())
    isolate(Path(job["folder"]) / "crds")
    from stdatamodels.jwst import datamodels
    from stdatamodels.jwst.datamodels import dqflags

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = {"models": {}, "flags": {k: int(v) for k, v in dqflags.pixel.items()}}
    for product in job["products"]:
        with datamodels.open(product) as model:
            model.validate()
            found["models"][product] = type(model).__name__
    found["stage2"] = run_stage2(job["rate"])
    print(json.dumps(found))


def run_stage2(rate):
    """Run Image2Pipeline with every step off; return type and state of what it gives."""
    import stpipe.crds_client
    from jwst.pipeline import Image2Pipeline

    stpipe.crds_client.get_context_used = lambda observatory: CONTEXT
    steps = {name: {"skip": True} for name in Image2Pipeline.step_defs}
    (result,) = Image2Pipeline.call(rate, steps=steps)
    return [type(result).__name__, list(result.data.shape), result.meta.cal_step.ramp_fit]


if __name__ == "__main__":
    main(sys.argv[1])
