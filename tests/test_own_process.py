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
