"""All cases that are compared."""

from cases import CASES
from corner_cases import CORNER_CASES
from irs2_cases import IRS2_CASES
from matrix import MATRIX
from miri_cases import FLICKER_OF_SCIENCE
from nirspec_cases import NIRSPEC_CASES
from optional_cases import FLICKER_CHOSEN_BY_DATA, FLICKER_MEDIAN_IMAGES, OPTIONAL_CASES
from random_cases import RANDOM_CASES
from real_data import REAL_CASES
from stripe_cases import STRIPE_CASES

ALL_CASES = [
    *CASES, *IRS2_CASES, *REAL_CASES, *OPTIONAL_CASES, *CORNER_CASES, *STRIPE_CASES,
    *MATRIX, *FLICKER_CHOSEN_BY_DATA, *FLICKER_OF_SCIENCE, *FLICKER_MEDIAN_IMAGES, *NIRSPEC_CASES,
    *RANDOM_CASES,
]  # fmt: skip
"""New ones come last, since a case's place is the seed of its noise."""

twice = {case.name for case in ALL_CASES if sum(other.name == case.name for other in ALL_CASES) > 1}
if twice:
    raise ValueError(f"two cases are called {', '.join(sorted(twice))}")
