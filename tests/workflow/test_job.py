"""The surroundings of a rule's script, and what is printed of a run, without Snakemake."""

import io
import json
import logging
import os
import signal
import sys
from types import SimpleNamespace

import pytest
import yaml
from onramp import configuration
from onramp.errors import InputError
from onramp.parameters import Detector1Parameters
from onramp.reference_step import WRITE, ReferenceStep
from onramp.targets import Target
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Wildcards
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import detector1
import onramp_job
import onramp_terminal
import quicklook


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch):
    """Undo what a job does to its process."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    handlers, level = logging.root.handlers[:], logging.root.level
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    for handler in logging.root.handlers:
        handler.close()
    logging.root.handlers[:], logging.root.level = handlers, level
    logging.captureWarnings(False)


def rule(folder, uncal=None, references="references", **params):
    """What Snakemake hands to a script."""
    folder.mkdir(exist_ok=True)
    manifest = folder / "references" / "x.json"
    options = {"references": {"folder": str(references)}, "output_dir": str(folder)}
    names = {"rate": folder / "x_rate.fits", "statistics": folder / "x_statistics.json"}
    crash_file = folder / "x_pipecrash.txt"
    if uncal is not None:
        step = ReferenceStep(configuration.load(options, "x"), WRITE)
        step.manifest(Target("x", str(uncal), Detector1Parameters()))
    return SimpleNamespace(
        rule="detector1",
        threads=2,
        wildcards=Wildcards(fromdict={"exposure": "x"}),
        input=InputFiles(
            fromdict={"uncal": str(uncal or folder / "x_uncal.fits"), "references": str(manifest)}
        ),
        output=OutputFiles(fromdict={name: str(path) for name, path in names.items()}),
        log=Log([str(folder / "x.log")]),
        params=Params(fromdict={"crash_file": str(crash_file), **params}),
        resources=ResourceList(fromdict={"mem_mb": 300}),
        config={"steps": {}, "quicklook": False},
    )


def test_success_removes_an_older_crash_file(tmp_path):
    snakemake = rule(tmp_path)
    (tmp_path / "x_pipecrash.txt").touch()
    with onramp_job.job(snakemake):
        logging.getLogger("onramp").info("in the middle")
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert not (tmp_path / "x_pipecrash.txt").exists()
    log = (tmp_path / "x.log").read_text()
    assert "INFO    in the middle\n" in log
    assert "x: detector1 done in " in log


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("x_uncal.fits: no good;\n mend it"), "x_uncal.fits: no good; mend it"),
        (ValueError("unforeseen"), "ValueError: unforeseen"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_failure(tmp_path, error, line):
    snakemake = rule(tmp_path, steps={"jump": {"skip": True}})
    (tmp_path / "x_uncal.fits").write_bytes(b"12345")
    (tmp_path / "x_rate.fits").touch()
    with pytest.raises(SystemExit) as end, onramp_job.job(snakemake):
        raise error
    assert end.value.code == 1
    assert not (tmp_path / "x_rate.fits").exists()
    head, trace = (tmp_path / "x_pipecrash.txt").read_text().split("\n\n", 1)
    facts = yaml.safe_load(head)
    assert facts["exposure"] == "x"
    assert facts["reason"] == line
    assert facts["uncal"]["bytes"] == 5
    assert facts["uncal"]["sha256"].startswith("5994471abb01112afcc18159f6cc74b4")
    assert facts["steps"] == {"jump": {"skip": True}}
    assert facts["versions"]["python"]
    assert trace.startswith("Traceback (most recent call last):")
    assert "raise error" in trace
    assert "raise error" in (tmp_path / "x.log").read_text()
    assert not list(tmp_path.glob(".*"))


def test_missing_file_still_gets_a_crash_file(tmp_path):
    with pytest.raises(SystemExit), onramp_job.job(rule(tmp_path)):
        raise InputError("x_uncal.fits: gone")
    assert 'reason: "x_uncal.fits: gone"' in (tmp_path / "x_pipecrash.txt").read_text()


def test_crash_file_that_cannot_be_written_hides_nothing(tmp_path):
    snakemake = rule(tmp_path)
    (tmp_path / "x_pipecrash.txt").mkdir()
    with pytest.raises(SystemExit) as end, onramp_job.job(snakemake):
        raise InputError("x_uncal.fits: gone")
    assert end.value.code == 1
    assert "x: failed: x_uncal.fits: gone" in (tmp_path / "x.log").read_text()


def test_interrupt_is_no_crash(tmp_path):
    (tmp_path / "x_rate.fits").touch()
    with pytest.raises(SystemExit) as end, onramp_job.job(rule(tmp_path)):
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["x.log"]
    assert (tmp_path / "x.log").read_text().endswith("x: interrupted\n")


def test_termination_is_recorded(tmp_path):
    with pytest.raises(SystemExit), onramp_job.job(rule(tmp_path)):
        signal.raise_signal(signal.SIGTERM)
    assert "by SIGTERM: cancelled, or over" in (tmp_path / "x_pipecrash.txt").read_text()


def test_leavings_of_a_killed_job_are_swept_up(tmp_path):
    mine = [".x_rate.fits.123.part", ".x_statistics.json.9.part"]
    others = [".x_b_rate.fits.5.part", ".y_rate.fits.123.part"]
    for name in mine + others:
        (tmp_path / name).touch()
    with onramp_job.job(rule(tmp_path)):
        pass
    assert sorted(path.name for path in tmp_path.glob(".*")) == others


def test_script_names_products_after_the_sheet(tmp_path, inputs):
    steps = {"jump": {"rejection_threshold": 5.0}}
    uncal = next((inputs / "uncal").glob("*nrs1_uncal.fits"))
    snakemake = rule(tmp_path, uncal, inputs / "references", steps=steps)
    snakemake.config |= {"steps": {"jump": {"maximum_cores": "all"}, "dq_init": {}}}
    detector1.main(snakemake)
    found = json.loads((tmp_path / "x_statistics.json").read_text())
    assert found["uncal"] == str(uncal)
    assert found["exposure"] == "x"
    assert found["threads"]["jump"] == 2
    assert (tmp_path / "x_rateints.fits").exists()
    assert "rejection_threshold=5.0" in (tmp_path / "x.log").read_text()


def test_error_names_the_users_file(tmp_path):
    uncal = tmp_path / "original_uncal.fits"
    uncal.write_bytes(b"no exposure")
    snakemake = rule(tmp_path / "results", uncal, tmp_path, steps={})
    with pytest.raises(SystemExit):
        detector1.main(snakemake)
    reason = (tmp_path / "results/x_pipecrash.txt").read_text().splitlines()[1]
    assert reason.startswith(f'reason: "{uncal}: ')


def test_scripts_do_nothing_when_imported():
    assert callable(quicklook.main)


@pytest.fixture
def tell(tmp_path):
    """A function that hands an event to the progress and returns what it prints."""
    stream = io.StringIO()
    progress = onramp_terminal.Progress(tmp_path, onramp_terminal.Screen(stream))

    def hand(event, **content):
        record = logging.makeLogRecord({"event": LogEvent[event], **content})
        before = stream.tell()
        progress.handle(record)
        return stream.getvalue()[before:]

    hand.progress = progress
    yield hand
    progress.close()


def test_progress(tell, tmp_path, monkeypatch):
    monkeypatch.setattr(onramp_terminal.compilation, "is_done", lambda: True)
    (tmp_path / "a_statistics.json").write_text('{"seconds": 1.26, "peak_mb": 210.4}')
    (tmp_path / "b_pipecrash.txt").write_text('exposure: "b"\nreason: "b is bad"\n')
    assert tell("RUN_INFO", stats={"detector1": 10, "all": 1}) == ""
    (tmp_path / "logs").mkdir(exist_ok=True)
    (tmp_path / "logs" / "d.log").write_text("d: NIRCAM\nd: interrupted\n")
    for number, name in enumerate("abcd"):
        begun = {"jobid": number, "rule_name": "detector1", "wildcards": {"exposure": name}}
        assert tell("JOB_INFO", **begun) == ""
    assert tell("JOB_FINISHED", job_id=0) == "[ 1/10] a: 1.3 s, 210 MB\n"
    assert tell("JOB_ERROR", jobid=1, rule_name="detector1") == "[ 2/10] b: failed: b is bad\n"
    line = tell("JOB_ERROR", jobid=2, rule_name="detector1")
    assert line == f"[ 3/10] c: ended without a word; see {tmp_path}/logs/c.log\n"
    line = tell("JOB_ERROR", jobid=3, rule_name="detector1")
    assert line == "[ 4/10] d: failed: interrupted\n"
    assert tell("JOB_FINISHED", job_id=7) == ""
    tell("JOB_INFO", jobid=3, rule_name="detector1", wildcards={"exposure": "d"})
    line = tell("JOB_ERROR", jobid=3, rule_name="detector1")
    assert line == "[ 4/10] d: failed: interrupted\n", "tried again, and counted once"
    line = tell("JOB_ERROR", jobid=8, rule_name="quicklook", log=["a.log"])
    assert line == "quicklook failed; see a.log\n"


def test_progress_for_a_machine(tell, tmp_path):
    (tmp_path / "b_pipecrash.txt").write_text('exposure: "b"\nreason: "b is bad"\n')
    tell("RUN_INFO", stats={"detector1": 2})
    for number, name in enumerate("ab"):
        tell("JOB_INFO", jobid=number, rule_name="detector1", wildcards={"exposure": name})
    tell("JOB_ERROR", jobid=1, rule_name="detector1")
    tell("JOB_FINISHED", job_id=0)
    lines = (tmp_path / "logs/progress.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [entry["event"] for entry in found] == ["start", "begin", "begin", "failed", "done"]
    assert [entry.get("exposure") for entry in found] == [None, "a", "b", "b", "a"]
    assert [entry["left"] for entry in found] == [2, 1, 0, 0, 0]
    assert found[3]["reason"] == "b is bad"
    assert (found[4]["done"], found[4]["failed"], found[4]["running"]) == (1, 1, 0)


def test_progress_that_cannot_be_kept_stops_nothing(tell, tmp_path):
    (tmp_path / "logs").write_text("in the way")
    assert "the run goes on without it" in tell("RUN_INFO", stats={"detector1": 1})
    tell("JOB_INFO", jobid=1, rule_name="detector1", wildcards={"exposure": "a"})
    assert "[1/1] a: done" in tell("JOB_FINISHED", job_id=1)


def test_progress_within_a_batch(tell, tmp_path):
    run = {"run": "r", "kind": "calibrate", "number": "0"}
    plan = tmp_path / ".batches/r/calibrate-0.json"
    plan.parent.mkdir(parents=True)
    entries = [{"rule": "detector1", "wildcards": {"exposure": name}} for name in "abc"]
    other = {"rule": "quicklook", "wildcards": {"exposure": "d"}}
    plan.write_text(json.dumps({"entries": [*entries, other]}))
    staged = tmp_path / ".batches/staged/detector1"
    (staged / ".c/node.1").mkdir(parents=True)

    def standing():
        tell.progress._look()
        return tell.progress.tally.standing()[1:5]

    tell("RUN_INFO", stats={"detector1": 4, "batch": 2})
    assert standing() == (0, 0, 0, 4)
    tell("JOB_INFO", jobid=5, rule_name="batch", wildcards=run)
    assert standing() == (0, 0, 3, 1)
    (staged / "a").mkdir()
    (staged / "b").mkdir()
    (staged / "b/.failed").touch()
    assert standing() == (1, 1, 1, 1)
    tell("JOB_ERROR", jobid=5, rule_name="batch", log=["x.log"])
    assert standing() == (1, 1, 0, 2), "c waits for another attempt"
    tell("JOB_INFO", jobid=5, rule_name="batch", wildcards=run)
    (staged / "c").mkdir()
    tell("JOB_FINISHED", job_id=5)
    assert standing() == (2, 1, 0, 1)
    tell("JOB_INFO", jobid=6, rule_name="detector1", wildcards={"exposure": "a"})
    assert standing() == (2, 1, 0, 1), "to be delivered is not to be worked on"
    assert tell("JOB_FINISHED", job_id=6).startswith("[1/4] a: done")
    lines = (tmp_path / "logs/progress.jsonl").read_text().splitlines()
    events = [(entry["event"], entry.get("exposure")) for entry in map(json.loads, lines)]
    assert events == [("start", None), *(("begin", n) for n in "abcc"), ("done", "a")]


class Terminal(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self):
        return True

    def lines(self):
        """Return what is seen in the end."""
        shown = [line.split(onramp_terminal.ERASE)[-1] for line in self.getvalue().split("\n")]
        return [line for line in shown if line]


def test_status_stays_below_the_lines_that_stay():
    terminal = Terminal()
    screen = onramp_terminal.Screen(terminal)
    screen.show("1 of 3 done")
    screen.say("a: 2 s")
    screen.show("2 of 3 done, " + 200 * "x")
    assert terminal.lines()[0] == "a: 2 s"
    assert terminal.lines()[1].startswith("2 of 3 done, xxx")
    assert len(terminal.lines()[1]) < 80
    screen.clear()
    assert terminal.lines() == ["a: 2 s"]


def test_status_elsewhere_is_a_line_now_and_then(monkeypatch):
    stream = io.StringIO()
    screen = onramp_terminal.Screen(stream)
    screen.show("too early")
    screen.said -= 2 * onramp_terminal.REPEAT
    screen.show("now")
    screen.show("again too early")
    assert stream.getvalue() == "now\n"


def test_first_run_says_why_it_is_slow(tell, tmp_path, monkeypatch):
    monkeypatch.setattr(onramp_terminal.compilation, "mark_file", lambda: tmp_path / "none")
    assert "compiles the numerical kernels" in tell("RUN_INFO", stats={"detector1": 1})
    assert tell("RUN_INFO", stats={"quicklook": 1}) == ""


def test_library_is_shared_once(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}/elsewhere")
    for _ in range(2):
        onramp_job.share_library()
        path = os.pathsep.join([str(ROOT / "scripts"), "/elsewhere"])
        assert os.environ["PYTHONPATH"] == path


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"msg": "Building DAG of jobs..."}, False),
        ({"msg": None, "event": LogEvent.PROGRESS}, False),
        ({"msg": "Nothing to be done (all requested files are present)."}, True),
        ({"msg": "Unlocked working directory."}, True),
        ({"msg": "Command '...' returned non-zero exit status 1.", "levelno": 40}, False),
        ({"msg": "Command '...' died with <Signals.SIGKILL: 9>.", "levelno": 40}, True),
        ({"msg": "Job needs mem_mb=9000 but only 8000 are available.", "levelno": 40}, True),
    ],
)
def test_only_routine_is_kept_from_the_terminal(tmp_path, content, shown):
    logger = logging.getLogger("test_only_routine")
    handler = logging.NullHandler()
    handler.name = "DefaultStreamHandler"
    logger.addHandler(handler)
    settings = SimpleNamespace(dryrun=False, quiet={Quietness.RULES})
    onramp_terminal.follow(logger, settings, tmp_path)
    assert bool(handler.filter(logging.makeLogRecord(content))) is shown
    logger.handlers.clear()


@pytest.mark.parametrize(("dryrun", "quiet"), [(True, {Quietness.RULES}), (False, None)])
def test_snakemake_speaks_for_itself_otherwise(tmp_path, dryrun, quiet):
    logger = logging.getLogger("test_snakemake_speaks")
    settings = SimpleNamespace(dryrun=dryrun, quiet=quiet)
    progress = onramp_terminal.follow(logger, settings, tmp_path)
    assert [handler.screen for handler in logger.handlers] == ([] if dryrun else [None])
    assert (progress is None) == dryrun
    logger.handlers.clear()
    assert onramp_terminal.follow(logger, settings, tmp_path, main=False) is None
    assert logger.handlers == []
