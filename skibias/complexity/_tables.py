"""Numeric tables and the frames they came in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skibias._columns import numbers_only


class Container(NamedTuple):
    """What rows came in: a frame of pandas or polars with column names, or an array."""

    frame: type | None
    names: Any

    def hold(self, points: np.ndarray) -> Any:
        """Return points (n, d) in a container of this kind."""
        if self.frame is None:
            return points
        keyword = "columns" if hasattr(self.frame, "iloc") else "schema"
        return self.frame(points, **{keyword: self.names})


def container_of(X: Any) -> Container:
    """Return what X came in."""
    if hasattr(X, "iloc"):
        return Container(type(X), X.columns)
    if hasattr(X, "columns"):
        return Container(type(X), list(X.columns))
    return Container(None, None)


def numeric_columns(X: Any, owner: str, parameter: str = "X") -> np.ndarray:
    """Return X as a finite float64 array (n, d) of at least one row, or raise ValueError."""
    subject = f"The {parameter!r} parameter of {owner}"
    try:
        with numbers_only(X, owner, parameter):
            columns = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = str(error)
        if repr(parameter) not in message:
            message = f"{subject} must hold numbers only. Got: {message}"
        raise ValueError(message) from error
    if columns.ndim != 2 or columns.size == 0:
        raise ValueError(
            f"{subject} must have two dimensions, with at least one row and one column. "
            f"Got shape {columns.shape} instead."
        )
    if not np.isfinite(columns).all():
        raise ValueError(
            f"{subject} must hold finite numbers only. Got missing or infinite values instead."
        )
    return columns
