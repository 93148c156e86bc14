"""Tables as numbers, and numbers as the tables that they came from.

Of a category, the number of a row is that of its label, by first occurrence; a missing label
counts as one of them. A number that is missing is NaN.

Notation: n rows, d columns, m points, L labels of a category.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import NarwhalsError

from skibias._columns import check_real, numbers_only
from skibias._levels import is_missing
from skibias._prepare.table import NUMBERS_ONLY, TableColumn, as_frame, table_columns


class LabelColumn(NamedTuple):
    """A column of categories."""

    labels: Any  # (L,), rows of the column itself, so of its type

    def hold(self, numbers: np.ndarray) -> Any:
        """Return the labels (m,) of these numbers."""
        return self.labels[numbers.astype(np.int64)]


class NumberColumn(NamedTuple):
    """A column of numbers of a frame."""

    like: Any  # (1,), a row of the column as float64; a missing one where it has gaps

    def hold(self, numbers: np.ndarray) -> Any:
        """Return numbers (m,) in a column of this type; NaN becomes what is missing there."""
        backend = self.like.implementation
        new = nw.new_series(self.like.name, numbers, backend=backend)
        is_number = nw.new_series("is_number", ~np.isnan(numbers), backend=backend)
        return new.zip_with(is_number, self.like[np.zeros(len(numbers), dtype=np.int64)])


class Container(NamedTuple):
    """What rows came in: a frame with column names, or an array."""

    frame: type | None
    names: Any
    categories: tuple[int, ...] = ()  # numbers of the columns of categories
    # Of every column, where the rows are a frame that numbers alone do not make; otherwise those of
    # the categories.
    columns: Sequence[LabelColumn | NumberColumn] = ()

    def hold(self, points: np.ndarray) -> Any:
        """Return points (m, d) in a container of this kind."""
        if self.columns:
            return self._hold_columns(points)
        if self.frame is None:
            return points
        keyword = "columns" if hasattr(self.frame, "iloc") else "schema"
        return self.frame(points, **{keyword: self.names})

    def _hold_columns(self, points: np.ndarray) -> Any:
        if self.frame is None:
            rows = points.astype(object)
            for number, column in zip(self.categories, self.columns, strict=True):
                rows[:, number] = column.hold(points[:, number])
            return rows
        columns = zip(self.names, self.columns, points.T, strict=True)
        frame = nw.from_dict({name: column.hold(numbers) for name, column, numbers in columns})
        return nw.to_native(nw.maybe_reset_index(frame))

    def place(self, number: int) -> str:
        """Return a column's name, or its number, for messages."""
        return f"column {number}" if self.names is None else f"column {self.names[number]!r}"

    def numeric(self, n_columns: int, owner: str) -> np.ndarray:
        """Return the numbers of the columns that are no categories, or raise ValueError."""
        numbers = np.setdiff1d(np.arange(n_columns), self.categories)
        if not len(numbers):
            raise ValueError(
                f"The 'X' parameter of {owner} must have a column of numbers, since it is moved "
                f"along these. Got categories only, such as {self.place(0)}, instead: measure "
                "along paths alone, as tv_complexity does."
            )
        return numbers


def container_of(X: Any) -> Container:
    """Return what numbers came in."""
    if hasattr(X, "iloc"):
        return Container(type(X), X.columns)
    if hasattr(X, "columns"):
        return Container(type(X), list(X.columns))
    return Container(None, None)


def read_rows(X: Any, owner: str) -> tuple[np.ndarray, Container]:
    """Return a table as numbers (n, d), and what it came in.

    Categories are columns of text, of booleans in a frame, and of a type of categories.

    Raises
    ------
    ValueError
        If X has no row or no column, a column holds neither numbers nor categories, or a number
        is infinite.
    """
    columns = _typed_columns(X)
    categories = tuple(column.number for column in columns if column.holds_categories())
    frame = as_frame(X) if columns else None
    if not categories and (frame is None or _is_made_of_numbers(frame)):
        table = NUMBERS_ONLY.encode(X) if columns else X  # objects that are missing become NaN
        return numeric_columns(table, owner, may_have_gaps=True), container_of(X)
    check_real(X, owner)
    read = [
        _labels(column) if column.number in categories else _numbers(column, owner)
        for column in columns
    ]
    numbers = np.stack([own for own, _ in read], axis=1)
    _check_table(numbers, f"The 'X' parameter of {owner}", may_have_gaps=True)
    kept = [column for _, column in read if column is not None]
    if frame is None:
        return numbers, Container(None, None, categories, kept)
    return numbers, Container(type(X), list(frame.columns), categories, kept)


