"""Raw exposure files (Level 1b) of the simulator."""

import datetime as dt

import numpy as np
from astropy.io import fits

from onramp.simulation import detector as detectors
from onramp.simulation.headers import asdf_extension, instrument_cards, subarray_cards
from onramp.simulation.striped_modes import stripe_cards

EPOCH = dt.datetime(2023, 6, 1)
MJD_EPOCH = 60096.0
DAY = 86400.0
PROGRAM = "90001"

GROUP = np.dtype(
    [
        ("integration_number", "i4"),
        ("group_number", "i2"),
        ("end_day", "i2"),
        ("end_milliseconds", "i4"),
        ("end_submilliseconds", "i2"),
        ("group_end_time", "S26"),
        ("number_of_columns", "i2"),
        ("number_of_rows", "i2"),
        ("number_of_gaps", "i2"),
        ("completion_code_number", "i2"),
        ("completion_code_text", "S36"),
        ("bary_end_time", "f8"),
        ("helio_end_time", "f8"),
    ]
)
INT_TIMES = np.dtype(
    [("integration_number", "i4")]
    + [(f"int_{when}_{scale}", "f8") for scale in ("MJD_UTC", "BJD_TDB")
       for when in ("start", "mid", "end")]
)  # fmt: skip


def exposure_name(mode, seed):
    """Name of an exposure, without suffix: observation from the mode, exposure from the seed."""
    visit = f"jw{PROGRAM}{mode.observation:03d}001"
    return f"{visit}_02101_{seed:05d}_{mode.detector.lower()}"


