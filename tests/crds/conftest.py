"""A filled CRDS cache, and what is needed to have `crds` forget what it knows between tests."""

import shutil

import pytest
from onramp.reference_facts import read_facts
from onramp.simulate import simulate

from .cache import Cache, fill_from_folder

JUMP = {"class": "jwst.jump.jump_step.JumpStep", "name": "jump"}
PARAMETERS = "jwst_nircam_pars-jumpstep_0001.asdf"


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    return simulate("nircam_full", folder, 1, nx=16, ny=16, ngroups=5)


@pytest.fixture
def facts(simulated):
    return read_facts(simulated.uncal, "first")


@pytest.fixture
def cache(simulated, tmp_path, monkeypatch):
    """A complete cache with one context, and no server."""
    made = fill_from_folder(Cache(tmp_path / "cache"), simulated.references["dark"].parent)
    content = {**JUMP, "parameters": {"rejection_threshold": 4.75}}
    made.add_parameters("NIRCAM", "pars-jumpstep", content, PARAMETERS, "NRCA1")
    made.write_rules(1)
    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT", "CRDS_READONLY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CRDS_PATH", str(made.folder))
    monkeypatch.setenv("ONRAMP_CACHE", str(tmp_path / "digests"))
    forget()
    yield made
    forget()


def forget():
    """Make `crds` forget servers, contexts and rules."""
    from onramp.crds_rules import load

    package = load()
    from crds.core import utils

    utils.clear_function_caches()
    package.config.CRDS_REF_SUBDIR_MODE = None
    package.api.set_crds_server("https://crds-serverless-mode.stsci.edu")


@pytest.fixture
def connect(monkeypatch):
    """Return a function that points `crds` to a server, with a cache that is empty."""

    def to(server, folder):
        from onramp.crds_rules import load

        shutil.rmtree(folder, ignore_errors=True)
        monkeypatch.setenv("CRDS_PATH", str(folder))
        monkeypatch.setenv("CRDS_SERVER_URL", server.url)
        load().api.set_crds_server(server.url)

    return to
