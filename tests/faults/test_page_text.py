"""The run's page under hostile header values, names of files and reasons of failures."""

import html
import json
import random
from html.parser import HTMLParser

import pytest
from onramp import report_page

TOKENS = (
    "</script>", "<script>", "<!--", "-->", "]]>", "<img src=x onerror=alert(1)>", "'", '"', "`",
    "${x}", "{{data}}", "{{code}}", "&lt;", "&", "\\u003c", "\\", "\n", "\r", "\t", "\0", "\x1b[2J",
    "\u2028", "\u2029", "\u202e", "\ud800", "é", "javascript:alert(1)", "../../x", "%2e%2e/", "a",
)  # fmt: skip
CALM = {
    "uncal": "x", "instrument": "x", "detector": "x", "mode": "x", "readpatt": "x", "subarray": "x",
    "nints": 1, "ngroups": 2, "ny": 3, "nx": 4, "crds_context": "x",
    "steps": {"jump": {"state": "x", "seconds": 0.5}},
    "references": {"gain": {"name": "x", "sha256": "x"}},
}  # fmt: skip
ROUNDS = 200


class Structure(HTMLParser):
    """The elements of a page, their attributes, and what its scripts hold."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self.title = [], [], ""
        self.within = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, attributes))
        self.within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.within = None

    def handle_data(self, data):
        if self.within == "script":
            self.scripts[-1] += data
        elif self.within == "title":
            self.title += data


def replaced(value, text):
    """Return a structure with each text in it replaced."""
    if isinstance(value, dict):
        return {key: replaced(inner, text) for key, inner in value.items()}
    return text() if isinstance(value, str) else value


def page_of(folder, text):
    """Return the page about one exposure that is done and one that has failed."""
    folder.mkdir()
    (folder / "x_statistics.json").write_text(json.dumps(replaced(CALM, text)))
    (folder / "y_pipecrash.txt").write_text(f"reason: {json.dumps(text())}\n\n")
    return report_page.write(folder, ["x", "y"]).read_text("utf-8")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    return Structure(page_of(tmp_path_factory.mktemp("calm") / "run", lambda: "x"))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_nothing_that_is_told_becomes_markup(calm, tmp_path, seed):
    generator = random.Random(seed)
    said = []

    def text():
        said.append("".join(generator.choices(TOKENS, k=generator.randint(1, 6))))
        return said[-1]

    names = [token for token in TOKENS if "/" not in token and "\0" not in token]
    folder = "".join(generator.choices([n for n in names if n != "\ud800"], k=3))
    page = page_of(tmp_path / f"f{folder}", text)
    found = Structure(page)
    assert found.elements == calm.elements
    assert len(found.scripts) == len(calm.scripts)
    assert found.scripts[1:] == calm.scripts[1:], "the program is the same"
    data = json.loads(found.scripts[0])
    assert html.unescape(found.title).startswith("onramp: ")
    assert "<" not in found.scripts[0]
    told = json.dumps(data)
    assert json.dumps(said[-1])[1:-1] in told, "the reason is told as it is"
