"""References from a CRDS cache that is written here, chosen by the real `crds` package."""

import json
import shutil

import pytest
from astropy.io import fits

from ..crds.cache import Cache, environment, fill_from_folder
from .conftest import NAMES, NIRCAM, NIRSPEC, Project

JUMP = {"class": "jwst.jump.jump_step.JumpStep", "name": "jump"}


class CrdsProject(Project):
    """A project whose references are those of a CRDS cache beside it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.cache = Cache(self.folder / "cache")

    def environment(self):
        return environment(self.cache, **{"ONRAMP_CACHE": str(self.folder / "digests")})

    def configure(self, **options):
        references = {"source": "crds", **options.pop("references", {})}
        super().configure(references=references, **options)

    def manifest(self, name):
        return json.loads((self.results / "references" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def crds_run(inputs, project_of, tmp_path_factory):
    """A project that has been run with the first context; not to be changed."""
    made = CrdsProject(project_of(tmp_path_factory.mktemp("crds") / "project"))
    fill_from_folder(made.cache, made.folder / "references")
    shutil.rmtree(made.folder / "references")
    content = {**JUMP, "parameters": {"rejection_threshold": 4.75, "minimum_groups": 4, "new": 1}}
    made.cache.add_parameters("NIRSPEC", "pars-jumpstep", content, "jwst_pars-jumpstep_0001.asdf",
                              "NRS1")  # fmt: skip
    made.cache.write_rules(1)
    made.configure()
    status, printed = made.run()
    assert status == 0, printed
    return made, printed


@pytest.fixture
def crds_project(crds_run, tmp_path):
    """A project that has been run, to be changed and run again."""
    shutil.copytree(crds_run[0].folder, tmp_path / "project", symlinks=True)
    made = CrdsProject(tmp_path / "project")
    made.cache.chosen = json.loads(json.dumps(crds_run[0].cache.chosen))
    return made


def test_manifest_and_header_say_what_was_used(crds_run):
    project, printed = crds_run
    assert (project.results / "crds_context.txt").read_text() == "jwst_0001.pmap\n"
    for name, instrument in ((NIRCAM, "NIRCAM"), (NIRSPEC, "NIRSPEC")):
        manifest = project.manifest(name)
        header = fits.getheader(project.results / f"{name}_rate.fits")
        assert header["CRDS_CTX"] == manifest["context"] == "jwst_0001.pmap"
        dark = manifest["references"]["dark"]
        assert dark["name"] == project.cache.chosen[instrument]["dark"][header["DETECTOR"]]
        assert (header["R_DARK"], header["H_DARK"]) == (dark["name"], dark["sha256"])
        assert dark["source"] == "crds"
    assert "jwst_pars-jumpstep_0001.asdf: not used: jump.new=1" in printed


def test_parameter_reference_comes_before_the_default_and_after_the_configuration(crds_project):
    log = (crds_project.results / "logs" / f"{NIRSPEC}.log").read_text()
    assert "jump.minimum_groups=4, jump.rejection_threshold=4.75" in log
    assert crds_project.manifest(NIRCAM)["parameters"] == []
    crds_project.configure(steps={"jump": {"rejection_threshold": 4.0}})
    assert crds_project.rerun()[0] == {NIRSPEC}
    log = (crds_project.results / "logs" / f"{NIRSPEC}.log").read_text()
    assert "rejection_threshold=4.0" in log
    assert "asdf sha256" in log
    assert ": jump.minimum_groups=4\n" in log


def test_nothing_changes_without_a_change(crds_project):
    for path in crds_project.cache.folder.rglob("*.*"):
        path.touch()
    assert crds_project.rerun()[0] == set()


def test_moved_cache_changes_nothing(crds_project):
    crds_project.cache.folder.rename(crds_project.folder / "elsewhere")
    crds_project.cache = Cache(crds_project.folder / "elsewhere")
    assert crds_project.rerun()[0] == set()


def test_context_that_moves_one_reference_reruns_its_exposures_alone(crds_project):
    cache = crds_project.cache
    old = cache.references / "nircam" / cache.chosen["NIRCAM"]["gain"]["NRCA1"]
    new = old.with_name("jwst_nircam_gain_9999.fits")
    shutil.copy(old, new)
    with fits.open(new, mode="update") as file:
        file["SCI"].data *= 1.01
    cache.chosen["NIRCAM"]["gain"]["NRCA1"] = new.name
    cache.write_rules(2)
    assert crds_project.plan() == set(), "the context of the first run is kept"
    crds_project.configure(references={"crds_context": "jwst_0002.pmap"})
    assert crds_project.plan() == {NIRCAM}
    assert crds_project.manifest(NIRCAM)["context"] == "jwst_0001.pmap", "a dry run writes nothing"
    assert crds_project.rerun()[0] == {NIRCAM}
    assert crds_project.manifest(NIRCAM)["context"] == "jwst_0002.pmap"
    assert fits.getval(crds_project.results / f"{NIRCAM}_rate.fits", "R_GAIN") == new.name
    assert crds_project.rerun()[0] == set()


def test_new_parameter_reference_reruns(crds_project):
    content = {**JUMP, "parameters": {"rejection_threshold": 5.5}}
    crds_project.cache.add_parameters("NIRSPEC", "pars-jumpstep", content,
                                      "jwst_pars-jumpstep_0002.asdf", "NRS1")  # fmt: skip
    crds_project.cache.write_rules(2)
    crds_project.configure(references={"crds_context": "jwst_0002.pmap"})
    assert crds_project.rerun()[0] == {NIRSPEC}


def test_override_wins(crds_project):
    crds_project.configure(references={"override": {"dark": "N/A"}})
    assert crds_project.rerun()[0] == NAMES
    assert crds_project.manifest(NIRCAM)["references"]["dark"] is None


def test_missing_reference_costs_its_exposures_alone_and_is_named(crds_project):
    cache = crds_project.cache
    shutil.rmtree(crds_project.results)
    dark, gain = (cache.chosen["NIRCAM"][kind]["NRCA1"] for kind in ("dark", "gain"))
    for name in (dark, gain):
        (cache.references / "nircam" / name).unlink()
    status, _ = crds_project.run()
    assert status != 0
    assert set(crds_project.when()) == {NIRSPEC}
    reason = (crds_project.results / f"{NIRCAM}_pipecrash.txt").read_text()
    for name in (dark, gain):
        assert f"{name}: missing, and there is no server; fill the cache with 'crds sync" in reason


def test_read_only_cache(crds_project):
    shutil.rmtree(crds_project.results)
    for path in crds_project.cache.folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(crds_project.cache.folder.rglob("*"))
    assert crds_project.rerun()[0] == NAMES
    assert sorted(crds_project.cache.folder.rglob("*")) == before


def test_no_cache_at_all_ends_the_run_with_one_line(crds_project):
    shutil.rmtree(crds_project.cache.folder)
    status, printed = crds_project.run()
    assert status != 0
    lines = [line for line in printed.splitlines() if line.startswith("onramp: ")]
    assert len(lines) == 1
    assert "CRDS: CRDS_SERVER_URL is not set, and" in lines[0]
    assert "Traceback" not in printed


def test_context_that_is_not_there_ends_the_run_with_one_line(crds_project):
    crds_project.configure(references={"crds_context": "jwst_0077.pmap"})
    status, printed = crds_project.run()
    assert status != 0
    assert "onramp: references.crds_context=jwst_0077.pmap: CRDS context" in printed
    assert "crds sync --contexts jwst_0077.pmap" in printed
    assert "Traceback" not in printed
