"""Simulate exposures with matching references and their truth: the demonstration's input."""

import argparse
import sys

from onramp.errors import OnrampError
from onramp.simulate import DEMONSTRATION, MODES, simulate


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="demo", help="folder to write below")
    parser.add_argument("--seed", type=int, default=1, help="seed and number of the exposures")
    default = ",".join(mode.name for mode in DEMONSTRATION)
    parser.add_argument("--modes", default=default, help="modes, separated by commas")
    parser.add_argument("--list", action="store_true", help="list the modes and stop")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Simulate what the command line asks for."""
    options = parse(arguments)
    if options.list:
        for mode in MODES.values():
            shape = f"{mode.nints} x {mode.ngroups} x {mode.ny} x {mode.nx}"
            print(f"{mode.name:15} {mode.detector:8} {mode.readpatt:9} {mode.subarray:12} {shape}")
        return 0
    try:
        for name in options.modes.split(","):
            print(simulate(name.strip(), options.output, options.seed).uncal, flush=True)
    except OnrampError as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
