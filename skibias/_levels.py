"""Labels of categories: which there are, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

KINDS = ("text", "booleans", "numbers")  # of the labels of one column


def plain_label(value: Any) -> Any:
    """Return a scalar of NumPy as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return np.ndim(value) == 0 and bool(value != value)


def kind_of_labels(labels: Iterable[Any]) -> str | None:
    """Return the kind of labels that are not missing, one of `KINDS`; None where they differ.

    Of none at all it is "text", which fits any column of missing values.
    """
    kinds = {_kind(label) for label in labels} or {"text"}
    return kinds.pop() if len(kinds) == 1 else None


def _kind(label: Any) -> str | None:
    if isinstance(label, str):
        return "text"
    if isinstance(label, (bool, np.bool_)):
        return "booleans"
    return "numbers" if isinstance(label, (int, float, np.integer, np.floating)) else None


def level_codes(values: np.ndarray, levels: Sequence[Any]) -> np.ndarray:
    """Return the number (n,) int64 of every value's level.

    Of L levels, L stands for an unknown one, and L + 1 for a missing value.

    Parameters
    ----------
    values : ndarray of object, shape (n,)
    levels : sequence of labels
    """
    codes = {level: code for code, level in enumerate(levels)}
    found = np.array([codes.get(value, -1) for value in values], dtype=np.int64)
    for row in np.flatnonzero(found < 0):
        found[row] = len(levels) + is_missing(values[row])
    return found
