"""What the page about a run shows, gathered from what each exposure's job left behind."""

import datetime as dt
import json
import math
from pathlib import Path

from onramp import __version__, summary
from onramp.parameters import Detector1Parameters
from onramp.report_pictures import Pictures
from onramp.wfss_contam import STEP

BARS = 48
FACTS = "instrument", "detector", "mode", "subarray", "readpatt"
SPECTRA = "corrected", "fitted", "dispersed"
SHAPE = "nints", "ngroups", "ny", "nx"


def gather(results, names, configuration=None, targets=None) -> dict:
    """
    Gather a run's facts as plain values for JSON.

    Parameters
    ----------
    results : str or Path
        Folder of the products.
    names : iterable of str
        Exposures of the run.
    configuration : Configuration, optional
        What the run was asked to do; left out, the page is silent about parameters.
    targets : dict of str to Target, optional
        The exposures' own parameters, by name.

    Returns
    -------
    dict
        Facts of the run, and `exposures`: a mapping for each, in the order given.
    """
    results, names = Path(results), list(names)
    pictures = Pictures(results / "quicklook", len(names))
    references = {}
    rows = [_exposure(row, pictures, references) for row in summary.rows(results, names)]
    return {
        "folder": str(results),
        "made": dt.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": __version__,
        "order": summary.ORDER,
        "pictures": pictures.kind,
        "references": list(references),
        "options": _options(configuration),
        "parameters": _parameters(configuration),
        "own": _own(configuration, targets or {}),
        "exposures": rows,
    }


def _exposure(row, pictures, references):
    facts = {key: row.get(key) for key in ("exposure", "state", "reason", *FACTS)}
    used = [
        (kind, found["name"], found["sha256"])
        for kind, found in (row.get("references") or {}).items()
        if found
    ]
    steps = row.get("steps") or {}
    return {
        **{key: value for key, value in facts.items() if value not in (None, "")},
        "shape": [row[axis] for axis in SHAPE] if "nx" in row else None,
        "seconds": _number(row.get("seconds")),
        "peak_mb": _number(row.get("peak_mb")),
        "bad_fraction": _number(row.get("bad_fraction")),
        "spectra": [row.get(count) for count in SPECTRA] if "corrected" in row else None,
        "jumps": _jumps(row.get("jump_report")),
        "steps": [[step, _number(ran["seconds"])] for step, ran in steps.items() if ran["seconds"]],
        "references": [references.setdefault(each, len(references)) for each in used],
        "picture": pictures.of(row["exposure"]),
    }


def _jumps(report):
    if not report:
        return None
    kept = ("rate", "error", "median_size", "events", "flagged_rate")
    return {
        "verdict": report["verdict"],
        "expected": report["expected"],
        "remarks": report["remarks"],
        **{key: _number(report[key]) for key in kept},
        "groups": _bars(report["by_group"]["rate"]),
        "amplifiers": _bars(report["by_amplifier"]["rate"]),
    }


def _bars(values):
    """Return values for a small chart: at most `BARS`, each the mean of its neighbours if more."""
    width = math.ceil(len(values) / BARS)
    parts = [values[n : n + width] for n in range(0, len(values), width or 1)]
    return [_mean([value for value in part if value is not None]) for part in parts]


def _mean(values):
    return _number(sum(values) / len(values)) if values else None


def _number(value):
    """Return a number rounded to four digits; None for what is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.4g}")


def _options(configuration):
    if configuration is None:
        return {}
    return configuration.model_dump(mode="json", exclude={"steps"})


def _parameters(configuration):
    """Return (step, parameter, value, default) of each step that is not skipped."""
    if configuration is None:
        return []
    defaults = Detector1Parameters().model_dump(mode="json")
    given = configuration.steps.model_dump(mode="json")
    slitless = configuration.wfss_contam
    if slitless.exposures is not None:
        given[STEP] = slitless.parameters.model_dump(mode="json")
        defaults[STEP] = type(slitless.parameters)().model_dump(mode="json")
    return [
        (step, name, value, defaults[step][name])
        for step, values in given.items()
        for name, value in values.items()
        if name == "skip" or not values["skip"]
    ]


def _own(configuration, targets):
    """Return by exposure what a sheet sets otherwise than the run."""
    common = configuration.steps if configuration else None
    found = {}
    for name, target in targets.items():
        if target.parameters is common:
            continue
        theirs, ours = (each.model_dump(mode="json") for each in (target.parameters, common))
        found[name] = {
            f"{step}.{parameter}": value
            for step, values in theirs.items()
            for parameter, value in values.items()
            if value != ours[step][parameter]
        }
    return found


def as_script(data) -> str:
    """Return data as JSON that may stand in a page's script element, whatever its texts hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
