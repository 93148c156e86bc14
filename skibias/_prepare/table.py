"""The door for tables: which columns hold categories, and all columns as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted, validate_data

from skibias._columns import check_real, numbers_only
from skibias._levels import is_missing, kind_of_labels, level_codes, plain_label
from skibias._prepare.chosen_columns import chosen_numbers
from skibias._sklearn_compat import check_feature_names, check_n_features
from skibias.functions.category import CategoryActivation, Label
from skibias.functions.supports import ColumnFunction

CATEGORY_TYPES = (nw.Categorical, nw.Enum, nw.String, nw.Boolean)
ADVICE = "turn all of them into strings, or into numbers"


class TableReader(NamedTuple):
    """How the columns of a table become numbers.

    A category becomes the number of its level: of L levels, L stands for an unknown one. Missing
    values become NaN. A column that had no value in `fit` is zero in every table.
    """

    owner: str  # class of the estimator, for messages
    levels: Mapping[int, tuple[Label, ...]]  # of the categorical columns, by their number
    empty: tuple[int, ...] = ()  # numbers of the columns that had no value
    goes_by_dtype: bool = False  # columns of text are categories, and no other ones may hold text

    @classmethod
    def fit(cls, X: Any, categorical_features: Any, owner: str) -> Self:
        """Find the categorical columns of a table and their levels.

        Raises
        ------
        ValueError, TypeError
            If ``categorical_features`` does not fit the table, or a column cannot be read.
        """
        check_real(X, owner)
        columns = table_columns(X)
        if categorical_features is None:
            chosen = []
        elif isinstance(categorical_features, str):  # "from_dtype"
            chosen = [column for column in columns if column.holds_categories()]
        else:
            frame = as_frame(X)
            names = [] if frame is None else frame.columns
            numbers = chosen_numbers(categorical_features, names, len(columns), owner)
            chosen = [columns[number] for number in numbers]
        levels = {column.number: column.levels(owner) for column in chosen}
        return cls(owner, levels, goes_by_dtype=isinstance(categorical_features, str))

    def encode(self, X: Any) -> Any:
        """Return the table with codes instead of categories, and zeros instead of empty columns.

        Objects that are missing become NaN. Other columns are as they were.

        Raises
        ------
        ValueError
            If a column holds labels of another kind than in `fit`.
        """
        is_array_of_numbers = isinstance(X, np.ndarray) and X.dtype.kind in "biuf"
        if is_array_of_numbers and not self.levels and not self.empty:
            return X
        read = {}
        for column in table_columns(X):
            if column.number in self.empty:
                read[column.number] = np.zeros(len(column.data))
            elif column.number in self.levels:
                read[column.number] = self._codes(column)
            elif self.goes_by_dtype and column.holds_text():
                raise ValueError(
                    f"The 'X' parameter of {self.owner} must hold numbers{column.place}, as in "
                    "fit. Got text instead."
                )
            elif column.may_hold_na():
                read[column.number] = column.with_nan()
        return _with_columns(X, read) if read else X

    def _codes(self, column: TableColumn) -> np.ndarray:
        """Return the codes (n,) of a categorical column, float64."""
        values, levels = column.values(), self.levels[column.number]
        known, found = kind_of_labels(levels), column.kind()
        if levels and found != known and not all(map(is_missing, values)):
            raise ValueError(
                f"The 'X' parameter of {self.owner} must hold categories that are {known}"
                f"{column.place}, as in fit. Got {found or 'several kinds of values'} instead."
            )
        codes = level_codes(values, levels).astype(np.float64)
        codes[codes > len(levels)] = np.nan
        return codes

    def on_levels(self, functions: Sequence[ColumnFunction]) -> list[ColumnFunction]:
        """Return given functions, those of categories by the codes of this reader."""
        return [
            function.on_levels(self.levels[number])
            if isinstance(function, CategoryActivation) and number not in self.empty
            else function
            for number, function in enumerate(functions)
        ]

    def of_rows(self, X: np.ndarray, kept: np.ndarray) -> tuple[Self, np.ndarray]:
        """Return the reader of the rows that are kept (n,) alone, and all rows as it reads them.

        ``X`` (n, d) are the rows as this reader reads them.
        """
        if kept.all():
            return self, X
        X, levels = X.copy(), dict(self.levels)
        for number, labels in self.levels.items():
            if number in self.empty:
                continue
            column = X[:, number]
            used = np.unique(column[kept & ~np.isnan(column)]).astype(int)
            levels[number] = tuple(labels[code] for code in used)
            codes = np.full(len(labels), float(len(used)))
            codes[used] = np.arange(len(used))
            known = ~np.isnan(column)
            column[known] = codes[column[known].astype(int)]
        empty = np.isnan(X[kept]).all(axis=0)
        empty[list(self.empty)] = True
        own = self._replace(levels=levels, empty=tuple(np.flatnonzero(empty).tolist()))
        return own, own.without_empty(X)

    def without_empty(self, X: np.ndarray) -> np.ndarray:
        """Return rows (n, d) with zeros in the columns that had no value in `fit`."""
        if not self.empty:
            return X
        X = X.copy()
        X[:, self.empty] = 0.0
        return X


NUMBERS_ONLY = TableReader("", {})  # of tables without categories and empty columns


class TableColumn(NamedTuple):
    """A column of a table."""

    number: int
    place: str  # words for messages
    data: Any  # a series of narwhals, or an array

    def values(self) -> np.ndarray:
        """Return the values (n,) as objects."""
        if isinstance(self.data, np.ndarray):
            return self.data.astype(object)
        values = np.empty(len(self.data), dtype=object)
        values[:] = self.data.to_list()
        values[self.data.is_null().to_numpy()] = None
        return values

    def with_nan(self) -> np.ndarray:
        """Return the values (n,) as objects, or as numbers if there are none but missing ones."""
        if self._is_nullable():
            return self.numbers()
        values = self.values()
        gaps = np.array([is_missing(value) for value in values], dtype=bool)
        values[gaps] = np.nan
        return values.astype(np.float64) if gaps.all() else values

    def numbers(self) -> np.ndarray:
        """Return the values (n,) as float64; NaN where they are missing."""
        return np.array(
            [np.nan if is_missing(value) else value for value in self.values()], dtype=np.float64
        )

    def may_hold_na(self) -> bool:
        """Whether missing values may be of types that do not become NaN when all are converted."""
        dtype = self.data.dtype
        if isinstance(self.data, np.ndarray):
            return dtype.kind == "O"
        is_text_of_gaps = dtype == nw.String and self.data.is_null().all()
        return dtype == nw.Object or self._is_nullable() or is_text_of_gaps

    def _is_nullable(self) -> bool:
        """Whether numbers are of a type of pandas in which gaps are no NaN, and there are some.

        Not all versions of pandas and scikit-learn convert them.
        """
        if isinstance(self.data, np.ndarray) or not self.data.implementation.is_pandas_like():
            return False
        is_plain = isinstance(self.data.to_native().dtype, np.dtype)
        return self.data.dtype.is_numeric() and not is_plain and self.data.is_null().any()

    def kind(self) -> str | None:
        """Return the kind of the values, "text", "numbers" or "booleans"; None for others."""
        return kind_of_labels(value for value in self.values() if not is_missing(value))

    def holds_categories(self) -> bool:
        """Whether the type of the column is one of categories or, of objects, some values are."""
        dtype = self.data.dtype
        if isinstance(self.data, np.ndarray):
            is_open = dtype.kind in "OUS"
        else:
            is_open = dtype == nw.Object
        if not is_open:
            return dtype in CATEGORY_TYPES
        return self.kind() in ("text", "booleans") or any(
            isinstance(value, str) for value in self.values()
        )

    def holds_text(self) -> bool:
        """Whether there is text in a column whose type does not tell that it holds numbers."""
        return self.holds_categories() and any(isinstance(own, str) for own in self.values())

    def levels(self, owner: str) -> tuple[Label, ...]:
        """Return the distinct labels, in order.

        Raises
        ------
        ValueError
            If they are of several kinds, or of none that a label may have.
        """
        if self.kind() is None:
            found = {type(value).__name__ for value in self.values() if not is_missing(value)}
            raise ValueError(
                f"The 'X' parameter of {owner} must hold categories of one kind, text, numbers or "
                f"booleans{self.place}. Got values of {', '.join(sorted(found))} instead: {ADVICE}."
            )
        return tuple(sorted({plain_label(own) for own in self.values() if not is_missing(own)}))


class ReadsTables:
    """Mixin of estimators that take categories and missing values."""

    categorical_features: Any
    table_reader_: TableReader
    n_features_in_: int

    @property
    def categories_(self) -> list[tuple[Label, ...] | None]:
        """Labels of each column in order, or None where it holds numbers."""
        check_is_fitted(self, "table_reader_")
        return [self.table_reader_.levels.get(number) for number in range(self.n_features_in_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        takes_categories = self.categorical_features is not None
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = takes_categories
        tags.input_tags.string = takes_categories
        return tags


def read_training_table(
    estimator: Any, X: Any, y: Any, categorical_features: Any, **checks: Any
) -> tuple[TableReader, np.ndarray, np.ndarray]:
    """Return the reader of a table, its rows (n, d) and y, both checked.

    ``checks`` are passed on to scikit-learn's ``validate_data``.
    """
    owner = type(estimator).__name__
    reader = TableReader.fit(X, categorical_features, owner)
    table = reader.encode(X)
    with numbers_only(table, owner), _infinity_named(table):
        X, y = validate_data(
            estimator,
            table,
            y,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
            **checks,
        )
    reader = reader._replace(empty=tuple(np.flatnonzero(np.isnan(X).all(axis=0)).tolist()))
    return reader, reader.without_empty(X), y


@contextmanager
def _infinity_named(table: Any) -> Iterator[None]:
    """Name the column where scikit-learn refuses an infinite number."""
    try:
        yield
    except ValueError as error:
        if "infinity" not in str(error):
            raise
        for column in table_columns(table):
            if np.isinf(column.numbers()).any():
                raise ValueError(f"{error} It is{column.place}.") from error
        raise


def read_table(estimator: Any, X: Any) -> np.ndarray:
    """Return rows (n, d) that a fitted estimator of this package can be applied to.

    Its ``table_reader_`` is the one that was fitted.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError, TypeError
        If the rows are unusable, or have other columns than those it was fitted to.
    """
    check_is_fitted(estimator)
    reader = estimator.table_reader_
    if reader.levels:
        check_feature_names(estimator, X, reset=False)
        check_n_features(estimator, X, reset=False)
    table = reader.encode(X)
    with numbers_only(table, reader.owner), _infinity_named(table):
        X = validate_data(
            estimator, table, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
    return reader.without_empty(X)


def table_columns(X: Any) -> list[TableColumn]:
    """Return the columns of a frame, an array or a list; none of what scikit-learn refuses."""
    frame = as_frame(X)
    if frame is not None:
        return [
            TableColumn(number, f" in column {name!r}", frame.get_column(name))
            for number, name in enumerate(frame.columns)
        ]
    array = _as_array(X)
    return [
        TableColumn(number, f" in column {number}", column) for number, column in enumerate(array.T)
    ]


def as_frame(X: Any) -> Any:
    """Return a frame of pandas, polars, pyarrow or another library as narwhals'; otherwise None."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    return frame if isinstance(frame, nw.DataFrame) else None


