import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from onramp.compiled import Kernel
from onramp.kernels import inner_kernel, kernel


class Line(NamedTuple):
    start: float
    slope: float


@inner_kernel
def twice(x):
    return x + x


@kernel
def double(x):
    return twice(x)


@kernel
def add(values, more):
    for n in range(values.size):
        values[n] += more


@kernel
def total(values):
    found = 0.0
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            found += values[y, x]
    return found, values.shape


@kernel
def at(line, x):
    return line.start + line.slope * x


@kernel
def allocate(size):
    return np.empty(size).size


@kernel
def ones(size):
    return np.ones(size)


@kernel
def back(line):
    return line


@pytest.mark.parametrize(
    "value",
    [3, True, 2.5, 1j, *(np.dtype(name).type(3) for name in ("u1", "i4", "f4", "f8", "c8"))],
    ids=lambda value: type(value).__name__,
)
def test_scalars_keep_their_kind(value):
    expected = value + value
    assert double(value) == expected
    assert isinstance(double(value), np.result_type(expected).type | int | float | complex)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
def test_arrays_are_changed_in_place(dtype):
    values = np.arange(5).astype(dtype)
    add(values, values.dtype.type(2))
    assert values.tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("value", "same"),
    [(2, np.int64(2)), (2.5, np.float64(2.5)), (True, np.bool_(True)), (1j, np.complex128(1j))],
)
def test_numpys_scalars_share_the_code_of_pythons(value, same):
    @kernel
    def treble(x):
        return x + x + x

    assert treble(value) == treble(same) == 3 * value
    assert type(treble(value)) is type(treble(same))
    assert len(treble._loaded) == 1


def test_order_of_arrays_matters():
    values = np.arange(24.0).reshape(4, 6)
    kept = values.copy()
    kept.flags.writeable = False
    empty = np.empty((0, 3))
    for array in (values, values.T, values[::2, ::3], values[:, ::-1], kept, empty, values[1:2]):
        assert total(array) == (array.sum(), array.shape)


def test_what_cannot_be_written_is_not():
    kept = np.zeros(3)
    kept.flags.writeable = False
    with pytest.raises(Exception, match=r"[Cc]annot|readonly"):
        add(kept, 1.0)
    assert not kept.any()


def test_named_tuples_are_taken():
    assert at(Line(1.0, 2.0), 3) == 7.0
    assert at(Line(1, 2), 3) == 7


@pytest.mark.parametrize("made", [ones, back], ids=["array", "named tuple"])
def test_what_only_numba_can_return_is_refused(made):
    argument = 3 if made is ones else Line(1.0, 2.0)
    with pytest.raises(TypeError, match="only numba"):
        made(argument)


def test_inner_kernels_are_not_called_from_python():
    with pytest.raises(TypeError, match="by kernels only"):
        twice(1.0)


def test_closures_are_refused():
    offset = 3.0
    with pytest.raises(TypeError, match="closure"):
        Kernel(lambda x: x + offset)


def test_wrong_arguments_are_an_error():
    with pytest.raises(TypeError):
        double()
    with pytest.raises(TypeError, match="only numba"):
        double("text")


def test_too_much_memory_is_an_error():
    assert allocate(10) == 10
    with pytest.raises(MemoryError):
        allocate(1 << 58)


def test_threads_that_begin_at_once_share_one_code():
    @kernel
    def triple(x):
        return 3 * x

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(triple, range(100))) == [3 * n for n in range(100)]
    assert len(triple._loaded) == 1


BESIDE_NUMBA = """
import numba
import numpy as np
from onramp.column_sort import sort_all_columns

@numba.njit
def mean(values):
    return values.mean()

block = np.arange(6.0)[::-1].reshape(3, 2).copy()
for first in sys.argv[1]:
    if first == "o":
        sort_all_columns(block)
    else:
        assert mean(block) == 2.5
assert block[0].tolist() == [1.0, 0.0]
"""


@pytest.mark.parametrize("order", ["on", "no"])
def test_numba_of_the_user_goes_on_beside_it(order):
    code = f"import sys\n{BESIDE_NUMBA}" if order == "no" else (
        "import sys\nimport numpy as np\nfrom onramp.column_sort import sort_all_columns\n"
        f"sort_all_columns(np.ones((2, 2)))\n{BESIDE_NUMBA}"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, order], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
