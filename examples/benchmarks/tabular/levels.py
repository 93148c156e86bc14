"""Categorical columns of frames as the libraries of the benchmark take them.

Notation
--------
n : rows, d : features
"""

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

REST = "all other levels"


def as_text(column):
    """Return a column (n,) as an object column of texts, what is missing being None."""
    column = column.astype(object)
    return column.where(column.notna(), None).map(str, na_action="ignore")


def as_texts(X, columns, missing):
    """Return a frame (n, d) with some columns as texts; one of them stands for a missing value."""
    return X.assign(**{name: as_text(X[name]).fillna(missing) for name in columns})


class TrainingLevels(TransformerMixin, BaseEstimator):
    """Columns as pandas categories that have the levels of the training rows.

    A level that the training rows have not is a missing value, or one of the rest if there is
    one. Columns are named by their numbers, since LightGBM refuses some marks in names.

    Parameters
    ----------
    columns : list of str
    max_levels : int or None, default=None
        Of more levels, this many of the most frequent ones are kept; all others are one, the rest.
    """

    def __init__(self, columns, max_levels=None):
        self.columns = columns
        self.max_levels = max_levels

    def fit(self, X, y=None):
        """Read the levels of X (n, d)."""
        self.levels_ = {name: self._levels(as_text(X[name])) for name in self.columns}
        return self

    def _levels(self, texts):
        counts = texts.value_counts()
        if self.max_levels is None or len(counts) <= self.max_levels:
            return sorted(counts.index)
        return [*sorted(counts.index[: self.max_levels]), REST]

    def transform(self, X):
        """Return X (n, d) with the columns as categories."""
        own = self.levels_.items()
        X = X.assign(**{name: self._categories(as_text(X[name]), known) for name, known in own})
        return X.set_axis([f"c{number}" for number in range(X.shape[1])], axis=1)

    @staticmethod
    def _categories(texts, levels):
        if REST in levels:
            texts = texts.where(texts.isin(levels) | texts.isna(), REST)
        return texts.where(texts.isin(levels)).astype(pd.CategoricalDtype(levels))


class MeanNumbers(TransformerMixin, BaseEstimator):
    """Means of the training rows for missing numbers; categories stay as they are."""

    def fit(self, X, y=None):
        """Read the means of X (n, d)."""
        self.means_ = X.select_dtypes("number").mean()
        return self

    def transform(self, X):
        """Return X (n, d) without missing numbers."""
        numbers = X[self.means_.index].astype(float).fillna(self.means_)
        return X.assign(**{name: numbers[name] for name in numbers})
