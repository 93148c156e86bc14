"""Complexity of the function that any fitted estimator, callable or torch module implements."""

from skibias.complexity._axis_sharpness import axis_sharpness
from skibias.complexity._geometric import geometric_complexity
from skibias.complexity._measures import (
    fourier_complexity,
    lz_complexity,
    polynomial_complexity,
    tv_complexity,
)
from skibias.complexity._paths import Paths, sample_paths
from skibias.complexity._report import complexity_report
from skibias.complexity._representation import effective_rank

__all__ = [
    "Paths",
    "sample_paths",
    "tv_complexity",
    "fourier_complexity",
    "polynomial_complexity",
    "lz_complexity",
    "geometric_complexity",
    "axis_sharpness",
    "effective_rank",
    "complexity_report",
]
