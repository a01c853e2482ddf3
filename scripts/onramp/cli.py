"""The command line: ``onramp detector1 x_uncal.fits --references refs/ --steps.jump.skip=true``."""

import argparse
import logging
import sys
import textwrap
from functools import partial
from pathlib import Path

from onramp import __version__, own_process, wfss_contam
from onramp.errors import OnrampError, ParameterError
from onramp.field_words import values_of
from onramp.parameters import STEPS, nearest, step_model
from onramp.printing import PlainFormatter, printable
from onramp.reference_types import REFERENCE_TYPES

_OPTIONS = (
    *("references", "crds_context", "output_dir", "save_results", "save_calibrated_ramp"),
    "parameter_files",
    *("cores", "quiet", "products_only", "uncal"),
)


def run() -> int:
    """Run the command line as a process of its own; return the exit status."""
    own_process.begin()
    try:
        return main()
    finally:
        own_process.end()


def main(arguments=None) -> int:
    """Run the command line; return the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _main(arguments)
    except OnrampError as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("onramp: interrupted; nothing is left half written", file=sys.stderr)
        return 130


def _main(arguments):
    plain, steps, overrides = _split(arguments)
    parser = _parser()
    options, unknown = parser.parse_known_args(plain)
    if options.command is None:
        parser.print_help()
        return 2
    if unknown:
        raise ParameterError(f"command line: {_complaint(unknown[0])}")
    if options.command in _RECORD_COMMANDS:
        if steps or overrides:
            raise ParameterError(f"command line: {options.command} takes parameters from records")
        return _RECORD_COMMANDS[options.command](options)
    if options.command == wfss_contam.STEP:
        _start_log(options.quiet)
        return wfss_contam.run_command(options, steps, overrides)
    return _run_detector1(options, steps, overrides)


def _parser():
    parser = argparse.ArgumentParser(
        prog="onramp", description="JWST raw exposures to count rates.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"onramp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    detector1 = _exposure_command(
        commands, "detector1", "process one uncal file to its rate and rateints products"
    )
    detector1.add_argument(
        "--save_calibrated_ramp",
        metavar="BOOL",
        type=_boolean,
        default=False,
        help="write the ramp product as well",
    )
    _exposure_command(
        commands, "dark", "process one uncal file of a dark up to linearity, to its calibrated ramp"
    )
    wfss_contam.add_command(commands, _count)
    _add_record_commands(commands)
    return parser


def _exposure_command(commands, name, what):
    """Add a command that processes one exposure; return it."""
    command = commands.add_parser(
        name,
        aliases=[f"calwebb_{name}"],
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=_steps_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_exposure_options(command)
    return command


def _add_exposure_options(command):
    command.add_argument("uncal", type=Path, metavar="FILE", help="the uncal file")
    command.add_argument(
        "--references",
        metavar="FOLDER",
        help="folder of reference files, or crds; by default $ONRAMP_REFERENCES, or references "
        "beside the file or in the current folder",
    )
    command.add_argument(
        "--crds_context",
        metavar="NAME",
        help="with --references crds; default: the operational one",
    )
    command.add_argument(
        "--parameter_files",
        metavar="PATH",
        action="append",
        help="file of parameters (pars-*.asdf or YAML), or folder of the former; may be repeated",
    )
    command.add_argument(
        "--output_dir",
        metavar="FOLDER",
        default=".",
        help="for the products; by default the current folder",
    )
    command.add_argument(
        "--save_results",
        metavar="BOOL",
        type=_boolean,
        default=True,
        help="accepted for compatibility; products are always written",
    )
    command.add_argument(
        "--cores",
        metavar="N",
        type=_count,
        help="cores that maximum_cores may use; default: those granted",
    )
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_record_commands(commands):
    verify = commands.add_parser(
        "verify",
        help="check products against the records beside them",
        description="Check that products, uncal and reference files are what the records beside "
        "the products say. Prints a line for each that is not, and ends with status 1 if any.",
        allow_abbrev=False,
    )
    verify.add_argument(
        "path", type=Path, metavar="FOLDER", help="of products, a product or a record"
    )
    verify.add_argument(
        "--products_only", action="store_true", help="do not read uncal and reference files"
    )
    reproduce = commands.add_parser(
        "reproduce",
        help="make a product again from its record and compare the bits",
        description="Make a product again, in a temporary folder, with the recorded parameters, "
        "uncal and reference files, and compare. Says what is missing or differs. Ends with status "
        "0 if all bits are the same, but for what names the software.",
        allow_abbrev=False,
    )
    reproduce.add_argument(
        "path", type=Path, metavar="PRODUCT", help="a product; or a record, for all its products"
    )
    reproduce.add_argument("--uncal", metavar="FILE", help="where the uncal file is now")
    reproduce.add_argument("--references", metavar="FOLDER", help="where reference files are now")
    for command in (verify, reproduce):
        command.add_argument("--cores", metavar="N", type=_count, help="default: those granted")


def _boolean(text):
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, not '{text}'")


def _count(text):
    if text.isdigit() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number of at least 1, not '{text}'")


def _steps_help():
    lines = [
        "references:",
        "  --override_TYPE=PATH|N/A",
        *textwrap.wrap(
            f"Use this file; N/A skips the step. Types: {', '.join(REFERENCE_TYPES)}.",
            width=88,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
        ),
        "",
        "steps and their parameters (--steps.STEP.PARAMETER=VALUE), in the order they run:",
    ]
    for step in STEPS:
        model = step_model(step)
        lines += ["", f"{step}: {(model.__doc__ or '').strip().splitlines()[0]}"]
        for name, field in model.model_fields.items():
            lines.append(f"  --steps.{step}.{name}={field.default}")
            lines.append(f"      {field.description} ({values_of(field).replace('`', '')})")
    return "\n".join(lines)


def _split(arguments):
    """
    Take ``--steps.x.y=v`` and ``--override_x=v`` out of a command line.

    Returns
    -------
    plain : list of str
        The other arguments.
    steps : dict of str to dict
    overrides : dict of str to str or None
    """
    plain, steps, overrides = [], {}, {}
    arguments = iter(arguments)
    for argument in arguments:
        if not argument.startswith(("--steps.", "--override_")):
            plain.append(argument)
            continue
        name, equals, value = argument.partition("=")
        if not equals:
            value = next(arguments, "--")
            if value.startswith("--"):
                raise ParameterError(f"command line: {name} needs a value: {name}=VALUE")
        value = None if value in ("None", "null", "") else value
        if name.startswith("--override_"):
            overrides[name.removeprefix("--override_")] = value
            continue
        _, step, *parameter = name.split(".")
        if len(parameter) != 1:
            raise ParameterError(f"command line: {name}: expected --steps.STEP.PARAMETER=VALUE")
        steps.setdefault(step, {})[parameter[0]] = value
    return plain, steps, overrides


def _complaint(argument):
    """Say what is wrong with an argument that nobody knows."""
    if not argument.startswith("-"):
        return f"'{argument}' is one argument too many; FILE is a single file"
    name = argument.partition("=")[0]
    known = [f"--{option}" for option in _OPTIONS]
    known += [
        f"--steps.{step}.{field}" for step in STEPS for field in step_model(step).model_fields
    ]
    hint = nearest(name, known)
    return f"unknown option {name}; {hint if hint.startswith('did') else 'see --help'}"


def _start_log(quiet):
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[handler])


def _run_detector1(options, steps, overrides):
    from onramp import origins
    from onramp.detector1 import process_exposure, references_folder, split_overrides

    _start_log(options.quiet)
    parameters, overrides = split_overrides(steps, overrides, "command line")
    if options.command in ("dark", "calwebb_dark"):
        from onramp.dark import process_dark as process
    else:
        process = partial(process_exposure, save_calibrated_ramp=options.save_calibrated_ramp)
    statistics = process(
        options.uncal,
        options.output_dir,
        parameters,
        references_folder(options.uncal, options.references),
        overrides,
        options.cores,
        origins=origins.given(steps, origins.COMMAND_LINE),
        context=options.crds_context,
        parameter_files=options.parameter_files,
    )
    if not options.quiet:
        print(f"{printable(statistics['exposure'])}: products in {options.output_dir}")
    return 0


def _run_verify(options):
    from onramp.verify import printable, text_of_summary, verify

    found = verify(options.path, options.cores, not options.products_only)
    for path in found.unreachable:
        print(printable(f"{path}: out of reach, not checked"), file=sys.stderr)
    for finding in found.findings:
        print(finding)
    print(text_of_summary(found))
    return 1 if found.findings else 0


def _run_reproduce(options):
    from onramp.reproduce import outcome, reproduce

    found = reproduce(options.path, options.uncal, options.references, options.cores)
    for line in (*found.surroundings, *found.differences):
        print(line)
    print(outcome(found))
    return 1 if found.differences else 0


_RECORD_COMMANDS = {"verify": _run_verify, "reproduce": _run_reproduce}

if __name__ == "__main__":
    sys.exit(run())
