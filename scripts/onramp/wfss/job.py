"""One grism exposure's way from its cutouts to the corrected ones."""

import contextlib
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io.fits import VerifyError

from onramp import cores as core_counts
from onramp import provenance
from onramp.bands import keep_freed_memory
from onramp.errors import InputError
from onramp.later import Later, short_turns
from onramp.output_folders import make_output_folder
from onramp.pending_file import SmallFile
from onramp.reference_source import folder_of
from onramp.system_calls import peak_mb
from onramp.wfss import inputs, outputs, polyfit, references, scene, trees
from onramp.wfss.cutouts import read_cutouts
from onramp.wfss.files import exposure_name, find_files
from onramp.wfss.hdus import FitsFile
from onramp.wfss.orders import DispersedOrder, Rules
from onramp.wfss.parameters import WfssParameters
from onramp.wfss.polyfit import FitRules, Observed
from onramp.wfss.sensitivity import Photom
from onramp.wfss_contam import RECORD, STEP

log = logging.getLogger("onramp")

COMPLETE, SKIPPED = "COMPLETE", "SKIPPED"


class CutoutResult(NamedTuple):
    """A corrected cutout."""

    source: int
    order: int
    x: int
    """First column in the frame, from 0."""
    y: int
    sci: np.ndarray
    """(ny, nx) float32, corrected [DN/s]."""
    contamination: np.ndarray
    """(ny, nx) float32 [DN/s]."""
    own: np.ndarray | None
    """(ny, nx) float32, the source's own predicted light [DN/s]; None if it is not known."""


class WfssResult(NamedTuple):
    """What `WfssContam.call` returns."""

    cutouts: list
    """Of `CutoutResult`."""
    simulated: np.ndarray | None
    """(2048, 2048) float64 [DN/s]; None if no source was to be dispersed."""
    statistics: dict


@contextlib.contextmanager
def _told_headers(path):
    """Tell of a card of the cutouts' header that cannot be read."""
    try:
        yield
    except VerifyError as problem:
        text = " ".join(str(problem).split())[:200]
        raise InputError(f"{path}: {text}; mend the header") from problem


