"""
What an exposure's jumps amount to: rates with their errors, beside what the instrument expects.

Expected rates are wide: the solar cycle alone changes the galactic cosmic rays by a factor of two,
and a solar storm by far more.
"""

import math
from typing import NamedTuple

import numpy as np

from onramp.printing import with_error
from onramp.steps.jump_census import (
    CLEARLY,
    EVENT_SIZES,
    EVENTS,
    FLAGGED,
    JUMP_SIZES,
    SEARCHED,
    SIZE_EDGES,
)

PIXEL_PITCH = {"MIRI": 25e-4}  # [cm]
NEAR_INFRARED_PITCH = 18e-4  # [cm]
ENOUGH = 10  # events; where fewer are expected, a low rate says nothing
UNUSUAL = 4.0  # sigma
NOTABLE = 0.2  # fraction: smaller departures are not worth a remark, however significant
FEWEST = 5  # events expected of a group or amplifier that is compared with the others

AS_EXPECTED, LOW, HIGH, TOO_FEW, NOT_SEARCHED = (
    "as expected", "low", "high", "too few to tell", "not searched"
)  # fmt: skip


class Expectation(NamedTuple):
    """Events that others have found or predicted."""

    low: float
    """[cm-2 s-1]"""
    high: float
    """[cm-2 s-1]"""
    typical_size: float | None
    """Charge of a typical hit [e-], None if none is published."""
    source: str


_SOLAR_MAXIMUM = "solar maximum: 1.8, Robberto 2009, JWST-STScI-001928"
_NEAR_INFRARED = Expectation(
    1.8, 8.0, 5200.0,
    f"{_SOLAR_MAXIMUM}; 8: JWST ETC; size: NIRSpec's, Rauscher & Fixsen 2025",
)  # fmt: skip
EXPECTED = {
    # 4.3 (2022) to 2.3 (2025) were measured, about 6 are predicted for the early 2030s
    "NIRSPEC": Expectation(
        1.8, 6.0, 5200.0, f"{_SOLAR_MAXIMUM}; 6: Rauscher & Fixsen 2025, PASP 137, 095003"
    ),
    "NIRCAM": _NEAR_INFRARED,
    "NIRISS": _NEAR_INFRARED,
    "FGS": _NEAR_INFRARED,
    # the 4.9 of solar minimum, times 1.7 to match the hits on Spitzer's Si:As (Ressler 2009)
    "MIRI": Expectation(
        1.8, 8.3, None, f"{_SOLAR_MAXIMUM}; 8.3: its solar minimum x 1.7, MIRI SCASim"
    ),
}
"""By INSTRUME. No rate measured in flight is known to us but that of NIRSpec."""


class Share(NamedTuple):
    """Events by group or by amplifier."""

    events: np.ndarray
    """(n,) int64"""
    rate: np.ndarray
    """(n,) float64 [cm-2 s-1], NaN where nothing was searched."""
    error: np.ndarray
    """(n,) float64 [cm-2 s-1]"""
    probability: float
    """Of shares as uneven as these or more, if all rates are the same (chi-squared); or NaN."""


class JumpReport(NamedTuple):
    """An exposure's jumps; NaN where nothing was searched or found."""

    exposure: float
    """Area times time that was searched [cm2 s]."""
    events: int
    rate: float
    """Of events [cm-2 s-1]."""
    error: float
    flagged: int
    flagged_rate: float
    """Of flagged samples, noise included [cm-2 s-1]."""
    flagged_error: float
    samples_per_event: float
    """Flagged samples that stand clear of the noise, an event."""
    median_size: float
    """Of the events' charge [e-]."""
    expectation: Expectation
    verdict: str
    by_group: Share
    by_amplifier: Share
    remarks: tuple
    """What stands out, in words."""
    sizes: np.ndarray
    """(2, nbins) int64: see `JumpCensus`."""


