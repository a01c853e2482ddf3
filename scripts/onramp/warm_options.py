"""
Compile the kernels of what is off by default into the cache on disk; see `onramp.warm`.

Run with the names of options: ``python -m onramp.warm_options flicker_noise``.
"""

import sys
from typing import NamedTuple

import numpy as np

from onramp.flags import JUMP_DET, SATURATED
from onramp.parameters import Jump
from onramp.steps import (
    charge_migration,
    covariance,
    flicker_noise,
    likelihood,
    optional_results,
    ramp_fit,
    showers,
    snowballs,
)

GROUP_TIME = 10.0  # s


class Ramps(NamedTuple):
    """A few ramps with a flag that spans some pixels of one group."""

    data: np.ndarray
    groupdq: np.ndarray
    pixeldq: np.ndarray
    noise: ramp_fit.Noise

    @classmethod
    def some(cls):
        """Simulate them."""
        _, ngroups, ny, nx = shape = 2, 6, 16, 16
        data = np.random.default_rng(1).normal(0.0, 5.0, shape).astype(np.float32)
        data += 100 * np.arange(ngroups, dtype=np.float32)[:, np.newaxis, np.newaxis]
        groupdq = np.zeros(shape, np.uint8)
        groupdq[:, 3, 4:12, 4:12] = JUMP_DET
        groupdq[:, 3:, 6:10, 6:10] = SATURATED
        plane = np.ones((ny, nx), np.float32)
        return cls(data, groupdq, np.zeros((ny, nx), np.uint32), ramp_fit.Noise(*[plane] * 3))


def clean_flicker_noise():
    """Clean an image less its level and less a model of it, and find a median image."""
    rate = np.random.default_rng(1).normal(1.0, 0.1, (32, 32)).astype(np.float32)
    mask = flicker_noise.scene_mask(rate, 2.0, False)
    for method in (flicker_noise.MEDIAN_LEVEL, flicker_noise.MODEL):
        rules = flicker_noise.FlickerRules(axis=1, background_method=method)
        flicker_noise.clean(rate, mask.copy(), rules)
    flicker_noise.median_of_integrations(Ramps.some().data)


def migrate_charge():
    """Flag migrating charge."""
    ramps = Ramps.some()
    charge_migration.flag_charge_migration(ramps.data, ramps.groupdq, np.float32(400.0))


def flag_snowballs():
    """Widen a jump with a saturated core."""
    rules = Jump(min_sat_area=1, min_jump_area=1, min_sat_radius_extend=1)
    snowballs.flag_snowballs(Ramps.some().groupdq, snowballs.SnowballRules.of(rules, GROUP_TIME))


def flag_showers():
    """Look for showers."""
    ramps = Ramps.some()
    ramps.groupdq[:] = 0
    rules = showers.ShowerRules.of(Jump(extend_min_area=1, extend_snr_threshold=0.01), GROUP_TIME)
    for clip_from in (1, 100):
        showers.flag_showers(ramps.data, ramps.groupdq, ramps.pixeldq, ramps.noise.readnoise,
                             rules._replace(clip_from=clip_from), 1)  # fmt: skip


def fit_likelihood():
    """Fit ramps by their likelihood, those with a jump as well."""
    ramps = Ramps.some()
    ramps.groupdq[:] = 0
    ramps.data[:, 3:, 0, 0] += 1000.0
    reads = [np.array([GROUP_TIME * (group + 1)]) for group in range(ramps.data.shape[1])]
    model = covariance.Covariance.of(reads)
    likelihood.fit_likelihood(ramps.data, ramps.groupdq, ramps.pixeldq, ramps.noise, model)


def keep_optional_results():
    """Fit ramps and keep what `save_opt` keeps."""
    ramps = Ramps.some()
    timing, rules = ramp_fit.Timing.of(GROUP_TIME, GROUP_TIME, 1), ramp_fit.Rules()
    cube = ramps.data, ramps.groupdq
    _, rateints = ramp_fit.fit_slopes(*cube, ramps.pixeldq, ramps.noise, timing, rules)
    optional_results.count_optional(*cube, rules)
    optional_results.optional_results(*cube, ramps.noise, timing, rules, rateints, 1.0)


OPTIONS = {
    "flicker_noise": clean_flicker_noise,
    "charge_migration": migrate_charge,
    "snowballs": flag_snowballs,
    "showers": flag_showers,
    "likelihood": fit_likelihood,
    "optional_results": keep_optional_results,
}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        OPTIONS[name]()