def write_uncal(mode, seed, sci, zero, folder):
    """
    Write a raw exposure.

    Parameters
    ----------
    mode : Mode
    seed : int
        Exposure number; it also sets the time of observation.
    sci : (nints, ngroups, ny, nx) uint16
        Groups [DN]; ny is 3200 where they are interleaved.
    zero : (nints, ny, nx) uint16, or None
        First frames [DN].
    folder : pathlib.Path

    Returns
    -------
    pathlib.Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{exposure_name(mode, seed)}_uncal.fits"
    start = EPOCH + dt.timedelta(days=mode.observation, minutes=20 * (seed % 50000))
    mjd = MJD_EPOCH + (start - EPOCH).total_seconds() / DAY
    primary = fits.PrimaryHDU(header=fits.Header(_cards(mode, seed, path.name, start, mjd)))
    science = fits.ImageHDU(sci, name="SCI", header=fits.Header(_science_cards(mode, mjd)))
    hdus = [primary, science]
    if zero is not None:
        hdus.append(fits.ImageHDU(zero, name="ZEROFRAME"))
    hdus.append(fits.BinTableHDU(_group_table(mode, start, mjd), name="GROUP"))
    hdus.append(fits.BinTableHDU(_int_times(mode, mjd), name="INT_TIMES"))
    hdus.append(asdf_extension(path.name, "Level1bModel"))
    partial = path.with_name(f".{path.name}.partial")
    fits.HDUList(hdus).writeto(partial, overwrite=True)
    partial.replace(path)
    return path


def _period(mode):
    """Time from integration to integration [s]: the frames and the reset."""
    return mode.integration_time + mode.tframe


def _duration(mode):
    return mode.nints * _period(mode)


def _cards(mode, seed, filename, start, mjd):
    end = start + dt.timedelta(seconds=_duration(mode))
    visit = f"{PROGRAM}{mode.observation:03d}001"
    return [
        ("DATE", end.isoformat(timespec="milliseconds"), "UTC date file created"),
        ("ORIGIN", "onramp", "Organization responsible for creating file"),
        ("TIMESYS", "UTC", "principal time system for time-related keywords"),
        ("TIMEUNIT", "s", "Default unit applicable to all time values"),
        ("FILENAME", filename, "Name of the file"),
        ("SDP_VER", "simulated", "Data processing software version number"),
        ("DATAMODL", "Level1bModel", "Type of data model"),
        *instrument_cards(mode),
        ("TITLE", "Simulated exposures", "Proposal title"),
        ("PI_NAME", "None", "Principal investigator name"),
        ("CATEGORY", "CAL", "Program category"),
        ("DATE-OBS", start.strftime("%Y-%m-%d"), "[yyyy-mm-dd] UTC date at start of exposure"),
        ("TIME-OBS", start.strftime("%H:%M:%S.000"), "[hh:mm:ss.sss] UTC time at start"),
        ("DATE-BEG", start.isoformat(timespec="milliseconds"), "Date-time start of exposure"),
        ("DATE-END", end.isoformat(timespec="milliseconds"), "Date-time end of exposure"),
        ("OBS_ID", f"V{visit}P0000000002101", "Programmatic observation identifier"),
        ("VISIT_ID", visit, "Visit identifier"),
        ("PROGRAM", PROGRAM, "Program number"),
        ("OBSERVTN", f"{mode.observation:03d}", "Observation number"),
        ("VISIT", "001", "Visit number"),
        ("VISITGRP", "02", "Visit group identifier"),
        ("SEQ_ID", "1", "Parallel sequence identifier"),
        ("ACT_ID", "01", "Activity identifier"),
        ("EXPOSURE", str(seed), "Exposure request number"),
        ("VISITYPE", "PRIME_TARGETED_FIXED", "Visit type"),
        ("TSOVISIT", mode.tso, "Time Series Observation visit indicator"),
        ("TARGNAME", "SIMULATED", "Standard astronomical catalog name for target"),
        ("TARGTYPE", "FIXED", "Type of target (fixed, moving, generic)"),
        ("TARG_RA", 80.0, "Target RA at mid time of exposure"),
        ("TARG_DEC", -69.5, "Target Dec at mid time of exposure"),
        *mode.keywords,
        *_exposure_cards(mode, mjd),
        *subarray_cards(mode, detectors.region_of(mode)),
        *stripe_cards(mode.pattern),
        ("NUMDTHPT", 1, "Total number of points in pattern"),
        ("PATT_NUM", 1, "Position number within dither pattern"),
    ]


def _exposure_cards(mode, mjd):
    duration = _duration(mode)
    effective = mode.ngroups * mode.tgroup
    return [
        ("EXPCOUNT", 1, "Running count of exposures in visit"),
        ("EXPRIPAR", "PRIME", "Prime or parallel exposure"),
        ("EXP_TYPE", mode.exp_type, "Type of data in the exposure"),
        ("EXPSTART", mjd, "[d] exposure start time in MJD"),
        ("EXPMID", mjd + duration / 2 / DAY, "[d] exposure mid time in MJD"),
        ("EXPEND", mjd + duration / DAY, "[d] exposure end time in MJD"),
        ("READPATT", mode.readpatt, "Readout pattern"),
        ("NOUTPUTS", mode.noutputs, "Number of detector outputs used"),
        ("NINTS", mode.nints, "Number of integrations in exposure"),
        ("INTSTART", 1, "Starting integration number in this segment"),
        ("INTEND", mode.nints, "Ending integration number in this segment"),
        ("NGROUPS", mode.ngroups, "Number of groups in integration"),
        ("NFRAMES", mode.nframes, "Number of frames per group"),
        ("FRMDIVSR", mode.frame_divisor or mode.nframes, "Divisor for frame-averaged groups"),
        ("GROUPGAP", mode.groupgap, "Number of frames dropped between groups"),
        ("DRPFRMS1", 0, "Frames dropped prior to first integration"),
        ("DRPFRMS3", 0, "Frames dropped between integrations"),
        ("NSAMPLES", mode.nsamples, "Number of A/D samples per pixel"),
        ("TSAMPLE", 10.0, "[us] Time between samples"),
        ("TFRAME", mode.tframe, "[s] Time between frames"),
        ("TGROUP", mode.tgroup, "[s] Time between groups"),
        ("EFFINTTM", effective, "[s] Effective integration time"),
        ("EFFEXPTM", effective * mode.nints, "[s] Effective exposure time"),
        ("DURATION", duration, "[s] Total duration of exposure"),
        ("NRSTSTRT", 1, "Number of resets at start of exposure"),
        ("NRESETS", 1, "Number of resets between integrations"),
        ("ZEROFRAM", mode.zero_frame, "Zero frame was downlinked separately"),
        ("DATAPROB", False, "Science telemetry indicated a problem"),
        ("SCTARATE", 0.0, "[ms/s] Spacecraft Clock Time Adjust RATE"),
    ]


def _science_cards(mode, mjd):
    """Times and a plain tangent projection at 0.03 arcsec a pixel."""
    scale = 0.03 / 3600
    duration = _duration(mode)
    return [
        ("MJD-BEG", mjd, "[d] exposure start time in MJD"),
        ("MJD-AVG", mjd + duration / 2 / DAY, "[d] exposure mid-point in MJD"),
        ("MJD-END", mjd + duration / DAY, "[d] exposure end time in MJD"),
        ("XPOSURE", mode.ngroups * mode.tgroup * mode.nints, "[s] Effective exposure time"),
        ("TELAPSE", duration, "[s] Total elapsed exposure time"),
        ("BUNIT", "DN", "physical units of the array values"),
        ("RADESYS", "ICRS", "Name of the coordinate reference frame"),
        ("RA_V1", 80.0, "[deg] RA of telescope V1 axis"),
        ("DEC_V1", -69.5, "[deg] Dec of telescope V1 axis"),
        ("PA_V3", 0.0, "[deg] Position angle of telescope V3 axis"),
        ("WCSAXES", 2, "number of World Coordinate System axes"),
        ("CRPIX1", (mode.nx + 1) / 2, "axis 1 coordinate of the reference pixel"),
        ("CRPIX2", (mode.ny + 1) / 2, "axis 2 coordinate of the reference pixel"),
        ("CRVAL1", 80.0, "first axis value at the reference pixel"),
        ("CRVAL2", -69.5, "second axis value at the reference pixel"),
        ("XREF_SCI", (mode.nx + 1) / 2, "Aperture X reference point in SCI frame"),
        ("YREF_SCI", (mode.ny + 1) / 2, "Aperture Y reference point in SCI frame"),
        ("CTYPE1", "RA---TAN", "Axis 1 type"),
        ("CTYPE2", "DEC--TAN", "Axis 2 type"),
        ("CUNIT1", "deg", "Axis 1 units"),
        ("CUNIT2", "deg", "Axis 2 units"),
        ("CDELT1", scale, "Axis 1 coordinate increment at reference point"),
        ("CDELT2", scale, "Axis 2 coordinate increment at reference point"),
        ("PC1_1", -1.0, "linear transformation matrix element"),
        ("PC1_2", 0.0, "linear transformation matrix element"),
        ("PC2_1", 0.0, "linear transformation matrix element"),
        ("PC2_2", 1.0, "linear transformation matrix element"),
        ("V2_REF", 0.0, "[arcsec] Telescope V2 coord of reference point"),
        ("V3_REF", 0.0, "[arcsec] Telescope V3 coord of reference point"),
        ("VPARITY", -1, "Sense of rotation between Ideal xy and V2V3"),
        ("V3I_YANG", 0.0, "[deg] Angle from V3 axis to Ideal y axis"),
        ("RA_REF", 80.0, "[deg] Right ascension of the reference point"),
        ("DEC_REF", -69.5, "[deg] Declination of the reference point"),
        ("ROLL_REF", 0.0, "[deg] V3 roll angle at the ref point (N over E)"),
    ]


def _group_table(mode, start, mjd):
    table = np.zeros(mode.nints * mode.ngroups, GROUP)
    integration, group = np.divmod(np.arange(len(table)), mode.ngroups)
    read = (group + 1) * mode.nframes + group * mode.groupgap
    seconds = integration * _period(mode) + read * mode.tframe
    days = dt.datetime(start.year, start.month, start.day)
    base = (start - days).total_seconds()
    table["integration_number"] = integration + 1
    table["group_number"] = group + 1
    table["end_day"] = (days - dt.datetime(2000, 1, 1)).days + (base + seconds) // DAY
    table["end_milliseconds"] = (base + seconds) % DAY * 1000
    ends = [start + dt.timedelta(seconds=float(second)) for second in seconds]
    table["group_end_time"] = [end.isoformat(timespec="milliseconds") for end in ends]
    table["number_of_columns"] = mode.nx
    table["number_of_rows"] = mode.ny
    table["completion_code_text"] = "COMPLETE"
    table["bary_end_time"] = table["helio_end_time"] = mjd + seconds / DAY
    return table


def _int_times(mode, mjd):
    table = np.zeros(mode.nints, INT_TIMES)
    begin = mjd + np.arange(mode.nints) * _period(mode) / DAY
    length = mode.integration_time / DAY
    table["integration_number"] = np.arange(1, mode.nints + 1)
    for scale in ("MJD_UTC", "BJD_TDB"):
        for when, part in (("start", 0.0), ("mid", 0.5), ("end", 1.0)):
            table[f"int_{when}_{scale}"] = begin + part * length
    return table
