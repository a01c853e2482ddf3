"""Compile the kernels of IRS2 exposures into the cache on disk; see `onramp.warm`."""

import numpy as np

from onramp.interleaving import ROW_READS, SCIENCE
from onramp.steps import irs2_bad_pixels, irs2_correction, irs2_fourier, irs2_saturation
from onramp.steps.irs2_subtraction import Lines, Pixels, subtract_noise

FILTERS = 8


def main():
    """Call every kernel on the reads of one output, whose number is fixed, and on a few samples."""
    generator = np.random.default_rng(1)
    reads = generator.normal(0.0, 5.0, (ROW_READS, SCIENCE)).astype(np.float32)
    irs2_bad_pixels.add_pairs(reads[:4], irs2_bad_pixels.Sums(*np.zeros((3, 2))))
    line = irs2_correction.Line(np.float32(1.0), np.float32(0.1))
    irs2_correction.remove_line(reads, irs2_correction.ALL_TICKS, line)
    irs2_correction.guess_missing(reads)
    noise = irs2_correction.fill_gaps(reads, irs2_correction.smoothing_weights())
    spectrum = irs2_fourier.forward(noise)
    weights = np.zeros((irs2_fourier.SHORT, irs2_fourier.FREQUENCIES, 2 * FILTERS), np.float32)
    irs2_fourier.add_weights(np.ones((8, FILTERS), np.float32), 0, weights)
    weights = irs2_fourier.sort_weights(weights)
    noise = irs2_correction.noise_of(reads, 0, weights, spectrum)
    kept = irs2_fourier.reads_of(noise, irs2_correction.SCIENCE_TICKS[:2])
    ngroups, ny = 3, len(kept)
    pixels = Pixels(irs2_correction.SCIENCE_TICKS[:ny], np.zeros(ny, np.int64), False)
    data = np.stack([kept] * ngroups)
    subtract_noise(data, data.copy(), Lines.none(1, ngroups, 1).of(0, np.zeros(ny, int)), pixels)
    plane, groupdq = data[0], np.zeros((1, *data.shape), np.uint8)
    for samples in (data[None], data[None].astype(np.uint16)):
        irs2_saturation.flag_saturation(samples, groupdq, plane, plane, 1, 5)


if __name__ == "__main__":
    main()
