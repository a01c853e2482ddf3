"""What batches have done of their exposures before Snakemake hears of it."""

import json
import os
from pathlib import Path

from onramp_batches import FOLDER, STAGED
from onramp_members import FAILED

RULE = "detector1"


class BatchWatch:
    """
    Follow the batches of a run by their plans and by what they have staged.

    Parameters
    ----------
    results : Path
        Folder of the products.
    """

    def __init__(self, results):
        self.folder = Path(results, FOLDER)
        self.waiting = {}
        self.begun, self.seen = set(), set()

    def begin(self, job, wildcards) -> list[str]:
        """Note that a batch has been submitted; return the exposures that it calibrates."""
        plan = self.folder / wildcards["run"] / f"{wildcards['kind']}-{wildcards['number']}.json"
        try:
            entries = json.loads(plan.read_text())["entries"]
        except (OSError, ValueError, KeyError):
            return []
        names = [e["wildcards"]["exposure"] for e in entries if e["rule"] == RULE]
        self.waiting[job] = [name for name in names if name not in self.seen]
        self.begun.update(names)
        return self.waiting[job]

    def end(self, job) -> list[str]:
        """Note that a batch has ended; return the exposures that it has not come to."""
        left = [name for name in self.waiting.pop(job, ()) if name not in self.seen]
        self.begun.difference_update(left)
        return left

    def news(self) -> list[tuple[str, bool]]:
        """Return name and success of the exposures that have been staged since the last call."""
        if not self.waiting:
            return []
        try:
            names = set(os.listdir(self.folder / STAGED / RULE))
        except OSError:
            return []
        found = []
        for name in (name for names_ in list(self.waiting.values()) for name in names_):
            if name in names and name not in self.seen:
                self.seen.add(name)
                failed = self.folder / STAGED / RULE / name / FAILED
                found.append((name, not failed.exists()))
        return found
