import shutil
import textwrap

import pytest
from onramp import library_digest
from onramp.library_digest import sources


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A script layer in miniature."""
    files = {
        "job.py": "from surroundings import begin\n\n\ndef main():\n    from lib.a import a\n",
        "surroundings.py": "from lib.errors import Error\n",
        "lib/__init__.py": "def late():\n    from lib.everything import all\n",
        "lib/errors.py": "",
        "lib/everything.py": "",
        "lib/a.py": "from lib.steps import (\n    one,\n    two as x,\n)\nimport lib.b, numpy\n",
        "lib/b.py": "",
        "lib/c.py": "from lib.a import a\n",
        "lib/steps/__init__.py": "",
        "lib/steps/one.py": "x = 1\n",
        "lib/steps/two.py": "",
        "lib/steps/three.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.setattr(library_digest, "SCRIPTS", tmp_path)
    return tmp_path


def test_follows_every_kind_of_import(scripts):
    assert set(sources(["job"])) == {
        "job", "surroundings", "lib", "lib.errors", "lib.a", "lib.b", "lib.steps", "lib.steps.one",
        "lib.steps.two",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "matters"),
    [("lib/steps/one.py", True), ("surroundings.py", True), ("lib/__init__.py", True),
     ("lib/c.py", False), ("lib/everything.py", False), ("lib/steps/three.py", False)],
)  # fmt: skip
def test_changes_with_what_is_used(scripts, name, matters):
    before = library_digest.library_digest("job")
    with open(scripts / name, "a") as file:
        file.write("# a remark\n")
    assert (library_digest.library_digest("job") != before) is matters


def test_depends_on_contents_alone(scripts, tmp_path_factory, monkeypatch):
    before = library_digest.library_digest("job")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "scripts"
    shutil.copytree(scripts, elsewhere, copy_function=shutil.copy)
    monkeypatch.setattr(library_digest, "SCRIPTS", elsewhere)
    assert library_digest.library_digest("job") == before


def test_job_uses_every_step_and_no_workflow_module():
    used = set(sources(["detector1"]))
    assert {"onramp_job", "onramp.exposure", "onramp.steps.jump", "onramp.steps.ramp_fit"} <= used
    assert not used & {
        f"onramp.{name}" for name in ("summary", "quicklook", "configuration", "cli")
    }
