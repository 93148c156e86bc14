"""The first lines of the description of a set, and its address."""

from __future__ import annotations

from typing import Any

from skibias._typing import Frame
from skibias.datasets._tabular_mixed import count_kinds
from skibias.datasets._tabular_sets import MIXED, SUITES


def describe_set(name: str, task: str, known: Any, data: Frame, source: str) -> str:
    """Say what is in a table (n, d), and where it was read from."""
    n, d = data.shape
    if task == MIXED:
        n_numbers, n_categories, n_missing = count_kinds(data)
        return (
            f"{name}: {known.task} on {n_numbers} numerical and {n_categories} categorical "
            f"features, {n} rows, {n_missing} missing values.\nThis table was read from {source}."
        )
    return (
        f"{name}: {task} on {d} numerical features, {n} rows.\nThe benchmark's version is "
        f"{set_url(known)} (suite {SUITES[task]}); this table was read from {source}."
    )


def set_url(known: Any) -> str | None:
    """Return the address of a set on OpenML; None if it is not read from there."""
    return None if known.data_id is None else f"https://www.openml.org/d/{known.data_id}"
