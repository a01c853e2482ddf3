"""Workers that damage and process files, and what is kept of those that hang or crash."""

import json
import queue
import select
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
SLOWEST = 30  # seconds for one file
START = 300  # seconds until a worker is ready; it may have to compile


class Worker:
    """A process that can be asked for one seed after another, and is replaced when it dies."""

    def __init__(self, inputs, work):
        self.command = [sys.executable, str(HERE / "fuzz_worker.py"), str(inputs), str(work)]
        self.errors = work.with_suffix(".stderr")
        self.process = None

    def ask(self, seed):
        """Return the verdict on a seed."""
        if self.process is None:
            self._start()
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        line = self._line(SLOWEST)
        if line:
            return json.loads(line)
        died = self.process.poll() is not None or line == ""
        self.close()
        how = f"crash {self.process_status}: {self._last_words()}" if died else "hang"
        return {"seed": seed, "verdict": how, "detail": "", "file": "", "done": []}

    def _start(self):
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                cwd=HERE, text=True, bufsize=1,
            )  # fmt: skip
        if self._line(START) != "ready\n":
            self.close()
            raise AssertionError(f"the worker does not start: {self.errors.read_text()}")

    def _line(self, seconds):
        """Return the next line; "" if the process has ended, None if it takes too long."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else None

    def _last_words(self):
        lines = self.errors.read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-3:])

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process_status = self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def fuzz(seeds, inputs, work, workers=2):
    """
    Judge the file of each seed.

    Returns
    -------
    counts : Counter
        Files by verdict.
    wrong : list of dict
        What is known of each seed that is neither refused nor right.
    """
    waiting, answers = queue.SimpleQueue(), []
    for seed in seeds:
        waiting.put(seed)

    def serve(number):
        worker = Worker(inputs, work / f"worker{number}")
        try:
            while True:
                answers.append(worker.ask(waiting.get_nowait()))
        except queue.Empty:
            pass
        finally:
            worker.close()

    threads = [threading.Thread(target=serve, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = Counter(answer["verdict"] for answer in answers)
    good = "refused", "same", "right"
    wrong = sorted((a for a in answers if a["verdict"] not in good), key=lambda a: a["seed"])
    assert len(answers) == len(seeds), "a worker could not be started"
    return counts, wrong
