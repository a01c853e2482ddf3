from onramp.wfss.files import beside as files_beside
from onramp.wfss.files import find_exposures as find_slitless

SLITLESS = f"{RESULTS}/wfss_contam"
SLITLESS_PRODUCT = f"{SLITLESS}/{{exposure}}_wfss_contam.fits"


def slitless_products(wildcards):
    """Return what wfss_contam is to leave behind; nothing unless it is asked for."""
    found = or_exit(find_slitless, CONFIGURATION.wfss_contam.exposures)
    return [SLITLESS_PRODUCT.format(exposure=name) for name in found]


def cutouts_of(wildcards):
    """Return a grism exposure's cutouts."""
    found = or_exit(find_slitless, CONFIGURATION.wfss_contam.exposures)
    return found[wildcards.exposure]


def manifest_of_cutouts(wildcards):
    """Return the file that lists a grism exposure's references."""
    return or_exit(reference_step().slitless, wildcards.exposure, cutouts_of(wildcards))


def beside_cutouts(wildcards):
    """Return the direct image, segmentation map and catalogue of a grism exposure."""
    return files_beside(cutouts_of(wildcards))


def memory_of_slitless(wildcards, attempt):
    """Return a job's memory [MB], more for each attempt after a failure."""
    return 1500 * attempt


def all_exposures():
    """Return the exposures by name, and the slitless ones; where only these were asked for, of the
    others those that have been processed."""
    slitless = or_exit(find_slitless, CONFIGURATION.wfss_contam.exposures)
    if exposures.cache_info().currsize:
        return exposures(), slitless
    return onramp_report.processed(CONFIGURATION), slitless
