"""Small simulated fields of slitless spectra, with sources that touch and one at an edge."""

from onramp.wfss.simulation import simulate_grism

PLACES = [(900, 1000), (925, 1004), (960, 996), (1000, 1009), (870, 990), (2190, 1000)]


def small_field(folder, mode="niriss", seed=7, **options):
    """Simulate a field of six sources in a folder."""
    return simulate_grism(mode, folder, seed, 6, places=PLACES, **options)
