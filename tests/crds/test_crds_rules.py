"""Choosing by the rules of a context."""

import importlib.util
import sys

import pytest
from onramp.crds_rules import Rules
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import Detector1Parameters, parse_steps
from onramp.reference_choice import chooser

from .conftest import JUMP, PARAMETERS


def choose(facts, given=None, **options):
    return chooser("crds", **options).choose(facts, given or Detector1Parameters())


def test_files_and_parameters_are_chosen(cache, facts):
    found = choose(facts)
    names = {kind: entry and entry.name for kind, entry in found.manifest.references.items()}
    rules = cache.chosen["NIRCAM"]
    assert names == {"ipc": None} | {k: v["NRCA1"] for k, v in rules.items() if k in names}
    assert found.parameters.jump.rejection_threshold == 4.75
    assert found.origins == {"jump.rejection_threshold": PARAMETERS}
    assert found.manifest.context == "jwst_0001.pmap"


def test_what_the_user_has_set_comes_first(cache, facts):
    given = parse_steps({"jump": {"rejection_threshold": 4.0}}, "x")
    found = choose(facts, given)
    assert found.parameters.jump.rejection_threshold == 4.0
    assert found.origins == {}


def test_context_of_the_environment(cache, facts, monkeypatch):
    cache.write_rules(2, operational=False)
    assert Rules().context == "jwst_0001.pmap"
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0002.pmap")
    assert Rules().context == "jwst_0002.pmap"
    assert Rules("jwst_0001.pmap").context == "jwst_0001.pmap"
    monkeypatch.setenv("CRDS_CONTEXT", "jwst-edit")
    with pytest.raises(ReferenceFileError, match=r"CRDS_CONTEXT=jwst-edit: is no context"):
        Rules()


def test_context_that_was_never_fetched(cache):
    with pytest.raises(ReferenceFileError, match=r"jwst_0042\.pmap.*crds sync --contexts"):
        Rules("jwst_0042.pmap")


def test_rules_of_a_type_that_are_missing_are_no_silent_nothing(cache, facts):
    next(cache.mappings.glob("jwst_nircam_pars-jumpstep_*.rmap")).unlink()
    with pytest.raises(ReferenceFileError, match=r"first: CRDS context .*pars-jumpstep.*crds sync"):
        choose(facts)


def test_damaged_rules(cache, facts):
    path = next(cache.mappings.glob("jwst_nircam_dark_*.rmap"))
    path.write_text(path.read_text().replace("UseAfter", "UseAFter"))
    with pytest.raises(ReferenceFileError, match=r"first: CRDS context jwst_0001\.pmap in "):
        choose(facts)


def test_no_file_for_the_exposure(cache, facts):
    cache.chosen["NIRCAM"]["dark"] = {"NRCA2": cache.chosen["NIRCAM"]["dark"]["NRCA1"]}
    cache.write_rules(2)
    with pytest.raises(ReferenceFileError, match=r"has no dark for it \(.*; give override_dark"):
        choose(facts)
    assert choose(facts, overrides={"dark": "N/A"}).manifest.references["dark"] is None
    skipping = parse_steps({"dark_current": {"skip": True}}, "x")
    assert "dark" not in choose(facts, skipping).manifest.references


def test_rules_that_want_no_file_skip_the_step(cache, facts):
    cache.chosen["NIRCAM"]["dark"] = {"NRCA1": "N/A"}
    cache.write_rules(2)
    assert choose(facts).manifest.references["dark"] is None
    cache.chosen["NIRCAM"]["gain"] = {"NRCA1": "N/A"}
    cache.write_rules(3)
    with pytest.raises(ReferenceFileError, match=r"no gain for it, and .* cannot do without"):
        choose(facts, context="jwst_0003.pmap")


def test_type_that_the_context_does_not_know(cache, facts):
    del cache.chosen["NIRCAM"]["superbias"]
    cache.write_rules(2)
    with pytest.raises(ReferenceFileError, match="has no superbias for it"):
        choose(facts)


