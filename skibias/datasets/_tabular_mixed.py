"""Tables with categories and missing values, as they were published.

All functions are pure and take objects of pandas.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from skibias._typing import Frame


def find_mixed_copies(folder: Path, name: str, task: str) -> list[tuple[Path, str]]:
    """List the copies of a mixed set in a folder as pairs (path, version)."""
    path = folder / mixed_file(name, task)
    return [(path, "raw")] if path.is_file() else []


def mixed_file(name: str, task: str) -> str:
    """Return where a folder of local copies keeps a mixed set."""
    return f"mixed/{'reg-' if task == 'regression' else ''}{name}.parquet"


def original_columns(data: Frame, known: Any) -> Frame:
    """Return a table of OpenML (n, d) without what a set leaves out, missing values being such."""
    data = data.drop(columns=list(known.dropped), errors="ignore").reset_index(drop=True)
    for column in data.columns:
        if known.missing_marks and not _is_number(data[column]):
            data[column] = data[column].mask(data[column].isin(known.missing_marks))
    return data


def encode_target(
    target: Any, task: str, n_classes: int | None = None
) -> tuple[Any, list[str] | None]:
    """Return classes as numbers with their sorted labels, or values as they are and None.

    Without ``n_classes``, there may be any number of classes from two on.
    """
    import pandas as pd

    if task == "regression":
        return target, None
    # As an array of objects, for a categorical type would bring an order of its own.
    codes, labels = pd.factorize(np.asarray(target, dtype=object), sort=True)
    if len(labels) < 2 or len(labels) != (n_classes or len(labels)) or (codes < 0).any():
        wanted = "two or more" if n_classes is None else f"{n_classes} classes"
        raise ValueError(f"it has the classes {labels.tolist()} or no class, not {wanted}")
    return codes, [str(label) for label in labels]


def count_kinds(data: Frame) -> tuple[int, int, int]:
    """Return how many columns are numbers, how many are categories, and how many cells miss."""
    n_numbers = sum(_is_number(data[column]) for column in data.columns)
    return n_numbers, data.shape[1] - n_numbers, int(data.isna().sum().sum())


def _is_number(column: Any) -> bool:
    from pandas.api import types

    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)
