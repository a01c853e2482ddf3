"""What parameter references say in our terms."""

import asdf
import pytest
from onramp.crds_parameters import PARAMETER_TYPES, PIPELINE, apply, read
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import STEPS, Detector1Parameters, parse_steps


def write(path, content):
    asdf.AsdfFile(content).write_to(path)
    return path


def test_each_step_has_its_type_and_the_pipeline_comes_last():
    assert set(PARAMETER_TYPES.values()) == {*STEPS, None}
    assert PARAMETER_TYPES["pars-rampfitstep"] == "ramp_fit"
    assert PARAMETER_TYPES["pars-dqinitstep"] == "dq_init"
    assert list(PARAMETER_TYPES)[-1] == PIPELINE


def test_values_are_sorted_into_ours_not_ours_and_unknown(tmp_path):
    told = {"rejection_threshold": 4.5, "skip": False, "output_dir": "/", "maximum_cores": "all",
            "save_results": True, "pre_hooks": [], "novel": {"a": [1, None]}}  # fmt: skip
    path = write(tmp_path / "p.asdf", {"class": "x", "name": "jump", "parameters": told})
    found = read(path, "pars-jumpstep")
    assert found.values == {"jump": {"rejection_threshold": 4.5, "skip": False}}
    assert found.unused == {"jump.novel": {"a": [1, None]}}


def test_text_that_means_nothing_is_null(tmp_path):
    content = {"name": "ramp_fit", "parameters": {"firstgroup": "None", "lastgroup": None}}
    found = read(write(tmp_path / "p.asdf", content), "pars-rampfitstep")
    assert found.values == {"ramp_fit": {"firstgroup": None, "lastgroup": None}}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ({"class": "x"}, "pars-jumpstep", "holds no parameters"),
        ({"parameters": [1]}, "pars-jumpstep", "parameters: are not 'name: value'"),
        ({"steps": {"a": 1}}, PIPELINE, "steps: is no list of steps"),
        ({"steps": [1]}, PIPELINE, "steps: is no list of steps"),
    ],
)
def test_files_that_are_none(tmp_path, content, kind, message):
    with pytest.raises(ReferenceFileError, match=rf"p\.asdf: {message}"):
        read(write(tmp_path / "p.asdf", content), kind)


@pytest.mark.parametrize("content", [b"", b"no", b"#ASDF 1.0.0\n%YAML 1.1\n--- {a: [}\n...\n"])
def test_files_that_are_no_asdf(tmp_path, content):
    path = tmp_path / "p.asdf"
    path.write_bytes(content)
    with pytest.raises(ReferenceFileError, match=r"p\.asdf: is no ASDF file") as caught:
        read(path, "pars-jumpstep")
    assert "\n" not in str(caught.value)


def test_nothing_in_a_file_becomes_an_object(tmp_path):
    path, made = tmp_path / "p.asdf", tmp_path / "made"
    text = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n---\nparameters:\n"
    path.write_text(f"{text}  rejection_threshold: !!python/object/apply:os.mkdir [{made}]\n...\n")
    assert read(path, "pars-jumpstep").values == {"jump": {"rejection_threshold": [str(made)]}}
    assert not made.exists()


def test_order_of_precedence():
    first = {"jump": {"rejection_threshold": 5.0, "edge_size": 3}}
    second = {"jump": {"rejection_threshold": 6.0}, "refpix": {"side_gain": 2.0}}
    files = [("a", first), ("b", second)]
    found, origins = apply(files, parse_steps({"refpix": {"side_gain": 1.0}}, "x"))
    assert (found.jump.rejection_threshold, found.jump.edge_size) == (6.0, 3)
    assert found.refpix.side_gain == 1.0
    assert origins == {"jump.rejection_threshold": "b", "jump.edge_size": "a"}


def test_nothing_said_changes_nothing():
    given = Detector1Parameters()
    assert apply([], given) == (given, {})


@pytest.mark.parametrize(
    ("step", "name", "value", "remedy"),
    [
        ("emicorr", "user_supplied_reffile", "x.fits", "null"),
        ("jump", "rejection_threshold", "many", "4.0"),
    ],
)
def test_values_that_cannot_be_followed(step, name, value, remedy):
    with pytest.raises(ParameterError) as caught:
        apply([("p.asdf", {step: {name: value}})], Detector1Parameters())
    place = f"steps.{step}.{name}"
    told = f"p.asdf: {place}={value!r}: not supported; set {place}: {remedy} in the configuration"
    assert str(caught.value).startswith(told)
