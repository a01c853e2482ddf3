"""Functions that are compiled for the types of their arguments, once, and kept on disk."""

import functools
import os
import threading

import numpy as np

ALIKE = {np.float64: float, np.int64: int, np.bool_: bool, np.complex128: complex}
"""Numpy's types that machine code takes as it takes Python's."""

_one_at_a_time = threading.RLock()


class Kernel:
    """
    A function and its machine code for each combination of types it has been called with.

    Numba is imported when there is something to compile.

    Parameters
    ----------
    function : callable
        Takes arrays, scalars and tuples of these, by position; no closure.
    **options
        Of `numba.njit`.
    """

    def __init__(self, function, **options):
        if function.__closure__:
            raise TypeError(f"{function.__qualname__}: a kernel has no closure")
        functools.update_wrapper(self, function)
        self.function, self._options = function, options
        self._loaded = {}

    def __call__(self, *arguments):
        """Call the function; TypeError if numba cannot compile it or its arguments are no match."""
        types = tuple([type_of(argument) for argument in arguments])
        loaded = self._loaded.get(types)
        if loaded is None:
            loaded = self._load(types, arguments)
        return loaded(*arguments)

    @functools.cached_property
    def dispatcher(self):
        """What numba compiles it by."""
        # Intel's library, where it is installed, gives other last bits than elsewhere.
        os.environ.setdefault("NUMBA_DISABLE_INTEL_SVML", "1")
        import numba

        return numba.njit(self.function, **self._options)

    @property
    def _numba_type_(self):
        """What numba takes it for where another kernel calls it."""
        from numba import types

        return types.Dispatcher(self.dispatcher)

    def _load(self, types, arguments):
        from onramp import kernel_cache, machine_code

        if self._options.get("no_cpython_wrapper"):
            raise TypeError(f"{self.__qualname__} can be called by kernels only")
        with _one_at_a_time:
            if types not in self._loaded:
                code = kernel_cache.find(self.function, types)
                if code is None:
                    code = machine_code.compile_kernel(self.dispatcher, arguments)
                    kernel_cache.keep(self.function, types, code)
                self._loaded[types] = machine_code.load(code, self.function)
        return self._loaded[types]


def type_of(value):
    """Return what code depends on: of an array its type, order and whether it can be written."""
    if type(value) is np.ndarray:
        flags = value.flags
        order = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return value.dtype, value.ndim, order, flags.writeable, flags.aligned
    if isinstance(value, tuple):
        return type(value), *[type_of(part) for part in value]
    return ALIKE.get(type(value), type(value))
