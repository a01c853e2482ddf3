"""The reference's data models open the products, its next stage runs on them, and flags agree."""

import json
import subprocess

import pytest
from onramp import flags
from running import HERE

OPENED = "demonstration_nirspec_bots", "zero_frame", "all_steps_saved", "ramp_fit_off"
MODELS = {
    "rate": "ImageModel",
    "rateints": "CubeModel",
    "0_ramp_fit": "ImageModel",
    "1_ramp_fit": "CubeModel",
    "gain_scale": "ImageModel",
    "gain_scaleints": "CubeModel",
}
pytestmark = pytest.mark.uses_cases(*OPENED)


@pytest.fixture(scope="module")
def products(runs):
    """Paths of the products of some cases, by case."""
    found = runs.of(OPENED)
    return {name: found[name].products("onramp") for name in OPENED}


@pytest.fixture(scope="module")
def found(products, jwst_python, tmp_path_factory):
    """What the reference makes of the products."""
    folder = tmp_path_factory.mktemp("models")
    job = folder / "job.json"
    paths = [str(path) for kinds in products.values() for path in kinds.values()]
    rate = str(products["zero_frame"]["rate"])
    job.write_text(json.dumps({"folder": str(folder), "products": paths, "rate": rate}))
    command = [jwst_python, HERE / "open_products.py", job]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", OPENED)
def test_products_open_as_their_models(case, products, found):
    assert len(products[case]) >= 1
    for kind, path in products[case].items():
        assert found["models"][str(path)] == MODELS.get(kind, "RampModel")


def test_stage_2_runs_on_the_rate(found):
    assert found["stage2"] == ["ImageModel", [48, 64], "COMPLETE"]


def test_flags_are_those_of_the_data_models(found):
    theirs = {name: bit for name, bit in found["flags"].items() if name != "GOOD"}
    assert {name: bit for name, bit in flags.PIXEL.items() if bit} == theirs