def make_report(census, instrument, group_time, averaging_time=0.0) -> JumpReport:
    """
    Turn counts into rates.

    Parameters
    ----------
    census : onramp.steps.jump_census.JumpCensus
        Of the whole exposure.
    instrument : str
        INSTRUME.
    group_time : float
        Time between groups [s].
    averaging_time : float
        From the first to the last frame of a group [s]. The first difference shows hits of its
        earlier group as well, for that long.
    """
    expectation = EXPECTED.get(instrument, _NEAR_INFRARED)
    area = PIXEL_PITCH.get(instrument, NEAR_INFRARED_PITCH) ** 2
    times = np.full(census.by_group.shape[1], float(group_time))
    times[np.argmax(census.by_group[SEARCHED] > 0)] += averaging_time
    by_group = census.by_group[SEARCHED] * times * area
    exposure = float(by_group.sum())
    searched = census.by_amplifier[SEARCHED]
    by_amplifier = searched * (exposure / max(int(searched.sum()), 1))
    flagged, clear, events = (
        int(census.by_group[kind].sum()) for kind in (FLAGGED, CLEARLY, EVENTS)
    )
    groups = _share(census.by_group[EVENTS], by_group)
    amplifiers = _share(census.by_amplifier[EVENTS], by_amplifier)
    rate, error = _rate(events, exposure)
    return JumpReport(
        exposure, events, rate, error, flagged, *_rate(flagged, exposure),
        clear / events if events > 0 else math.nan,
        median_size(census.sizes[EVENT_SIZES]), expectation,
        _verdict(rate, error, exposure, expectation), groups, amplifiers,
        (*_remarks("group", groups, by_group), *_remarks("amplifier", amplifiers, by_amplifier)),
        census.sizes,
    )  # fmt: skip


def _rate(count, exposure):
    """Return a Poisson rate and its error; that of one event if there is none."""
    if not exposure:
        return math.nan, math.nan
    return count / exposure, math.sqrt(max(count, 1)) / exposure


def _share(events, exposures):
    searched = exposures > 0
    rate = np.full(events.size, np.nan)
    error = rate.copy()
    rate[searched] = events[searched] / exposures[searched]
    error[searched] = np.sqrt(np.maximum(events[searched], 1)) / exposures[searched]
    return Share(events, rate, error, _probability(events[searched], exposures[searched]))


def _probability(events, exposures):
    """Return the probability of a chi-squared as large if events follow the exposures, or NaN."""
    if events.size < 2:
        return math.nan
    expected = events.sum() * exposures / exposures.sum()
    if expected.min() < FEWEST:
        return math.nan
    chi_squared = float(((events - expected) ** 2 / expected).sum())
    return chi_squared_probability(chi_squared, events.size - 1)


