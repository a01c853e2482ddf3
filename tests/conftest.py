"""Suites that need more than onramp: the reference pipeline, and a Slurm; they run when named."""

collect_ignore = ["conformance", "slurm"]
