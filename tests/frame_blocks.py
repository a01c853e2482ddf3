"""Frames for the surveys of reference pixels, from arrays."""

from functools import partial

from onramp.steps.refpix import Block


def by_blocks(method, data, number):
    """Return a method's offsets, surveyed by blocks of so many frames, the last ones first."""
    frames = data.reshape(-1, data[0, 0].size)

    def read(first):
        return lambda positions: frames[first : first + number][:, positions]

    blocks = [
        Block(first, len(frames[first : first + number]), partial(read, first))
        for first in range(0, len(frames), number)
    ]
    return method.survey(blocks, data.shape[:2], lambda work, parts: [*map(work, parts[::-1])])
