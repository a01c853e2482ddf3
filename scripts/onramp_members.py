"""
The members of a batch, run one after another: each succeeds or fails by itself.

What a member makes is staged in a folder of its own, which appears complete or not at all and also
holds what a failed member leaves. Members run in a child process, so that one which takes down its
process (out of memory, a crash of the interpreter) does not take the batch with it.
"""

import contextlib
import copy
import gc
import importlib
import json
import logging
import os
import platform
import shutil
from pathlib import Path
from types import SimpleNamespace

from onramp.errors import OnrampError
from onramp_child import in_child
from onramp_job import TerminatedError, write, write_crash_file
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Wildcards

log = logging.getLogger("onramp")

FAILED = ".failed"
IDENTITY = ".identity.json"


class DiedError(OnrampError):
    """A member ended its process."""


class Member:
    """
    One rule's work on one exposure.

    Parameters
    ----------
    entry : dict
        What the rule's script is told: rule, wildcards, input, output, params, log, threads.
    staged : Path
        Folder of what is staged.
    marks : Path
        Folder of marks of this run.
    surroundings : dict
        `config` of the workflow and `mem_mb` of the job [MB].
    before : Member, optional
        The one of the same exposure whose products this one reads.
    """

    def __init__(self, entry, staged, marks, surroundings, before=None):
        self.entry, self.staged, self.surroundings = entry, Path(staged), surroundings
        self.before = before
        self.name = entry["wildcards"]["exposure"]
        self.folder = self.staged / entry["rule"] / self.name
        self._mark = Path(marks) / f"{entry['rule']}-{self.name}.begun"

    def __str__(self):
        return f"{self.name}: {self.entry['rule']}"

    @property
    def begun(self):
        """How often it was begun in this run and has not come to an end."""
        try:
            return self._mark.stat().st_size
        except OSError:
            return 0

    @property
    def is_staged(self):
        """Whether an outcome of the same work on the same files is there, good or bad."""
        try:
            return (self.folder / IDENTITY).read_text() == self._identity()
        except OSError:
            return False

    @property
    def is_good(self):
        """Whether its products are staged."""
        return self.is_staged and not (self.folder / FAILED).exists()

    @property
    def is_settled(self):
        """Whether there is nothing left to do for it."""
        return self.is_staged or (self.before is not None and self.before.has_failed)

    @property
    def has_failed(self):
        """Whether what a failure leaves is staged."""
        return self.is_staged and not self.is_good

    def perform(self):
        """Do the work and stage its outcome; let through what is to end the batch."""
        with open(self._mark, "a") as mark:
            mark.write("x")
        with self._stage() as part:
            snakemake = self._told(part)
            try:
                importlib.import_module(self.entry["rule"]).main(snakemake)
            except SystemExit as end:
                if end.code == 130 or isinstance(end.__context__, TerminatedError):
                    raise
                (part / FAILED).touch()
        self._mark.unlink(missing_ok=True)

    def give_up(self):
        """Stage the crash file of a member that ended its process, as often as it was tried."""
        memory = self.surroundings["mem_mb"]
        error = DiedError(
            f"{self.entry['input']['uncal']}: ended its job without a word; more memory than "
            f"{memory} MB, more time, or a crash of the interpreter? see the scheduler's log"
        )
        with self._stage() as part:
            (part / FAILED).touch()
            told = self._told(part)
            write(f"{self}: failed: {error}\n", told.log[0])
            if "crash_file" in self.entry["params"]:
                write_crash_file(told.params.crash_file, told, error)
        self._mark.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _stage(self):
        """Lend a folder that takes its final name if nothing was raised."""
        parts = self.folder.with_name(f".{self.name}")  # a name of its own: none begins with a dot
        shutil.rmtree(parts, ignore_errors=True)  # of jobs that were killed
        part = parts / f"{platform.node()}.{os.getpid()}"
        identity = self._identity()
        part.mkdir(parents=True)
        try:
            yield part
            write(identity, part / IDENTITY)
            shutil.rmtree(self.folder, ignore_errors=True)
            os.rename(part, self.folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            with contextlib.suppress(OSError):
                parts.rmdir()

    def _identity(self):
        """Return the work and the state of its files; two alike have the same products."""
        stats = {}
        for path in self.entry["input"].values():
            with contextlib.suppress(OSError):
                stat = os.stat(self._found(path))
                stats[path] = stat.st_size, stat.st_mtime_ns
        same = {key: value for key, value in self.entry.items() if key != "threads"}
        return json.dumps([same, stats], sort_keys=True)

    def _found(self, path):
        """Return where a file is: staged by the member before, or in its place."""
        staged = self.before and self.before.folder / Path(path).name
        return str(staged) if staged and staged.exists() else path

    def _told(self, part):
        """Return what the rule's script is told, with all it makes going to another folder."""
        entry = copy.deepcopy(self.entry)  # for scripts to change
        params = entry["params"]
        if "crash_file" in params:
            params["crash_file"] = str(part / Path(params["crash_file"]).name)
        inputs = {key: self._found(path) for key, path in entry["input"].items()}
        outputs = {key: str(part / Path(path).name) for key, path in entry["output"].items()}
        return SimpleNamespace(
            rule=entry["rule"],
            wildcards=Wildcards(fromdict=entry["wildcards"]),
            input=InputFiles(fromdict=inputs),
            output=OutputFiles(fromdict=outputs),
            params=Params(fromdict=params),
            log=Log([str(part / Path(entry["log"]).name)]),
            threads=entry["threads"],
            resources=ResourceList(fromdict={"mem_mb": self.surroundings["mem_mb"]}),
            config=self.surroundings["config"],
        )


def members_of(entries, staged, marks, surroundings):
    """Return the members of a batch's plan; see `Member`."""
    found = {}
    for entry in entries:
        name = entry["wildcards"]["exposure"]
        before = found.get(("detector1", name))
        found[entry["rule"], name] = Member(entry, staged, marks, surroundings, before)
    return list(found.values())


def run(members, tries):
    """
    Run all members that have not been staged.

    Parameters
    ----------
    members : list of Member
    tries : int
        A member that has ended its process so often is given up: it fails like any other.

    Returns
    -------
    list of Member
        Those that ended their process and are to be tried again, with more memory and time.
    """
    postponed = []
    while True:
        for member in members:
            if member.begun >= tries:
                log.warning("%s: given up", member)
                member.give_up()
        waiting = [m for m in members if m not in postponed and not m.is_settled]
        # What may have ended an earlier job comes last.
        suspects = {member.name for member in waiting if member.begun}
        waiting.sort(key=lambda member: member.name in suspects)
        before = {member: member.begun for member in waiting}
        if not waiting:
            return postponed
        status = in_child(_perform_all, waiting)
        ended = [member for member in waiting if member.begun > before[member]]
        for member in ended:
            log.warning("%s: ended its process with status %s", member, status)
        if status and not ended:
            raise OnrampError(f"the batch's process ended with status {status} on its own account")
        postponed += [member for member in ended if member.begun < tries]


def discard_failures(members):
    """Remove what earlier runs staged of members that failed: they are tried again."""
    for member in members:
        if not member.is_good:
            shutil.rmtree(member.folder, ignore_errors=True)


def _perform_all(members):
    for member in members:
        if not member.is_settled:
            _forget_peak()
            member.perform()
            gc.unfreeze()  # a job takes itself for its process's last


def _forget_peak():
    """Let the peak of this process's memory begin anew, as each member reports its own."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
