"""Snowballs and showers of one exposure: the events that need whole frames of flags."""


class ExtendedEvents:
    """
    The search for extended events in one exposure.

    Parameters
    ----------
    exposure : Exposure
    parameters : onramp.parameters.Jump
    """

    def __init__(self, exposure, parameters):
        self.parameters = parameters
        self.group_time = exposure.group_time

    @staticmethod
    def wanted(parameters):
        """Return whether the parameters ask for any."""
        return parameters.expand_large_events or parameters.find_showers

    def keep(self, first, ramps):
        """Keep of a band's ramps what the search needs, from row `first` on."""

    def flag(self, groupdq, _nframes, _height):
        """
        Flag the events of the whole exposure in place; return their number.

        Parameters
        ----------
        groupdq : (nints, ngroups, ny, nx) uint8
        """
        found = 0
        if self.parameters.expand_large_events:
            from onramp.steps import snowballs

            rules = snowballs.SnowballRules.of(self.parameters, self.group_time)
            found = snowballs.flag_snowballs(groupdq, rules)
        return found
