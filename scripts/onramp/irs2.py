"""
Reference pixels of one IRS2 exposure: surveyed group by group, kept on disk, subtracted in bands.

What a group's science pixels read of the electronics' noise needs the whole group and is as large
as the group. It goes to disk, so that memory stays that of a few frames.
"""

import numpy as np

from onramp import bands, interleaving
from onramp.flags import BAD_REF_PIXEL, DO_NOT_USE
from onramp.interleaving import COLUMNS, OUTPUT_COLUMNS, OUTPUTS, SCIENCE
from onramp.noise_file import NoiseFile
from onramp.steps import irs2_bad_pixels as bad_pixels
from onramp.steps import irs2_correction as correction
from onramp.steps import irs2_fourier
from onramp.steps.irs2_means import ParityMeans
from onramp.steps.irs2_subtraction import (
    INTERLEAVED_PIXEL,
    REFERENCE_OUTPUT,
    SCIENCE_PIXEL,
    Lines,
    Pixels,
    subtract_noise,
)

READ_COLUMNS = np.flatnonzero(
    np.tile(interleaving.reference_columns(), OUTPUTS) | (np.arange(COLUMNS) < OUTPUT_COLUMNS)
)
"""Columns all of whose reads are needed: the reference output and the interleaved pixels."""

PLACE = np.full(COLUMNS, -1)
PLACE[READ_COLUMNS] = np.arange(READ_COLUMNS.size)
BITS = np.uint32(BAD_REF_PIXEL | DO_NOT_USE)


