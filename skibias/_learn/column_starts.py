"""What functions of columns are learned from: where their heights stand, and what these are.

Notation
--------
n, d : rows and columns
K, c : heights and channels of a function
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skibias._prepare.columns import Categories
from skibias.functions.supports import KnotSupport, LevelSupport, Support

CLOSEST_KNOTS = 1e-290  # slopes between knots further apart than this stay finite


def column_supports(X: np.ndarray, categories: Categories | None, n_knots: int) -> list[Support]:
    """Return where the heights of every column's function stand."""
    own = [None] * X.shape[1] if categories is None else categories
    return [
        quantile_support(column, n_knots) if levels is None else levels
        for column, levels in zip(X.T, own, strict=True)
    ]


def quantile_support(column: np.ndarray, n_knots: int) -> KnotSupport:
    """Return increasing knots: the distinct quantiles of a column (n,), at most ``n_knots``.

    A constant column gets a second knot above its value. Of quantiles that lie so close that a
    slope between them would overflow, the first one is taken.
    """
    gaps = np.isnan(column)
    numbers = column[~gaps] if gaps.any() else column
    quantiles = np.quantile(numbers, np.linspace(0, 1, n_knots)) if len(numbers) else np.zeros(1)
    knots, counts = np.unique(quantiles, return_counts=True)
    kept = np.diff(knots, prepend=-np.inf) > CLOSEST_KNOTS
    knots, counts = knots[kept], np.add.reduceat(counts, np.flatnonzero(kept))
    if len(knots) == 1:
        knots = np.array([knots[0], knots[0] + max(1.0, abs(knots[0]))])
        counts = np.array([1, 0])
    return KnotSupport(knots, bool(gaps.any()), counts / counts.sum())


def is_constant(X: np.ndarray) -> np.ndarray:
    """Return (d,) whether a column has one value only, or gaps only."""
    gaps = np.isnan(X)
    if not gaps.any():
        return np.ptp(X, axis=0) == 0
    low = np.where(gaps, np.inf, X).min(axis=0)
    high = np.where(gaps, -np.inf, X).max(axis=0)
    return gaps.all(axis=0) | ((low == high) & ~gaps.any(axis=0))


def start_heights(
    start: str, supports: Sequence[Support], n_channels: int, scaling: str
) -> np.ndarray:
    """Return heights (d, K, c) before learning.

    ``start`` is "ramps" or "identity"; ``scaling`` is that of the identity.
    """
    width = max(2, *(support.n_heights for support in supports))  # the engine looks up cells
    heights = np.ones((len(supports), width, n_channels))
    for number, (own, support) in enumerate(zip(heights, supports, strict=True)):
        if isinstance(support, LevelSupport):
            own[: support.n_heights] = level_values(support.n_heights, n_channels, number)
            continue
        n_knots = len(support.knots)
        if start == "ramps":
            own[:n_knots] = ramp_values(n_knots, n_channels)
        else:
            own[:n_knots] = identity_values(support.knots, scaling)
        if support.has_missing:
            own[n_knots] = support.mean(own[:n_knots])
    return heights


def identity_values(knots: np.ndarray, scaling: str) -> np.ndarray:
    """Return heights (k, 1) that scale a column to [-1, 1] (Teney et al. 2025, section 3.3).

    ``scaling`` "minmax" is linear; "quantile" spreads the knots, which are quantiles, evenly.
    """
    scale = knots - knots[0] if scaling == "minmax" else np.arange(len(knots))
    return (2 * scale / scale[-1] - 1)[:, None]


def ramp_values(n_knots: int, n_channels: int) -> np.ndarray:
    """Return heights (k, c) of a piecewise-linear encoding (Gorishniy et al. 2022).

    Channel k rises from -1 to 1 over the k-th of ``n_channels`` runs of knots, and is flat
    elsewhere.
    """
    progress = np.arange(n_knots)[:, None] / (n_knots - 1) * n_channels
    return 2 * np.clip(progress - np.arange(n_channels), 0, 1) - 1


def level_values(n_heights: int, n_channels: int, number: int) -> np.ndarray:
    """Return normal heights (K, c), by which the levels of column ``number`` can be told apart."""
    generator = np.random.Generator(np.random.PCG64(number))
    return generator.standard_normal((n_heights, n_channels))
