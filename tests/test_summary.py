import json

import pandas as pd
import pytest
from onramp import summary

DONE = {"instrument": "NIRCAM", "mode": "NRC_IMAGE", "seconds": 2.345, "peak_mb": 321.4,
        "bad_fraction": 0.0137, "steps": {}, "references": {}, "jump_report": {
            "rate": 4.681, "error": 0.0613, "median_size": 3712.4, "verdict": "as expected",
            "by_group": {"rate": [None, 4.7]}}}  # fmt: skip
CRASH = """exposure: "bad"
reason: "bad_uncal.fits: truncated: fetch it again"
uncal: {"file": "/data/bad_uncal.fits", "INSTRUME": "NIRISS", "EXP_TYPE": "NIS_SOSS"}

Traceback (most recent call last):
"""


@pytest.fixture
def results(tmp_path):
    """What three exposures left behind: one done, one failed, one killed; a fourth never began."""
    (tmp_path / "good_statistics.json").write_text(json.dumps(DONE))
    (tmp_path / "bad_pipecrash.txt").write_text(CRASH)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/killed.log").touch()
    (tmp_path / "logs/stopped.log").write_text("... stopped: interrupted\n")
    return tmp_path


NAMES = "good", "killed", "never", "bad", "stopped"


def test_states_failures_first(results):
    table = summary.collect(results, NAMES)
    assert list(table["exposure"]) == ["bad", "killed", "never", "stopped", "good"]
    assert list(table["state"]) == ["failed", "missing", "missing", "missing", "done"]
    assert list(table["instrument"].fillna("")) == ["NIRISS", "", "", "", "NIRCAM"]
    assert list(table["reason"]) == [
        "bad_uncal.fits: truncated: fetch it again",
        "ended without a word: killed, or out of memory?",
        "not processed",
        "interrupted",
        "",
    ]


def test_statistics_outweigh_an_older_crash(results):
    (results / "good_pipecrash.txt").write_text(CRASH)
    assert list(summary.collect(results, ["good"])["state"]) == ["done"]


def test_printed_table(results):
    lines = summary.summarise(results, NAMES).splitlines()
    assert "bad       NIRISS      NIS_SOSS   failed" in lines[3]
    assert lines[4] == "    bad_uncal.fits: truncated: fetch it again"
    assert lines[11].split() == [
        "good", "NIRCAM", "NRC_IMAGE", "done", "2.3", "321",
        "4.681", "+-", "0.061", "3712", "as", "expected", "1.37%",
    ]  # fmt: skip
    assert "exposures: 1 failed, 3 missing, 1 done" in lines
    assert any(line.startswith("failures: ") for line in lines)
    assert max(map(len, lines)) < 120


def test_file_holds_all_that_is_known(results):
    summary.summarise(results, NAMES)
    table = pd.read_csv(results / "summary.tsv", sep="\t")
    good = table.set_index("exposure").loc["good"]
    assert (good["seconds"], good["peak_mb"], good["jump_rate"]) == (2.345, 321.4, 4.681)
    assert (good["jump_error"], good["jump_size"]) == (0.0613, 3712.4)
    assert good["jump_verdict"] == "as expected"
    assert list(table.columns) == [*list(summary.COLUMNS)[:-1], "reason"]
    assert not list(results.glob(".*"))


def test_long_table_is_cut_but_for_failures(tmp_path):
    names = [f"x{n}" for n in range(200)]
    for name in names[:150]:
        (tmp_path / f"{name}_statistics.json").write_text(json.dumps(DONE))
    text = summary.summarise(tmp_path, names)
    assert text.count("not processed") == 50
    assert text.count("NRC_IMAGE") == 10
    assert "... and 140 more that are done" in text


def test_nothing_known_but_the_name(tmp_path):
    text = summary.summarise(tmp_path / "new", ["a"], pictures=False)
    assert "a         -           -     missing" in text
    assert "quicklook" not in text


@pytest.mark.parametrize(
    "report", [None, {"rate": None, "error": None, "median_size": None, "verdict": "not searched"}]
)
def test_no_search_for_jumps(tmp_path, report):
    (tmp_path / "a_statistics.json").write_text(json.dumps({**DONE, "jump_report": report}))
    row = summary.summarise(tmp_path, ["a"]).splitlines()[3]
    words = ["not", "searched"] if report else ["-"]
    assert row.split()[4:] == ["2.3", "321", "-", "-", *words, "1.37%"]
