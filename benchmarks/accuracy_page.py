"""The accuracy page: tables, and the figures that its text speaks of."""

from math import erfc, exp, sqrt

import numpy as np
from accuracy_ramps import BAND, DIFFERENCE_NOISE, READ_NOISE, Pattern, optimum, straight_line
from accuracy_studies import SEED, size_found
from accuracy_text import TEMPLATE

FITS = "OLS_C", "LIKELY"
FIT_HEADER = (
    "groups", "flux [e⁻/read]", "best noise [e⁻/s]", "plain line", "OLS_C noise", "LIKELY noise",
    "OLS_C bias", "LIKELY bias", "OLS_C pull", "LIKELY pull", "LIKELY χ²/dof",
)  # fmt: skip
OTHER_HEADER = (
    "exposure", "flux [e⁻/read]", "best noise [e⁻/s]", "OLS_C noise", "LIKELY noise", "OLS_C bias",
    "LIKELY bias", "bias of the mean of LIKELY's rateints", "OLS_C pull", "LIKELY pull",
    "LIKELY χ²/dof",
)  # fmt: skip
ALARM_HEADER = "groups", "flux [e⁻/read]", "two-point, 4 σ", "two-point, 5 σ", "LIKELY"
FOUND_HEADER = (
    "groups", "flux [e⁻/read]", "half by two-point", "half by LIKELY", "90 % by two-point",
    "90 % by LIKELY",
)  # fmt: skip
LEFT_HEADER = (
    "charge [e⁻]", "not searched for", "two-point, OLS_C", "LIKELY", "two-point, LIKELY",
    "found by two-point", "found by LIKELY",
)  # fmt: skip


def _table(header, rows):
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _both(quality, figure, text):
    """Return one figure of merit of OLS_C and LIKELY."""
    return [format(getattr(quality[name], figure), text) for name in FITS]


def _fit_row(pattern, rate, quality):
    best = optimum(pattern, rate)
    return [
        f"{pattern.ngroups}",
        f"{rate:g}",
        f"{best:.4g}",
        f"{straight_line(pattern, rate) / best:.3f}",
        *_both(quality, "ratio", ".4f"),
        *_both(quality, "bias", "+.4f"),
        *_both(quality, "pull", ".3f"),
        f"{quality['LIKELY'].chisq:.3f}",
    ]


def _other_row(pattern, rate, quality):
    name = f"{pattern.ngroups} groups"
    if pattern.nints > 1:
        name += f", {pattern.nints} integrations"
    if pattern.nframes > 1:
        name += f" of {pattern.nframes} reads, {pattern.groupgap} left out"
    return [
        name,
        f"{rate:g}",
        f"{optimum(pattern, rate):.4g}",
        *_both(quality, "ratio", ".4f"),
        *_both(quality, "bias", "+.4f"),
        f"{quality['LIKELY, each'].bias:+.4f}",
        *_both(quality, "pull", ".3f"),
        f"{quality['LIKELY'].chisq:.3f}",
    ]


def per_million(count, differences):
    """Return a rate and its counting error per million."""
    rate, error = 1e6 * count / differences, 1e6 * sqrt(count) / differences
    if not count:
        return "0"
    places = max(0, 1 - int(f"{error:.1e}".split("e")[1]))
    return f"{rate:.{places}f} ± {error:.{places}f}"


def _alarm_row(pattern, rate, alarms):
    return [
        f"{pattern.ngroups}",
        f"{rate:g}",
        *(per_million(count, alarms.differences) for count in alarms[:3]),
    ]


def found_sizes(hits, pattern, rate, level):
    """Return the sizes of which a fraction is found, by two-point and by LIKELY [e-]."""
    chosen = {case[2]: row for case, row in hits.items() if case[:2] == (pattern, rate)}
    fractions = ([row[name].found for row in chosen.values()] for name in ("two-point", "LIKELY"))
    return [size_found(list(chosen), found, level) for found in fractions]


def charge(size):
    """Return a size of hit [e-] in words."""
    return "not reached" if np.isnan(size) else f"{size:.0f}"


def _found_row(hits, pattern, rate):
    sizes = [*found_sizes(hits, pattern, rate, 0.5), *found_sizes(hits, pattern, rate, 0.9)]
    return [f"{pattern.ngroups}", f"{rate:g}", *(charge(size) for size in sizes)]


def _left_row(size, outcome):
    names = "no search", "two-point", "LIKELY", "both"
    return [
        f"{size}",
        *(f"{outcome[name].bias:+.2f} ({outcome[name].scatter:.2f})" for name in names),
        *(f"{outcome[name].found:.3f}" for name in ("two-point", "LIKELY")),
    ]


def _range(values, text):
    return f"{format(min(values), text)} to {format(max(values), text)}"


def _percent(value, places=2):
    return f"{100 * value:.{places}f} %"


def _worst(ramps, name, figure):
    """Return the ramps in which a figure of merit is largest in size, and that figure."""
    case = max(ramps, key=lambda case: abs(getattr(ramps[case][name], figure)))
    pattern, rate = case
    return f"{pattern.ngroups} groups at {rate:g} e⁻/read", getattr(ramps[case][name], figure)


