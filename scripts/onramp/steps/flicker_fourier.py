"""
Flicker noise in frequency space, fitted to the background pixels of a NIRSpec image.

NSClean (Rauscher 2024, PASP 136, 015001). Lines of a full frame are fitted one by one, pieces of a
subarray as the stretches of time they are. Precision is the reference's, single where it is
single: weights of pixels without a neighbour come from rounding.
"""

import numpy as np

FULL_SHAPE = 2048, 2048
BORDER = 4  # lines at either end without a fit

CUT = 16 / (2 * 2048)  # half power of the low pass of a line [1 / pixel]
CUT_WIDTH = CUT / 4  # [1 / pixel]
DENSITY_WIDTH = 32  # of the Gaussian that measures how densely a line is sampled [pixel]
BUFF_WIDTH = 1.5  # of the smoothing across lines [pixel]
LINE_OUTLIERS = 3.0  # [standard deviations]
MAD_TO_SIGMA = 1.4826

PIXEL_TIME = np.float32(10.0e-6)  # [s]
LINE_OVERHEAD = 12  # [pixel times]
PIECE = 512  # background pixels that a piece of a subarray has at least
FEWEST = 0.05  # of a piece's pixels, more than which have to show background
OUTLIERS = 4.0  # [standard deviations]
SUBARRAY_MAD_TO_SIGMA = 1.4825


def clean(image, mask, detector, passband):
    """
    Subtract the noise from an image.

    Parameters
    ----------
    image : (ny, nx) float32
        Less its background [DN].
    mask : (ny, nx) bool
        Where there is background alone.
    detector : str
        NRS1 or NRS2.
    passband : (float, float, float, float)
        Of subarrays: frequencies up to the first and from the last pass, none between the second
        and the third [Hz].

    Returns
    -------
    (ny, nx) float32 of a full frame, float64 of a subarray

    Raises
    ------
    numpy.linalg.LinAlgError
        If a fit has no solution, or no pixel shows background.
    """
    step = 1 if detector == "NRS1" else -1
    lines, background = image.T[::step], mask.T[::step]
    if image.shape == FULL_SHAPE:
        cleaned = (lines - _buffed(_line_noise(lines, background))).astype(np.float32)
    else:
        cleaned = lines - _subarray_noise(lines, background, passband)
    return np.ascontiguousarray(cleaned[::step].T)


def _low_pass(n):
    """Return the gain of each frequency of a line of `n` pixels."""
    frequency = np.fft.rfftfreq(n)
    roll_off = (1 + np.cos(np.pi * (frequency - CUT) / CUT_WIDTH + np.pi / 2)) / 2
    gain = np.where(frequency <= CUT - CUT_WIDTH / 2, 1, roll_off)
    return np.where(frequency <= CUT + CUT_WIDTH / 2, gain, 0)