def chi_squared_probability(chi_squared, dof):
    """
    Return the probability of a chi-squared at least as large.

    The finite sums for whole degrees of freedom (Abramowitz & Stegun 26.4.4, 26.4.5), for a module
    that would otherwise load a library of 0.2 s for one number.
    """
    if chi_squared == 0:
        return 1.0
    half, odd = chi_squared / 2, dof % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for k in range(dof // 2):
        power = k + 0.5 * odd
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return total


def _remarks(what, share, exposures):
    """Name what has far more or fewer events than the median rate gives it; numbered from 1."""
    searched = exposures > 0
    if np.count_nonzero(searched) < 2:
        return
    expected = np.median(share.rate[searched]) * exposures
    for n, (found, usual) in enumerate(zip(share.events, expected), start=1):
        if usual < FEWEST:
            continue
        sigma = (found - usual) / math.sqrt(usual)
        if abs(sigma) > UNUSUAL and abs(found / usual - 1) > NOTABLE:
            yield f"{what} {n} has {found / usual:.2g} times the median rate ({sigma:+.0f} sigma)"


def _verdict(rate, error, exposure, expectation):
    if not exposure:
        return NOT_SEARCHED
    if rate - 3 * error > expectation.high:
        return HIGH
    if expectation.low * exposure < ENOUGH:
        return TOO_FEW
    return LOW if rate + 3 * error < expectation.low else AS_EXPECTED


def median_size(histogram):
    """
    Return the median of sizes [e-].

    Parameters
    ----------
    histogram : (nbins,) int
        By `SIZE_EDGES`. Within a bin the logarithms are taken as even; below the first edge and
        above the last the edge stands for all.
    """
    total = histogram.sum()
    if not total:
        return math.nan
    below = np.cumsum(histogram) - histogram
    n = int(np.searchsorted(np.cumsum(histogram), total / 2))
    if n == 0 or n == SIZE_EDGES.size:
        return float(SIZE_EDGES[max(n - 1, 0)])
    low, high = np.log10(SIZE_EDGES[n - 1 : n + 1])
    return float(10 ** (low + (high - low) * (total / 2 - below[n]) / histogram[n]))


def report_lines(report) -> list[str]:
    """Return what a log says of an exposure's jumps."""
    if not report.exposure:
        return ["jumps: not searched"]
    low, high = report.expectation[:2]
    parts = [
        f"jumps: {with_error(report.rate, report.error)} events/cm2/s ({report.events} in "
        f"{report.exposure:.3g} cm2 s), {report.verdict} ({low:g} to {high:g})"
    ]
    if report.events > 0:
        parts.append(
            f"median {report.median_size:.0f} e-, {report.samples_per_event:.1f} samples an event"
        )
    parts.append(f"{report.flagged_rate:.3g} flagged samples/cm2/s")
    return ["; ".join(parts), *(f"jumps: {remark}" for remark in report.remarks)]


def header_cards(report) -> list[tuple]:
    """
    Return the header keywords of a report as (keyword, value, comment).

    There are as many whatever was found; what is not known is None, an empty value.
    """
    low, high = report.expectation[:2]
    cards = [
        ("JMPRATE", report.rate, "[cm-2 s-1] rate of jump events (cosmic rays)"),
        ("JMPRERR", report.error, "[cm-2 s-1] its Poisson error"),
        ("JMPEXLOW", low, "[cm-2 s-1] lowest rate expected"),
        ("JMPEXHI", high, "[cm-2 s-1] highest rate expected"),
        ("JMPSTATE", report.verdict, "rate beside what is expected"),
        ("JMPEVENT", report.events, "number of jump events"),
        ("JMPEXPOS", report.exposure, "[cm2 s] area and time searched"),
        ("JMPSIZE", report.median_size, "[electron] median charge of an event"),
        ("JMPSAMPL", report.samples_per_event, "clear samples of an event, mean"),
        ("JMPSRATE", report.flagged_rate, "[cm-2 s-1] rate of flagged samples"),
        ("JMPSRERR", report.flagged_error, "[cm-2 s-1] its Poisson error"),
        ("JMPGRPPR", report.by_group.probability, "chi-squared probability, groups"),
        ("JMPAMPPR", report.by_amplifier.probability, "chi-squared probability, amplifiers"),
    ]
    for n, rate in enumerate(report.by_amplifier.rate, start=1):
        cards.append((f"JMPRAMP{n}", float(rate), f"[cm-2 s-1] rate of amplifier {n}"))
    return [(keyword, _known(value, 6), comment) for keyword, value, comment in cards]


def report_as_dict(report) -> dict:
    """Return a report as plain values for JSON; what is not known is None."""
    low, high, typical, source = report.expectation
    return {
        "verdict": report.verdict,
        "exposure_cm2_s": report.exposure,
        "events": report.events,
        "rate": _known(report.rate),
        "error": _known(report.error),
        "expected": [low, high],
        "expected_source": source,
        "typical_size": typical,
        "median_size": _known(report.median_size),
        "samples_per_event": _known(report.samples_per_event),
        "flagged": report.flagged,
        "flagged_rate": _known(report.flagged_rate),
        "flagged_error": _known(report.flagged_error),
        "by_group": _share_as_dict(report.by_group),
        "by_amplifier": _share_as_dict(report.by_amplifier),
        "remarks": list(report.remarks),
        "size_edges": [_known(edge, 6) for edge in SIZE_EDGES],
        "event_sizes": report.sizes[EVENT_SIZES].tolist(),
        "jump_sizes": report.sizes[JUMP_SIZES].tolist(),
    }


def _share_as_dict(share):
    return {
        "events": share.events.tolist(),
        "rate": [_known(rate) for rate in share.rate],
        "error": [_known(error) for error in share.error],
        "probability": _known(share.probability),
    }


def _known(value, digits=None):
    """Return a value as Python's own type, rounded to some digits, or None if it is NaN."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(value) if digits is None else float(f"{value:.{digits}g}")
