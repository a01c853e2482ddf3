"""The memory that an exposure's job needs, predicted from its header alone."""

import math

from onramp.bands import band_height
from onramp.limits import FULL
from onramp.parameters import Detector1Parameters
from onramp.product_list import LIKELIHOOD

BASE = 118e6  # interpreter, libraries and compiled kernels
SURVEY_PIXEL = 26  # bytes for each pixel of the frame while it is surveyed
FULL_FRAME_PIXEL = 11  # bytes for each detector pixel while reference pixels are located
KEPT_PIXEL = 9  # bytes for each pixel of the frame while bands pass
SAMPLE = 7.5  # bytes for each sample of a band
KEPT_BAND = 0.6  # of a band where samples go to disk between two passes
FURTHER_BAND = 0.8  # of a band for each thread more: few need most of it at the same time
WAVE_PIXEL = 10  # bytes for each pixel of each integration while waves are found: emicorr
HALO = 4  # rows around a band that are read with it
OPTION_SAMPLE = 24  # bytes more for each sample of a band: LIKELY, showers, optional results
CORRECTED_PIXEL = 44  # bytes for each pixel of the frame while whole frames are corrected
FOURIER_PIXEL = 31  # bytes more, in the Fourier domain
MODEL_PIXEL = 16  # bytes more, while a background is modelled
MODEL_BASE = 25e6  # what it takes of scipy
REGIONS_BASE = 100e6  # what the transforms of NIRSpec's optics take of asdf and astropy
MEDIAN_BASE = 60e6  # what the light of a source of images takes of photutils
INTERLEAVED_SURVEY = 50e6  # weights and frames of an IRS2 exposure
INTERLEAVED_GROUP = 40e6  # a group of it that is transformed
NOISE_SAMPLE = 4  # bytes for each sample of one integration of a band of it
MARGIN = 1.12


def predict_mb(seen, cores=1, rows=None, steps=None) -> int:
    """
    Return the peak memory of processing an exposure [MB].

    Parameters
    ----------
    seen : Glance
    cores : int, optional
        Threads; each holds a band.
    rows : int, optional
        Height of the bands, if it is given.
    steps : Detector1Parameters, optional
        The defaults if left out.
    """
    steps = steps or Detector1Parameters()
    if seen.uneven:
        fit = steps.ramp_fit.model_copy(update={"algorithm": LIKELIHOOD})
        steps = steps.model_copy(update={"ramp_fit": fit})
    return predict_shape_mb(seen.shape, cores, rows, steps)


def predict_shape_mb(shape, cores=1, rows=None, steps=None) -> int:
    """Return the peak memory for (nints, ngroups, ny, nx) samples as stored; see `predict_mb`."""
    nints, ngroups, ny, nx = shape
    steps = steps or Detector1Parameters()
    interleaved = ny > FULL
    if interleaved:
        ny, shape = FULL, (nints, ngroups, FULL, nx)
    survey = SURVEY_PIXEL * ny * nx + FULL_FRAME_PIXEL * FULL * FULL * (ny * nx < FULL * FULL)
    survey += WAVE_PIXEL * nints * ny * nx * (not steps.emicorr.skip)
    if interleaved:
        survey += INTERLEAVED_SURVEY + INTERLEAVED_GROUP * cores
    height = band_height(shape, cores, rows)
    workers = min(cores, math.ceil(ny / height))
    sample = SAMPLE + OPTION_SAMPLE * _needs_more(steps)
    band = (min(height + HALO, ny) * nx) * (nints * ngroups * sample + nints * 20)
    band += (height + HALO) * nx * ngroups * NOISE_SAMPLE * interleaved
    band *= KEPT_BAND if _corrects_frames(steps) else 1
    stream = KEPT_PIXEL * ny * nx + (1 + FURTHER_BAND * (workers - 1)) * band
    flags = nints * ngroups * ny * nx if _keeps_flags(steps) else 0
    corrected = _correction_pixel(steps) * ny * nx
    kept = KEPT_PIXEL * ny * nx + flags
    base = BASE + max(
        MODEL_BASE * _models_background(steps),
        MEDIAN_BASE * _has_median(steps),
        REGIONS_BASE * _masks_regions(steps),
    )
    return math.ceil((base + max(survey, stream + flags, kept + corrected)) * MARGIN / 1e6)


def _needs_more(steps):
    return steps.ramp_fit.algorithm != "OLS_C" or steps.ramp_fit.save_opt or steps.jump.find_showers


def _keeps_flags(steps):
    """Tell whether the flags of all samples are kept while bands pass."""
    jump = steps.jump
    events = jump.expand_large_events or jump.find_showers
    return events or _corrects_frames(steps) or steps.ramp_fit.save_opt


def _correction_pixel(steps):
    """Return the bytes for each pixel of the frame while whole frames are corrected."""
    cleaning = steps.clean_flicker_noise
    if not _corrects_frames(steps):
        return 0
    fourier = not cleaning.skip and cleaning.fit_method == "fft"
    modelled = _models_background(steps) or _has_median(steps)
    return CORRECTED_PIXEL + FOURIER_PIXEL * fourier + MODEL_PIXEL * modelled


def _models_background(steps):
    cleaning = steps.clean_flicker_noise
    return not cleaning.skip and (cleaning.background_method == "model" or cleaning.autoparam)


def _masks_regions(steps):
    on_frames = steps.picture_frame, steps.clean_flicker_noise
    return any(step.mask_science_regions and not step.skip for step in on_frames)


def _has_median(steps):
    cleaning = steps.clean_flicker_noise
    return not cleaning.skip and cleaning.by_median_image


def _corrects_frames(steps):
    return not (steps.picture_frame.skip and steps.clean_flicker_noise.skip)
