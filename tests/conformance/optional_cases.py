"""What is compared of the steps that are off by default."""

import edits
from cases import SAVE_ALL, Case

SMALL = {"nx": 64, "ny": 48}


def _small(name, steps, edit=edits.unchanged, *, mode="nircam_sub", **changes):
    return Case(name, mode, {**SMALL, **changes}, steps, edit)


def _charge_migration():
    def lost(threshold, **others):
        step = {"skip": False, "signal_threshold": threshold, "save_results": True}
        return {"charge_migration": step, **others}

    likely = {"ramp_fit": {"algorithm": "LIKELY"}}
    return [
        _small("charge_migration", lost(300)),
        _small("charge_migration_default", {"charge_migration": {"skip": False}}, ngroups=12),
        _small("charge_migration_of_all", lost(-1e6)),
        _small("charge_migration_of_2_groups", lost(100), ngroups=2),
        _small("charge_migration_of_3_groups", lost(100), ngroups=3),
        _small("charge_migration_dense_flags", lost(200), edits.many_saturated, dense_flags=True),
        _small("charge_migration_averaged", lost(500), mode="nircam_bright"),
        _small("charge_migration_likely", lost(300, **likely), ngroups=8),
        _small("charge_migration_optional", lost(300, ramp_fit={"save_opt": True}), ngroups=8),
        _small("charge_migration_snowballs", lost(300, jump={"expand_large_events": True}),
               edits.snowballs),
        _small("charge_migration_clipped", lost(100), nints=100, ngroups=5, nx=40, ny=32),
        _small("charge_migration_all_saved", SAVE_ALL | lost(300)),
    ]  # fmt: skip


OPTIONAL_CASES = [*_charge_migration()]
