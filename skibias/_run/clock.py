"""How the time of a fit is divided among its stages, and what had to be cut."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sklearn.exceptions import ConvergenceWarning


class Deadline(NamedTuple):
    """The time between two moments, in seconds of the clock that all processes share."""

    begin: float = 0.0
    end: float = math.inf

    def from_now(self) -> Deadline:
        """The same end, with the time counted from now."""
        return self._replace(begin=time.time())

    def elapsed(self) -> float:
        """Return the share of the time that has passed; 0 where it is not limited."""
        if math.isinf(self.end):
            return 0.0
        if self.end <= self.begin:
            return 1.0
        return (time.time() - self.begin) / (self.end - self.begin)

    def has_passed(self) -> bool:
        """Whether no time is left."""
        return time.time() >= self.end

    def parts(self, weights: Sequence[float], n_workers: int) -> list[Deadline]:
        """Divide the time among calls that are made in this order, ``n_workers`` at once.

        Each row of ``n_workers`` calls gets time in proportion to its greatest weight.
        """
        if math.isinf(self.end):
            return [self] * len(weights)
        rows = range(0, len(weights), n_workers)
        row_weights = [max(weights[row : row + n_workers]) for row in rows]
        total = sum(row_weights) or 1.0
        ends = [
            self.begin + (self.end - self.begin) * sum(row_weights[: number + 1]) / total
            for number in range(len(row_weights))
        ]
        return [Deadline(self.begin, ends[number // n_workers]) for number in range(len(weights))]


class Clock(NamedTuple):
    """The time allowed for a fit; none is given by default."""

    start: float = 0.0
    limit: float = math.inf  # seconds

    @classmethod
    def started_now(cls, limit: float | None) -> Clock:
        """Start the time of a fit; None does not limit it."""
        # Not the monotonic clock, whose zero differs from machine to machine.
        return cls(time.time(), math.inf if limit is None else float(limit))

    def deadline(self, share: float) -> Deadline:
        """Return the time from now until a share of the limit is used up."""
        return Deadline(time.time(), self.start + share * self.limit)


class Cut(NamedTuple):
    """What a deadline ended early."""

    stage: str
    done: int
    planned: int
    unit: str

    def __str__(self) -> str:
        return f"{self.stage} after {self.done} of {self.planned} {self.unit}"


def most_cut(cuts: Iterable[Cut | None]) -> Cut | None:
    """Return the cut after which least was done; None if nothing was cut."""
    return min(
        (cut for cut in cuts if cut is not None),
        key=lambda cut: cut.done / cut.planned,
        default=None,
    )


def warn_of_cuts(owner: str, limit: float | None, cuts: Sequence[Cut]) -> None:
    """Warn that a fit came to its end early, if it did."""
    if not cuts:
        return
    *others, last = map(str, cuts)
    listed = f"{', '.join(others)}, and {last}" if others else last
    warnings.warn(
        f"{owner}: time_limit={limit:g} cut {listed}. The best so far is kept; try a longer limit "
        "where the result is not good enough.",
        ConvergenceWarning,
        stacklevel=3,
    )
