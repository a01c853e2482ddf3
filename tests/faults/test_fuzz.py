"""Files damaged in thousands of ways: one line, or a right product; never a hang or a crash."""

import json

from conftest import size
from fuzzing import fuzz
from mutations import SWEEP

EXPOSURES, TYPES = 2, 8  # the uncal file and seven types of references


def judge_all(seeds, inputs, folder):
    counts, wrong = fuzz(seeds, inputs, folder)
    print(f"\n{len(seeds)} files: {dict(counts)}")
    report = "\n".join(json.dumps(one) for one in wrong)
    assert not wrong, f"again with python tests/faults/run_fuzz.py SEED SEED+1 ...\n{report}"
    return counts


def test_files_damaged_at_random(inputs, tmp_path):
    seeds = range(10_000_000, 10_000_000 + size(1000, 21_000))
    counts = judge_all(seeds, inputs, tmp_path)
    for verdict in ("refused", "same", "right"):
        assert counts[verdict] > len(seeds) / 50, f"too few files were {verdict}: {counts}"


def test_every_used_keyword_with_every_odd_value(inputs, tmp_path):
    everything = range(-SWEEP * EXPOSURES * TYPES, 0)
    judge_all(everything[:: size(80, 5)], inputs, tmp_path)