def _gaussian(n, width):
    """Return a Gaussian around the pixel after the middle, of unit sum, float64."""
    distance = np.arange(n) - (n // 2 + 1)
    return np.exp(-(distance**2) / width**2 / 2) / width / np.sqrt(2 * np.pi)


def _line_weights(mask):
    """Return the inverse density of samples along each line, 0 outside the mask."""
    ny, nx = mask.shape
    smoothing = np.zeros((ny, nx), np.float32)
    smoothing[ny // 2 + 1] = _gaussian(nx, DENSITY_WIDTH)
    transform = np.fft.rfft2(np.fft.ifftshift(smoothing))
    density = np.fft.irfft2(np.fft.rfft2(mask.astype(np.float32)) * transform, (ny, nx))
    with np.errstate(divide="ignore"):
        weights = np.where(mask, 1 / density, 0.0)
    weights[~np.isfinite(weights)] = 0.0
    return weights


def _line_noise(lines, mask):
    """Return the noise of each line of a full frame, float32."""
    ny, nx = lines.shape
    gain = _low_pass(nx)
    count = int(np.sum(gain > 0))
    weights = _line_weights(mask)
    waves = np.exp(2j * np.pi * np.outer(np.arange(nx), np.arange(count)) / nx)
    noise = np.zeros((ny, nx), np.float32)
    for y in range(BORDER, ny - BORDER):
        used = mask[y]
        samples, weight = lines[y][used], weights[y][used]
        if samples.size == 0:
            continue
        samples = _without_outliers(samples)
        basis = (waves[used] / samples.size).astype(np.complex64)
        amplitudes = np.zeros(nx // 2 + 1, np.complex64)
        amplitudes[:count] = _weighted_inverse(basis, weight) @ (weight * samples)
        amplitudes *= nx / samples.size
        amplitudes[:count] *= gain[:count]
        noise[y] = np.fft.irfft(amplitudes, nx)
    return noise


def _without_outliers(samples):
    """Put the median in the place of a line's outliers."""
    middle = np.median(samples)
    spread = MAD_TO_SIGMA * np.median(np.abs(samples - middle))
    inside = (middle - LINE_OUTLIERS * spread <= samples) & (
        samples <= middle + LINE_OUTLIERS * spread
    )
    return np.where(inside, samples, middle)


def _weighted_inverse(basis, weights):
    """Return the Moore-Penrose inverse of the basis, its rows weighted."""
    weighted = basis * weights[:, np.newaxis]
    adjoint = np.conjugate(weighted.T)
    return np.linalg.inv(adjoint @ weighted) @ adjoint


def _buffed(noise):
    """Smooth a noise lightly across its lines."""
    ny, nx = noise.shape
    smoothing = np.zeros((ny, nx), np.float32)
    smoothing[:, nx // 2 + 1] = _gaussian(ny, BUFF_WIDTH)
    transform = np.fft.rfft2(np.fft.ifftshift(smoothing)).astype(np.complex64)
    return np.fft.irfft2(np.fft.rfft2(noise) * transform, s=noise.shape)


def _subarray_noise(lines, mask, passband):
    """Return the noise of a subarray, float64: pieces that overlap, joined by weight."""
    mask = _without_bright(lines, mask)
    noise, total = np.zeros(lines.shape), np.zeros(lines.shape)
    for first, last in _pieces(mask):
        weight = 1.001 - np.abs(np.linspace(-1, 1, last - first))[:, np.newaxis]
        if np.mean(mask[first:last]) > FEWEST:
            piece = _piece_noise(lines[first:last], mask[first:last], passband)
            noise[first:last] += weight * piece
        total[first:last] += weight
    total[noise == 0] = 1
    return noise / total


def _without_bright(lines, mask):
    """Return the mask less outliers and their four neighbours."""
    if not mask.any():
        raise np.linalg.LinAlgError("no pixel shows background alone")
    middle = np.median(lines[mask])
    spread = SUBARRAY_MAD_TO_SIGMA * np.median(np.abs((lines - middle)[mask]))
    outlier = mask & (np.abs(lines - middle) > OUTLIERS * spread)
    around = np.pad(outlier, 1)
    around = (
        around[1:-1, 1:-1] | around[:-2, 1:-1] | around[2:, 1:-1]
        | around[1:-1, :-2] | around[1:-1, 2:]
    )  # fmt: skip
    return mask & ~around


def _pieces(mask):
    """Yield first and past-the-last line of each piece, each beginning halfway into the last."""
    lit = np.flatnonzero(mask.any(axis=1))
    if lit.size == 0:
        raise np.linalg.LinAlgError("no pixel shows background alone")
    before = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    first, end = int(lit[0]), int(lit[-1]) + 1
    while first < end:
        last = end
        if before[-1] - before[first] > 1.5 * PIECE:
            enough = np.flatnonzero(before[first + 1 : end + 1] - before[first] > PIECE)
            last = first + 1 + int(enough[0]) if enough.size else end
        yield first, last
        if last == end:
            return
        first += max(round((last - first) / 2), 1)


def _piece_noise(lines, mask, passband):
    """Return the noise of one piece, fitted over the ticks of the readout's clock."""
    ny, nx = lines.shape
    ticks = np.int32(ny * (nx + LINE_OVERHEAD))  # whose frequencies are in double precision
    gain = _band_pass(ticks, passband)
    passing = np.flatnonzero(gain > 0.0)
    tick = np.arange(ny)[:, np.newaxis] * (nx + LINE_OVERHEAD) + np.arange(nx)
    tick = tick[mask][:, np.newaxis]
    basis = (np.exp(2j * np.pi * tick * passing / ticks) / tick.size).astype(np.complex64)
    weights = _tick_weights(mask, ticks, passband)
    inverse = _weighted_inverse(basis, weights)
    amplitudes = np.zeros(gain.size, np.complex64)
    samples = lines[mask].astype(np.float32)
    amplitudes[passing] = (inverse * weights[np.newaxis]) @ samples
    amplitudes *= ticks / tick.size
    noise = np.fft.irfft(amplitudes * gain, ticks)
    return noise.reshape(ny, nx + LINE_OVERHEAD)[:, :nx]


def _band_pass(ticks, passband):
    """Return the gain of each frequency, float32: 1 at both ends, cosines to 0 between."""
    frequency = np.fft.rfftfreq(ticks, PIXEL_TIME).astype(np.float32)
    low, low_end, high, high_end = np.array(passband, np.float32)
    gain = np.zeros(frequency.size, np.float32)
    gain[(frequency < low) | (frequency >= high_end)] = 1.0
    falling = (low <= frequency) & (frequency < low_end)
    gain[falling] = 0.5 * (np.cos((np.pi / (low_end - low)) * (frequency[falling] - low)) + 1)
    rising = (high <= frequency) & (frequency < high_end)
    phase = (np.pi / (high_end - high)) * (frequency[rising] - high) + np.pi
    gain[rising] = 0.5 * (np.cos(phase) + 1)
    return gain


def _tick_weights(mask, ticks, passband):
    """Return the inverse density in time of the samples of a mask."""
    width = np.float32(1 / ((passband[0] + passband[1]) / 2) / PIXEL_TIME / 2 / 4)
    time = np.arange(ticks, dtype=np.float32)
    distance = time - np.float32(ticks // 2 + 1)
    smoothing = np.exp(-(distance**2) / width**2 / 2) / width / np.sqrt(2 * np.pi)
    clocked = np.pad(mask, ((0, 0), (0, LINE_OVERHEAD))).ravel()
    transform = np.fft.rfft(np.fft.ifftshift(smoothing))
    with np.errstate(divide="ignore"):
        weights = 1 / np.fft.irfft(np.fft.rfft(clocked.astype(np.float32)) * transform, ticks)
    weights = weights[clocked]
    weights[~np.isfinite(weights)] = 0.0
    return weights
