"""Fuzz from the command line: ``run_fuzz.py FIRST LAST INPUTS WORK``; print what is wrong."""

import json
import sys
import time
from pathlib import Path

from fuzzing import fuzz

first, last, inputs, work = sys.argv[1:]
begun = time.time()
counts, wrong = fuzz(range(int(first), int(last)), Path(inputs), Path(work))
for one in wrong:
    print(json.dumps(one)[:400])
print(dict(counts), f"{time.time() - begun:.0f} s")
