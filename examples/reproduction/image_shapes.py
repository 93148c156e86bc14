"""How far a learned activation is from the nearest GELU and from the nearest ReLU.

A function g is compared with ``a * shape(b * z + c) + d`` for the best a, b, c and d, |b| <= 3:
with a steeper slope, a GELU is a ReLU. Distances are root mean squares over the arguments at hand.
Where these are quantiles of the pre-activations of trained networks, the distance is weighted by
their density.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

LARGEST_SLOPE = 3.0
SMALLEST_SLOPE = 0.05  # below it, any smooth shape is a line or a parabola over the knots
LARGEST_SHIFT = 15.0  # LARGEST_SLOPE times the end of the knots
STARTS = tuple(product((-1, 1), (0.1, 0.3, 1.0, 2.5), np.linspace(-6, 6, 13)))  # sign of b, |b|, c
VISITED = (0.01, 0.99)  # quantiles between which arguments count
N_REFINED = 20  # of the starts, those that are nearest


class Fit(NamedTuple):
    """The best ``scale * shape(slope * z + shift) + offset``."""

    distance: float  # root mean square
    scale: float
    slope: float
    shift: float
    offset: float


def relu(z: np.ndarray) -> np.ndarray:
    """Return max(z, 0)."""
    return np.maximum(z, 0.0)


def gelu(z: np.ndarray) -> np.ndarray:
    """Return z * Phi(z), Phi the normal distribution."""
    return z * ndtr(z)


def visited_points(preactivations: np.ndarray, n_points: int = 301) -> np.ndarray:
    """Return evenly spaced quantiles, from 1 % to 99 %.

    Equal weights on them are those of the density. Beyond lie few arguments, some of them outside
    the knots, which would count much: there a spline is constant and a ReLU is not.
    """
    return np.quantile(preactivations, np.linspace(*VISITED, n_points))


def fit_shape(shape: Callable[[np.ndarray], np.ndarray], z: np.ndarray, heights: np.ndarray) -> Fit:
    """Return the best fit to heights (m,) at the arguments z (m,), by least squares.

    Scale and offset follow from slope and shift (variable projection), which are searched for
    from the best of many starts, also with a mirrored argument.
    """
    z, heights = np.asarray(z, dtype=np.float64), np.asarray(heights, dtype=np.float64)

    def misses(point, sign):
        return _projected(shape(sign * point[0] * z + point[1]), heights)[0]

    starts = sorted(STARTS, key=lambda start: _length(misses(start[1:], start[0])))
    fits = []
    for sign, *start in starts[:N_REFINED]:
        bounds = ((SMALLEST_SLOPE, -LARGEST_SHIFT), (LARGEST_SLOPE, LARGEST_SHIFT))
        found = least_squares(misses, start, bounds=bounds, kwargs={"sign": sign})
        slope, shift = map(float, found.x)
        miss, scale, offset = _projected(shape(sign * slope * z + shift), heights)
        fits.append(Fit(_length(miss), scale, sign * slope, shift, offset))
    return min(fits)


def _projected(column: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return what the best ``scale * column + offset`` leaves of the heights, scale and offset."""
    centred = column - column.mean()
    square = centred @ centred
    scale = float(centred @ heights / square) if square > 0 else 0.0
    offset = float(heights.mean() - scale * column.mean())
    return heights - scale * column - offset, scale, offset


def _length(numbers: np.ndarray) -> float:
    return float(np.sqrt(np.mean(numbers**2)))
