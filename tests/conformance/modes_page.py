"""docs/modes.md: which exposures are compared with the reference, and how well they agree."""

import argparse
import csv
import sys
from collections import defaultdict
from typing import NamedTuple

from comparison import FLAGS, RELATIVE
from environment import ROOT
from every_case import ALL_CASES
from onramp.parameters import STEPS
from onramp.simulate import MODES
from onramp.simulation.modes import change
from random_cases import RANDOM_CASES

PAGE = ROOT / "docs" / "modes.md"
TABLE = ROOT / "build" / "conformance.tsv"
FIGURES = "worst difference", "values that agree", "equal flags"
UNKNOWN = ("–",) * len(FIGURES)
OUTPUTS = {
    "ramp_fit": ("0_ramp_fit", "1_ramp_fit"),
    "gain_scale": ("gain_scale", "gain_scaleints"),
}
"""What steps save that do not save one product of their name."""
REMEDY = "run make conformance and make modes"

HEAD = f"""# What is compared

Each exposure of these goes through the official pipeline and through onramp, and all pixels and
keywords of all products are compared ([conformance.md](conformance.md) has the rules). Exposures
are simulated, at the corner, orientation, outputs and times of the real subarray, most of them cut
to fewer pixels.

*Worst difference* is relative, of all values of all products; *values that agree* do so to
{RELATIVE:g}. Both leave out what is zero but for rounding. `make conformance` makes the figures,
`make modes` writes this page; `make conformance-full` compares each subarray with each readout, and
in its own size.
"""


class Agreement(NamedTuple):
    """How a product's extension compares, from the table of the last run."""

    product: str
    extension: str
    worst: float
    fraction: float


def read_table(path=TABLE):
    """Return the agreements of the last run by case; none if there was no run."""
    found = defaultdict(list)
    if path.exists():
        with open(path) as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found[row["case"]].append(
                    Agreement(row["product"], row["extension"], float(row["worst"]),
                              float(row["fraction"]))
                )  # fmt: skip
    return found


def figures(agreements):
    """Return the cells that say how well some extensions agree."""
    if not agreements:
        return UNKNOWN
    values = [one for one in agreements if one.extension not in FLAGS]
    flags = [one.fraction for one in agreements if one.extension in FLAGS]
    worst = max((one.worst for one in values), default=0.0)
    return (
        f"{worst:.0e}" if worst else "0",
        _share(min((one.fraction for one in values), default=1.0)),
        _share(min(flags, default=1.0)),
    )


def _share(fraction):
    return "all" if fraction == 1 else f"{100 * fraction:.4f} %"


def compared():
    """Return the cases that make products in both pipelines, without the random ones."""
    return [
        case for case in ALL_CASES
        if not case.crash and not case.refusal and case not in RANDOM_CASES
    ]  # fmt: skip


def modes(table):
    """Yield a row for each subarray of an instrument: what is covered, and how well it agrees."""
    groups = defaultdict(list)
    for case in compared():
        if not callable(case.mode):
            mode = change(MODES[case.mode], **case.changes)
            cut = mode.subarray == "GENERIC"
            name = f"{'FULL' if cut else mode.subarray}"
            groups[mode.instrument, name].append((case.name, mode))
    for (instrument, subarray), members in sorted(groups.items()):
        names, taken = zip(*members)
        yield (
            instrument, subarray, _listed(mode.detector for mode in taken),
            _listed(mode.readpatt for mode in taken), str(len(members)),
            _range(mode.ngroups for mode in taken), _range(mode.nints for mode in taken),
            *_of_all(names, table),
        )  # fmt: skip


def _of_all(names, table):
    """Return the figures of some cases, unknown if any has not been run."""
    if not all(name in table for name in names):
        return UNKNOWN
    return figures([one for name in names for one in table[name]])


def _listed(values):
    return ", ".join(sorted(set(values)))


def _range(values):
    values = sorted(set(values))
    return f"{values[0]}–{values[-1]}" if len(values) > 1 else str(values[0])


def steps(table):
    """Yield a row for each step: exposures with parameters of its own, how its output agrees."""
    cases = compared()
    for step in STEPS:
        own = [case for case in cases if set(case.steps.get(step, ())) - {"save_results"}]
        saved = [case.name for case in cases if case.steps.get(step, {}).get("save_results")]
        outputs = OUTPUTS.get(step, (step,))
        known = [one for name in saved for one in table.get(name, ()) if one.product in outputs]
        yield step, str(len(own)), str(len(saved)), *figures(known)


def others(table):
    """Yield a row for each exposure that no mode of the simulator makes."""
    for case in compared():
        if callable(case.mode):
            yield case.name.replace("_", " "), *_of_all([case.name], table)


def page(table):
    """Return the page's text."""
    return "\n".join(
        [
            HEAD,
            "## Modes\n",
            *_markdown(("instrument", "subarray", "detectors", "readouts", "exposures", "groups",
                        "integrations", *FIGURES), modes(table)),
            "\nStrips of full frames are listed with them.\n",
            "## Steps\n",
            *_markdown(("step", "exposures with parameters of its own", "own output compared in",
                        *FIGURES), steps(table)),
            "\n## Other exposures\n",
            *_markdown(("exposure", *FIGURES), others(table)),
            "",
        ]
    )  # fmt: skip


def _markdown(head, rows):
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def without_figures(text):
    """Return a page's lines, without the cells that say how well something agrees."""
    return [
        line.split("|")[: -len(FIGURES) - 1] if line.startswith("| ") else line
        for line in text.splitlines()
    ]


def main(arguments=None):
    """Write the page, or say that what it lists is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write", action="store_true", help="write docs/modes.md")
    task.add_argument("--check", action="store_true", help="fail if what it lists is out of date")
    chosen = parser.parse_args(arguments)
    table = read_table()
    fresh = page(table)
    if chosen.write:
        PAGE.write_text(fresh)
        missing = sum(case.name not in table for case in compared())
        if missing:
            print(f"{TABLE.name}: {missing} exposures are not in it; {REMEDY}", file=sys.stderr)
        return 0
    if not PAGE.exists() or without_figures(PAGE.read_text()) != without_figures(fresh):
        print(f"{PAGE.name}: out of date; {REMEDY}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
