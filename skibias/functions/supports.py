"""Where the heights of a learned function stand: at knots of numbers, or at levels of a category.

Notation
--------
n : rows
K : heights of a function; the last one is that of missing values where these have one
c : channels
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skibias.functions.category import CategoryActivation, Label
from skibias.functions.spline import SplineActivation

ColumnFunction = SplineActivation | CategoryActivation


class KnotSupport(NamedTuple):
    """Knots of a column of numbers, or of a hidden unit's activation."""

    knots: np.ndarray  # (k,) increasing
    has_missing: bool = False  # missing numbers have a height of their own
    # (k,) how rows spread over the knots, by which a mean stands for missing numbers that have no
    # height; None: they have no value.
    shares: np.ndarray | None = None

    @property
    def n_heights(self) -> int:
        """Heights K."""
        return len(self.knots) + self.has_missing

    def positions(self, column: np.ndarray) -> np.ndarray:
        """Return positions (n,) among the heights: 3.25 lies between heights 3 and 4."""
        last = len(self.knots) - 1
        positions = np.interp(column, self.knots, np.arange(last + 1))
        gaps = np.isnan(column)
        if gaps.any():
            positions[gaps] = last + 1 if self.has_missing else last / 2
        return positions

    def function(self, heights: np.ndarray) -> SplineActivation:
        """Return the function of heights (K,) or (K, c); those beyond K are not used."""
        values = heights[: len(self.knots)]
        missing = None
        if self.has_missing:
            missing = heights[len(self.knots)]
        elif self.shares is not None:
            missing = self.mean(values)
        return SplineActivation(self.knots, values, missing=missing)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean (c,) over the rows of a function with values (k, c) at the knots."""
        assert self.shares is not None
        return self.shares @ values

    def heights(self, function: ColumnFunction) -> np.ndarray:
        """Return the heights (K, c) of a function on this support."""
        own = function.values.reshape(len(self.knots), -1)
        return _with_missing(own, function) if self.has_missing else own


class LevelSupport(NamedTuple):
    """Levels of a column of categories, which comes as codes: of L levels, L is unknown.

    Rare levels share one height.
    """

    labels: tuple[Label, ...]  # (L,)
    groups: np.ndarray  # (L + 1,) number of the height of every code
    shares: np.ndarray  # (G,) of the rows that have each height
    has_missing: bool = False

    @property
    def n_groups(self) -> int:
        """Heights G of levels."""
        return len(self.shares)

    @property
    def n_heights(self) -> int:
        """Heights K."""
        return self.n_groups + self.has_missing

    def positions(self, column: np.ndarray) -> np.ndarray:
        """Return positions (n,) among the heights: 3.25 lies between heights 3 and 4."""
        gaps = np.isnan(column)
        codes = np.where(gaps, len(self.labels), column).astype(np.int64)
        positions = self.groups[codes].astype(np.float64)
        if self.has_missing:
            positions[gaps] = self.n_groups
        return positions

    def function(self, heights: np.ndarray) -> CategoryActivation:
        """Return the function of heights (K,) or (K, c); those beyond K are not used."""
        own = heights[: self.n_groups]
        unknown = self.shares @ own
        missing = heights[self.n_groups] if self.has_missing else unknown
        return CategoryActivation(self.labels, own[self.groups[:-1]], missing, unknown)

    def heights(self, function: ColumnFunction) -> np.ndarray:
        """Return the heights (K, c) of a function on this support."""
        first = np.unique(self.groups[:-1], return_index=True)[1]
        own = function.values[first].reshape(self.n_groups, -1)
        return _with_missing(own, function) if self.has_missing else own


Support = KnotSupport | LevelSupport


def _with_missing(heights: np.ndarray, function: ColumnFunction) -> np.ndarray:
    """Return heights (k, c) and the one of missing values, (k + 1, c)."""
    assert function.missing is not None
    return np.concatenate([heights, function.missing.reshape(1, -1)])
