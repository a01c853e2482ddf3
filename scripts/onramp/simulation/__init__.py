"""Parts of the simulator: observing modes, detectors, scenes, readout, files and score."""
