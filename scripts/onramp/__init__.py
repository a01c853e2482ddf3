"""JWST raw exposures to count rates: calibration, jump detection and ramp fitting."""

__version__ = "0.1.0"
__all__ = ["Dark", "Detector1", "__version__"]


def __getattr__(name):
    if name == "Detector1":
        from onramp.detector1 import Detector1

        return Detector1
    if name == "Dark":
        from onramp.dark import Dark

        return Dark
    raise AttributeError(f"module 'onramp' has no attribute {name!r}")
