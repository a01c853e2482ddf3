"""Ranks among more values than are held at a time: the values pass, and are counted."""

import numpy as np

HALF = 16  # bits of a key that one passage tells apart
SIGN = np.uint32(1 << 31)


class CountedValues:
    """
    Values in the order of their size, of which a few are asked for.

    Parameters
    ----------
    each_part : callable
        Returns an iterator of the values' parts, (n,) float32, none of them NaN; each time the
        same.

    Attributes
    ----------
    size : int
        How many values there are.
    """

    def __init__(self, each_part):
        self._each_part = each_part
        counts = np.zeros(1 << HALF, np.int64)
        for part in each_part():
            counts += np.bincount(_keys(part) >> HALF, minlength=counts.size)
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._within = {}
        self.size = int(self._starts[-1])

    def value_at(self, rank):
        """Return the value that has a rank, float32; that of the smallest is 0."""
        upper = int(np.searchsorted(self._starts, rank, side="right")) - 1
        lower = int(np.searchsorted(self._starts_within(upper), rank, side="right")) - 1
        return _value(upper << HALF | lower)

    def number_below(self, limit, included=False):
        """Return how many values lie below a limit (float), or do not lie above it."""
        with np.errstate(over="ignore"):
            nearest = np.array([limit]).astype(np.float32)
        past = nearest[0].item() < limit or (included and nearest[0].item() == limit)
        key = int(_keys(nearest)[0]) + past
        if key >> HALF == 1 << HALF:
            return self.size
        return int(self._starts_within(key >> HALF)[key & ((1 << HALF) - 1)])

    def percentile(self, percent):
        """Return a percentile, linear between two values as in numpy, float64."""
        place = (self.size - 1) * (percent / 100)
        rank = int(place)
        low, high = self.value_at(rank), self.value_at(min(rank + 1, self.size - 1))
        part, apart = place - rank, float(high - low)
        return float(low) + apart * part if part < 0.5 else float(high) - apart * (1 - part)

    def median(self, first, last):
        """Return the median of the values from a rank to one before another, float32."""
        half = (first + last) // 2
        upper = self.value_at(half)
        if (last - first) % 2:
            return upper
        return (self.value_at(half - 1) + upper) / np.float32(2)

    def _starts_within(self, upper):
        """Return the ranks at which keys with the same upper bits begin, by their lower bits."""
        if upper not in self._within:
            counts = np.zeros(1 << HALF, np.int64)
            for part in self._each_part():
                keys = _keys(part)
                inside = keys[keys >> HALF == upper] & np.uint32((1 << HALF) - 1)
                counts += np.bincount(inside, minlength=counts.size)
            self._within[upper] = self._starts[upper] + np.concatenate([[0], np.cumsum(counts)])
        return self._within[upper]


def _keys(values):
    """Return integers in the order of float32 values, uint32."""
    bits = (values + np.float32(0)).view(np.uint32)  # the sum: -0 and 0 are the same
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _value(key):
    bits = key & ~(1 << 31) if key >> 31 else ~key & 0xFFFFFFFF
    return np.uint32(bits).view(np.float32)
