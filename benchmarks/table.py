"""The rows of the benchmark and how they are shown."""

from typing import NamedTuple

from costs import Cost

COLUMNS = (
    *("case", "reference CPU s", "onramp CPU s", "ratio", "target", "reference MB", "onramp MB"),
    *("target MB", "multiple of streaming", "two threads / one", "the same, only computing"),
    *("ns a sample", "with the jump report"),
)


class Row(NamedTuple):
    """One case: medians, and what they are to reach."""

    case: str
    onramp: Cost
    reference: Cost | None = None
    target: float | None = None
    """How many times less CPU than the reference."""
    target_mb: float | None = None
    stream: float | None = None
    """CPU seconds to pass the same bytes once."""
    two_threads: float | None = None
    """Wall time of two threads over that of one."""
    two_computing: float | None = None
    """The same of threads that share neither memory nor bands, measured in turn with it."""
    sample_ns: float | None = None
    """CPU time for each sample, the start of the process taken off [ns]."""
    reported: float | None = None
    """CPU seconds with the jump report, which the reference does not make."""
    problems: tuple = ()
    """How the results disagree with the reference's, or of two threads with those of one."""
    rounds: dict | None = None
    """Everything that was measured."""

    @property
    def ratio(self):
        """How many times less CPU than the reference onramp takes."""
        return self.reference and self.reference.cpu / self.onramp.cpu

    def cells(self):
        """Return the row of the table."""
        reference = self.reference or (None, None)
        multiple = self.stream and self.onramp.cpu / self.stream
        return (
            self.case,
            _number(reference[0]),
            _number(self.onramp.cpu),
            _number(self.ratio, 1),
            self.target and f">= {self.target:g}",
            _number(reference[1], 0),
            _number(self.onramp.peak_mb, 0),
            self.target_mb and f"<= {self.target_mb:g}",
            _number(multiple, 1),
            _number(self.two_threads, 2),
            _number(self.two_computing, 2),
            _number(self.sample_ns, 1),
            _number(self.reported),
        )

    def record(self):
        """Return the row for the file of figures."""
        values = self._asdict() | {"ratio": self.ratio, "onramp": self.onramp._asdict()}
        return values | {"reference": self.reference and self.reference._asdict()}


def _number(value, digits=None):
    if value is None:
        return None
    if digits is None:
        digits = 2 if value >= 0.1 else 4
    return f"{value:.{digits}f}"


def line(cells):
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cell or '' for cell in cells)} |"


def head():
    """Return the first two lines of the table."""
    return f"{line(COLUMNS)}\n|---{'|---:' * (len(COLUMNS) - 1)}|"
