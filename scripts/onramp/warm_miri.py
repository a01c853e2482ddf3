"""Compile the kernels of MIRI's own steps into the cache on disk; see `onramp.warm`."""

import numpy as np

from onramp.fitsrows import convert_words
from onramp.steps import emicorr, emicorr_joint, fitted_groups, ramp_fit, refpix_miri

PERIOD = 256.0  # samples


def main():
    """Call every kernel on a few pixels; emicorr as its reference has it by default."""
    nints, ngroups, ny, _ = shape = 2, 4, 6, 16
    data = np.random.default_rng(1).normal(1000.0, 5.0, shape).astype(np.float32)
    clock = emicorr.Clock.of("FASTR1", 1, 28, 8512, ny)
    curve = emicorr.wave_shape(np.sin(np.arange(8.0)))
    quiet = emicorr_joint.spread(data) > 0
    sums = emicorr_joint.Sums.none(8, ngroups, nints)
    sums.add(data, quiet, clock, PERIOD, 0)
    found = emicorr_joint.fit(sums, curve, clock, PERIOD, False)
    emicorr.Smooth(curve, clock, PERIOD, *found).subtract(data, 0)
    convert_words(np.ones(8, np.uint16), np.empty(8, np.float32))
    groupdq = np.zeros(shape, np.uint8)
    for kept in (groupdq, groupdq[:, :-1]):
        fitted_groups.usable_groups(kept, ramp_fit.Rules())
    refpix_miri.subtract(data, 0, np.zeros((nints, ngroups, 2, refpix_miri.OUTPUTS), np.float32))


if __name__ == "__main__":
    main()
