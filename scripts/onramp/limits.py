"""Bounds of what a header may say."""

FULL = 2048  # rows and columns of a detector
MOST_FRAMES = 256  # in a group, or between groups
SHORTEST, LONGEST = 1e-6, 1e6  # frame or group [s]
LARGEST_FACTOR = 1e6
