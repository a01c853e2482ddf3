"""The picture frame of one exposure: the draft rate, the mask, and the images of all groups."""

import logging

import numpy as np

from onramp import nirspec_regions
from onramp.draft_rates import draft_rates
from onramp.steps import flicker_noise, picture_frame
from onramp.whole_frames import COMPLETE, SKIPPED, Corrected

log = logging.getLogger("onramp")

FULL = "FULL"


def check(stream):
    """
    Refuse an exposure for which something is missing, before it passes for the first time.

    Raises
    ------
    InputError, ReferenceFileError
    """
    exposure = stream.exposure
    looks_at_optics = stream.parameters.picture_frame.looks_at_optics(exposure.exp_type)
    if looks_at_optics and exposure.subarray.name == FULL:
        nirspec_regions.check(exposure, stream.references)


def correct_exposure(stream):
    """
    Take the picture frame off all groups of an exposure but the first of each integration.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its search for jumps.

    Returns
    -------
    Corrected
    """
    exposure, parameters = stream.exposure, stream.parameters.picture_frame
    nints, ngroups = exposure.shape[:2]
    if exposure.instrument != "NIRSPEC" or exposure.subarray.name != FULL or ngroups == 1:
        log.warning(
            "%s: picture_frame is for full frames of NIRSpec of two groups or more: SKIPPED",
            exposure.name,
        )
        return Corrected(None, SKIPPED)
    science = None
    if parameters.looks_at_optics(exposure.exp_type):
        try:
            science = ~nirspec_regions.science_regions(exposure, stream.references, True)
        except nirspec_regions.NoLightError as reason:
            log.warning("%s: %s: nothing is masked for picture_frame", exposure.name, reason)
    rates = draft_rates(stream, stream.frames.samples, True)
    mask = flicker_noise.scene_mask(rates.read_plane((0,)), parameters.n_sigma, False, science)
    rates.close()
    parts = picture_frame.regions(mask)
    if not (parts.centre.any() and parts.edge.any()):
        log.warning("%s: no background to scale the picture frame by: SKIPPED", exposure.name)
        return Corrected(None, SKIPPED, mask, drafted=True)
    samples = stream.frames.take_samples()
    frame = stream.references["pictureframe"].read("SCI")
    for i in range(nints):
        zero = samples.read_plane((i, 0))
        for g in range(1, ngroups):
            sample = samples.read_plane((i, g))
            corrected = picture_frame.correct(sample, zero, frame, parts)
            samples.write_plane((i, g), np.asarray(corrected, np.float32))
    return Corrected(samples, COMPLETE, mask, drafted=True)
