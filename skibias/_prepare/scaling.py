"""Scaling of columns without learned functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

SCALINGS = ("quantile", "robust", "minmax", "standard")
SOFT_LIMIT = 3.0  # of robustly scaled columns
ROUNDING = 1e-12  # relative to a value: not more than errors of its last digits add up to
MAX_QUANTILES = 1000


def resolve_scaling(scaling: str | None, is_classification: bool) -> str | None:
    """Return the scaling that "auto" stands for."""
    if scaling != "auto":
        return scaling
    return "quantile" if is_classification else "robust"


def make_scaler(scaling: str | None, n_rows: int) -> Any:
    """Return an unfitted scaler of columns.

    Parameters
    ----------
    scaling : {"quantile", "robust", "minmax", "standard"} or None
        "quantile": ranks spread evenly over [-1, 1]. "robust": median 0, interquartile range 1,
        and values far outside drawn in smoothly to (-3, 3), as in RealMLP (Holzmüller et al.
        2024); where the quartiles are equal, the median distance of the other values is 1.
        "minmax": linear to [-1, 1] (Teney et al. 2025, E.4). "standard": zero mean and unit
        variance. None: columns as they are.
    n_rows : int
        Rows it will be fitted to.
    """
    if scaling == "quantile":
        n_quantiles = min(MAX_QUANTILES, n_rows)
        ranks = QuantileTransformer(n_quantiles=n_quantiles, subsample=None)
        return make_pipeline(ranks, MinMaxScaler((-1, 1)))
    if scaling == "robust":
        return make_pipeline(_RobustScaler(), FunctionTransformer(_soft_clip))
    if scaling == "minmax":
        return MinMaxScaler((-1, 1))
    if scaling == "standard":
        return StandardScaler()
    return FunctionTransformer()


class _RobustScaler(RobustScaler):
    """Scales every column that varies, whatever its units and however often one value occurs.

    `RobustScaler` leaves a column in its own units where the quartiles are as good as equal: its
    other values may then be too small to be seen or, clipped softly, all alike.
    """

    def fit(self, X: np.ndarray, y: Any = None) -> _RobustScaler:
        super().fit(X)
        columns = [x[~np.isnan(x)] for x in X.T]
        quartiles = [np.quantile(x, (0.25, 0.75)) if len(x) else (0.0, 0.0) for x in columns]
        self.scale_ = np.array(
            [
                _spread(x, median, *own)
                for x, median, own in zip(columns, self.center_, quartiles, strict=True)
            ]
        )
        return self


def _spread(x: np.ndarray, median: float, low: float, high: float) -> float:
    """Return the quartiles' distance, or the median distance of the values beside the median."""
    rounding = ROUNDING * abs(median)  # what may be left of a constant that was computed
    if high - low > rounding:
        return high - low
    distances = np.abs(x - median)
    others = distances[distances > rounding]
    return np.median(others) if len(others) else 1.0


def _soft_clip(x: np.ndarray) -> np.ndarray:
    """Map the line to (-limit, limit), slope 1 at zero (Holzmüller et al. 2024)."""
    return x / np.hypot(1, x / SOFT_LIMIT)
