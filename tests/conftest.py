"""Suites that need time, the reference pipeline or a Slurm: they run when named."""

collect_ignore = ["conformance", "faults", "slurm"]
