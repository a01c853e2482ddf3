"""Cases made of real exposures and references, where they are at hand beside the project."""
REAL_CASES = []
