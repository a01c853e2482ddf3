import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from onramp.simulate import simulate

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "multiprocessing.md"
WORKFLOW = "Snakefile", "workflow", "scripts", "profiles", "config"
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)
BOTH_EXPOSURES = [
    "nrcb1_parameters.yaml",
    "nrcb1_provenance.json",
    "nrcb1_rate.fits",
    "nrcb1_rateints.fits",
    "nrcb2_parameters.yaml",
    "nrcb2_provenance.json",
    "nrcb2_rate.fits",
    "nrcb2_rateints.fits",
]


class Block(NamedTuple):
    """A block of code in the page: its mark, language, code, and the output shown after it."""

    mark: str
    language: str
    code: str
    output: str


def blocks(page):
    """Return the page's blocks of code, each with the text block that follows it, if any."""
    found = []
    for match in FENCE.finditer(page):
        mark, language, code = match["mark"] or "", match["language"], match["code"]
        if language == "text":
            found[-1] = found[-1]._replace(output=code)
        else:
            found.append(Block(mark, language, code, ""))
    return found


BLOCKS = blocks(PAGE.read_text())
FILES = {b.mark.removeprefix("file: "): b for b in BLOCKS if b.mark.startswith("file: ")}
OFFICIAL = [b for b in BLOCKS if b.mark == "official"]
RUN = [b for b in BLOCKS if b.mark in ("", "fails")]


@pytest.fixture(scope="module")
def observer_folder(tmp_path_factory):
    """A folder as the page expects it, in a copy of the project."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "my_project").mkdir()
    for seed, detector in enumerate(("nrcb1", "nrcb2"), start=1):
        simulated = simulate(
            "nircam_sub", folder / "sky", seed, detector=detector.upper(), nx=32, ny=24, nints=2,
            ngroups=5,
        )  # fmt: skip
        simulated.uncal.rename(folder / "my_project" / f"{detector}_uncal.fits")
    (folder / "sky" / "references").rename(folder / "references")
    for name in WORKFLOW:
        (folder / name).symlink_to(ROOT / name)
    for name, block in FILES.items():
        (folder / name).write_text(block.code)
    return folder


@pytest.fixture
def here(observer_folder, tmp_path):
    return shutil.copytree(observer_folder, tmp_path / "here", symlinks=True)


def execute(command, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error::RuntimeWarning"}
    environment.pop("ONRAMP_REFERENCES", None)
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_every_fence_is_read():
    """A fence that the pattern does not see, or a mark that nobody knows, would go untried."""
    text = PAGE.read_text()
    assert len(re.findall(r"^\s*```", text, re.M)) == 2 * len(FENCE.findall(text))
    assert not re.search("~~~|<pre|<code", text)
    assert len(FILES) + len(OFFICIAL) + len(RUN) == len(BLOCKS)
    assert len(re.findall("<!--", text)) == sum(bool(block.mark) for block in BLOCKS)


def test_blocks_are_python_or_shell_and_files_are_used():
    assert RUN
    assert {block.language for block in RUN} == {"python", "sh"}
    for name in FILES:
        assert any(re.search(rf"\b{name}\b", block.code) for block in RUN), name


def test_only_the_official_pipeline_goes_untried():
    assert OFFICIAL
    for block in OFFICIAL:
        assert "jwst" in block.code or "strun" in block.code
        assert "onramp" not in block.code
        assert not block.output


@pytest.mark.parametrize("block", OFFICIAL, ids=range(len(OFFICIAL)))
def test_official_python_compiles(block):
    if block.language == "python":
        compile(block.code, "official", "exec")


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.code.strip().splitlines()[-1][:50])
def test_block_runs_and_prints_what_the_page_says(block, here):
    if block.language == "python":
        done = execute([sys.executable, "-c", block.code], here)
    else:
        done = execute(["bash", "-euo", "pipefail", "-c", block.code], here)
    assert (done.returncode != 0) == (block.mark == "fails"), done.stdout
    for line in block.output.splitlines():
        assert line in done.stdout
    assert not list(here.rglob("*.part"))
    if block.code.startswith("python "):
        assert sorted(path.name for path in (here / "products").iterdir()) == BOTH_EXPOSURES


def test_pool_script_writes_the_traceback_of_a_crash(here):
    (here / "my_project" / "torn_uncal.fits").write_bytes(b"SIMPLE  =")
    done = execute([sys.executable, "pool.py"], here)
    assert done.returncode == 0, done.stdout
    assert "torn_uncal.fits: failed" in done.stdout
    assert "Traceback" in (here / "products" / "torn_pipecrash.txt").read_text()
    assert (here / "products" / "nrcb2_rate.fits").exists()


def test_snippets_need_no_guard_but_in_pools_of_processes():
    for block in BLOCKS:
        if block.language == "python" and block not in OFFICIAL:
            assert ("__main__" in block.code) == ("multiprocessing" in block.code)
