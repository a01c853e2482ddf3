"""Rescaling of groups averaged on board over a number of frames that is no power of two."""


def scale_factor(nframes, frame_divisor):
    """
    Return the factor that undoes the on-board division, or None if there is nothing to undo.

    Parameters
    ----------
    nframes : int or None
        Frames averaged into a group (NFRAMES).
    frame_divisor : int or None
        What the sum of frames was divided by (FRMDIVSR).
    """
    if nframes is None or frame_divisor is None or nframes == frame_divisor:
        return None
    return float(frame_divisor) / nframes
