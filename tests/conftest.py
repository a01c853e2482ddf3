"""The conformance suite needs the reference pipeline: it runs when its folder is named."""

collect_ignore = ["conformance"]
