"""The table at the end of a run: what became of each exposure."""

import json
import sys
from pathlib import Path

import pandas as pd

from onramp.printing import printable, with_error
from onramp.replacing import replacing
from onramp.wfss_contam import STEP

# title as printed, None for what is printed beside another
COLUMNS = {
    "exposure": "exposure",
    "instrument": "instrument",
    "mode": "mode",
    "state": "state",
    "seconds": "seconds",
    "peak_mb": "peak MB",
    "jump_rate": "jumps/cm2/s",
    "jump_error": None,
    "jump_size": "jump e-",
    "jump_verdict": "jump rate is",
    "bad_fraction": "bad pixels",
    "corrected": "spectra",
}
SOME = {"corrected"}  # columns that are left out where no exposure has any
FORMATS = {
    "seconds": "{:.1f}".format,
    "peak_mb": "{:.0f}".format,
    "jump_size": "{:.0f}".format,
    "bad_fraction": "{:.2%}".format,
    "corrected": "{:.0f}".format,
}
MISSING = "missing"
ORDER = "failed", MISSING, "done"
LINES = 60


def collect(results, names) -> pd.DataFrame:
    """
    Read what each exposure's job left behind.

    Parameters
    ----------
    results : str or Path
        Folder of the products.
    names : iterable of str
        Exposures of the run; slitless ones as "wfss_contam/<exposure>".

    Returns
    -------
    pandas.DataFrame
        A row an exposure, failures first: exposure, instrument, mode, state (done, failed,
        missing), seconds [s], peak_mb [MB], jump_rate and jump_error [cm-2 s-1], jump_size [e-],
        jump_verdict, bad_fraction, reason; corrected (slitless spectra) if there are any.
    """
    cells = [*COLUMNS, "reason"]
    found = [{cell: row.get(cell) for cell in cells} for row in rows(results, names)]
    empty = [cell for cell in SOME if all(row[cell] is None for row in found)]
    return (
        pd.DataFrame(found, columns=cells)
        .drop(columns=empty)
        .sort_values(
            "state", key=lambda states: states.map(ORDER.index), kind="stable", ignore_index=True
        )
    )


def rows(results, names):
    """Yield for each exposure, in the order given, all that is known of it, by name."""
    for name in names:
        yield _row(Path(results), name)


def _row(results, name):
    crash_file = results / f"{name}_pipecrash.txt"
    try:
        with open(results / f"{name}_statistics.json") as file:
            statistics = json.load(file)
        jumps = _jumps(statistics.get("jump_report") or {})
        return {**statistics, **jumps, "exposure": name, "state": "done", "reason": ""}
    except (OSError, ValueError):
        pass
    if crash_file.exists():
        return {**_crash(crash_file), "exposure": name, "state": "failed"}
    return {"exposure": name, "state": MISSING, "reason": _missing(results, name)}


def _jumps(report):
    """Return the cells of a row that a jump report fills."""
    names = {"rate": "rate", "error": "error", "size": "median_size", "verdict": "verdict"}
    return {f"jump_{cell}": report.get(value) for cell, value in names.items()}


def _missing(results, name):
    try:
        log = (results / "logs" / f"{name}.log").read_text(errors="replace")
    except OSError:
        return "not processed"
    if log.endswith("interrupted\n"):
        return "interrupted"
    return "ended without a word: killed, or out of memory?"


def _crash(path):
    """Return what a crash file tells about its exposure."""
    facts = {}
    for line in path.read_text(errors="replace").splitlines():
        key, colon, value = line.partition(": ")
        if not colon:
            break
        facts[key] = json.loads(value)
    uncal = facts.get("uncal", {})
    return {
        "instrument": uncal.get("INSTRUME"),
        "mode": uncal.get("EXP_TYPE"),
        "reason": facts.get("reason", f"see {path}"),
    }


def write(table, path) -> None:
    """Write the table as tab-separated values, beside its final name, then renamed."""
    with replacing(path) as part:
        table.to_csv(part, sep="\t", index=False, float_format="%.6g")


def text(table) -> str:
    """Return the table as it is printed; a long one without most of what is done."""
    shown = table.head(max(LINES, int((table["state"] != "done").sum())))
    rows = shown.to_dict("records")
    titles = {column: title for column, title in COLUMNS.items() if title and column in table}
    cells = {title: [_cell(column, row) for row in rows] for column, title in titles.items()}
    widths = {title: max(map(len, [title, *column])) for title, column in cells.items()}
    right = {COLUMNS[column] for column in (*FORMATS, "jump_rate")}
    aligned = [
        [_align(value, widths[title], title in right) for value in [title, *column]]
        for title, column in cells.items()
    ]
    header, *rows = ("  ".join(row).rstrip() for row in zip(*aligned))
    lines = [header, "-" * max(map(len, [header, *rows]))]
    for row, reason in zip(rows, shown["reason"]):
        lines += [row, f"    {printable(reason)}"] if reason else [row]
    if len(shown) < len(table):
        lines.append(f"... and {len(table) - len(shown)} more that are done")
    return "\n".join(lines)


def _cell(column, row):
    if pd.isna(row[column]):
        return "-"
    if column == "jump_rate":
        return with_error(row[column], row["jump_error"])
    return printable(FORMATS.get(column, str)(row[column]))


def _align(value, width, right):
    return value.rjust(width) if right else value.ljust(width)


def _without_picture(results, table):
    calibrated = table["corrected"].isna() if "corrected" in table else True
    done = table["exposure"][(table["state"] == "done") & calibrated]
    missing = sum(not (results / f"quicklook/{name}.png").exists() for name in done)
    return f" ({missing} of {len(done)} missing; the next run draws them)" if missing else ""


def summarise(results, names, pictures=True) -> str:
    """Write ``summary.tsv`` and return what to print: the table, the counts, where things are."""
    results = Path(results)
    results.mkdir(parents=True, exist_ok=True)
    table = collect(results, names)
    write(table, results / "summary.tsv")
    counts = table["state"].value_counts()
    total = ", ".join(f"{counts[state]} {state}" for state in ORDER if state in counts)
    slitless = len(table) and all(name.startswith(f"{STEP}/") for name in table["exposure"])
    products = f"_{STEP}.fits" if slitless else "_rate.fits, _rateints.fits"
    places = {
        "products": f"{results}/<exposure>{products}",
        "pictures": f"{results}/quicklook/{_without_picture(results, table)}",
        "logs": f"{results}/logs/",
        "table": f"{results}/summary.tsv",
        "page": f"{results}/report.html",
    }
    if not pictures:
        del places["pictures"]
    if "failed" in counts:
        places["failures"] = f"{results}/<exposure>_pipecrash.txt"
    lines = [f"{what + ':':<10} {place}" for what, place in places.items()]
    return "\n".join(["", text(table), "", f"{'exposures:':<10} {total}", *lines])


if __name__ == "__main__":
    from onramp import report_page

    folder = Path(sys.argv[1])
    endings = "_statistics.json", "_pipecrash.txt"
    found = {
        str(path.relative_to(folder)).removesuffix(end)
        for end in endings
        for place in ("", f"{STEP}/")
        for path in folder.glob(f"{place}*{end}")
    }
    print(summarise(folder, sorted(found)))
    report_page.write(folder, sorted(found))
