"""What the products' headers say of their making, in the reference pipeline's keywords."""

import json

from astropy.io import fits

from onramp.limits import BLOCK
from onramp.provenance import parameter_lines, software_cards

CARD = 80  # characters
ASDF_DOCUMENT = """#ASDF 1.0.0
#ASDF_STANDARD 1.5.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
meta:
  filename: {file_name}
  model_type: {model}
  telescope: JWST
{more}...
"""
STEP_KEYWORDS = {
    "charge_migration": ("S_CHGMIG", "Charge Migration"),
    "clean_flicker_noise": ("S_CLNFNS", "Clean Flicker Noise"),
    "dark_current": ("S_DARK", "Dark Subtraction"),
    "dq_init": ("S_DQINIT", "Data Quality Initialization"),
    "emicorr": ("S_MIREMI", "MIRI EMI Correction"),
    "firstframe": ("S_FRSTFR", "First Frame Correction"),
    "gain_scale": ("S_GANSCL", "Gain Scale Correction"),
    "group_scale": ("S_GRPSCL", "Group Scale Correction"),
    "ipc": ("S_IPC", "Interpixel Capacitance Correction"),
    "jump": ("S_JUMP", "Jump Detection"),
    "lastframe": ("S_LASTFR", "Last Frame Correction"),
    "linearity": ("S_LINEAR", "Linearity Correction"),
    "persistence": ("S_PERSIS", "Persistence Correction"),
    "picture_frame": ("S_PCTFRM", "Picture Frame Correction"),
    "ramp_fit": ("S_RAMP", "Ramp Fitting"),
    "refpix": ("S_REFPIX", "Reference Pixel Correction"),
    "reset": ("S_RESET", "Reset Anomaly Correction"),
    "rscd": ("S_RSCD", "RSCD Correction"),
    "saturation": ("S_SATURA", "Saturation Checking"),
    "superbias": ("S_SUPERB", "Superbias Subtraction"),
}
REFERENCE_KEYWORDS = {
    "dark": ("DARK", "Dark reference file name"),
    "emicorr": ("MIREMI", "MIRI EMI correction reference file name"),
    "flat": ("FLAT", "Flat reference file name"),
    "gain": ("GAIN", "Gain reference file name"),
    "ipc": ("IPC", "IPC reference file name"),
    "linearity": ("LINEAR", "Linearity reference file name"),
    "mask": ("MASK", "Mask reference file name"),
    "readnoise": ("READNO", "Read noise reference file name"),
    "refpix": ("REFPIX", "IRS2 refpix reference file name"),
    "reset": ("RESET", "Reset reference file name"),
    "rscd": ("RSCD", "RSCD reference file name"),
    "saturation": ("SATURA", "Saturation reference file name"),
    "pastasoss": ("PSTSOS", "PASTASOSS reference file name"),
    "sirskernel": ("SIRSKL", "SIRS refpix reference file name"),
    "superbias": ("SUPERB", "Superbias reference file name"),
}
MIRI_REFERENCES = "emicorr", "reset", "rscd"
ONLY_IF_USED = "flat", "pastasoss", "sirskernel"


def renewed(source, file_name, model, date):
    """
    Return a copy of a primary header that is of a new file, and says what software has made it.

    Parameters
    ----------
    source : astropy.io.fits.Header
    file_name : str
    model : str
        Data model.
    date : datetime
    """
    header = source.copy()
    for keyword in ("CHECKSUM", "DATASUM"):  # the source's
        header.remove(keyword, ignore_missing=True)
    header["DATE"] = (date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3], "UTC date file created")
    header["FILENAME"] = fitting(file_name, "Name of the file")
    header["DATAMODL"] = (model, "Type of data model")
    for keyword, value, comment in software_cards():
        header[keyword] = fitting(value, comment)
    return header


def primary_header(uncal, file_name, model, states, references, provenance):
    """
    Return a product's primary header: every keyword of the uncal, and what was done to it.

    Parameters
    ----------
    uncal : astropy.io.fits.Header
        The uncal file's primary header.
    file_name : str
        Name of the product.
    model : str
        Data model: ImageModel, CubeModel or RampModel.
    states : dict of str to str
        COMPLETE or SKIPPED for each step that the product has passed.
    references : dict of str to Reference or None
        By type; None stands for N/A.
    provenance : Provenance
    """
    header = renewed(uncal, file_name, model, provenance.date)
    header["H_UNCAL"] = provenance.uncal_sha256
    _title(header, "Reference file information")
    header["CRDS_CTX"] = (provenance.context or "N/A", "CRDS context (.pmap), N/A for a folder")
    for kind, (suffix, comment) in REFERENCE_KEYWORDS.items():
        if kind in MIRI_REFERENCES and header.get("INSTRUME") != "MIRI":
            continue
        if kind in ONLY_IF_USED and kind not in references:
            continue
        reference = references.get(kind)
        header[f"R_{suffix}"] = fitting(reference.name if reference else "N/A", comment)
        if reference:
            header[f"H_{suffix}"] = reference.sha256
    _title(header, "Calibration step information")
    for step, (keyword, comment) in STEP_KEYWORDS.items():
        if step in states:
            header[keyword] = (states[step], comment)
    for line in parameter_lines(provenance, states):
        header.add_history(line)
    return header


def fitting(text, comment):
    """Return a keyword's text with as much of its comment as a card can hold."""
    return text, comment[: max(0, CARD - len("KEYWORD = '' / ") - len(text))]


def _title(header, text):
    for line in ("", text, ""):
        header.append((" ", line), end=True)


def asdf_extension(file_name, model, read_times=None):
    """
    Return the extension without which the reference pipeline opens no file by name, as bytes.

    It holds a document that says what the file is and, where groups are not evenly spaced, when
    they are read; the keywords say the rest.
    """
    more = f"  exposure:\n    read_times: {json.dumps(read_times)}\n" if read_times else ""
    text = ASDF_DOCUMENT.format(file_name=json.dumps(file_name), model=model, more=more).encode()
    cards = [  # written out, since making a table with astropy imports a hundred modules
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", len(text), "length of dimension 1"),
        ("NAXIS2", 1, "length of dimension 2"),
        ("PCOUNT", 0, "number of group parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", 1, "number of table fields"),
        ("TTYPE1", "ASDF_METADATA"),
        ("TFORM1", f"{len(text)}B"),
        ("EXTNAME", "ASDF", "extension name"),
    ]
    content = fits.Header(cards).tostring().encode("ascii") + text
    return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")


def with_unit(keywords, unit):
    """Return an extension's keywords with BUNIT."""
    header = fits.Header() if keywords is None else keywords.copy()
    header["BUNIT"] = (unit, "physical units of the array values")
    return header
