"""A pastasoss reference: where the orders of NIRISS's single-object slitless spectra fall."""

import numpy as np

from onramp.asdf_reference import AsdfReference
from onramp.errors import InputError
from onramp.steps.soss_traces import Order, Wheel

LOWERED = {"SUBSTRIP96": 10.0}
"""Rows by which the traces of a subarray lie lower than those of the reference."""


class TraceReference(AsdfReference):
    """
    An open pastasoss reference file (ASDF); see `AsdfReference`.

    Attributes
    ----------
    wheel : Wheel
    orders : list of Order
        As they fall on the exposure's subarray.
    first : Order or None
        The first order as it falls on SUBSTRIP256, by which the reference pipeline measures fluxes
        on any subarray.
    wavelengths : (n,) float64
        At which traces are found [um].
    """

    remedy = "do without clean_flicker_noise's mask_science_regions and median_image"

    def _take(self, tree, exposure):
        meta = tree["meta"]
        low, high = meta["pwcpos_bounds"]
        self.wheel = Wheel(float(meta["pwcpos_cmd"]), float(low), float(high))
        self.wavelengths = np.linspace(
            float(meta["wavemap_wlmin"]), float(meta["wavemap_wlmax"]), int(meta["wavemap_nwl"])
        )
        orders = [
            Order(
                int(trace["spectral_order"]),
                np.array(trace["trace"], np.float64),
                (float(trace["pivot_x"]), float(trace["pivot_y"])),
                np.array(model["coefficients"], np.float64),
                np.array(model["scale_extents"], np.float64),
            )
            for trace, model in zip(tree["traces"], tree["wavecal_models"], strict=True)
        ]
        lowered = LOWERED.get(exposure.subarray.name, 0.0)
        self.orders = [order._replace(trace=order.trace - (0.0, lowered)) for order in orders]
        self.first = next((order for order in orders if order.number == 1), None)

    def rotation(self, exposure) -> float:
        """
        Return the angle by which an exposure's traces are turned [degree].

        Raises
        ------
        InputError
            If the exposure has no position of the pupil wheel, or one beyond the reference's.
        """
        position, wheel = exposure.primary.get("PWCPOS"), self.wheel
        if not isinstance(position, float | int):
            raise InputError(f"{exposure.path}: PWCPOS missing; fetch the file again")
        if not wheel.low <= position <= wheel.high:
            raise InputError(
                f"{exposure.path}: PWCPOS={position} is not from {wheel.low} to {wheel.high} as in "
                f"{self.reference.path.name}; {self.remedy}"
            )
        return position - wheel.commanded
