"""The products of wfss_contam."""

import numpy as np
from astropy.io import fits

from onramp import headers
from onramp.checksums import BLOCK
from onramp.products import Extension, ProductFile, RawExtension
from onramp.provenance import parameter_lines
from onramp.wfss_contam import STEP

CUTOUTS, FRAME = "MultiSlitModel", "ImageModel"
REFERENCE_KEYWORDS = {
    "photom": ("PHOTOM", "Photometric reference file name"),
    "wavelengthrange": ("WAVRAN", "Wavelength range reference file name"),
}
STATE = "S_CONTAM"


def primary_header(source, file_name, model, state, chosen, provenance):
    """
    Return a product's primary header.

    Parameters
    ----------
    source : fits.Header
        Of the cutouts.
    file_name : str
    model : str
        Data model.
    state : str
        COMPLETE or SKIPPED.
    chosen : dict of str to Reference
    provenance : Provenance
    """
    header = headers.renewed(source, file_name, model, provenance.date)
    for kind, (suffix, comment) in REFERENCE_KEYWORDS.items():
        header[f"R_{suffix}"] = headers.fitting(chosen[kind].name, comment)
        header[f"H_{suffix}"] = chosen[kind].sha256
    if provenance.context:
        header["CRDS_CTX"] = (provenance.context, "CRDS context (.pmap)")
    header[STATE] = (state, "WFSS Contamination Correction")
    for line in parameter_lines(provenance, [STEP]):
        header.add_history(line)
    return header


def corrected(path, header, file, cutouts, contaminations):
    """
    Lay out the corrected cutouts: every HDU as it was, but for the data of SCI.

    Parameters
    ----------
    path : Path
    header : fits.Header
    file : FitsFile
        The cutouts as they were; read HDU by HDU.
    cutouts : list of Cutout
    contaminations : callable
        Returns the n-th cutout's contamination, (ny, nx) [DN/s].

    Returns
    -------
    ProductFile
    """
    numbers = {cutout.sci.start: n for n, cutout in enumerate(cutouts)}

    def extensions():
        for hdu in file.hdus[1:]:
            if hdu.start in numbers:
                n = numbers[hdu.start]
                data = _stored(file.image(hdu) - contaminations(n))
            else:
                data = _padded(file.raw(hdu))
            yield RawExtension(hdu.name, hdu.header + data)

    return ProductFile(path, header, extensions())


def images(path, header, model, cutouts, pixels):
    """
    Lay out an image for each cutout, with the keywords of its SCI.

    Parameters
    ----------
    path : Path
    header : fits.Header
    model : str
    cutouts : list of Cutout
    pixels : callable
        Returns the n-th cutout's image, or None if it has none.

    Returns
    -------
    ProductFile
    """

    def extensions():
        version = 0
        for n, cutout in enumerate(cutouts):
            image = pixels(n)
            if image is not None:
                version += 1
                found = fits.Header.fromstring(cutout.sci.header)
                found["EXTVER"] = version
                yield RawExtension("SCI", _header_bytes(found) + _stored(image))
        yield RawExtension("ASDF", headers.asdf_extension(path.name, model))

    return ProductFile(path, header, extensions())


def frame_product(path, header, frame):
    """Lay out and fill the simulated frame."""
    document = RawExtension("ASDF", headers.asdf_extension(path.name, FRAME))
    keywords = headers.with_unit(None, "DN/s")
    product = ProductFile(
        path, header, [Extension("SCI", frame.shape, np.dtype(np.float32), keywords), document]
    )
    try:
        product.write_rows("SCI", 0, frame.astype(np.float32))
    except BaseException:
        product.discard()
        raise
    return product


def _header_bytes(header):
    return header.tostring(sep="", endcard=True, padding=True).encode("ascii")


def _stored(image):
    return _padded(image.astype(">f4").tobytes())


def _padded(content):
    return content + bytes(-len(content) % BLOCK)
