"""What a run on a damaged file must do: end with one line, or make what astropy's reading makes."""

import hashlib
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from onramp.detector1 import process_exposure
from onramp.errors import InputError, OnrampError
from onramp.exposure import Exposure
from onramp.glance import glance
from onramp.parameters import Detector1Parameters

ENDING = "_uncal.fits"
DESCRIPTION = re.compile(r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|BSCALE|BZERO|END")


class Case(NamedTuple):
    """A file to damage, and what it is processed with."""

    uncal: Path
    references: dict[str, Path]
    damaged: str
    """"uncal", or the type of the reference file that is damaged."""

    @property
    def path(self):
        """The file to damage."""
        return self.uncal if self.damaged == "uncal" else self.references[self.damaged]


class Verdict(NamedTuple):
    """How a run went."""

    kind: str
    """refused, same, right, or what is wrong: wrong."""
    detail: str


class Wrong(Exception):  # noqa: N818
    """What the product does against its promise."""


def judge(case, path, keeps, folder) -> Verdict:
    """
    Process a damaged file and judge what comes out.

    Parameters
    ----------
    case : Case
    path : Path
        The damaged file.
    keeps : bool
        Whether the damage changes no meaning.
    folder : Path
        An empty folder to work in.
    """
    products = folder / "products"
    try:
        if case.damaged == "uncal":
            _check_glance(path)
        try:
            name = _process(case, path, products)
        except OnrampError as error:
            return _refused(error, path, keeps, products)
        made = arrays(products, name)
        undamaged = folder.parent / f"expected-{case.uncal.name}.npz"
        if _same(made, _expected(case, case.path, undamaged, folder)):
            return Verdict("same", "")
        if keeps:
            raise Wrong("other pixels although the damage changes no meaning")
        rewritten = folder / f"rewritten-{path.name}"
        rewrite(path, rewritten)
        _compare(made, _expected(case, rewritten, None, folder))
        return Verdict("right", "")
    except Wrong as problem:
        return Verdict("wrong", str(problem))
    except Exception as problem:
        return Verdict("wrong", f"{type(problem).__name__}: {problem}")


def _check_glance(path):
    """Whatever is damaged, a glance gives one line or what a whole reading gives."""
    try:
        seen = glance(path)
    except InputError as error:
        _check_line(error, path)
        return
    try:
        with Exposure(path) as exposure:
            shape = exposure.shape
    except InputError:
        return
    if seen.shape != shape:
        raise Wrong(f"glance sees {seen.shape}, the exposure is {shape}")


def _process(case, path, products):
    uncal, references = case.uncal, dict(case.references)
    if case.damaged == "uncal":
        uncal = path
    else:
        references[case.damaged] = path
    overrides = {kind: str(file) for kind, file in references.items()}
    found = process_exposure(uncal, products, Detector1Parameters(), None, overrides, 1)
    return found["exposure"]


def _refused(error, path, keeps, products):
    _check_line(error, path)
    if keeps:
        raise Wrong(f"refused although the damage changes no meaning: {error}")
    left = [p.name for p in products.iterdir()] if products.exists() else []
    if left:
        raise Wrong(f"refused, but left {left}")
    return Verdict("refused", str(error).replace(str(path), "FILE"))


def _check_line(error, path):
    line = str(error)
    if not line.isprintable():
        raise Wrong(f"message is not one printable line: {line!r}")
    if path.name.removesuffix(ENDING) not in line:
        raise Wrong(f"message does not name the file: {line}")


def arrays(folder, name, suffixes=("rate", "rateints")):
    """Return the arrays of an exposure's products by product and extension."""
    found = {}
    for suffix in suffixes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(folder / f"{name}_{suffix}.fits", memmap=False) as file:
                for hdu in file:
                    if hdu.is_image and hdu.size:
                        found[f"{suffix}[{hdu.name}]"] = hdu.data.copy()
    return found


def _expected(case, path, kept, folder):
    """Return what a file gives that is not damaged, from `kept` if it is there."""
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return dict(file)
    sub = folder / "expected"
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    copy = folder / f"{digest}{ENDING if case.damaged == 'uncal' else '.fits'}"
    copy.write_bytes(path.read_bytes())
    made = arrays(sub, _process(case, copy, sub))
    if kept is not None:
        np.savez(kept.with_suffix(".part.npz"), **made)
        kept.with_suffix(".part.npz").replace(kept)
    return made


def rewrite(path, new):
    """Write a file as astropy reads it, with no more than the keywords that it understands."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False, disable_image_compression=True) as file:
            primary = fits.PrimaryHDU(header=_understood(file[0].header))
            hdus = [primary]
            for hdu in file[1:]:
                if isinstance(hdu, fits.ImageHDU):
                    values = hdu.data
                    hdus.append(fits.ImageHDU(values, _understood(hdu.header), name=hdu.name))
                elif hdu.name == "DQ_DEF":
                    hdus.append(fits.BinTableHDU.from_columns(hdu.columns, name=hdu.name))
                elif hdu.name == "ASDF":  # it must be there, and nothing in it is read
                    hdus.append(fits.BinTableHDU(name="ASDF"))
        fits.HDUList(hdus).writeto(new, output_verify="silentfix")


def _understood(header):
    kept = fits.Header()
    for one in header.cards:
        try:
            keyword, value = one.keyword, one.value
            known = not isinstance(value, fits.card.Undefined) and keyword
            if known and not DESCRIPTION.fullmatch(keyword) and keyword not in kept:
                fits.Card(keyword, value).verify("exception")
                kept[keyword] = value
        except (fits.VerifyError, ValueError):
            continue
    return kept


def _same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
        and one[name].shape == other[name].shape
        for name in one
    )  # fmt: skip


def _compare(made, expected):
    if not _same(made, expected):
        names = [n for n in made.keys() | expected.keys()
                 if n not in made or n not in expected
                 or made[n].tobytes() != expected[n].tobytes()]  # fmt: skip
        raise Wrong(f"not what astropy's reading of the file gives: {', '.join(sorted(names))}")
