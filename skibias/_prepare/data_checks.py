"""Checks of weights and groups."""

from __future__ import annotations

from reprlib import repr as short
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from skibias._columns import numbers_only
from skibias._sklearn_compat import check_sample_weight


def check_weights(
    sample_weight: Any, X: np.ndarray, owner: str, parameter: str = "sample_weight"
) -> np.ndarray:
    """Return float64 weights (n,), ones if there are none.

    Raises ValueError if a weight is negative or not finite, or all are zero.
    """
    if sample_weight is not None and not np.any(np.asarray(sample_weight)):
        raise ValueError(
            f"The {parameter!r} parameter must hold at least one positive weight: sample weights "
            "must contain at least one non-zero number. Got zeros only instead."
        )
    with numbers_only(sample_weight, owner, parameter):
        weights = check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any():
        raise ValueError(
            f"The {parameter!r} parameter must not hold negative weights. "
            f"Got {weights.min()!r} instead."
        )
    return weights


def check_groups(groups: Any, X: np.ndarray) -> np.ndarray | None:
    """Return the number of every row's group, from 0 on; None if there are no groups.

    Raises ValueError if they are not one per row, cannot be told apart, or are all the same.
    """
    if groups is None:
        return None
    groups = _one_per_row(groups, len(X))
    try:
        names, numbers = np.unique(groups, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"The 'groups' parameter must hold values of one kind. Got others: {error}."
        ) from error
    if len(names) < 2:
        raise ValueError(
            "The 'groups' parameter must hold at least two groups. "
            f"Got one instead: {names.tolist()}."
        )
    return numbers


def _one_per_row(groups: Any, n_rows: int) -> np.ndarray:
    """Return groups as an array (n,), or raise ValueError."""
    rule = f"The 'groups' parameter must hold one value for each of the {n_rows} rows"
    try:
        column = column_or_1d(groups)
    except (TypeError, ValueError) as error:
        shape = getattr(groups, "shape", ())
        given = f"an array of shape {shape}" if shape else short(groups)
        raise ValueError(f"{rule}, in one dimension. Got {given} instead.") from error
    if len(column) != n_rows:
        raise ValueError(f"{rule}. Got {len(column)} values instead.")
    return column
