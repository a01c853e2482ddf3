"""
Compile the kernels of the default steps into the cache on disk, so that no job waits for them.

What is off by default is in `onramp.warm_options`.
"""

import numpy as np

from onramp import checksums, flags
from onramp.steps import (
    dark_current,
    ipc,
    jump,
    jump_census,
    linearity,
    outputs,
    ramp_fit,
    refpix,
    refpix_statistics,
    saturation,
    superbias,
)


def main():
    """Call every kernel on a few pixels, with each type of array it may meet."""
    _, _, ny, nx = shape = 2, 4, 6, 8
    generator = np.random.default_rng(1)
    raw = generator.integers(1, 60000, shape).astype(np.uint16)
    plane = np.ones((ny, nx), np.float32)
    unchecked = np.zeros((ny, nx), bool)
    for samples in (raw, raw.astype(np.float32)):
        groupdq = np.zeros(shape, np.uint8)
        saturation.flag_saturation(samples, groupdq, 30000 * plane, unchecked, plane, 1, 4)
    data = raw.astype(np.float32)
    superbias.subtract_superbias(data, plane)
    _warm_refpix(data)
    coefficients = np.ones((3, ny, nx), np.float32)
    pixeldq = flags.translate(np.ones((ny, nx), np.uint8), [(1, "DEAD")])
    saturation.flag_zeroframe(data[:, 0].copy(), plane, 1)
    linearity.prepare_coefficients(coefficients, pixeldq, pixeldq)
    linearity.correct(data, groupdq, coefficients)
    linearity.correct_frames(data, groupdq, coefficients, coefficients, 4)
    readout = dark_current.Readout(len(data[0]), 1, 0)
    dark_current.match_readout(data[0].copy(), readout, readout)
    ipc.correct(data, np.ones((3, 3), np.float32), (slice(1, 4), slice(1, 4)))
    groupdq[:] = 0
    pixeldq = np.zeros((ny, nx), np.uint32)
    for branch in (jump.ITERATIVE, jump.SINGLE_PASS, jump.SIGMA_CLIP):
        thresholds = jump.Thresholds(4.0, 6.0, 5.0, 10.0, 1000.0, 1.0, 1, 1.0, 1)
        detection = jump.Detection(branch, thresholds, True, True, 1)
        jump.detect_jumps(data, groupdq, plane, plane, detection, slice(1, 5))
    lanes = outputs.Outputs(1, np.zeros(nx, np.int64), np.zeros(ny, np.int64))
    jump_census.take_census(data, groupdq, pixeldq, plane, plane, 1, lanes, slice(1, 5))
    noise = ramp_fit.Noise(plane, plane, plane)
    timing = ramp_fit.Timing.of(10.0, 10.0, 1)
    rules = ramp_fit.Rules()
    ramp_fit.fit_slopes(data, groupdq, pixeldq, noise, timing, rules)
    words = np.ones(4, np.uint32)
    checksums.store_words(words, words[0], np.empty_like(words))


def _warm_refpix(data):
    nints, ngroups, ny, nx = data.shape
    lanes = np.zeros(nx, np.int64)
    fast, slow = np.zeros((nints, ngroups, 1)), np.zeros((nints, ngroups, ny))
    single = np.zeros((nints, ngroups), bool)
    refpix.subtract(data, 0, refpix.Offsets(lanes, fast, slow, single, False))
    for precision in (np.float32, np.float64):
        values = np.ones((20, 4), precision)
        refpix_statistics.running_median(values, values > 0, 11)
        refpix_statistics.clipped_mean(values.ravel(), precision(3.0))
    refpix_statistics.clipped_means(values.astype(np.float32), np.float32(3), np.ones(20))


if __name__ == "__main__":
    main()
