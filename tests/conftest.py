"""The conformance suite needs the reference pipeline, that of faults time: named, they run."""

collect_ignore = ["conformance", "faults"]
