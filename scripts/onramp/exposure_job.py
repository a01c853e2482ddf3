"""One exposure's way from the uncal file to its products: references, products, statistics."""

import contextlib
import logging
import time
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onramp import cores as core_counts
from onramp import (
    named_files,
    parameter_record,
    product_contents,
    provenance,
    references,
    saved_dark,
    superstripe_products,
)
from onramp.errors import InputError, ParameterError
from onramp.exposure import Exposure
from onramp.frame_products import PARTS
from onramp.jump_report import header_cards, report_as_dict, report_lines
from onramp.later import Later
from onramp.origins import with_references
from onramp.output_folders import make_output_folder
from onramp.parameters import STEPS, Detector1Parameters
from onramp.pending_file import SmallFile
from onramp.pipelines import dark_steps, only_steps
from onramp.product_list import RAMP, chosen_name
from onramp.products import Product, ProductFile
from onramp.reference_source import folder_of, resolve
from onramp.software import software
from onramp.steps import jump
from onramp.streaming import Stream
from onramp.system_calls import peak_mb
from onramp.user_flags import MaskWithMore

log = logging.getLogger("onramp")

THREADED_STEPS = "jump", "ramp_fit"
DETECTOR1, DARK = "detector1", "dark"
NOT_RUN = -99  # PRIMECRS is computed from this count where too few groups are usable


class Detector1Result(NamedTuple):
    """What `Detector1.call` returns; products that were not made are None."""

    rate: Product | None
    rateints: Product | None
    ramp: Product | None
    statistics: dict

    def __repr__(self):
        """Name the products, so that a notebook shows a line."""
        names = [product.header["FILENAME"] for product in self[:3] if product is not None]
        return f"{type(self).__name__}({', '.join(names)})"


