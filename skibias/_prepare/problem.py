"""A table that is ready to be learned from: rows, columns, targets, and what is held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._columns import check_column_sizes, check_target_dates
from skibias._prepare.columns import Categories, ColumnEncoder, ScaledColumns
from skibias._prepare.learner_checks import check_numbered_rows, check_outside_names
from skibias._prepare.levels import level_supports
from skibias._prepare.rows import WeightedRows, engine_rows, hold_out, subsample, take_rows
from skibias._prepare.splits import LearningRows, is_splitter, learning_rows
from skibias._prepare.table import NUMBERS_ONLY, TableReader
from skibias._prepare.target_means import TargetMeans
from skibias._prepare.targets import (
    ClassEncoding,
    TableData,
    TargetEncoding,
    encoded_rows,
    guess_target_type,
)
from skibias._run.tensors import as_tensor
from skibias.engine.episodes import Rows

# Rows that learning and choosing look at; the cost of both does not grow beyond them.
CHOOSING_ROWS, CHOOSING_HELD_OUT = 50_000, 10_000
HELD_OUT_FRACTION = 0.15  # of the rows, where no parameter sets it


class Problem(NamedTuple):
    """A prepared table."""

    rows: WeightedRows  # columns as they are given, and target means of categories
    reader: TableReader
    categories: Categories  # of each column of the rows
    target_means: TargetMeans
    scaled: ScaledColumns  # fitted to all rows
    encoding: TargetEncoding
    train: np.ndarray  # numbers of the rows that learning and training see
    held_out: np.ndarray  # numbers of the rows that choose and stop
    seed: int

    @property
    def n_rows(self) -> int:
        """Rows, held out or not."""
        return len(self.rows.X)

    @property
    def n_columns(self) -> int:
        """Columns of the rows."""
        return self.rows.X.shape[1]

    def without_held_out(self) -> Problem:
        """The same rows, all of which learning sees."""
        return self._replace(train=np.arange(self.n_rows))

    def for_choosing(
        self, validation: Any, n_train: int = CHOOSING_ROWS, n_held_out: int = CHOOSING_HELD_OUT
    ) -> Problem:
        """The problem on a random choice of its rows if there are very many.

        Those of a splitter as ``validation`` stay as they are: how it splits may depend on their
        order.
        """
        train = subsample(self.train, n_train, self.seed, "choosing rows")
        held_out = subsample(self.held_out, n_held_out, self.seed, "choosing held-out")
        are_few = train is self.train and held_out is self.held_out
        if are_few or is_splitter(validation):
            return self
        return self._replace(
            rows=self.rows.take(np.concatenate([train, held_out])),
            train=np.arange(len(train)),
            held_out=np.arange(len(train), len(train) + len(held_out)),
        )

    def learning_rows(self, learner: Any) -> LearningRows:
        """The training rows, split as the learner's ``validation`` asks for."""
        rows, encoding = self.rows.take(self.train), self.encoding
        if isinstance(encoding, ClassEncoding) and learner.loss != "auto":
            encoding = encoding._replace(loss=learner.loss)
        return learning_rows(
            learner.validation, rows, encoding, self.scaled, self.reader, self.target_means
        )

    def held_out_rows(self) -> WeightedRows:
        """The held-out rows with the table's own columns, weighted relative to each other."""
        rows = self.rows.alone(self.held_out)
        return rows._replace(X=rows.X[:, : self.n_columns - self.target_means.n_columns])

    def encoded(self, encoder: ColumnEncoder, device: torch.device) -> Rows:
        """All rows as the engine reads them."""
        targets = self.encoding.encode(self.rows.y)
        return engine_rows(encoder.encode(self.rows.X), targets, self.rows.weights, device)

    def validation_rows(self, encoded: Rows) -> Rows:
        """The held-out ones of `encoded` rows; their weights have mean one: errors are shares."""
        rows = take_rows(encoded, self.held_out)
        weights = as_tensor(self.rows.alone(self.held_out).weights)
        return rows._replace(weights=weights.to(rows.weights))


def rows_to_learn_from(
    learner: Any, data: TableData, names: Any, owner: str, loss: str = "auto"
) -> tuple[WeightedRows, TargetEncoding]:
    """Check a table by what a learner makes of it; return its rows and the encoding of targets.

    ``names`` are those of the columns; None if they have none.
    """
    is_classification = guess_target_type(data.y, learner.target_type) == "multiclass"
    check_target_dates(data.y, is_classification, owner)
    check_outside_names(learner, names)
    check_numbered_rows(learner, data.weights)
    keep_order = is_splitter(learner.validation)
    rows, encoding = encoded_rows(data, is_classification, loss=loss, keep_order=keep_order)
    check_column_sizes(rows.X, names, owner)
    return rows, encoding


def split_problem(
    rows: WeightedRows,
    scaling: str | None,
    encoding: TargetEncoding,
    fraction: float,
    seed: int,
    reader: TableReader = NUMBERS_ONLY,
    *,
    with_target_means: bool = True,
) -> Problem:
    """Hold out rows, add target means of categories, fit the scaler, and return the problem.

    Like the knots of input functions, the scaler sees the held-out rows' X, never their y.
    """
    n_rows = len(rows.X)
    categories = level_supports(rows, reader)
    is_classification = encoding.classes is not None
    rows, train, held_out = hold_out(rows, fraction, seed, is_classification)
    means = TargetMeans((), ())
    if with_target_means:
        means = TargetMeans.fit(rows, train, categories, encoding)
        rows = means.extend_training(rows, train, encoding, seed)
    categories = [*categories, *[None] * means.n_columns]
    scaled = ScaledColumns.fit(scaling, rows.X[:n_rows], categories)
    return Problem(rows, reader, categories, means, scaled, encoding, train, held_out, seed)
