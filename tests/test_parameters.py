import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onramp.errors import ParameterError
from onramp.parameters import (
    STEPS,
    Detector1Parameters,
    Jump,
    nearest,
    parse_steps,
    step_model,
)
from pydantic import ValidationError

REFERENCE_DEFAULTS = {
    "saturation": {"n_pix_grow_sat": 1, "use_readpatt": True},
    "refpix": {
        "odd_even_columns": True,
        "odd_even_rows": True,
        "use_side_ref_pixels": True,
        "side_smoothing_length": 11,
        "side_gain": 1.0,
        "refpix_algorithm": "median",
    },
    "emicorr": {
        "algorithm": "joint",
        "nints_to_phase": None,
        "nbins": None,
        "scale_reference": True,
        "onthefly_corr_freq": None,
        "use_n_cycles": 3,
        "fit_ints_separately": False,
        "user_supplied_reffile": None,
        "save_intermediate_results": False,
    },
    "firstframe": {"bright_use_group1": True},
    "dark_current": {"average_dark_current": None},
    "jump": {
        "rejection_threshold": 4,
        "three_group_rejection_threshold": 6,
        "four_group_rejection_threshold": 5,
        "flag_4_neighbors": True,
        "min_jump_to_flag_neighbors": 10,
        "max_jump_to_flag_neighbors": 1000,
        "after_jump_flag_dn1": 0,
        "after_jump_flag_time1": 0,
        "after_jump_flag_dn2": 0,
        "after_jump_flag_time2": 0,
        "expand_large_events": False,
        "find_showers": False,
        "min_diffs_single_pass": 10,
        "minimum_groups": 3,
        "minimum_sigclip_groups": 100,
        "only_use_ints": True,
    },
    "ramp_fit": {
        "algorithm": "OLS_C",
        "suppress_one_group": True,
        "firstgroup": None,
        "lastgroup": None,
        "save_opt": False,
    },
}
ORDER = (
    "group_scale dq_init emicorr saturation ipc superbias refpix firstframe lastframe reset "
    "linearity rscd dark_current charge_migration jump picture_frame clean_flicker_noise "
    "persistence ramp_fit gain_scale"
)
OFF = (
    "emicorr",
    "firstframe",
    "charge_migration",
    "picture_frame",
    "clean_flicker_noise",
    "persistence",
)


def parsed(step, **values):
    return getattr(parse_steps({step: values}, "here"), step)


def test_steps_run_in_the_order_of_the_reference():
    assert " ".join(STEPS) == ORDER


@pytest.mark.parametrize("step", REFERENCE_DEFAULTS)
def test_defaults_are_those_of_the_reference(step):
    defaults = parsed(step).model_dump()
    for name, value in REFERENCE_DEFAULTS[step].items():
        assert defaults[name] == value, name
        assert isinstance(defaults[name], bool) == isinstance(value, bool), name


@pytest.mark.parametrize("step", STEPS)
def test_every_parameter_has_a_default_and_a_line_of_meaning(step):
    for name, field in step_model(step).model_fields.items():
        assert not field.is_required(), name
        assert field.description.endswith("."), name
    assert parsed(step).skip is (step in OFF)
    assert parsed(step).save_results is False


@pytest.mark.parametrize("steps", [None, {}, {"jump": None}, {"jump": {}}])
def test_nothing_given(steps):
    assert parse_steps(steps, "here") == Detector1Parameters()


@pytest.mark.parametrize(
    ("step", "name", "value", "expected"),
    [
        ("jump", "rejection_threshold", "4.5", 4.5),
        ("jump", "rejection_threshold", 5, 5.0),
        ("jump", "flag_4_neighbors", "false", False),
        ("jump", "skip", "true", True),
        ("jump", "maximum_cores", "Half", "half"),
        ("jump", "maximum_cores", 4, "4"),
        ("ramp_fit", "maximum_cores", " all ", "all"),
        ("ramp_fit", "firstgroup", "3", 3),
        ("ramp_fit", "lastgroup", None, None),
        ("saturation", "n_pix_grow_sat", "0", 0),
        ("charge_migration", "skip", True, True),
    ],
)
def test_values_are_converted(step, name, value, expected):
    actual = getattr(parsed(step, **{name: value}), name)
    assert actual == expected
    assert type(actual) is type(expected)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ({"jum": {}}, "unknown step 'jum'; did you mean 'jump'?"),
        ({"xyzzy": {}}, "known: group_scale"),
        ({"jump": {"rejection_treshold": 4}}, "did you mean 'rejection_threshold'?"),
        ({"jump": 4}, "steps.jump must map"),
        ({"jump": {"rejection_threshold": "many"}}, "steps.jump.rejection_threshold='many'"),
        ({"jump": {"rejection_threshold": True}}, "not a boolean"),
        ({"jump": {"rejection_threshold": -1}}, "greater than or equal to 0"),
        ({"jump": {"rejection_threshold": "nan"}}, "rejection_threshold='nan'"),
        ({"jump": {"rejection_threshold": float("inf")}}, "finite"),
        ({"jump": {"min_diffs_single_pass": 2.5}}, "integer"),
        ({"jump": {"min_diffs_single_pass": True}}, "not a boolean"),
        ({"jump": {"flag_4_neighbors": "perhaps"}}, "boolean"),
        ({"jump": {"maximum_cores": 0}}, "none, quarter, half, all"),
        ({"jump": {"maximum_cores": "most"}}, "none, quarter, half, all"),
        ({"refpix": {"refpix_algorithm": "mean"}}, "'median' or 'sirs'"),
        ({"ramp_fit": {"algorithm": "GLS"}}, "'OLS_C' or 'LIKELY'"),
        ({"jump": {"override_gain": "N/A"}}, "references: override: gain: PATH or N/A"),
        ({"refpix": {"siglimit": 0}}, "greater than 0"),
        ({"saturation": {"n_pix_grow_sat": 17}}, "less than or equal to 16"),
        ({"clean_flicker_noise": {"fit_method": "mean"}}, "'median' or 'fft'"),
        ({"clean_flicker_noise": {"background_method": "no"}}, "'median', 'model' or 'median_i"),
        ([("jump", {})], "must map step names"),
    ],
)
def test_refusals(steps, says):
    with pytest.raises(ParameterError) as caught:
        parse_steps(steps, "config.yaml")
    message = str(caught.value)
    assert message.startswith("config.yaml: ")
    assert says in message
    assert "\n" not in message


def test_models_are_frozen():
    parameters = parse_steps({"jump": {"rejection_threshold": 5}}, "here")
    with pytest.raises(ValidationError):
        parameters.jump.rejection_threshold = 6
    with pytest.raises(ValidationError):
        Jump(rejection=4)


def test_nearest():
    assert nearest("refpx", STEPS) == "did you mean 'refpix'?"
    assert nearest(7, ("a", "b")) == "known: a, b"


@settings(deadline=None, derandomize=True)
@given(
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.lists(st.none()),
    ),
    name=st.sampled_from(sorted(Jump.model_fields)),
)
def test_whatever_is_given_is_taken_or_refused_in_one_line(value, name):
    message = f"steps.jump.{name}="
    try:
        parsed("jump", **{name: value})
    except ParameterError as refused:
        message = str(refused)
    assert f"steps.jump.{name}=" in message
    assert len(message.splitlines()) == 1
