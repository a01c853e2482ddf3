"""What a run leaves to read: its table, its page, and that page within Snakemake's report."""

import sys

from onramp.errors import OutputError


def conclude(configuration, exposures):
    """Write and print the table of a run's exposures, and write its page."""
    from onramp.summary import summarise

    print(summarise(configuration.output_dir, list(exposures), configuration.quicklook))
    _write_page(configuration, exposures)


def reported(configuration, exposures):
    """Return what Snakemake's report is to hold, if it is asked for; failures do not matter."""
    if not any(word.split("=")[0] == "--report" for word in sys.argv):
        return []
    from snakemake.io import report

    page = _write_page(configuration, exposures)
    return report(str(page), category="Run", labels={"page": "all exposures"})


def _write_page(configuration, exposures):
    from onramp.report_page import write

    try:
        return write(configuration.output_dir, exposures, configuration, exposures)
    except OSError as problem:
        raise OutputError(
            f"{configuration.output_dir}/report.html: cannot be written: {problem.strerror}; "
            "choose another output_dir"
        ) from problem
