"""Compile the kernels of MIRI's own steps into the cache on disk; see `onramp.warm`."""

import numpy as np

from onramp.steps import emicorr, emicorr_joint, refpix_miri

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
    refpix_miri.subtract(data, 0, np.zeros((nints, ngroups, 2, refpix_miri.OUTPUTS), np.float32))


if __name__ == "__main__":
    main()
