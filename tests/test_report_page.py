import json

import numpy as np
import pytest
from onramp import configuration, report_data, report_page, report_pictures, targets
from PIL import Image

STATISTICS = {
    "instrument": "NIRCAM", "mode": "NRC_IMAGE", "nints": 1, "ngroups": 2, "ny": 3, "nx": 4,
    "seconds": 2.34567, "peak_mb": float("nan"), "bad_fraction": None,
    "steps": {"jump": {"state": "COMPLETE", "seconds": 0.5}, "ipc": {"seconds": 0.0}},
    "references": {"gain": {"name": "g.fits", "sha256": "ab"}, "dark": None},
    "jump_report": {
        "verdict": "high", "rate": 9.0, "error": None, "expected": [1.8, 8.0], "events": 7,
        "median_size": None, "flagged_rate": 1.0, "remarks": [],
        "by_group": {"rate": [None, *(float(n) for n in range(95))]},
        "by_amplifier": {"rate": []},
    },
}  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """A run of which one exposure is done, and one failed."""
    (tmp_path / "quicklook").mkdir()
    (tmp_path / "good_statistics.json").write_text(json.dumps(STATISTICS))
    (tmp_path / "bad_pipecrash.txt").write_text('reason: "</script><b>"\n\n')
    pixels = np.full((50, 2 * report_pictures.SMALL_WIDTH, 3), 200, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "quicklook/good.png")
    return tmp_path


def gathered(results, *names):
    return {row["exposure"]: row for row in report_data.gather(results, names)["exposures"]}


def test_what_is_told_of_an_exposure(results):
    good = gathered(results, "good")["good"]
    assert good["shape"] == [1, 2, 3, 4]
    assert (good["seconds"], good["peak_mb"], good["bad_fraction"]) == (2.346, None, None)
    assert good["steps"] == [["jump", 0.5]]
    assert good["picture"].startswith("data:image/webp;base64,")
    jumps = good["jumps"]
    assert (jumps["verdict"], jumps["rate"], jumps["error"]) == ("high", 9.0, None)
    assert jumps["amplifiers"] == []
    assert jumps["groups"] == [0.0, *(2 * n + 1.5 for n in range(47))]


def test_failed_and_missing_exposures_have_a_reason(results):
    found = gathered(results, "good", "bad", "never")
    assert (found["bad"]["state"], found["bad"]["reason"]) == ("failed", "</script><b>")
    assert (found["never"]["state"], found["never"]["reason"]) == ("missing", "not processed")
    assert found["bad"]["picture"] is None


def test_references_are_listed_once(results):
    (results / "twin_statistics.json").write_text(json.dumps(STATISTICS))
    data = report_data.gather(results, ["good", "twin"])
    assert data["references"] == [("gain", "g.fits", "ab")]
    assert [row["references"] for row in data["exposures"]] == [[0], [0]]


def test_parameters_of_the_run_and_of_an_exposure(results):
    asked = configuration.load({"steps": {"jump": {"rejection_threshold": 5}}}, "test")
    own = configuration.load({"steps": {"jump": {"rejection_threshold": 6}}}, "test").steps
    names = {
        "good": targets.Target("good", "good_uncal.fits", own),
        "bad": targets.Target("bad", "bad_uncal.fits", asked.steps),
    }
    data = report_data.gather(results, names, asked, names)
    assert ("jump", "rejection_threshold", 5.0, 4.0) in data["parameters"]
    assert not [name for step, name, *_ in data["parameters"] if step == "persistence"][1:]
    assert data["own"] == {"good": {"jump.rejection_threshold": 6.0}}
    assert data["options"]["output_dir"] == "results"


@pytest.mark.parametrize(
    ("count", "kind", "width"),
    [
        (report_pictures.FULL, "full", 2 * report_pictures.SMALL_WIDTH),
        (report_pictures.SMALL, "small", report_pictures.SMALL_WIDTH),
    ],
)
def test_pictures_become_smaller_when_they_are_many(results, count, kind, width):
    import base64
    import io

    pictures = report_pictures.Pictures(results / "quicklook", count)
    content = base64.b64decode(pictures.of("good").split(",")[1])
    assert pictures.kind == kind
    assert Image.open(io.BytesIO(content)).width == width


def test_pictures_are_linked_when_they_are_very_many(results):
    pictures = report_pictures.Pictures(results / "quicklook", report_pictures.SMALL + 1)
    assert pictures.of("good") == "quicklook/good.png"
    assert pictures.of("bad") is None


def test_picture_that_is_none(results):
    (results / "quicklook/good.png").write_text("no picture")
    assert gathered(results, "good")["good"]["picture"] is None


def test_no_text_leaves_its_place(results):
    page = report_page.write(results, ["good", "bad"]).read_text("utf-8")
    assert page.count("</script>") == 2
    assert "<b>" not in page
    data = page.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    assert json.loads(data)["exposures"][1]["reason"] == "</script><b>"
    assert not list(results.glob(".*"))


def test_folder_in_the_title_is_escaped(results):
    data = {"folder": "a<i>{{code}}</i>", "exposures": []}
    page = report_page.render(data)
    assert "<title>onramp: a&lt;i&gt;{{code}}&lt;/i&gt;</title>" in page
