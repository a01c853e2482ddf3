"""A sirskernel reference: Fourier coefficients of convolution kernels by detector, in ASDF."""

import warnings

import numpy as np

from onramp.errors import ReferenceFileError

AMPLIFIERS = 4


class KernelReference:
    """
    An open sirskernel reference.

    Parameters
    ----------
    reference : Reference
    exposure : Exposure

    Attributes
    ----------
    coefficients : tuple of two (4, n) arrays, or None
        Of the left and the right reference columns; None if the file has none of the detector.

    Raises
    ------
    ReferenceFileError
        If asdf is not installed, or the file holds something else.
    """

    def __init__(self, reference, exposure):
        self.reference = reference
        path = reference.path
        found = {key.lower(): part for key, part in _tree(path).items() if isinstance(part, dict)}
        part = found.get(exposure.detector.lower())
        self.coefficients = None
        if part is None:
            return
        try:
            sides = tuple(np.asarray(part[name]) for name in ("gamma", "zeta"))
        except KeyError as error:
            raise ReferenceFileError(
                f"{path}: {exposure.detector} has no {error.args[0]}; give another one with "
                "override_sirskernel"
            ) from None
        for side in sides:
            if side.ndim != 2 or len(side) != AMPLIFIERS or not np.isfinite(side).all():
                raise ReferenceFileError(
                    f"{path}: {exposure.detector}: coefficients {side.shape} are not {AMPLIFIERS} "
                    "rows of finite numbers; give another one with override_sirskernel"
                )
        self.coefficients = sides

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _tree(path):
    try:
        import asdf
    except ImportError:
        raise ReferenceFileError(
            f"{path}: asdf is not installed; run pip install 'onramp[crds]', or choose "
            "refpix_algorithm median"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with asdf.open(path, memmap=False, lazy_load=False) as file:
                return {str(key): _arrays(part) for key, part in file.tree.items()}
    except (OSError, ValueError, RuntimeError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ReferenceFileError(
            f"{path}: is no ASDF file ({reason}); give another one with override_sirskernel"
        ) from None


def _arrays(part):
    """Return the coefficients in a part of the tree as arrays; other parts as they are."""
    if not hasattr(part, "items"):
        return part
    return {
        str(key): np.array(value) if key in ("gamma", "zeta") else value
        for key, value in part.items()
    }
