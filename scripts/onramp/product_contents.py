"""What is in the products of an exposure: headers, extensions, and the bands written to them."""

from onramp import headers, references, superstripe_products
from onramp.frame_products import PARTS, part_extensions, wanted_parts, write_part
from onramp.irs2_products import shape_after
from onramp.jump_report import header_cards
from onramp.layouts import SEGMENT_PLANES, SLOPES, product_extensions
from onramp.parameters import STEPS
from onramp.pipelines import dark_steps
from onramp.product_list import (
    CUBE,
    DARK_PRODUCT,
    IMAGE,
    OPTIONAL,
    OPTIONAL_PRODUCTS,
    RAMP,
    chosen_name,
    model_of,
    saved_products,
    wanted_products,
)
from onramp.products import RawExtension
from onramp.whole_frames import MASK

RSCD_KEYWORDS = {
    "SKIP": "Number of groups skipped",
    "UGP1": "Pixels where 1st group is kept",
    "BORS": "RSCD back-off due to saturation",
}


def wanted_kinds(stream, dark, save_ramp):
    """
    Return the products to make.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its survey.
    dark : bool
        Whether the exposure is processed to a dark.
    save_ramp : bool
        Whether the calibrated ramp is wanted.

    Returns
    -------
    list of ProductKind
    """
    parameters = stream.parameters
    if dark:
        last = dark_steps(stream.exposure.instrument)[-1]
        saved = saved_products(parameters, False, stream.states)
        kinds = [DARK_PRODUCT._replace(step=last), *saved]
    else:
        kinds = wanted_products(parameters, stream.fits, save_ramp, stream.states)
    if stream.fits and parameters.ramp_fit.save_opt:
        kinds.append(OPTIONAL_PRODUCTS[stream.fitting.algorithm])
    return kinds + wanted_parts(parameters, stream.frames.results)


def header_of(kind, stream, chosen, provenance):
    """
    Return a product's header: what was done up to its step, and no more.

    Parameters
    ----------
    kind : ProductKind
    stream : onramp.streaming.Stream
        After its survey.
    chosen : dict of str to Reference or None
        By type.
    provenance : onramp.provenance.Provenance

    Returns
    -------
    astropy.io.fits.Header
    """
    exposure = stream.exposure
    done, drafted = _steps_done(kind, stream), _is_drafted(kind, stream)
    states = {step: stream.states[step] for step in done}
    if drafted:
        states["ramp_fit"] = "COMPLETE"
    early = superstripe_products.in_stripes(exposure, kind.step)
    header = headers.primary_header(
        superstripe_products.primary_header(exposure, kind.step),
        _file_name(kind, stream),
        superstripe_products.MODEL if early else model_of(kind, exposure.exp_type),
        states,
        _used_references(chosen, stream, done),
        provenance,
    )
    if "jump" in done and stream.jump_sample:
        header["PRIMECRS"] = (0.0, "Cosmic Ray rate per thousand pixels per second")
        header["EXTNCRS"] = (0.0, "Snowballs/showers per million pixels per second")
        for keyword, value, comment in header_cards(stream.report(stream.nothing)):
            header[keyword] = (value, comment)
    if "rscd" in done:
        for keyword in stream.calibration.outcome_keywords():
            header[keyword] = (0, RSCD_KEYWORDS[keyword[4:]])
    fitted = "ramp_fit" in states or kind.step == OPTIONAL
    if stream.gain_factor is not None and stream.fits and fitted:
        header["GAINFACT"] = (stream.gain_factor, "Gain scale factor")
    return header


def _file_name(kind, stream):
    chosen = stream.parameters.ramp_fit.opt_name
    if kind.step == OPTIONAL and chosen:
        return chosen_name(chosen, stream.exposure.name, kind.suffix)
    return f"{stream.exposure.name}_{kind.suffix}.fits"


def _steps_done(kind, stream):
    """Return the steps that a product has passed."""
    steps = list(stream.states)
    if kind.step in PARTS:
        return steps[: steps.index(kind.step[0])]
    if kind.step == OPTIONAL:
        return steps[: steps.index("ramp_fit")]
    last = steps[-1] if kind.suffix == "ramp" and not stream.fits else kind.step
    return steps[: steps.index(last) + 1]


def _is_drafted(kind, stream):
    """Return whether a product is the mask of a draft rate."""
    if kind.step not in PARTS or kind.step[1] != MASK:
        return False
    return stream.frames.results[kind.step[0]].drafted


def _used_references(chosen, stream, done):
    """Return the references that the steps in `done` have looked at, by type."""
    at_work = {step for step in done if not getattr(stream.parameters, step).skip}
    if not stream.jumps:
        at_work.discard("jump")
    kinds = references.REFERENCE_TYPES
    used = {kind: chosen[kind] for kind in chosen if at_work.intersection(kinds[kind].steps)}
    if not stream.calibration.looks_at_kernels:
        used.pop("sirskernel", None)
    cleaning = stream.parameters.clean_flicker_noise
    flagged = cleaning.looks_at_flags_of_flat(stream.exposure.exp_type)
    if flagged and not cleaning.apply_flat_field:
        used.pop("flat", None)  # the reference looks at it in a step within the step
    return used


def extensions_of(kind, stream, header):
    """Return a product's extensions, the one for the data models last; as `header_of`."""
    if kind.step in PARTS:
        extensions = part_extensions(stream.exposure, kind, _is_drafted(kind, stream))
    else:
        step = STEPS[-1] if kind.step == OPTIONAL else kind.step
        extensions = product_extensions(
            stream.exposure, kind, shape_after(step, stream.exposure, stream.parameters),
            stream.calibration.dark_current_known, stream.fitting.optional_size,
        )  # fmt: skip
    times = superstripe_products.read_times(stream.exposure, kind.step)
    content = headers.asdf_extension(header["FILENAME"], header["DATAMODL"], times)
    return [*extensions, RawExtension("ASDF", content)]


def write(step, sinks, first, *arrays):
    """Write a band of a step's output to the products that hold it, by data model."""
    if step in PARTS:
        for products in sinks.values():
            write_part(products, first, *arrays)
        return
    if step == OPTIONAL:
        names = SEGMENT_PLANES if len(arrays) > 1 else SLOPES
        outputs = [(model, names, arrays) for model in sinks]
    elif RAMP in sinks:
        outputs = [(RAMP, ("SCI", "GROUPDQ", "PIXELDQ"), arrays)]
    else:
        outputs = [(model, SLOPES, slopes) for model, slopes in zip((IMAGE, CUBE), arrays)]
    for model, names, bands in outputs:
        for product in sinks[model]:
            for name, band in zip(names, bands):
                product.write_rows(name, first, band)
