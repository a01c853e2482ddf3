"""
Machine code of kernels: made by numba, run without it.

To import numba, to prepare it for some kernels and to let it load them takes a process longer than
to process a small exposure. What it has compiled needs none of that: an object file with a function
of CPython's calling convention, which LLVM links, and the helpers of two small C libraries of
numba's (its own compiled modules and the runtime for arrays) which this module loads by their path.
"""

import builtins
import ctypes
import functools
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

FUNCTIONS, HELPERS, RUNTIME = (
    "numba._dynfunc", "numba._helperlib", "numba.core.runtime._nrt_python",
)  # fmt: skip
MATHEMATICS = {
    f"{name}{kind}"
    for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "cos", "cosh", "erf",
        "erfc", "exp", "expm1", "fabs", "floor", "fmod", "lgamma", "log", "log10", "log1p", "pow",
        "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    )
    for kind in ("", "f")
}  # fmt: skip
"""What compiled code calls by its name in C, which an interpreter may not hold in sight."""


class MachineCode(NamedTuple):
    """A kernel, compiled for the types of its arguments and this processor."""

    object_file: bytes
    wrapper: str
    """Symbol of the function that Python calls."""
    environment: str
    """Symbol of the place that holds the address of the function's environment."""


def compile_kernel(dispatcher, arguments) -> MachineCode:
    """
    Compile a kernel.

    Parameters
    ----------
    dispatcher : numba dispatcher
    arguments : tuple
        What it is going to be called with; their types matter.

    Raises
    ------
    TypeError
        If its code could not run without numba: it returns arrays or named tuples, or uses linear
        algebra.
    numba.core.errors.NumbaError
        If it does not compile.
    """
    import numba

    signature = tuple(map(numba.typeof, arguments))
    dispatcher.compile(signature)
    made = dispatcher.overloads[signature]
    if made.reload_init or made.environment.consts or not _plain(made.fndesc.restype):
        raise TypeError(f"{dispatcher.__name__}: it uses or returns what only numba can provide")
    object_file, _ = made.library.serialize_using_object_code()[2]
    if b"__svml" in object_file:
        raise TypeError("numba was imported with Intel's SVML; set NUMBA_DISABLE_INTEL_SVML=1")
    return MachineCode(object_file, made.fndesc.llvm_cpython_wrapper_name, made.fndesc.env_name)


def _plain(kind):
    """Return whether a value of a type of numba's can be given to Python without numba."""
    from numba import types

    if isinstance(kind, types.Tuple | types.UniTuple):
        return all(map(_plain, kind))
    return isinstance(kind, types.Number | types.Boolean | types.NoneType)


def load(code: MachineCode, function):
    """Return a compiled kernel, to be called with positional arguments of the types it is for."""
    import llvmlite.binding as llvm

    engine, functions = _engine(), _extension(FUNCTIONS)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.object_file))
    engine.finalize_object()
    module = sys.modules[function.__module__]
    environment = functions.Environment(function.__globals__)
    place = engine.get_global_value_address(code.environment)
    ctypes.c_void_p.from_address(place).value = id(environment)
    address = engine.get_function_address(code.wrapper)
    return functions.make_function(
        module, function.__name__, function.__doc__ or "", address, environment, (environment,)
    )


def processor() -> str:
    """Return what machine code is made for, as LLVM calls it."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"


@functools.cache
def _engine():
    """Return what links machine code, with numba's helpers at hand."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    symbols = {"_Py_NoneStruct": id(None)}
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            symbols[f"PyExc_{kind.__name__}"] = id(kind)
    mathematics = _extension(HELPERS).c_helpers
    symbols |= {name: mathematics[name] for name in mathematics.keys() & MATHEMATICS}
    for name in (HELPERS, FUNCTIONS):
        for helper, address in _extension(name).c_helpers.items():
            symbols[f"numba_{helper}"] = address
    for helper, address in _extension(RUNTIME).c_helpers.items():
        symbols[helper if helper.startswith("_") else f"NRT_{helper}"] = address
    for name, address in symbols.items():
        llvm.add_symbol(name, address)
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), codemodel="jitdefault", jit=True,
        reloc="static" if target.name.startswith("x86") else "default",
    )  # fmt: skip
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _extension(name):
    """Import a compiled module of numba without the package around it."""
    if name not in sys.modules:
        package = Path(find_spec("numba").origin).parent
        place = package.joinpath(*name.split(".")[1:])
        found = (place.with_name(place.name + ending) for ending in EXTENSION_SUFFIXES)
        spec = spec_from_file_location(name, next(path for path in found if path.exists()))
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
