"""What in a table is no number, by the name of its column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from reprlib import repr as short
from typing import Any

import numpy as np

DATES = (date, time, timedelta, np.datetime64, np.timedelta64)  # NaT of pandas is a date, too
# How errors of NumPy, pandas and polars about a value begin, and nothing else that is refused.
_CONVERSION = re.compile(
    r"convert|Cannot cast|argument must be|real number|setting an array element"
)
TO_NUMBERS = "turn them into numbers first, such as days since a date, the year or the hour"
TO_CODES = (
    "encode it first, for example by scikit-learn's OneHotEncoder or OrdinalEncoder in a "
    "ColumnTransformer"
)


@contextmanager
def numbers_only(table: Any, owner: str, parameter: str = "X") -> Iterator[None]:
    """Refuse dates and complex numbers in a table; name the column that cannot be converted.

    What overflows in a conversion is told by its result: NumPy does not warn of it.

    Raises
    ------
    ValueError, TypeError
        That of the conversion, with the column.
    """
    check_real(table, owner, parameter)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (ValueError, TypeError, OverflowError) as error:
        if not _CONVERSION.search(str(error)):
            raise
        found = _no_number(table)
        if found is None:
            check_no_missing(table, owner, parameter)
            raise
        value, place = found
        kind = TypeError if isinstance(error, TypeError) else ValueError
        is_text = isinstance(value, (str, bytes)) and place
        advice = f": {TO_CODES}" if is_text else ""
        raise kind(
            f"The {parameter!r} parameter of {owner} must hold numbers. "
            f"Got {short(value)}{place} instead{advice}. ({error})"
        ) from error


def check_real(table: Any, owner: str, parameter: str = "X") -> None:
    """Raise ValueError where a table, a column or one value holds dates or complex numbers."""
    for place, column in _columns(table):
        if getattr(getattr(column, "dtype", None), "kind", None) == "c":
            raise ValueError(
                f"Complex data not supported: the {parameter!r} parameter of {owner} must hold "
                f"real numbers. Got {column.dtype}{place} instead."
            )
        found = _date_kind(column)
        if found is not None:
            raise ValueError(
                f"The {parameter!r} parameter of {owner} must hold numbers. "
                f"Got dates or times ({found}){place} instead: {TO_NUMBERS}."
            )


def check_no_missing(table: Any, owner: str, parameter: str) -> None:
    """Raise ValueError where objects are missing values: None, NaN, NaT or NA.

    Of other types than objects, and of None instead of a table, scikit-learn says so itself.
    """
    if table is None:
        return
    for place, column in _columns(table):
        values = np.asarray(column)
        if values.dtype.kind != "O" or values.ndim == 0:  # a sparse matrix has no dimension here
            continue
        missing = [value for value in values if np.ndim(value) == 0 and _is_missing(value)]
        if missing:
            raise ValueError(
                f"Input {parameter} contains NaN: the {parameter!r} parameter of {owner} must not "
                f"hold missing values. Got {missing[0]}{place} instead."
            )


def check_column_sizes(X: np.ndarray, names: Any, owner: str) -> None:
    """Raise ValueError where sums and differences of a column's values overflow.

    ``names`` are those of the columns of X (n, d); None if they have none.
    """
    limit = np.finfo(np.float64).max / 2
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)  # NaN does not count
    too_large = np.flatnonzero((low < -limit) | (high > limit))
    if len(too_large):
        column = too_large[0]
        name = column if names is None else repr(names[column])
        raise ValueError(
            f"The 'X' parameter of {owner} must hold values between -8.9e307 and 8.9e307, half the "
            "largest number: sums and differences of two are numbers, too. "
            f"Got {low[column]:g} to {high[column]:g} in column {name} instead: divide the column "
            "by a constant."
        )


def check_labels(y: Any, owner: str) -> None:
    """Raise ValueError for missing labels, unlike ones, and dates that are not of NumPy's type."""
    subject = f"The 'y' parameter of {owner} must"
    for _, column in _columns(y):
        values = np.asarray(column)
        missing = [value for value in _values(values) if _is_missing(value)]
        if missing and values.dtype.kind in "mMO":
            raise ValueError(f"{subject} not hold missing labels. Got {missing[0]} instead.")
        if values.dtype.kind == "O" and _date_kind(values) is not None:
            raise ValueError(
                f"{subject} hold labels that are numbers, strings or datetime64. Got "
                f"{_date_kind(values)} instead: turn them into strings, or into an array of "
                "datetime64."
            )
        if len({isinstance(value, str) for value in _values(values)}) > 1:
            raise ValueError(f"{subject} hold labels of one kind. Got strings and others instead.")


def _is_missing(value: Any) -> bool:
    """Whether a label is None, NaN, NaT or NA."""
    return value is None or type(value).__name__ == "NAType" or bool(np.all(value != value))


def check_target_dates(y: Any, is_classification: bool, owner: str) -> None:
    """Refuse dates among values, and those among labels that cannot be labels."""
    if y is None:  # it is for scikit-learn to say so
        return
    if is_classification:
        check_labels(y, owner)
    else:
        check_real(y, owner, "y")
        check_no_missing(y, owner, "y")


def _columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield columns of a frame, an array or a list, with the words for their place.

    Those of real numbers by their type may be left out: there is nothing to be found in them.
    """
    if hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas
        for number, (name, dtype) in enumerate(zip(table.columns, table.dtypes, strict=True)):
            if dtype.kind not in "biuf":
                yield f" in column {name!r}", table.iloc[:, number]
    elif hasattr(table, "get_column"):  # polars
        for name in table.columns:
            yield f" in column {name!r}", table.get_column(name)
    elif hasattr(table, "column_names"):  # pyarrow
        for name in table.column_names:
            yield f" in column {name!r}", table.column(name).to_pylist()
    elif hasattr(table, "dtype") and len(getattr(table, "shape", ())) < 2:  # a series, or a number
        yield "", table
    else:
        yield from _array_columns(table)


def _array_columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield the columns of what is no frame."""
    try:
        array = np.asarray(table)
    except (ValueError, TypeError, RuntimeError):  # it is for others to say what is wrong
        return
    if array.dtype.kind in "biuf":
        return
    if array.ndim < 2:
        yield "", array
    elif array.ndim == 2:
        for number, column in enumerate(array.T):
            yield f" in column {number}", column


def _values(column: Any) -> Iterator[Any]:
    return iter(np.ravel(column) if np.ndim(column) == 0 else column)


def _date_kind(column: Any) -> str | None:
    """Return the name of the type of a column's dates, if it has any."""
    dtype = getattr(column, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind in tuple("mM") or getattr(dtype, "is_temporal", bool)():
        return str(dtype)
    if kind in tuple("biufcSUT") or getattr(dtype, "is_numeric", bool)():
        return None
    for value in _values(column):
        if isinstance(value, DATES) or type(value).__name__ == "Period":
            return type(value).__name__
    return None


def _no_number(table: Any) -> tuple[Any, str] | None:
    """Return the first value that is no number, and the words for its place."""
    for place, column in _columns(table):
        if getattr(getattr(column, "dtype", None), "kind", None) in tuple("biufc"):
            continue
        for value in _values(column):
            if value is None or type(value).__name__ == "NAType":
                continue
            try:
                float(value)
            except (ValueError, TypeError, OverflowError):
                return value.item() if isinstance(value, np.generic) else value, place
    return None
