"""A sirskernel reference: Fourier coefficients of convolution kernels by detector, in ASDF."""

import numpy as np

from onramp.asdf_reference import AsdfReference

AMPLIFIERS = 4


class KernelReference(AsdfReference):
    """
    An open sirskernel reference; see `AsdfReference`.

    Attributes
    ----------
    coefficients : tuple of two (4, n) arrays, or None
        Of the left and the right reference columns; None if the file has none of the detector.
    """

    remedy = "choose refpix_algorithm median"

    def _take(self, tree, exposure):
        self.coefficients = None
        found = {key.lower(): part for key, part in tree.items() if isinstance(part, dict)}
        part = found.get(exposure.detector.lower())
        if part is None:
            return
        for name in ("gamma", "zeta"):
            if name not in part:
                self._refuse(f"{exposure.detector} has no {name}")
        sides = tuple(np.array(part[name]) for name in ("gamma", "zeta"))
        for side in sides:
            if side.ndim != 2 or len(side) != AMPLIFIERS or not np.isfinite(side).all():
                self._refuse(
                    f"{exposure.detector}: coefficients {side.shape} are not {AMPLIFIERS} rows of "
                    "finite numbers"
                )
        self.coefficients = sides
