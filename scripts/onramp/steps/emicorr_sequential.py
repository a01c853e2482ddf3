"""
A wave found in what rough fits of the ramps leave ("EMI Correction", sequential).

The noise of all quads is sorted by its phase into bins. Their clipped means are the wave, which is
subtracted as it is or, where a reference has its shape, shifted and scaled to it.
"""

import numpy as np

from onramp.kernels import kernel
from onramp.steps.emicorr import LATE, QUAD, phase_of

MOST_BINS = 501
BINS_INSTEAD = 500
CLIP = 3.0  # standard deviations
CLIP_PASSES = 5
LAST_QUAD = 258  # of a row of the full frame
DEFAULT_CYCLES = 3
FEWEST_GROUPS = 4  # of fewer, the rough fit leaves nothing


def integrations_used(parameters, period, clock, ngroups, nints):
    """
    Return in how many integrations the wave is looked for, and what later frequencies take.

    Parameters
    ----------
    parameters : onramp.parameters.EmiCorr
    period : float
        [sample]
    clock : Clock
    ngroups, nints : int
    """
    given, cycles = parameters.nints_to_phase, parameters.use_n_cycles
    if given is None and cycles is None:
        return nints
    if given is None:
        return int(np.ceil((cycles * period) / (clock.reset_frame * ngroups)))
    return min(given, nints) if cycles == DEFAULT_CYCLES else given


def bins_of(nbins, period):
    """Return the number of bins; `nbins` is None for half the period."""
    nbins = int(period / 2.0) if nbins is None else nbins
    return BINS_INSTEAD if nbins > MOST_BINS else nbins


def late_quad(xstart, nx):
    """Return the quad that is read after the right-hand reference pixels, or -1."""
    return nx // QUAD - 1 if int(nx / QUAD + xstart - 1) == LAST_QUAD else -1


def noise_of(ramps):
    """
    Return what a line and a bias leave of each quad's ramp; the inner groups define both.

    Parameters
    ----------
    ramps : (ngroups, ny, nx) float32
        Signal of one integration [DN], at least `FEWEST_GROUPS` groups.

    Returns
    -------
    (ngroups, ny, nx // 4) float32
    """
    count = len(ramps) - 2
    times = np.arange(count, dtype=np.float64)
    sum_ty, sum_y = np.zeros(ramps.shape[1:]), np.zeros(ramps.shape[1:])
    for time, group in zip(times, ramps[1:-1]):
        sum_ty += time * group
        sum_y += group
    sum_t, sum_tt = times.sum(), (times**2).sum()
    slope = (count * sum_ty - sum_t * sum_y) / (count * sum_tt - sum_t * sum_t)
    flat = np.empty_like(ramps)
    for g, group in enumerate(ramps):
        flat[g] = group - slope * g
    flat -= flat[1:-1].min(axis=0) if count <= 2 else np.median(flat[1:-1], axis=0)
    quads = ramps.shape[2] // QUAD
    first, *others = (flat[..., n::QUAD][..., :quads] for n in range(QUAD))
    for other in others:
        first = first + other
    return first / np.float32(QUAD)


def repair(noise):
    """Replace the two quads next to the left-hand reference pixels, in place."""
    between = (noise[..., 0] + noise[..., 3]) / np.float32(2.0)
    noise[..., 1] = between
    noise[..., 2] = between


@kernel
def bin_numbers(noise, start, clock, late, period, edges, bins):
    """
    Find each quad's bin.

    Parameters
    ----------
    noise : (ngroups, ny, nquads) float32
        Of one integration; only its shape matters.
    start : float
        Time of its first sample [sample].
    clock : (float, float, float)
        From quad to quad, row to row and group to group [sample].
    late : int
        From `late_quad`.
    period : float
        [sample]
    edges : (nbins + 1,) float64
        A bin holds its upper edge.
    bins : (ngroups, ny, nquads) int32
        Receives the bins, -1 for none.
    """
    pixel, row, frame = clock
    count = edges.size - 1
    for g in range(noise.shape[0]):
        for y in range(noise.shape[1]):
            begin = start + g * frame + y * row
            for q in range(noise.shape[2]):
                time = begin + q * pixel
                if q == late:
                    time += LATE
                phase = phase_of(time, period)
                n = min(int(phase * count), count - 1)
                while n >= 0 and not phase > edges[n]:
                    n -= 1
                while n + 1 < count and phase > edges[n + 1]:
                    n += 1
                bins[g, y, q] = n


def edges_of(nbins):
    """Return the edges of bins, (nbins + 1,) float64, in periods."""
    return np.array([n / nbins for n in range(nbins)] + [1.0])


def clipped_means(values, bins, nbins):
    """
    Return the mean of each bin's values that are within three standard deviations of the median.

    Parameters
    ----------
    values : (n,) float32
    bins : (n,) int32
        -1 for values that do not count.
    nbins : int

    Returns
    -------
    (nbins,) float64
        NaN for an empty bin.
    """
    sizes = np.bincount(bins[bins >= 0], minlength=nbins)
    ends = np.cumsum(sizes)
    ordered = np.empty(int(sizes.sum()), np.float32)
    _place(values, bins, ends - sizes, ordered)
    return np.array([_clipped_mean(part.astype(np.float64)) for part in np.split(ordered, ends)])[
        :nbins
    ]


@kernel
def _place(values, bins, starts, ordered):
    free = starts.copy()
    for n in range(values.size):
        if bins[n] >= 0:
            ordered[free[bins[n]]] = values[n]
            free[bins[n]] += 1


def _clipped_mean(values):
    if values.size == 0:
        return np.nan
    for _ in range(CLIP_PASSES):
        centre, limit = np.median(values), CLIP * np.std(values)
        kept = values[(values >= centre - limit) & (values <= centre + limit)]
        if kept.size == values.size:
            break
        values = kept
    return np.mean(values)


def table_of(wave, reference, period, scale):
    """
    Return the values to subtract, one for each sample of a period.

    Parameters
    ----------
    wave : (nbins,) float64
        What was found [DN].
    reference : (n,) float64, or None
        The shape to shift to it; None: take what was found.
    period : float
        [sample]
    scale : bool
        Scale the reference to what was found.

    Returns
    -------
    (ceil(period),) float64
        Zeros if a bin is empty.
    """
    if not np.isfinite(wave).all():
        return np.zeros_like(_resampled(wave, period))
    wave = wave - np.median(wave)
    values = _resampled(wave, period)
    if reference is not None:
        found = _resampled(wave, reference.size)
        shift = _best_shift(reference, found)
        shifted = _resampled(np.roll(reference, shift), period)
        if scale:
            shifted = shifted * np.polyfit(shifted, values, 1)[0]
        values = shifted
    return np.where(np.isfinite(values), values, 0.0)


def _resampled(wave, size):
    """Resample a wave, taking the sample before each place."""
    places = np.mgrid[slice(0, wave.size, wave.size / size)]
    return wave[places.astype(np.int32)]


def _best_shift(reference, found):
    with np.errstate(all="ignore"):
        match = [np.corrcoef(np.roll(reference, n), found)[0, 1] for n in range(reference.size)]
    return int(np.argmax(match))
