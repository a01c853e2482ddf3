"""What a run leaves to read: its table, its page, and that page within Snakemake's report."""

import sys

from onramp import targets
from onramp.errors import OnrampError, OutputError
from onramp.wfss_contam import STEP


def conclude(configuration, exposures, slitless):
    """Write and print the table of a run's exposures, and write its page."""
    from onramp.summary import summarise

    names = _names(exposures, slitless)
    print(summarise(configuration.output_dir, names, configuration.quicklook))
    _write_page(configuration, exposures, slitless)


def reported(configuration, exposures, slitless):
    """Return what Snakemake's report is to hold, if it is asked for; failures do not matter."""
    if not any(word.split("=")[0] == "--report" for word in sys.argv):
        return []
    from snakemake.io import report

    page = _write_page(configuration, exposures, slitless)
    return report(str(page), category="Run", labels={"page": "all exposures"})


def processed(configuration):
    """Return the exposures that have left something behind, by name; none if there are none."""
    from onramp.summary import MISSING, rows

    try:
        found = targets.find(configuration)
    except OnrampError:
        return {}
    states = rows(configuration.output_dir, found)
    return {row["exposure"]: found[row["exposure"]] for row in states if row["state"] != MISSING}


def _names(exposures, slitless):
    """Return the names by which all have left something behind; slitless ones in their folder."""
    return [*exposures, *(f"{STEP}/{name}" for name in slitless)]


def _write_page(configuration, exposures, slitless):
    from onramp.report_page import write

    names = _names(exposures, slitless)
    try:
        return write(configuration.output_dir, names, configuration, exposures)
    except OSError as problem:
        raise OutputError(
            f"{configuration.output_dir}/report.html: cannot be written: {problem.strerror}; "
            "choose another output_dir"
        ) from problem
