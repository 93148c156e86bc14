"""Rows of the outer loss: how episodes of learning split the rows they see."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils import check_X_y
from torch import Tensor

from skibias._columns import check_target_dates, numbers_only
from skibias._numbers import is_real, is_whole
from skibias._prepare.columns import ScaledColumns
from skibias._prepare.rows import WeightedRows
from skibias._prepare.table import TableReader
from skibias._prepare.target_means import TargetMeans
from skibias._prepare.targets import TargetEncoding
from skibias._run.tensors import as_tensor
from skibias.engine.episodes import Split, SplitSampler, listed_splits, random_split


class LearningRows(NamedTuple):
    """Rows that functions are learned from, and how episodes split them."""

    rows: WeightedRows  # columns as they are given
    encoding: TargetEncoding
    split: SplitSampler
    scaled: ScaledColumns


def is_fraction(validation: Any) -> bool:
    """Whether the rows of the outer loss are a share of the rows, drawn anew for every network."""
    return is_real(validation) and not is_whole(validation)


def is_splitter(validation: Any) -> bool:
    """Whether the rows of the outer loss come from a splitter, or a number of folds."""
    return not is_fraction(validation) and not isinstance(validation, tuple)


def learning_rows(
    validation: Any,
    rows: WeightedRows,
    encoding: TargetEncoding,
    scaled: ScaledColumns,
    reader: TableReader | None = None,
    target_means: TargetMeans | None = None,
) -> LearningRows:
    """Return rows with the splits that a learner's ``validation`` asks for.

    A pair (X, y) as ``validation`` is read as the rows were. Without a reader it must hold numbers.
    """
    n_rows = len(rows.X)
    groups = rows.groups
    if isinstance(validation, tuple):
        rows = rows.append(*_outside_rows(validation, rows, encoding, reader, target_means))
        split = listed_splits([_index_split(np.arange(n_rows), np.arange(n_rows, len(rows.X)))])
    elif is_fraction(validation):
        if groups is not None and groups.max() == 0:
            raise ValueError(
                "The 'groups' parameter must leave learning at least two groups of rows, beside "
                "those that are held out. Got one instead."
            )
        numbers = None if groups is None else as_tensor(groups)
        split = random_split(n_rows, validation, numbers)
    else:
        splits = _splits(validation, rows, is_classification=encoding.classes is not None)
        _check_splits(splits, n_rows)
        split = listed_splits(splits)
    return LearningRows(rows, encoding, split, scaled)


def _splits(validation: Any, rows: WeightedRows, is_classification: bool) -> list[Split]:
    """Return the splits of a splitter, or of so many folds; whole groups where there are any.

    Raises ValueError if the splitter cannot split these rows, say for want of groups.
    """
    if rows.groups is not None and is_whole(validation):
        kind = StratifiedGroupKFold if is_classification else GroupKFold
        splitter = kind(int(validation))
    else:
        splitter = check_cv(validation, rows.y, classifier=is_classification)
    try:
        splits = list(splitter.split(rows.X, rows.y, rows.groups))
    except ValueError as error:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must be able to split the rows; a "
            "splitter by group needs the 'groups' parameter of fit or learn. "
            f"Got {validation!r} instead, which says: {error}"
        ) from error
    return [_index_split(*parts) for parts in splits]


def _check_splits(splits: list[Split], n_rows: int) -> None:
    """Raise ValueError where splits cannot be drawn from, or number rows that learning lacks."""
    if not splits or not all(len(part) for parts in splits for part in parts):
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must give at least one split, with "
            "training rows and validation rows in each. "
            f"Got {[tuple(map(len, parts)) for parts in splits]} rows instead."
        )
    highest = max(int(part.max()) for parts in splits for part in parts)
    if highest >= n_rows:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must split the rows that learning "
            f"sees, {n_rows} here: an estimator holds out others before. "
            f"Got a splitter that names row {highest} instead."
        )


def _index_split(train: Any, validation: Any) -> Split:
    return _row_numbers(train), _row_numbers(validation)


def _row_numbers(part: Any) -> Tensor:
    """Return the rows of a part of a split, which may be given as a mask, as numbers."""
    part = np.asarray(part)
    return as_tensor(np.flatnonzero(part) if part.dtype == bool else part)


def _outside_rows(
    validation: tuple,
    rows: WeightedRows,
    encoding: TargetEncoding,
    reader: TableReader | None,
    target_means: TargetMeans | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return X (m, d) and the numbers of y of an explicit ``validation=(X, y)``.

    ``rows`` are those of the data set that it is to validate.

    Raises ValueError if it cannot be used: other columns or targets than the data set's, or a
    class that does not occur there.
    """
    try:
        X, y = validation
        if reader is not None:
            X = reader.encode(X)
        with numbers_only(X, "validation"):
            X, y = check_X_y(
                X,
                y,
                dtype=np.float64,
                multi_output=True,
                ensure_all_finite=True if reader is None else "allow-nan",
            )
        check_target_dates(y, encoding.classes is not None, "validation")
        if reader is not None:
            X = reader.without_empty(X)
        if target_means is not None:
            X = target_means.extend(X)
        _check_width("columns", X, rows.X)
        _check_width("targets of a row", y, rows.y)
        y = encoding.numbers(y) if encoding.classes is not None else y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must be a splitter, or a pair (X, y) "
            f"that fits the data set. {error}"
        ) from error
    return X, y.reshape(len(y), *rows.y.shape[1:])


def _check_width(name: str, own: np.ndarray, wanted: np.ndarray) -> None:
    """Raise ValueError unless the rows of both arrays hold as many numbers."""
    if own[0].size != wanted[0].size:
        raise ValueError(
            f"The number of {name} must be {wanted[0].size}. Got {own[0].size} instead."
        )
