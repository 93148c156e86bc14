"""Columns that a parameter chooses by a mask, by number or by name."""

from __future__ import annotations

from collections.abc import Sequence
from reprlib import repr as short
from typing import Any

import numpy as np

from skibias._numbers import is_whole


def chosen_numbers(chosen: Any, names: Sequence[Any], n_columns: int, owner: str) -> list[int]:
    """Return the numbers of the columns that a mask, numbers or names choose.

    ``names`` are those of all columns; none if they have none.
    """
    rule = f"The 'categorical_features' parameter of {owner} must"
    if getattr(chosen, "ndim", 1) == 0:
        raise ValueError(
            f"{rule} be 'from_dtype', None, a mask, names, or numbers. Got {chosen!r}."
        )
    chosen = list(chosen)
    if not chosen:
        return []
    if all(isinstance(own, str) for own in chosen):
        unknown = [own for own in chosen if own not in names]
        if unknown:
            raise ValueError(f"{rule} name columns of X. Got {unknown[0]!r}, which is none.")
        return [list(names).index(own) for own in chosen]
    if all(isinstance(own, (bool, np.bool_)) for own in chosen):
        if len(chosen) != n_columns:
            raise ValueError(
                f"{rule} have an entry for each of the {n_columns} columns where it is a mask. "
                f"Got {len(chosen)} instead."
            )
        return np.flatnonzero(chosen).tolist()
    if not all(is_whole(own) and -n_columns <= own < n_columns for own in chosen):
        raise ValueError(
            f"{rule} be 'from_dtype', None, a mask, names, or numbers of columns from 0 to "
            f"{n_columns - 1}. Got {short(chosen)} instead."
        )
    return sorted({int(own) % n_columns for own in chosen})
