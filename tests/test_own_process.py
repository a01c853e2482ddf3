import os
import subprocess
import sys
from pathlib import Path

import pytest

BLAS = """
from onramp import own_process
own_process.begin()
import os
import numpy as np
np.ones((200, 200)) @ np.ones((200, 200))
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc")
def test_libraries_start_no_threads():
    plain = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", BLAS], capture_output=True, text=True, env=plain, check=True
    )
    assert int(done.stdout) == 1


SETTINGS = """
from onramp import own_process
own_process.import_fits()
from astropy.config import configuration
from astropy.io import fits
configuration.get_config = None
assert fits.conf.strip_header_whitespace is True
assert fits.Header.fromstring("A       =                    1".ljust(80))["A"] == 1
"""


def test_settings_are_not_looked_up_again():
    done = subprocess.run([sys.executable, "-c", SETTINGS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


UNITS = """
import sys
from onramp import own_process
own_process.import_fits({})
from astropy.io import fits
print("astropy.units" in sys.modules)
print(fits.Header([("A", 1)])["A"])
from astropy import units
from astropy.table import Table
print(Table({{"a": [1, 2] * units.s}})["a"].to("ms")[1])
"""


@pytest.mark.parametrize(("wanted", "units"), [("", "False"), ("[]", "True")])
def test_files_are_read_without_units_which_stay_to_be_had(wanted, units):
    code = UNITS.format(wanted)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == [units, "1", "2000.0 ms"], done.stderr
