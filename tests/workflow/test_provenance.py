"""Records of products that the workflow makes, and what verifies and reproduces them."""

from onramp.provenance_record import load
from onramp.reproduce import reproduce
from onramp.verify import verify

from .conftest import NAMES, NIRCAM


def record(project, name):
    return load(project.results / f"{name}_provenance.json")


def test_records_say_where_parameters_come_from(project):
    sheet = "exposure\tuncal\tsteps.jump.rejection_threshold\n"
    sheet += f"renamed\tuncal/{NIRCAM}_uncal.fits\t6\nplain\tuncal/{NIRCAM}_uncal.fits\t\n"
    (project.folder / "sheet.tsv").write_text(sheet)
    steps = {"jump": {"rejection_threshold": 4.0, "min_jump_area": 7.0}}
    project.configure(exposures="sheet.tsv", steps=steps)
    status, printed = project.run()
    assert status == 0, printed
    common = {"jump.min_jump_area": f"configuration file: {project.folder}/mine.yaml"}
    assert record(project, "plain").origins == common
    renamed = record(project, "renamed")
    assert renamed.origins == {
        "jump.rejection_threshold": f"sheet: {project.folder}/sheet.tsv",
        **common,
    }
    assert renamed.steps().jump.rejection_threshold == 6
    assert renamed.uncal.path == str(project.folder / f"uncal/{NIRCAM}_uncal.fits")
    assert "mine.yaml" in renamed.command
    assert verify(project.results).findings == []
    assert reproduce(project.results / "renamed_rate.fits").differences == []


def test_what_a_run_leaves_can_be_verified(first_run):
    found = verify(first_run[0].results)
    assert (found.records, found.products, found.findings) == (2, 4, [])
    assert found.unreachable == []


def test_a_lost_record_reruns_its_exposure_alone(finished):
    (finished.results / f"{NIRCAM}_provenance.json").unlink()
    assert finished.rerun()[0] == {NIRCAM}
    assert {path.name for path in finished.results.glob("*_provenance.json")} == {
        f"{name}_provenance.json" for name in NAMES
    }


def test_the_place_of_the_configuration_reruns_nothing(finished):
    finished.configure(steps={"jump": {"rejection_threshold": 5.0}})
    assert finished.rerun()[0] == NAMES
    (finished.folder / "mine.yaml").rename(finished.folder / "other.yaml")
    finished.configure()
    assert finished.rerun("--configfile", "other.yaml")[0] == set()