def _as_array(X: Any) -> np.ndarray:
    """Return an array or a list as an array (n, d); one without columns where it is no table."""
    none = np.empty((0, 0))
    if issparse(X) or hasattr(X, "columns"):
        return none
    try:
        array = np.asarray(X)
        if _mixes_kinds(X, array.dtype):
            array = np.asarray(X, dtype=object)
    except (ValueError, TypeError, RuntimeError):
        return none
    return array if array.ndim == 2 else none


def _mixes_kinds(X: Any, dtype: np.dtype) -> bool:
    """Whether what became an array of one type held numbers beside text, or beside booleans."""
    if isinstance(X, np.ndarray):
        return False
    if dtype.kind in "US":
        return True
    rows = X if isinstance(X, (list, tuple)) and dtype.kind in "iuf" else []
    return any(isinstance(value, (bool, np.bool_)) for row in rows for value in row)


def _with_columns(X: Any, codes: Mapping[int, np.ndarray]) -> Any:
    """Return a frame or an array with codes (n,) in the place of some columns."""
    frame = as_frame(X)
    if frame is not None:
        names = frame.columns
        backend = frame.implementation
        series = [nw.new_series(names[k], own, backend=backend) for k, own in codes.items()]
        return nw.to_native(frame.with_columns(*series))
    array = _as_array(X)
    array = array.astype(np.float64 if array.dtype.kind in "biuf" else object)
    for number, own in codes.items():
        array[:, number] = own
    return array