def test_keyword_that_is_not_read(cache, facts):
    cache.parkeys["NIRCAM", "dark"] = ("META.INSTRUMENT.DETECTOR", "META.INSTRUMENT.SHOE_SIZE")
    cache.write_rules(2)
    with pytest.raises(ReferenceFileError, match=r"chooses dark by META\.INSTRUMENT\.SHOE_SIZE"):
        choose(facts)


def test_invalid_file(cache, facts):
    dark = cache.chosen["NIRCAM"]["dark"]["NRCA1"]
    cache.write_config("jwst_0001.pmap", bad_files_list=[dark])
    with pytest.raises(ReferenceFileError, match=rf"{dark}: CRDS holds it for scientifically inv"):
        choose(facts)


def test_invalid_rules(cache, facts):
    rules = next(cache.mappings.glob("jwst_nircam_dark_*.rmap")).name
    cache.write_config("jwst_0001.pmap", bad_files_list=[rules])
    with pytest.raises(ReferenceFileError, match="scientifically invalid"):
        choose(facts)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a b.fits", ".hidden.fits"])
def test_names_that_are_no_file_names(cache, facts, name):
    cache.chosen["NIRCAM"]["dark"] = {"NRCA1": name}
    cache.write_rules(2)
    with pytest.raises(ReferenceFileError, match=r"dark .* is no file name"):
        choose(facts)


def test_override_needs_no_rules(cache, facts, simulated):
    del cache.chosen["NIRCAM"]["dark"]
    cache.write_rules(2)
    found = choose(facts, overrides={"dark": str(simulated.references["dark"])})
    assert found.manifest.references["dark"].source == "override"


def test_pipeline_file_comes_after_the_step_files(cache, facts):
    steps = [{"class": "x", "name": "jump", "parameters": {"rejection_threshold": 6.25}},
             {"class": "x", "name": "another", "parameters": {"skip": True}}]  # fmt: skip
    content = {"class": "x", "name": "Detector1Pipeline", "parameters": {}, "steps": steps}
    cache.add_parameters("NIRCAM", "pars-detector1pipeline", content, "jwst_pars-d_0001.asdf",
                         "NRCA1")  # fmt: skip
    cache.write_rules(2)
    found = choose(facts)
    assert found.parameters.jump.rejection_threshold == 6.25
    assert found.origins == {"jump.rejection_threshold": "jwst_pars-d_0001.asdf"}
    assert found.manifest.parameters[-1].unused == {"another.skip": True}


def test_unsupported_value_is_refused_and_may_be_set_aside(cache, facts):
    content = {**JUMP, "name": "clean_flicker_noise", "parameters": {"fit_method": "mean"}}
    cache.add_parameters("NIRCAM", "pars-cleanflickernoisestep", content, "jwst_pars-c_0001.asdf",
                         "NRCA1")  # fmt: skip
    cache.write_rules(2)
    with pytest.raises(ParameterError) as caught:
        choose(facts)
    assert str(caught.value).startswith(
        "jwst_pars-c_0001.asdf: steps.clean_flicker_noise.fit_method='mean': not supported; set "
        "steps.clean_flicker_noise.fit_method: "
    )
    given = parse_steps({"clean_flicker_noise": {"fit_method": "fft"}}, "x")
    assert choose(facts, given).parameters.clean_flicker_noise.fit_method == "fft"


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "crds", None)
    with pytest.raises(ReferenceFileError, match=r"crds is not installed; run .* -e '\.\[crds\]'"):
        Rules()


def test_the_stand_in_for_stdatamodels_does_not_stay(cache):
    Rules()
    assert "crds.jwst.locate" in sys.modules
    installed = importlib.util.find_spec("stdatamodels") is not None
    assert ("stdatamodels" in sys.modules) == installed