def _typed_columns(X: Any) -> list[TableColumn]:
    """Return the columns of a table; none where their types do not tell what they hold."""
    try:
        return table_columns(X)
    except NarwhalsError:  # two columns have the same name
        return []


def _is_made_of_numbers(frame: nw.DataFrame[Any]) -> bool:
    """Whether a frame without categories can be made of an array of its numbers."""
    library = frame.implementation
    can_take_arrays = library.is_pandas_like() or library.is_polars()
    return can_take_arrays and not any(own.is_null().any() for own in frame.iter_columns())


def _labels(column: TableColumn) -> tuple[np.ndarray, LabelColumn]:
    """Return the number (n,) of every row's label, and the column."""
    first: dict[Any, int] = {}  # the number of every label
    rows: list[int] = []
    numbers: list[int] = []
    for row, value in enumerate(column.values()):
        label = None if is_missing(value) else value
        if label not in first:
            first[label] = len(rows)
            rows.append(row)
        numbers.append(first[label])
    return np.array(numbers, dtype=np.float64), LabelColumn(
        column.data[np.array(rows, dtype=np.int64)]
    )


def _numbers(column: TableColumn, owner: str) -> tuple[np.ndarray, NumberColumn | None]:
    """Return the numbers (n,) of a column and, of a frame, the column."""
    series = column.data
    is_series = not isinstance(series, np.ndarray)
    if is_series and series.dtype.is_numeric():
        series = series.cast(nw.Float64)
        numbers = series.to_numpy()
    else:
        numbers = _from_objects(column, owner)
        if not is_series:
            return numbers, None
        series = nw.new_series(series.name, numbers, backend=series.implementation)
    row = int(np.argmax(np.isnan(numbers))) if len(numbers) else 0
    return numbers, NumberColumn(series[row : row + 1])


def _from_objects(column: TableColumn, owner: str) -> np.ndarray:
    """Return the numbers (n,) of a column of objects."""
    values = column.values()
    values[[is_missing(value) for value in values]] = np.nan
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'X' parameter of {owner} must hold numbers, or categories as text, booleans or "
            f"a type of categories. Got others{column.place} instead. ({error})"
        ) from error


def numeric_columns(
    X: Any, owner: str, parameter: str = "X", *, may_have_gaps: bool = False
) -> np.ndarray:
    """Return X as a finite float64 array (n, d) of at least one row, or raise ValueError.

    With ``may_have_gaps``, it may hold NaN.
    """
    subject = f"The {parameter!r} parameter of {owner}"
    try:
        with numbers_only(X, owner, parameter):
            columns = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = str(error)
        if repr(parameter) not in message:
            message = f"{subject} must hold numbers only. Got: {message}"
        raise ValueError(message) from error
    _check_table(columns, subject, may_have_gaps)
    return columns


def _check_table(columns: np.ndarray, subject: str, may_have_gaps: bool) -> None:
    """Raise ValueError unless numbers are a table, finite where they are not missing."""
    if columns.ndim != 2 or columns.size == 0:
        raise ValueError(
            f"{subject} must have two dimensions, with at least one row and one column. "
            f"Got shape {columns.shape} instead."
        )
    if may_have_gaps:
        if np.isinf(columns).any():
            raise ValueError(f"{subject} must hold finite numbers only. Got infinite ones instead.")
    elif not np.isfinite(columns).all():
        raise ValueError(
            f"{subject} must hold finite numbers only. Got missing or infinite values instead."
        )