def _fit_claims(ramps):
    """Return what the text says of single ramps."""
    ols, likely = ([row[name] for row in ramps.values()] for name in FITS)
    bias_case, bias = _worst(ramps, "OLS_C", "bias")
    pull_case, _ = _worst(ramps, "OLS_C", "pull")
    return {
        "plain_worst": _percent(max(straight_line(*c) / optimum(*c) for c in ramps) - 1, 1),
        "ols_worst": _percent(_worst(ramps, "OLS_C", "ratio")[1] - 1, 1),
        "likely_worst": _percent(_worst(ramps, "LIKELY", "ratio")[1] - 1, 1),
        "ols_lowest": f"{min(row.ratio for row in ols):.3f}",
        "ols_bias": _percent(abs(bias)),
        "ols_bias_case": bias_case,
        "likely_bias": _percent(abs(_worst(ramps, "LIKELY", "bias")[1])),
        "single_bias": _percent(abs(_worst(ramps, "single guess", "bias")[1])),
        "ols_pull": _range([row.pull for row in ols], ".2f"),
        "ols_pull_case": pull_case,
        "likely_pull": _range([row.pull for row in likely], ".2f"),
        "chisq": _range([row.chisq for row in likely], ".3f"),
        "ratio_error": f"{max(row.ratio_error for row in (*ols, *likely)):.1g}",
        "bias_error": f"{max(row.bias_error for row in (*ols, *likely)):.1g}",
        "chisq_error": f"{max(row.chisq_error for row in likely):.1g}",
    }


def _integration_claims(others):
    """Return what the text says of the mean of integrations."""
    means = {case: row for case, row in others.items() if case[0].nints > 1}
    pattern, rate = min(means, key=lambda case: case[1])
    loss = means[pattern, rate]["LIKELY"].bias * optimum(pattern, rate) / rate
    return {
        "loss": _percent(-loss, 1),
        "loss_rate": f"{rate:g}",
        "each_bias": _percent(max(abs(row["LIKELY, each"].bias) for row in means.values())),
    }


def _jump_claims(alarms, hits):
    """Return what the text says of jumps."""
    two_point, likely = (
        {case: 1e6 * row[n] / row.differences for case, row in alarms.items()} for n in (0, 2)
    )
    bright = [two_point[case] / likely[case] for case in alarms if case[1] >= 25.0]
    short, long = (
        [two_point[case] for case in alarms if case[0].ngroups == ngroups] for ngroups in (5, 50)
    )
    largest = max(case for case in hits if case[:2] == (Pattern(5), 1.0))
    worst = max(likely, key=likely.get)
    sizes = {
        f"{search}_{length}": charge(size)
        for length, ngroups in (("short", 5), ("long", 50))
        for search, size in zip(
            ("two_point", "likely"), found_sizes(hits, Pattern(ngroups), 1.0, 0.5), strict=True
        )
    }
    return sizes | {
        "missed": _percent(1 - hits[largest]["LIKELY"].found, 0),
        "missed_size": charge(largest[2]),
        "more_alarms": _range(bright, ".0f"),
        "short_alarms": _range(short, ".0f"),
        "long_alarms": _range(long, ".0f"),
        "likely_alarms": _range([rate for case, rate in likely.items() if case != worst], ".1f"),
        "worst_alarms": f"{likely[worst]:.0f}",
        "worst_alarms_case": f"{worst[0].ngroups} groups at {worst[1]:g} e⁻/read",
    }


def write(qualities, alarms, hits, pixels):
    """
    Return the page.

    Parameters
    ----------
    qualities, alarms, hits : dict
        By read-out pattern and rate, and size of hit, from `accuracy_studies`.
    pixels : int
        Ramps of each case of `qualities`.
    """
    plain = {case: row for case, row in qualities.items() if case[0].nframes * case[0].nints == 1}
    others = {case: row for case, row in qualities.items() if case not in plain}
    decades = [case for case in plain if np.isclose(np.log10(case[1]) % 1, [0, 1]).any()]
    hit_cases = list(dict.fromkeys(case[:2] for case in hits))
    left_case = Pattern(20), max(rate for _, rate in hit_cases)
    left = [(case[2], row) for case, row in hits.items() if case[:2] == left_case]
    claims = _fit_claims(plain) | _integration_claims(others) | _jump_claims(alarms, hits)
    return TEMPLATE.substitute(
        claims,
        seed=SEED,
        left_rate=f"{left_case[1]:g}",
        read_noise=f"{READ_NOISE:g}",
        difference_noise=f"{DIFFERENCE_NOISE:.2f}",
        pixels=f"{pixels:,}",
        hit_pixels=f"{BAND[0] * BAND[1]:,}",
        pull_error=f"{1 / sqrt(2 * pixels):.1g}",
        differences=f"{min(row.differences for row in alarms.values()) / 1e6:.0f}",
        p_one=f"{1e6 * erfc(4.5 / sqrt(2)):.1f}",
        p_two=f"{1e6 * exp(-23.8 / 2):.1f}",
        fits=_table(FIT_HEADER, [_fit_row(*case, plain[case]) for case in decades]),
        others=_table(OTHER_HEADER, [_other_row(*case, row) for case, row in others.items()]),
        alarms=_table(ALARM_HEADER, [_alarm_row(*case, row) for case, row in alarms.items()]),
        found=_table(FOUND_HEADER, [_found_row(hits, *case) for case in hit_cases]),
        left=_table(LEFT_HEADER, [_left_row(*row) for row in left]),
    )
