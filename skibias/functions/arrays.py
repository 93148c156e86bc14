"""Arrays that belong to a function and do not change."""

from __future__ import annotations

from typing import Any

import numpy as np

from skibias._columns import check_real


def frozen_array(numbers: Any, name: str, owner: str) -> np.ndarray:
    """Return a read-only float64 copy.

    Raises
    ------
    ValueError, TypeError
        If it holds something else than finite numbers.
    """
    check_real(numbers, owner, name)
    try:
        array = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The {name!r} parameter of {owner} must hold numbers. Got {numbers!r} instead."
        ) from error
    if not np.isfinite(array).all():
        raise ValueError(
            f"The {name!r} parameter of {owner} must be finite. Got {numbers!r} instead."
        )
    array.setflags(write=False)
    return array


def row_of_channels(
    numbers: Any, shape: tuple[int, ...], name: str, owner: str
) -> np.ndarray | None:
    """Return one value for every channel of a function, read-only; None stays None.

    Raises
    ------
    ValueError, TypeError
        If they are no finite numbers of this shape: () of a function without channels, or (c,).
    """
    if numbers is None:
        return None
    row = frozen_array(numbers, name, owner)
    if row.shape != shape:
        rule = "be one number" if shape == () else f"hold {shape[0]} numbers, one per channel"
        raise ValueError(f"The {name!r} parameter of {owner} must {rule}. Got {numbers!r} instead.")
    return row
