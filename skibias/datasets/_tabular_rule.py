"""The rule of the tabular benchmark: from original data to the benchmark's version.

All functions are pure and take objects of pandas.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from skibias._typing import Frame

_MIN_DISTINCT_VALUES = 10
_MAX_MISSING = 0.7
_ID_ENDINGS = tuple(f"{mark}{word}" for mark in "_-." for word in ("id", "index"))
_BALANCING_SEED = 0


def is_id_like(column: Any) -> bool:
    """Tell from its name whether a column holds an id or an index."""
    return str(column).lower().endswith(_ID_ENDINGS)


def categorical_columns(data: Any, by_meaning: Iterable[str] = ()) -> list[Any]:
    """List the columns that hold categories: not numbers, binary, id-like or named."""
    numbers = set(data.select_dtypes("number").columns)
    n_distinct = data.nunique()
    return [
        column
        for column in data.columns
        if column not in numbers
        or n_distinct[column] == 2
        or is_id_like(column)
        or column in by_meaning
    ]


def columns_with_few_values(data: Any) -> list[Any]:
    """List the columns with too few distinct values to be numbers; missing ones do not count."""
    n_distinct = data.nunique()
    return [column for column in data.columns if n_distinct[column] < _MIN_DISTINCT_VALUES]


def drop_missing(data: Any) -> Frame:
    """Drop the columns that are mostly missing, then the rows with a missing value."""
    mostly_missing = data.columns[data.isna().mean() > _MAX_MISSING]
    return data.drop(columns=mostly_missing).dropna()


def against_rest(labels: Any, label: Any) -> Any:
    """Set one class against all others, which become the class "rest"."""
    if not (labels == label).any():
        raise ValueError(f"no row has the class {label!r}")
    return labels.where(labels == label, "rest")


def balance_classes(labels: Any) -> tuple[np.ndarray, list[Any]]:
    """Choose rows of the two largest classes, equally many of either.

    Returns the positions of the rows, those of the larger class first, and the labels of the
    larger and the smaller class.
    """
    labels = np.asarray(labels, dtype=object)
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"two classes are needed, and there are only {names.tolist()}")
    smaller, larger = names[np.argsort(counts, kind="stable")[-2:]]
    rows_of_larger, rows_of_smaller = (np.flatnonzero(labels == name) for name in (larger, smaller))
    generator = np.random.RandomState(_BALANCING_SEED)
    chosen = generator.choice(rows_of_larger, len(rows_of_smaller), replace=False)
    return np.concatenate([chosen, rows_of_smaller]), [larger, smaller]


def to_benchmark_version(
    data: Any, labels: Any, *, categorical: Iterable[str] = (), one_against_rest: Any = None
) -> tuple[Frame, np.ndarray, list[str]]:
    """Make the benchmark's version for classification of original data.

    Parameters
    ----------
    data : DataFrame of shape (n, d)
        The original columns.
    labels : Series of shape (n,)
        The label of each row.
    categorical : tuple of str, default=()
        Number columns to be taken for categories by their meaning.
    one_against_rest : str or None, default=None
        The label of a class to be set against all others.

    Returns
    -------
    data : DataFrame of shape (2 m, e)
        The number columns that are left.
    classes : ndarray of shape (2 m,)
        0 in the first half, the larger class, and 1 in the second.
    target_names : list of 2 str
        The labels of the classes 0 and 1.
    """
    data, labels = data.reset_index(drop=True), labels.reset_index(drop=True)
    data = data.drop(columns=categorical_columns(data, categorical))
    data = drop_missing(data.drop(columns=columns_with_few_values(data)))
    labels = labels.loc[data.index]
    if one_against_rest is not None:
        labels = against_rest(labels, one_against_rest)
    rows, target_names = balance_classes(labels)
    classes = np.repeat([0, 1], len(rows) // 2)
    return data.iloc[rows].reset_index(drop=True), classes, target_names