class Irs2Correction:
    """
    The correction of one exposure.

    Parameters
    ----------
    frames : InterleavedFrames
    weights : (89, 8, 8193) complex64
        From `onramp.irs2_reference.read_weights`.
    listed : list of (int, int, int)
        Bad pixels of the refpix reference: amplifier, parity, mask.
    parameters : onramp.parameters.Refpix
    folder : path or None
        Where the noise is kept while the exposure passes; None: the system's temporary folder.
    threads : int
        Groups to look at at the same time.
    """

    def __init__(self, frames, weights, listed, parameters, folder=None, threads=1):
        self._frames = frames
        self._weights = weights
        self._listed = listed
        self._parameters = parameters
        self._threads = threads
        self._preserved = parameters.preserve_irs2_refpix
        self._chosen = interleaving.science_columns() | self._preserved
        self._height = int(self._chosen.sum())
        shape = frames.nints, frames.ngroups
        self._lines = Lines.none(*shape, OUTPUTS)
        self._offsets = np.zeros((*shape, COLUMNS), np.float32)
        self._kept = NoiseFile((*shape, self._height, SCIENCE), folder)

    def close(self):
        """Give up what is kept on disk."""
        self._kept.close()

    def survey(self, quality):
        """
        Look at all frames.

        Parameters
        ----------
        quality : (3200, 2048) uint32
            Data quality as stored, when the step runs.
        """
        quality = self._frames.turned(quality)
        self.bad = self._find_bad(((quality & BAD_REF_PIXEL) != 0).any(axis=1))
        means = None
        if self._parameters.irs2_mean_subtraction:
            usable = (quality[:, correction.EDGE_ROWS] & DO_NOT_USE) == 0
            usable[self.bad] = False
            means = ParityMeans(usable, self._parameters)
        self._sources = self._choose_sources()
        self._bias = self._frames.bias(READ_COLUMNS)
        self._edge_bias = self._frames.bias(np.arange(COLUMNS), correction.EDGE_ROWS)
        self._smoothing = correction.smoothing_weights()
        for i in range(self._frames.nints):
            self._survey_integration(i, means)
        del self._bias, self._smoothing, self._weights
        bands.give_back_freed_memory()

    def _find_bad(self, known):
        """Return which detector columns are bad for all integrations, (3200,) bool."""
        first = bad_pixels.pairs()
        columns = np.column_stack([first, first + 1]).ravel()
        bias = self._frames.bias(columns)
        found = known.copy()
        for i in range(self._frames.nints):
            sums = bad_pixels.Sums(*np.zeros((3, first.size)))
            for g in range(self._frames.ngroups):
                raw = self._frames.plane(i, g)[columns]
                bad_pixels.add_pairs(self._frames.less_bias(raw, bias), sums)
            statistics = sums.statistics(self._frames.ngroups * SCIENCE)
            limit = self._parameters.ovr_corr_mitigation_ftr
            found |= bad_pixels.restless(statistics, known, limit)
        return found

    def _choose_sources(self):
        """
        Return the source of each column.

        The order in which neighbours are asked is that of the file for what the exposure shows,
        and that of the detector for what the reference lists.
        """
        bad = self.bad.copy()
        turn = self._frames.detector == "NRS2"
        sources = bad_pixels.replace_all(bad[::-1] if turn else bad)
        sources = sources.turned() if turn else sources
        bad_pixels.replace_listed(sources, bad, self._listed)
        return sources

    def _survey_integration(self, i, means):
        ngroups = self._frames.ngroups
        totals = [np.zeros(shape) for shape in (self._bias.shape, self._edge_bias.shape)]
        ends = np.empty((ngroups, *self._edge_bias.shape), np.float32)
        for g in range(ngroups):
            reads, ends[g] = self._samples(i, g, means)
            totals[0] += reads
            totals[1] += ends[g]
        for total in totals:
            total /= float(ngroups)

        def measure(g):
            reads = self._reads(i, g, self._frames.plane(i, g))
            reads -= totals[0]
            ends[g] -= totals[1]
            self._measure(i, g, reads, ends[g])

        bands.in_threads(measure, range(ngroups), self._threads)

    def _samples(self, i, g, means):
        """
        Return a frame's samples less bias and offsets, bad columns replaced.

        Returns
        -------
        reads : (1152, 2048) float32
            Of the READ_COLUMNS.
        edges : (3200, 8) float32
            Of all columns at the first and last detector rows.
        """
        plane = self._frames.plane(i, g)
        edges = self._frames.less_bias(plane[:, correction.EDGE_ROWS], self._edge_bias)
        if means is not None:
            self._offsets[i, g] = means.measure(edges)
            edges -= self._offsets[i, g, :, None]
        _replace(edges, self._sources.replaced, self._sources, np.arange(COLUMNS))
        return self._reads(i, g, plane), edges

    def _reads(self, i, g, plane):
        """Return the samples of the READ_COLUMNS of a frame as `_samples` does."""
        reads = self._frames.less_bias(plane[READ_COLUMNS], self._bias)
        if self._parameters.irs2_mean_subtraction:
            reads -= self._offsets[i, g, READ_COLUMNS, None]
        replaced = self._sources.replaced
        _replace(reads, replaced[PLACE[replaced] >= 0], self._sources, PLACE)
        return reads

    def _measure(self, i, g, reads, edges):
        """Measure a frame's lines and noise."""
        ticks = interleaving.read_ticks()
        spectrum = None
        for output in range(OUTPUTS):
            columns = _in_reading_order(output)
            ends = np.zeros((interleaving.ROW_READS, 2 * correction.EDGE), np.float32)
            ends[ticks] = edges[columns]
            line = correction.fit_line(ends.T)
            self._lines.set(i, g, output, line)
            read = PLACE[columns] >= 0
            own = np.zeros((interleaving.ROW_READS, SCIENCE), np.float32)
            own[ticks[read]] = reads[PLACE[columns[read]]]
            correction.remove_line(own, ticks[read], line)
            if output == 0:
                correction.guess_missing(own)
                noise = correction.fill_gaps(own, self._smoothing)
                spectrum = irs2_fourier.forward(noise)
            else:
                noise = correction.noise_of(own, output - 1, self._weights, spectrum)
            self._keep(i, g, output, noise)

    def _kept_ticks(self, output):
        """Return when what is kept of an output is read, in the order of the file's rows."""
        ticks = interleaving.read_ticks()[self._chosen[_in_reading_order(output)]]
        turned = interleaving.is_read_backwards(output) != (self._frames.detector == "NRS2")
        return ticks[::-1] if turned else ticks

    def _keep(self, i, g, output, noise):
        """
        Write what an output's pixels read of the noise, in the file's orientation.

        Of the reference output its reads are written, gaps filled, if it is to be preserved.
        """
        ticks = self._kept_ticks(output)
        if not ticks.size:
            return
        first = int(self._chosen[: output * OUTPUT_COLUMNS].sum())
        turned = self._frames.detector == "NRS2"
        if turned:
            first = self._height - ticks.size - first
        self._kept.write(i, g, first, irs2_fourier.reads_of(noise, ticks, turned))

    def subtract(self, first, data, pixeldq):
        """
        Correct a band of science rows, in place.

        Parameters
        ----------
        first : int
            Its first science row.
        data : (nints, ngroups, ny, 2048) float32
            Signal less the superbias [DN].
        pixeldq : (ny, 2048) uint32
        """
        rows = interleaving.science_rows(self._frames.detector)
        self._correct(rows[first : first + data.shape[2]], data, pixeldq)

    def preserve(self, first, data, pixeldq):
        """
        Correct all rows of a band, reference pixels included, in place; see `subtract`.

        Interleaved pixels lose their mean over the groups; those of the reference output keep it.
        """
        self._correct(np.arange(first, first + data.shape[2]), data, pixeldq)

    def _correct(self, rows, data, pixeldq):
        columns = COLUMNS - 1 - rows if self._frames.detector == "NRS2" else rows
        pixeldq[self.bad[columns]] |= BITS
        if self._parameters.irs2_mean_subtraction:
            data -= self._offsets[:, :, columns, None]
        for place in np.flatnonzero(self._sources.first[columns] != columns):
            data[:, :, place] = self._replacement(columns[place])
        outputs, places = np.divmod(columns, OUTPUT_COLUMNS)
        backwards = interleaving.is_read_backwards(outputs)
        places = np.where(backwards, OUTPUT_COLUMNS - 1 - places, places)
        kinds = np.where(interleaving.science_columns()[columns], SCIENCE_PIXEL, INTERLEAVED_PIXEL)
        kinds[outputs == 0] = REFERENCE_OUTPUT
        pixels = Pixels(interleaving.read_ticks()[places], kinds, self._frames.detector == "NRS2")
        for i in range(data.shape[0]):
            subtract_noise(data[i], self._noise(i, rows), self._lines.of(i, outputs), pixels)

    def _noise(self, integration, rows):
        """Return what is kept of some rows of an integration, (ngroups, n, 2048)."""
        if self._preserved:
            noise = self._kept.read(integration, int(rows[0]), int(rows[-1]) + 1)
            return np.take(noise, rows - rows[0], axis=1)
        science = interleaving.science_rows(self._frames.detector)
        first = int(np.searchsorted(science, rows[0]))
        return self._kept.read(integration, first, first + len(rows))

    def _replacement(self, column):
        """Return what stands in for the samples of a column, (nints, ngroups, 2048)."""
        parts = []
        for source in (self._sources.first[column], self._sources.second[column]):
            if source == bad_pixels.NOTHING:
                return np.float32(0)
            samples = self._frames.column(source)
            if self._parameters.irs2_mean_subtraction:
                samples = samples - self._offsets[:, :, source, None]
            parts.append(samples)
        return np.mean(parts, axis=0)


def _in_reading_order(output):
    """Return an output's detector columns in the order in which they are read."""
    columns = np.arange(output * OUTPUT_COLUMNS, (output + 1) * OUTPUT_COLUMNS)
    return columns[::-1] if interleaving.is_read_backwards(output) else columns


def _replace(samples, replaced, sources, place):
    """Replace bad columns' samples, in place; `place` tells where a column's samples are."""
    values = []
    for column in replaced:
        first, second = sources.first[column], sources.second[column]
        if first == bad_pixels.NOTHING:
            values.append(np.float32(0))
        else:
            values.append(np.mean([samples[place[first]], samples[place[second]]], axis=0))
    for column, value in zip(replaced, values):
        samples[place[column]] = value
