"""Simulated grism exposures with direct image, references and the truth, without any download."""

from onramp.wfss.simulation.exposure import SimulatedGrismExposure, simulate_grism
from onramp.wfss.simulation.instruments import MODES, GrismMode

__all__ = ["MODES", "GrismMode", "SimulatedGrismExposure", "simulate_grism"]