class ExposureJob:
    """One exposure on its way to its products: run once."""

    def __init__(
        self, uncal, folder, overrides, parameters, output_dir, cores, save_ramp, *, in_memory,
        on_disk, rows=None, origins=None, context=None, date=None,
        pipeline=DETECTOR1, parameter_files=None, save_windows=True,
    ):  # fmt: skip
        self.uncal, self.folder, self.overrides = Path(uncal), folder, overrides
        self.parameters: Detector1Parameters = parameters
        self.output_dir = Path(output_dir)
        self.cores = core_counts.checked(cores)
        self.save_ramp = save_ramp
        self.in_memory, self.on_disk, self.rows = in_memory, on_disk, rows
        self.threads = {
            step: core_counts.threads(getattr(parameters, step).maximum_cores, self.cores)
            for step in THREADED_STEPS
        }
        self.origins, self.context, self.date = origins, context, date
        self.pipeline, self.parameter_files = pipeline, parameter_files
        self.save_windows = save_windows
        self.started, self.begun = time.perf_counter(), datetime.now(UTC)
        self.open_products = []
        self.open_ramps = []
        self.early_ramps = []

    def run(self):
        """Run all steps; leave complete products or none."""
        for step in THREADED_STEPS:
            remark = core_counts.remark(
                step, getattr(self.parameters, step).maximum_cores, self.cores
            )
            if remark:
                log.warning(remark)
        if self.on_disk:
            make_output_folder(self.output_dir)
        with contextlib.ExitStack() as stack:
            exposure = stack.enter_context(Exposure(self.uncal))
            log.info("%s: %s %s %s", exposure.name, exposure.instrument, exposure.detector,
                     exposure.exp_type)  # fmt: skip
            if self.pipeline == DARK:
                self._keep_to(dark_steps(exposure.instrument))
            chosen, self.parameters, self.context, files = resolve(
                self.folder, exposure, self.parameters, self.overrides, self.context,
                self.parameter_files,
            )  # fmt: skip
            self.origins = with_references(self.origins, files)
            opened = {
                kind: stack.enter_context(references.open_reference(reference, exposure))
                for kind, reference in chosen.items()
                if reference is not None
            }
            self._add_user_flags(opened, exposure, stack)
            stack.callback(self._discard)
            return self._run(exposure, chosen, opened, stack)

    def _add_user_flags(self, opened, exposure, stack):
        path = self.parameters.dq_init.user_supplied_dq
        if path is not None and "mask" in opened and not self.parameters.dq_init.skip:
            more = MaskWithMore(opened["mask"], path, exposure)
            stack.callback(more.close)
            opened["mask"] = more

    def _keep_to(self, steps):
        """Skip all other steps."""
        self.parameters = only_steps(self.parameters, steps)
        others = (f"{step}.skip" for step in STEPS if step not in steps)
        self.origins = {**(self.origins or {}), **dict.fromkeys(others, "dark pipeline")}

    def _run(self, exposure, chosen, opened, stack):
        found = stack.enter_context(
            Later(
                provenance.find, exposure.path, self.parameters, self.origins, self.context,
                self.date, aside=max(self.threads.values()) > 1,
            )
        )  # fmt: skip
        scratch = self.output_dir if self.on_disk else None
        parameters = self.parameters
        if not self.save_windows:
            kept = parameters.persistence.model_copy(update={"save_persistence": None})
            parameters = parameters.model_copy(update={"persistence": kept})
        stream = Stream(exposure, opened, parameters, self.threads, self.rows, scratch)
        stack.callback(stream.close)
        self._log_plan(stream, chosen)
        stream.survey()
        self.provenance = found.result()
        products, stream.recorders = self._products(stream, exposure, chosen)
        early = superstripe_products.take_early(stream.recorders) if exposure.superstriped else {}
        dark = self._open_dark(stream, exposure)
        outcome = stream.run()
        superstripe_products.write_early(stream, early, self.early_ramps)
        statistics = self._statistics(stream, exposure, chosen, outcome)
        own = stream.calibration.outcome_keywords()
        for product in self.open_products:
            if "PRIMECRS" in product.header:
                product.header.update(statistics["keywords"])
            for keyword in own.keys() & product.header.keys():
                product.header[keyword] = own[keyword]
        if stream.fits and outcome.begun == 0:
            limits = chosen.get("saturation")
            raise InputError(
                f"{exposure.path}: every ramp is saturated in its first group"
                f"{f' by {limits.path}' if limits else ''}; there is no rate"
            )
        self._finish_ramps(stream)
        if dark is not None:
            saved_dark.write(dark, stream.calibration, exposure)
        for product in self.open_products:
            product.complete()
        if self.on_disk:
            self.open_products += self._small_files(stream, exposure, chosen)
        for product in self.open_products:
            product.finish()
        stream.persistence.save()
        paths = [p.path for p in self.open_products if not isinstance(p, Product)]
        statistics["products"] = {path.name: path.stat().st_size for path in paths}
        self.open_products.clear()
        statistics["seconds"] = time.perf_counter() - self.started
        statistics["peak_mb"] = peak_mb()
        for step, seconds in stream.stopwatch.seconds.items():
            log.info("time %-14s %.2f s", step, seconds)
        log.info("%s: done in %.2f s", exposure.name, statistics["seconds"])
        del statistics["keywords"]
        ramp = "dark" if self.pipeline == DARK else "ramp"
        return Detector1Result(
            *(products.get(name, (None,))[0] for name in ("rate", "rateints", ramp)), statistics
        )

    def _log_plan(self, stream, chosen):
        for step in stream.states:
            values = getattr(self.parameters, step).model_dump()
            text = ", ".join(
                f"{name}={value}{self._origin(step, name)}"
                for name, value in values.items()
                if name not in ("skip", "save_results") or self._origin(step, name)
            )
            log.info("%-19s %-8s %s", step, stream.states[step], text)
        for kind, reference in sorted(chosen.items()):
            log.info("reference %-10s %s", kind, f"{reference.name} sha256 {reference.sha256}"
                     if reference else "N/A")  # fmt: skip

    def _products(self, stream, exposure, chosen):
        """Open the products that are asked for; return them and each step's recorder."""
        products, sinks = {}, defaultdict(lambda: defaultdict(list))
        kinds = product_contents.wanted_kinds(stream, self.pipeline == DARK, self.save_ramp)
        for kind in kinds:
            header = product_contents.header_of(kind, stream, chosen, self.provenance)
            extensions = product_contents.extensions_of(kind, stream, header)
            products[kind.suffix] = self._open(header, extensions)
            sinks[kind.step][kind.model] += products[kind.suffix]
            if kind.model == RAMP and kind.step not in PARTS:
                early = superstripe_products.in_stripes(exposure, kind.step)
                ramps = self.early_ramps if early else self.open_ramps
                ramps.append((kind.step, products[kind.suffix]))
        recorders = {
            step: partial(product_contents.write, step, models) for step, models in sinks.items()
        }
        return products, recorders

    def _open_dark(self, stream, exposure):
        """Open the file for the dark as it is subtracted, or return None if it is not wanted."""
        wanted = self.parameters.dark_current.dark_output
        if not wanted or not self.on_disk:
            return None
        if stream.states.get("dark_current") != "COMPLETE":
            log.warning("%s: no dark is subtracted; dark_output is not written", exposure.name)
            return None
        return self._open(
            saved_dark.header(
                chosen_name(wanted, exposure.name), stream.calibration, exposure,
                self.provenance.date,
            ),
            saved_dark.extensions(stream.calibration, exposure),
        )[-1]  # fmt: skip

    def _open(self, header, extensions):
        opened = []
        if header["FILENAME"] in [product.header["FILENAME"] for product in self.open_products]:
            raise ParameterError(
                f"{self.uncal}: two products would be named {header['FILENAME']}; choose another "
                "dark_current.dark_output or ramp_fit.opt_name"
            )
        if self.in_memory:
            opened.append(Product(header, extensions))
        if self.on_disk:
            opened.append(ProductFile(self.output_dir / header["FILENAME"], header, extensions))
        self.open_products += opened
        return opened

    def _finish_ramps(self, stream):
        calibration, ny = stream.calibration, stream.exposure.shape[2]
        for first in range(0, ny if self.open_ramps else 0, 64):
            last = min(first + 64, ny)
            dark_current = calibration.average_dark_current(first, last)
            for step, ramps in self.open_ramps:
                frames = None
                if calibration.zeroframe is not None:
                    frames = calibration.corrected_zeroframe(first, last, step)
                for ramp in ramps:
                    if "AVDRKCUR" in ramp.names:
                        ramp.write_rows("AVDRKCUR", first, dark_current)
                    if frames is not None:
                        ramp.write_rows("ZEROFRAME", first, frames)
        self._carry_reference_output(stream.exposure.reference_output)

    def _carry_reference_output(self, image):
        """Copy the samples of the reference output, which no step changes, to all ramps."""
        for first in range(0, image.shape[2] if image is not None and self.open_ramps else 0, 64):
            rows = image.read(first, min(first + 64, image.shape[2])).astype(np.float32)
            for _, ramps in self.open_ramps:
                for ramp in ramps:
                    ramp.write_rows("REFOUT", first, rows)

    def _statistics(self, stream, exposure, chosen, outcome):
        nints, ngroups, ny, nx = exposure.shape
        report = stream.report(outcome)
        words = {keyword: value for keyword, value, _ in header_cards(report)}
        if stream.jump_sample:
            too_few = stream.detection.branch == jump.TOO_FEW_GROUPS
            found = NOT_RUN if too_few else outcome.found.jumps
            words["PRIMECRS"] = 1000.0 * found / stream.jump_sample
            words["EXTNCRS"] = 1e6 * outcome.events / stream.jump_sample
        for line in report_lines(report):
            log.info("%s: %s", exposure.name, line)
        return {
            "exposure": exposure.name,
            "uncal": str(exposure.path),
            "instrument": exposure.instrument,
            "detector": exposure.detector,
            "mode": exposure.exp_type,
            "readpatt": exposure.readpatt,
            "subarray": exposure.subarray.name,
            "nints": nints,
            "ngroups": ngroups,
            "ny": ny,
            "nx": nx,
            "jumps": outcome.found.jumps,
            "events": outcome.events,
            "jump_report": report_as_dict(report),
            "bad_fraction": outcome.bad / (ny * nx) if stream.fits else None,
            "threads": self.threads,
            "steps": {
                step: {"state": state, "seconds": stream.stopwatch.seconds.get(step, 0.0)}
                for step, state in stream.states.items()
            },
            "references": {
                kind: {"name": reference.name, "sha256": reference.sha256} if reference else None
                for kind, reference in chosen.items()
            },
            "crds_context": self.context,
            "keywords": words,
        }

    def _origin(self, step, name):
        """Return where a value comes from, in brackets, if it is not the default."""
        origin = self.origins.get(f"{step}.{name}")
        return f" ({origin})" if origin else ""

    def _small_files(self, stream, exposure, chosen):
        """Yield what lies beside the products, the record of them last; about to appear."""
        files = [product for product in self.open_products if isinstance(product, ProductFile)]
        provenance.tell_left_over(
            self.output_dir, exposure.name, [file.path.name for file in files]
        )
        record = provenance.record(
            exposure.name, self.provenance, chosen, folder_of(self.folder), files,
            save_ramp=self.save_ramp, threads=self.threads, begun=self.begun,
            pipeline=self.pipeline,
            files=named_files.paths(exposure.path, exposure.exp_type, self.parameters),
        )  # fmt: skip
        parameters = parameter_record.text(
            exposure.name, software().version, self.parameters, self.origins
        )
        contents = {
            **stream.calibration.further_files(self.provenance.date),
            parameter_record.ENDING: parameters.encode(),
            provenance.ENDING: record.encode(),
        }
        for ending, content in contents.items():
            yield SmallFile(self.output_dir / f"{exposure.name}{ending}", content)

    def _discard(self):
        for product in self.open_products:
            product.discard()
