"""Damage and process one file after another: a line with a number in, a line with a verdict out."""

import contextlib
import json
import logging
import os
import resource
import shutil
import sys
import traceback
import warnings
from pathlib import Path

HEADROOM = 800_000_000  # bytes of address space beside what the libraries take


def cases(inputs):
    """Return a case for each file of the inputs, by exposure."""
    from judging import ENDING, Case
    from onramp.reference_index import index_folder, wrong_detector
    from onramp.reference_state import _Detector

    found = []
    for uncal in sorted((inputs / "uncal").glob(f"*{ENDING}")):
        from onramp.glance import glance

        seen = glance(uncal)
        detector = _Detector(seen.instrument, seen.detector)
        suiting = {
            candidate.type: candidate.path
            for candidate in index_folder(inputs / "references").candidates
            if wrong_detector(candidate.facts, detector) is None
        }
        found += [Case(uncal, suiting, "uncal")] * len(suiting)
        found += [Case(uncal, suiting, kind) for kind in suiting]
    return found


def damage(seed, known, others):
    """Return the case and the damaged file of a seed; a negative one is a number of the sweep."""
    from mutations import SWEEP, mutate, sweep

    if seed >= 0:
        case = known[seed % len(known)]
        return case, mutate(seed, case.path.read_bytes(), others)
    files = [case for n, case in enumerate(known) if case not in known[:n]]
    case = files[(-seed - 1) // SWEEP % len(files)]
    return case, sweep(-seed - 1, case.path.read_bytes())


def limit_memory():
    """Let this process take no more address space than a little beyond what it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main():
    """Answer until the input ends."""
    inputs, work = map(Path, sys.argv[1:])
    os.environ["ONRAMP_CACHE"] = str(work / "cache")
    warnings.simplefilter("ignore")
    logging.disable()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    from judging import judge

    known = cases(inputs)
    others = [path.read_bytes() for path in sorted(inputs.glob("*/*.fits"))]
    warm(known, work)
    limit_memory()
    print("ready", file=answers)
    for line in sys.stdin:
        seed = int(line)
        case, damaged = damage(seed, known, others)
        folder = work / "now"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / f"{seed}-{case.path.name}"
        path.write_bytes(damaged.content)
        try:
            verdict = judge(case, path, damaged.same, folder)
        except BaseException:
            verdict = "wrong", traceback.format_exc()
        facts = {"seed": seed, "file": case.damaged, "done": damaged.done}
        print(json.dumps({**facts, "verdict": verdict[0], "detail": verdict[1]}), file=answers)
        with contextlib.suppress(OSError):
            for entry in (work / "cache" / "references").iterdir():
                entry.unlink()


def warm(known, work):
    """Load every kernel and library before memory is limited."""
    from judging import judge

    folder = work / "warm"
    for case in {case.uncal: case for case in known if case.damaged == "uncal"}.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / f"0-{case.path.name}"
        path.write_bytes(case.path.read_bytes())
        verdict = judge(case, path, True, folder)
        if verdict.kind != "same":
            raise AssertionError(f"{case.path}: {verdict}")


if __name__ == "__main__":
    main()
