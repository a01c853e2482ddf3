import base64
import gc
import re
import warnings
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "threads.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(notebook, tmp_path_factory):
    """Outputs of the notebook's cells, run from the first to the last with its own kernel."""
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(folder)}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nbclient leaves its event loop open
        client.execute()
        del client
        gc.collect()
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_outputs_are_stripped():
    stored = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(stored)
    for cell in stored.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_no_guard():
    code = [cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    assert not any("__main__" in source for source in code)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|jupyter_client|nbclient).*")
def test_every_cell_runs_without_a_warning(executed):
    assert not [o for o in executed if o.output_type == "error" or o.get("name") == "stderr"]


def test_several_threads_ran_and_agree(executed):
    printed = "".join(output.text for output in executed if output.output_type == "stream")
    threads = [int(n) for n in re.findall(r"'jump': (\d+)", printed)]
    assert threads[0] == 1
    assert threads[1] >= 2
    jumps = re.findall(r"(\d+) jumps", printed)
    assert len(jumps) == 2
    assert jumps[0] == jumps[1]
    for product in ("rate SCI", "rateints SCI", "ramp SCI"):
        assert product in printed


def test_pictures_are_drawn(executed):
    pictures = [o.data["image/png"] for o in executed if "image/png" in o.get("data", {})]
    assert len(pictures) == 2
    assert all(len(base64.b64decode(picture)) > 10_000 for picture in pictures)