class GrismJob:
    """
    One grism exposure: run once.

    Parameters
    ----------
    cutouts : path
        Product of extract_2d and srctype.
    parameters : WfssParameters
    folder : path, "crds" or None
        Of the references.
    overrides : dict of str to path
        References by type.
    files : dict of str to path or None
        By field of `onramp.wfss.files.Files`, where the header's are not to be taken.
    cores : int or None
    origins : dict of str to str or None
        By "step.parameter".
    date : datetime, optional
    context : str, optional
        CRDS context that has chosen the references.
    """

    def __init__(
        self, cutouts, parameters, folder, overrides, files, cores, origins, date=None, context=None
    ):
        self.path = Path(cutouts)
        self.name = exposure_name(self.path)
        self.all: WfssParameters = parameters
        self.parameters = parameters.wfss_contam
        self.folder, self.overrides, self.files = folder, overrides or {}, files or {}
        self.cores = core_counts.checked(cores)
        self.origins, self.date, self.context = origins, date, context
        asked = self.parameters.maximum_cores
        self.threads = core_counts.threads(asked, self.cores)
        remark = core_counts.remark(STEP, asked, self.cores) if asked != "1" else None
        if remark:
            log.warning(remark)
        self.seconds, self._since = {}, time.perf_counter()
        self.begun, self._open_products = datetime.now(UTC), []

    def run(self, output_dir=None, in_memory=False, show=None):
        """
        Do the step; leave complete products or none.

        Parameters
        ----------
        output_dir : path, optional
            Left out, nothing is written.
        in_memory : bool
            Return the cutouts.
        show : callable, optional
            Called, once the products are complete, with the CutoutResult that tells most; not if
            there is none.
        """
        started = time.perf_counter()
        keep_freed_memory()
        with _told_headers(self.path), contextlib.ExitStack() as stack:
            stack.callback(self._discard)
            if self.threads > 1:
                stack.enter_context(short_turns())
            self._file = stack.enter_context(FitsFile(self.path))
            self._prepare(stack, output_dir)
            found, fitted = self._compose()
            if output_dir is not None:
                self._write(Path(output_dir), found)
            results = self._results(found) if in_memory else []
            if show and found:
                self._show(found, show)
        statistics = self._statistics(found, fitted, time.perf_counter() - started)
        log.info("%s: done in %.2f s", self.name, statistics["seconds"])
        return WfssResult(results, found.frame if found else None, statistics)

    def _lap(self, what):
        now = time.perf_counter()
        self.seconds[what] = now - self._since
        self._since = now

    def _prepare(self, stack, output_dir):
        self.header = inputs.primary_header(self._file)
        self.mode = inputs.mode_of(self.header, self.path)
        self.beside = find_files(self.header, self.path, self.files)
        self._image, segmentation = (
            stack.enter_context(FitsFile(path))
            for path in (self.beside.direct_image, self.beside.segmentation)
        )
        self._direct = stack.enter_context(
            Later(inputs.read_direct_image, self._image, segmentation, aside=self.threads > 1)
        )
        facts = references.read_facts(self.path, self.name)
        self.chosen, context = references.choose(self.folder, self.overrides, facts)
        self._provenance = stack.enter_context(
            Later(
                provenance.find, self.path, self.all, self.origins, self.context or context,
                self.date, aside=self.threads > 1 and output_dir is not None,
            )
        )  # fmt: skip
        self.cutouts = read_cutouts(self._file)
        inputs.check_units(self.header, self.path, self.cutouts)
        for kind, reference in self.chosen.items():
            log.info("reference %-16s %s sha256 %s", kind, reference.name, reference.sha256)
        values = ", ".join(f"{name}={value}" for name, value in self.parameters)
        log.info("%s: %d cutouts; %s", self.name, len(self.cutouts), values)
        self._lap("read")

    def _orders(self, found):
        """Yield the dispersed orders, and add each to those found."""
        p = self.parameters
        grism = inputs.read_grism(self._file)
        photom = Photom(self.chosen["photom"].path)
        ranges = inputs.read_ranges(self.chosen["wavelengthrange"].path, self.mode.band)
        spans = inputs.spans(ranges, photom, self.mode, grism.orders, p.orders, self.path)
        wcs = trees.image_wcs(self._image)
        catalogue = self._catalogue()
        direct = self._direct.result()
        pixels = direct.pixels(wcs, grism)
        labels = direct.extracted.labels
        inputs.check_cutouts(self.path, self.cutouts, grism.orders, labels, self.beside)
        if catalogue is not None:
            inputs.check_catalogue(self.beside.catalogue, catalogue, direct)
        self._lap("direct image")
        rules = Rules(
            p.wl_oversample, p.inverse, p.grid, p.max_pixels_per_chunk, p.polyfit_degree or 0
        )
        all_sources = None
        for span in spans:
            if p.magnitude_limit is None:
                field = all_sources = all_sources or pixels.field()
            else:
                first = photom.response(self.mode.filter, self.mode.pupil, 1).least()
                chosen = inputs.within_magnitude(catalogue, p.magnitude_limit, span, first)
                field = pixels.field(chosen)
            log.info("%s: order %d: %d sources", self.name, span.order, field.labels.size)
            if not found:
                field.check_light(self.beside.direct_image)
            if field.labels.size:
                found.append(DispersedOrder(grism, span, field, rules))
                yield found[-1]
        inputs.check_sensitivity(found, self.chosen)

    def _catalogue(self):
        if self.beside.catalogue is None:
            if self.parameters.magnitude_limit is None:
                return None
            raise InputError(f"{self.path}: SCATFILE is missing; say --catalogue=FILE")
        table = inputs.read_catalogue(self.beside.catalogue)
        if self.parameters.magnitude_limit is not None and inputs.MAGNITUDE not in table.colnames:
            raise InputError(
                f"{self.beside.catalogue}: has no column {inputs.MAGNITUDE}; leave out "
                "magnitude_limit"
            )
        return table

    def _compose(self):
        """Return the Scene and how many cutouts were fitted; no scene without sources."""
        p = self.parameters
        orders = []
        found = scene.compose(self._orders(orders), self.cutouts, self.threads, p.cutouts)
        if not orders:
            log.warning("%s: no sources to disperse; the step is skipped", self.name)
            return None, 0
        inputs.check_place(self.path, self.beside.direct_image, orders, self.cutouts, found.own)
        fitted = 0
        if p.polyfit_degree:
            if self.header.get("S_BKDSUB") != COMPLETE:
                log.warning(
                    "%s: S_BKDSUB is not COMPLETE: fits need a subtracted background", self.name
                )
            rules = FitRules(
                p.polyfit_degree, p.n_iterations, p.l2_alpha, p.rejection_threshold, p.cutouts
            )
            found, fitted = polyfit.fit(
                found, orders, self.cutouts, self._observed, rules, self.threads
            )
        self._lap("disperse")
        return found, fitted

    def _observed(self, cutout):
        hdus = cutout.sci, cutout.err, cutout.dq
        return Observed(*(hdu and self._file.image(hdu) for hdu in hdus))

    def _contamination(self, found, n):
        if found is None:
            return np.zeros(self.cutouts[n].window.shape)
        return scene.contamination(found.frame, self.cutouts[n], found.own[n])

    def _write(self, folder, found):
        make_output_folder(folder)
        product = folder / f"{self.name}_{STEP}.fits"
        if product.exists() and product.samefile(self.path):
            raise InputError(
                f"{self.path}: the product would take its place; give another output folder"
            )
        self.provenance = self._provenance.result()
        state = COMPLETE if found else SKIPPED

        def header(suffix, model):
            name = f"{self.name}_{suffix}.fits"
            source = self.header, name, model, state, self.chosen, self.provenance
            return folder / name, outputs.primary_header(*source)

        def contamination(n):
            return self._contamination(found, n)

        place = header(STEP, outputs.CUTOUTS)
        self._add(outputs.corrected(*place, self._file, self.cutouts, contamination))
        if found and self.parameters.save_simulated_image:
            self._add(outputs.frame_product(*header("simul", outputs.FRAME), found.frame))
            place = header("simul_slits", outputs.CUTOUTS)
            own = found.own.__getitem__
            self._add(outputs.images(*place, outputs.CUTOUTS, self.cutouts, own))
        if found and self.parameters.save_contam_images:
            place = header("contam", outputs.CUTOUTS)
            self._add(outputs.images(*place, outputs.CUTOUTS, self.cutouts, contamination))
        for product in self._open_products:
            product.complete()
        self._add(self._record(folder, list(self._open_products)))
        for product in self._open_products:
            product.finish()
        self.products = {p.path.name: p.path.stat().st_size for p in self._open_products}
        self._open_products.clear()
        self._lap("write")

    def _add(self, product):
        self._open_products.append(product)

    def _record(self, folder, products):
        name = f"{self.name}{RECORD}"
        provenance.tell_left_over(folder, name, [product.path.name for product in products])
        read = {
            kind: references.Reference(path, provenance.digest_file(path)[1])
            for kind, path in self.beside._asdict().items()
            if path is not None
        }
        content = provenance.record(
            name, self.provenance, {**self.chosen, **read}, folder_of(self.folder), products,
            save_ramp=False, threads={STEP: self.threads}, begun=self.begun, pipeline=STEP,
        )  # fmt: skip
        return SmallFile(folder / f"{name}{provenance.ENDING}", content.encode())

    def _results(self, found):
        return [self._result(found, n) for n in range(len(self.cutouts))]

    def _result(self, found, n):
        cutout, contamination = self.cutouts[n], self._contamination(found, n)
        sci = (self._file.image(cutout.sci) - contamination).astype(np.float32)
        own = found.own[n] if found else None
        place = cutout.source, cutout.order, cutout.window.x, cutout.window.y
        return CutoutResult(*place, sci, contamination.astype(np.float32), own)

    def _show(self, found, show):
        lights = (
            (0.0 if own is None else np.abs(own).sum(), np.abs(self._contamination(found, n)).sum())
            for n, own in enumerate(found.own)
        )
        n = scene.most_telling(lights)
        if n is not None:
            show(self._result(found, n))

    def _statistics(self, found, fitted, seconds):
        return {
            "exposure": self.name,
            "cutouts": str(self.path),
            "instrument": self.mode.instrument,
            "mode": self.mode.exp_type,
            "state": COMPLETE if found else SKIPPED,
            "corrected": sum(own is not None for own in found.own) if found else 0,
            "fitted": fitted,
            "dispersed": len(found.lit) if found else 0,
            "threads": self.threads,
            "seconds": seconds,
            "steps": {part: {"seconds": spent} for part, spent in self.seconds.items()},
            "references": {
                kind: {"name": found.name, "sha256": found.sha256}
                for kind, found in self.chosen.items()
            },
            "peak_mb": peak_mb(),
            "products": getattr(self, "products", {}),
        }

    def _discard(self):
        for product in self._open_products:
            product.discard()
