"""Rescaling of rates taken at a non-standard gain setting."""

import numpy as np

from onramp.steps.ramp_fit import Slopes


def rescale(slopes: Slopes, gain_factor: float) -> None:
    """
    Multiply slopes and errors by the gain factor and variances by its square, in place.

    Parameters
    ----------
    slopes : Slopes
    gain_factor : float
        GAINFACT of the gain reference.
    """
    slopes.sci[...] *= np.float32(gain_factor)
    slopes.err[...] *= np.float32(gain_factor)
    slopes.var_poisson[...] *= np.float32(gain_factor**2)
    slopes.var_rnoise[...] *= np.float32(gain_factor**2)
