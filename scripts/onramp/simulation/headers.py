"""Header cards and small extensions that simulated files share."""

import numpy as np
from astropy.io import fits

ASDF_DOCUMENT = """#ASDF 1.0.0
#ASDF_STANDARD 1.5.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
history: {{}}
meta:
  filename: {filename}
  model_type: {model}
  telescope: JWST
...
"""

DEFINITIONS = "Bit", "Value", "Name", "Description"


def asdf_extension(filename, model):
    """Extension that a science file must hold to be opened by name: a document without arrays."""
    document = np.frombuffer(ASDF_DOCUMENT.format(filename=filename, model=model).encode(), "u1")
    column = fits.Column("ASDF_METADATA", f"{document.size}B", array=document[None])
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def subarray_cards(mode, region):
    """Cards of a region of the detector."""
    return [
        ("SUBARRAY", region.name, "Subarray used"),
        ("SUBSTRT1", region.xstart, "Starting pixel in axis 1 direction"),
        ("SUBSTRT2", region.ystart, "Starting pixel in axis 2 direction"),
        ("SUBSIZE1", region.nx, "Number of pixels in axis 1 direction"),
        ("SUBSIZE2", region.ny, "Number of pixels in axis 2 direction"),
        ("FASTAXIS", mode.fastaxis, "Fast readout axis direction"),
        ("SLOWAXIS", mode.slowaxis, "Slow readout axis direction"),
    ]


def instrument_cards(mode):
    """Cards that say which detector."""
    return [
        ("TELESCOP", "JWST", "Telescope used to acquire the data"),
        ("INSTRUME", mode.instrument, "Instrument used to acquire the data"),
        ("DETECTOR", mode.detector, "Name of detector used to acquire the data"),
    ]


def dq_definitions(names):
    """
    Table that defines the bits of a reference file: the n-th name is bit n.

    Parameters
    ----------
    names : sequence of str
        Mnemonics.

    Returns
    -------
    fits.BinTableHDU
    """
    bits = np.arange(len(names), dtype=np.int32)
    columns = [
        fits.Column("BIT", "J", array=bits),
        fits.Column("VALUE", "J", bzero=1 << 31, array=np.uint32(1) << bits.astype(np.uint32)),
        fits.Column("NAME", "40A", array=np.array(names)),
        fits.Column("DESCRIPTION", "80A", array=np.array([f"Flag {name}" for name in names])),
    ]
    return fits.BinTableHDU.from_columns(columns, name="DQ_DEF")
