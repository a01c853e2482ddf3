"""Compare the products of simulated exposures with their truth and print the agreement."""

import sys
from pathlib import Path

from onramp.simulate import score

COLUMNS = {
    "exposure": "{}",
    "pixels": "{:,}",
    "bias/sigma": "{:+.3f}",
    "scatter/sigma": "{:.3f}",
    "bright bias": "{:+.2%}",
    "cosmic rays": "{:,}",
    "found": "{:.1%}",
    "false": "{:.2%}",
}


def main(arguments=None):
    """Score each product of a folder whose truth is in another."""
    results, truth = map(Path, arguments or sys.argv[1:])
    rows = [list(COLUMNS)]
    for path in sorted(truth.glob("*_truth.fits")):
        name = path.name.removesuffix("_truth.fits")
        product = results / f"{name}_rateints.fits"
        if product.exists():
            values = name, *score(product, path).values()
            rows.append([form.format(value) for form, value in zip(COLUMNS.values(), values)])
    widths = [max(map(len, column)) for column in zip(*rows)]
    print("\nagreement with the truth: (rate - truth)/sigma and cosmic rays of 8 sigma and more\n")
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:])]
        print("  ".join([first.ljust(widths[0]), *cells]))
    return 0 if len(rows) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
