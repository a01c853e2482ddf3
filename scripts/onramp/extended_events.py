"""Snowballs and showers of one exposure: the events that need the flags of whole frames."""

from onramp.bands import split
from onramp.steps import showers, snowballs


def wanted(parameters):
    """Return whether the jump parameters ask for any."""
    return parameters.expand_large_events or parameters.find_showers


def flag_extended_events(stream):
    """
    Flag the events of an exposure in `stream.groupdq`; return their number.

    As in the reference, it is that of the showers if both are asked for.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its search for jumps.
    """
    parameters, group_time = stream.parameters.jump, stream.exposure.group_time
    events = 0
    if parameters.expand_large_events:
        rules = snowballs.SnowballRules.of(parameters, group_time)
        events = snowballs.flag_snowballs(stream.groupdq, rules)
        stream.look_again_at_unusable_groups()
    if parameters.find_showers:
        events = _flag_showers(stream, showers.ShowerRules.of(parameters, group_time))
    return events


def _flag_showers(stream, rules):
    if not showers.enough_differences(stream.unusable):
        return 0
    ny = stream.exposure.shape[2]
    nframes = stream.exposure.readout.nframes

    def find(band):
        ramps = stream.flagged_ramps(band, searched=True)
        return showers.find_emission(
            ramps.data * ramps.gain, ramps.groupdq, ramps.pixeldq, ramps.readnoise * ramps.gain,
            rules, nframes, band.inner, band.first,
        )  # fmt: skip

    emission = stream.each_band(find, split(ny, stream.height, rules.halo))
    found = showers.find_showers(showers.Emission.joined(emission), rules)

    def flag(band):
        ramps = stream.flagged_ramps(band, searched=True)
        flags = stream.groupdq[:, :, band.rows]
        data = ramps.data * ramps.gain
        showers.flag_band(data, flags, ramps.pixeldq, found, rules, ny, band.first)

    stream.each_band(flag, split(ny, stream.height) if found else ())
    return sum(shower.ellipses.x.size for shower in found)
