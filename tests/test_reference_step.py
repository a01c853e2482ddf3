"""Manifests of a folder's references: written when they differ, and only then."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from astropy.io import fits
from onramp import reference_manifest
from onramp.configuration import load
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import Detector1Parameters, parse_steps
from onramp.reference_manifest import locate, open_manifest
from onramp.reference_step import PLAN, READ, WRITE, ReferenceStep, pinned
from onramp.simulate import simulate
from onramp.targets import Target

DEFAULT = Detector1Parameters()


class World:
    """Exposures of two detectors, with one folder of references."""

    def __init__(self, folder):
        small = {"nx": 16, "ny": 16, "ngroups": 2}
        self.folder = folder
        self.nircam = simulate("nircam_full", folder, 1, **small)
        self.nirspec = simulate("nirspec_bots", folder, 1, nints=1, **small)
        self.references = self.nircam.references["dark"].parent

    def manifests(self, overrides=None, steps=DEFAULT, mode=WRITE):
        options = {"references": {"folder": str(self.references), "override": overrides or {}},
                   "output_dir": str(self.folder / "results")}  # fmt: skip
        step = ReferenceStep(load(options, "x"), mode)
        uncals = {"first": self.nircam.uncal, "second": self.nirspec.uncal}
        return [step.manifest(Target(name, str(uncal), steps)) for name, uncal in uncals.items()]

    def changed(self, **options):
        """Return which of the two manifests' contents change."""
        paths = [self.folder / f"results/references/{name}.json" for name in ("first", "second")]
        before = [path.read_bytes() for path in paths]
        self.manifests(**options)
        return tuple(path.read_bytes() != content for path, content in zip(paths, before))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("ONRAMP_CACHE", str(tmp_path / "cache"))
    made = World(tmp_path)
    made.manifests()
    return made


def change(path):
    with fits.open(path, mode="update") as file:
        file[1].data[..., 3, 3] += 1


def test_unchanged_manifest_is_not_written(world):
    (first, _) = world.manifests()
    os.utime(first, (1, 1))
    for path in world.references.iterdir():
        os.utime(path, (1, 1))
    world.manifests()
    assert os.stat(first).st_mtime == 1


def test_changed_file_changes_its_exposures_alone(world):
    change(world.nircam.references["dark"])
    assert world.changed() == (True, False)


def test_newer_file_matters_where_it_is_chosen(world):
    dark = world.nirspec.references["dark"]
    newer = dark.with_name("newer.fits")
    newer.write_bytes(dark.read_bytes())
    with fits.open(newer, mode="update") as file:
        file[0].header["USEAFTER"] = "2100-01-01T00:00:00"
    assert world.changed() == (False, False)
    with fits.open(newer, mode="update") as file:
        file[0].header["USEAFTER"] = "2022-06-01T00:00:00"
    assert world.changed() == (False, True)


def test_files_that_no_step_needs_do_not_matter(world):
    steps = parse_steps({"dark_current": {"skip": True}}, "")
    world.manifests(steps=steps)
    change(world.nircam.references["dark"])
    assert world.changed(steps=steps) == (False, False)


def test_override_takes_the_place_of_the_folder(world, tmp_path):
    mine = tmp_path / "mine.fits"
    mine.write_bytes(world.nircam.references["dark"].read_bytes())
    assert world.changed(overrides={"dark": str(mine)}) == (True, True)
    assert world.changed(overrides={"dark": str(mine)}) == (False, False)
    change(world.nircam.references["dark"])
    assert world.changed(overrides={"dark": str(mine)}) == (False, False)
    change(mine)
    assert world.changed(overrides={"dark": str(mine)}) == (True, True)
    assert world.changed(overrides={"dark": "N/A"}) == (True, True)


def test_moved_folder_changes_nothing_and_files_are_found(world):
    world.references = world.references.rename(world.folder / "elsewhere")
    assert world.changed() == (False, False)
    path = world.manifests()[0]
    found = locate(open_manifest(path), world.folder / "results/references")
    assert {reference.path.parent for reference in found.values() if reference} == {
        world.references
    }


def test_job_refuses_a_file_that_changed_meanwhile(world):
    path = world.manifests()[0]
    change(world.nircam.references["gain"])
    with pytest.raises(ReferenceFileError, match=r"gain\w*\.fits: has changed since the run began"):
        locate(open_manifest(path), world.folder / "results/references")


