"""How far a learned activation is from the nearest GELU and from the nearest ReLU.

A function g is compared with ``a * shape(b * z + c) + d`` for the best a, b, c and d, |b| <= 3:
with a steeper slope, a GELU is a ReLU. Distances are root mean squares over the arguments at hand.
Where these are quantiles of the pre-activations of trained networks, the distance is weighted by
their density.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

LARGEST_SLOPE = 3.0
SMALLEST_SLOPE = 0.05  # below it, any smooth shape is a line or a parabola over the knots
LARGEST_SHIFT = 15.0  # LARGEST_SLOPE times the end of the knots
# From where slope and shift are searched for: the best shift for every slope.
SLOPES = (-2.5, -1.0, -0.3, -0.1, 0.1, 0.3, 1.0, 2.5)
SHIFTS = np.linspace(-6, 6, 13)
MOST_STEPS = 30  # of a search; along degenerate directions, it never ends
VISITED = (0.01, 0.99)  # quantiles between which arguments count


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
    from several starts, also with a mirrored argument.
    """
    z, heights = np.asarray(z, dtype=np.float64), np.asarray(heights, dtype=np.float64)

    def misses(point, sign):
        return _projected(shape(sign * point[0] * z + point[1]), heights)[0]

    bounds = ((SMALLEST_SLOPE, -LARGEST_SHIFT), (LARGEST_SLOPE, LARGEST_SHIFT))
    fits = []
    for start in SLOPES:
        sign, steepness = np.sign(start), abs(start)
        points = [(steepness, shift) for shift in SHIFTS]
        best = min(points, key=lambda point, sign=sign: _length(misses(point, sign)))
        settings = {"bounds": bounds, "max_nfev": MOST_STEPS, "kwargs": {"sign": sign}}
        slope, shift = map(float, least_squares(misses, best, **settings).x)
        miss, scale, offset = _projected(shape(sign * slope * z + shift), heights)
        fits.append(Fit(_length(miss), scale, float(sign * slope), shift, offset))
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
