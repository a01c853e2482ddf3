"""Mean and standard deviation of a few values without their outliers."""

import numpy as np

CLIPPINGS = 5


def clipped_moments(values, limit):
    """
    Return mean and standard deviation of what is left after clipping around the median.

    Parameters
    ----------
    values : (n,) float64
    limit : float
        [standard deviations]

    Returns
    -------
    float, float
        NaN without values.
    """
    for _ in range(CLIPPINGS):
        if not values.size:
            return np.nan, np.nan
        middle, reach = np.median(values), limit * values.std()
        kept = values[(values >= middle - reach) & (values <= middle + reach)]
        done = kept.size == values.size
        values = kept
        if done:
            break
    return (values.mean(), values.std()) if values.size else (np.nan, np.nan)