def test_what_is_wrong_is_left_to_the_job(world):
    world.nircam.uncal.write_bytes(b"no exposure")
    world.nirspec.references["gain"].unlink()
    first, second = world.manifests()
    with pytest.raises(ReferenceFileError, match="does not begin as a FITS file"):
        open_manifest(first)
    with pytest.raises(ReferenceFileError, match="second: no gain reference for jump"):
        open_manifest(second)
    assert world.changed() == (False, False)


def test_dry_run_writes_nothing(world):
    folder = world.folder / "results/references"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert world.manifests(mode=PLAN) == [str(folder / "first.json"), str(folder / "second.json")]
    change(world.nircam.references["dark"])
    first, second = world.manifests(mode=PLAN)
    assert second == str(folder / "second.json")
    assert not first.startswith(str(folder))
    assert os.path.exists(first)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_jobs_look_for_nothing(world):
    world.references.rename(world.folder / "elsewhere")
    folder = world.folder / "results/references"
    assert world.manifests(mode=READ) == [str(folder / "first.json"), str(folder / "second.json")]


def test_missing_folder_ends_the_run(world):
    world.references = "nowhere"
    with pytest.raises(ReferenceFileError, match=r"nowhere: the folder .* does not exist"):
        world.manifests()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', "\x00", '{"format": 99}'])
def test_damaged_manifest_is_written_anew_and_refused_by_jobs(world, text):
    first = world.manifests()[0]
    good = Path(first).read_text()
    Path(first).write_text(text)
    with pytest.raises(ReferenceFileError, match=r"first\.json: is no manifest of references"):
        open_manifest(first)
    world.manifests()
    assert Path(first).read_text() == good


def test_damaged_list_of_places_is_written_anew(world):
    places = world.folder / "results/references" / reference_manifest.FILES
    good = json.loads(places.read_text())
    places.write_text("?")
    world.manifests()
    assert json.loads(places.read_text()) == good


def test_context_that_was_written_down(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    options = load({"references": {"source": "crds"}}, "x").references
    assert pinned(options, tmp_path) is None
    (tmp_path / "crds_context.txt").write_text("jwst_0003.pmap\n")
    assert pinned(options, tmp_path) == "jwst_0003.pmap"
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0004.pmap")
    assert pinned(options, tmp_path) == "jwst_0003.pmap"
    assert "CRDS_CONTEXT=jwst_0004.pmap is not used" in capsys.readouterr().err
    configured = options.model_copy(update={"crds_context": "jwst_0005.pmap"})
    assert pinned(configured, tmp_path) == "jwst_0005.pmap"
    (tmp_path / "crds_context.txt").write_text("latest\n")
    with pytest.raises(ParameterError, match=r"crds_context\.txt: 'latest' is no CRDS context"):
        pinned(options, tmp_path)


def test_other_files_that_are_used_change_their_exposures(world, tmp_path):
    mask, curve = tmp_path / "mask.fits", tmp_path / "curve.ecsv"
    cleaning = {"user_mask": str(mask), "light_curve": str(curve), "skip": False}
    steps = parse_steps({"clean_flicker_noise": cleaning}, "test")
    assert world.changed(steps=steps) == (True, True)
    assert world.changed(steps=steps) == (False, False)
    for path in (mask, curve):
        path.write_text("a")
        assert world.changed(steps=steps) == (True, True)
        os.utime(path, (1, 1))
        assert world.changed(steps=steps) == (False, False)
    told = json.loads((world.folder / "results/references/first.json").read_text())["files"]
    assert told == {str(path): sha256(b"a").hexdigest() for path in (mask, curve)}
    assert world.changed() == (True, True), "the step is off"


def test_the_shutters_of_an_exposure_are_used_where_they_are_masked(world):
    shutters = simulate("nirspec_bots", world.folder / "shutters", 2, nints=1, nx=16, ny=16,
                        ngroups=2, exp_type="NRS_MSASPEC")  # fmt: skip
    fits.setval(shutters.uncal, "MSAMETFL", value="x_msa.fits")
    world.nirspec, world.references = shutters, shutters.references["dark"].parent
    steps = parse_steps({"clean_flicker_noise": {"skip": False, "mask_science_regions": True}}, "t")
    world.manifests(steps=steps)
    shutters.uncal.with_name("x_msa.fits").write_text("a")
    assert world.changed(steps=steps)[1]
    unmasked = parse_steps({"clean_flicker_noise": {"skip": False}}, "t")
    world.manifests(steps=unmasked)
    shutters.uncal.with_name("x_msa.fits").write_text("b")
    assert not world.changed(steps=unmasked)[1]
