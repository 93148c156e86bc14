"""How far a function changes at particular values of single columns, as trees do.

Notation: n rows, d columns, t cells between neighbouring values of a column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skibias._numbers import check_count
from skibias._run.settings import NUMPY_ERRORS
from skibias._sklearn_compat import random_generator
from skibias._typing import RandomState, ResponseMethod
from skibias.complexity._response import find_response
from skibias.complexity._tables import read_rows

OWNER = "axis_sharpness"
SHARE = (0.01, 0.99)  # quantiles of a column between which it moves
REACH = 5  # cells on either side with which a cell is compared


def axis_sharpness(
    estimator: Any,
    X: ArrayLike,
    y: Any = None,
    *,
    n_rows: int = 100,
    n_points: int = 100,
    response_method: ResponseMethod = "auto",
    random_state: RandomState = 0,
) -> float:
    """How sharply a function changes at particular values of single columns, as trees do.

    Every column is moved through its quantiles in ``n_rows`` rows, whose other columns stay. Let
    p_t be the mean over rows and outputs of ``|f_{t+1} - f_t|`` in cell t, and s_t the mean of p
    over the cells within five of t. The score compares the two, pooled over columns::

        sum_d sum_t p_dt p'_dt / sum_d sum_t p_dt s'_dt - 1

    with p and s' from two halves of the rows, so that only what both halves share counts. The score
    is 0 for changes that are spread evenly or vary slowly. It grows, up to 10, where a function
    changes in single cells that are the same whatever the other columns are. Trees split in this
    way, and functions of single columns can change so. A network of smooth functions of all columns
    cannot, and the edges of nearest neighbours lie elsewhere in every row. So the score tells how
    close a model is to trees in this respect. It stays the same if outputs are scaled, if a
    constant is added to them, or if an increasing function is applied to a column before the model
    is fitted.

    Categories are not moved: they have no order. Of a column with missing values, the numbers
    that are there give the quantiles, which every row takes.

    Parameters
    ----------
    estimator : object
        Any fitted estimator, function of points or torch module, as in `tv_complexity`.
    X : array-like or frame of shape (n_samples, n_features)
        Numbers and categories, with missing values or without, as in `sample_paths`; the names and
        types of a frame's columns are kept.
    y : Ignored
        There for use as a scorer.
    n_rows : int, default=100
        Rows per column, drawn at random without replacement if X has more; at least 2.
    n_points : int, default=100
        Quantiles of every column, from .01 to .99; at least 12. Equal ones count once, and columns
        with fewer than 12 different ones are left out.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        As in `tv_complexity`.
    random_state : int, RandomState instance or None, default=0
        Draws the rows.

    Returns
    -------
    float
        0 for a function that is constant along all columns; slightly below 0 can occur by chance.

    Raises
    ------
    NotFittedError
        If an estimator of scikit-learn is not fitted.
    ValueError
        If a parameter is unusable, X has fewer than two rows, no column of numbers, infinite
        numbers, or what are neither numbers nor categories.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.complexity import axis_sharpness
    >>> X = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> round(axis_sharpness(lambda points: points[:, 0], X), 1)
    0.0
    >>> round(axis_sharpness(lambda points: points[:, 0] > 0.5, X))
    10
    """
    n_rows = check_count("n_rows", n_rows, 2, OWNER)
    n_points = check_count("n_points", n_points, 2 * REACH + 2, OWNER)
    response = find_response(estimator, response_method, OWNER)
    columns, container = read_rows(X, OWNER)
    moved = container.numeric(columns.shape[1], OWNER)
    if len(columns) < 2:
        raise ValueError(
            f"The 'X' parameter of {OWNER} must have at least two rows. Got one instead."
        )
    random = random_generator(random_state, OWNER)
    at_cells = around_cells = 0.0
    for number in moved:
        rows = columns[random.permutation(len(columns))[:n_rows]]
        values = _quantiles(columns[:, number], n_points)
        if len(values) <= 2 * REACH + 1:  # too few cells to compare one with
            continue
        points = np.repeat(rows[:, None], len(values), axis=1)  # (n, t + 1, d)
        points[:, :, number] = values
        outputs = response(container.hold(points.reshape(-1, columns.shape[1])))
        first, second = _profiles(outputs.reshape(len(rows), len(values), -1))
        with np.errstate(**NUMPY_ERRORS):  # the product of small changes is 0
            at_cells += first @ second
            around_cells += first @ _local_means(second)
    return float(at_cells / around_cells - 1) if around_cells > 0 else 0.0


def _quantiles(column: np.ndarray, n_points: int) -> np.ndarray:
    """Return the different quantiles of a column's numbers, of which some may be missing."""
    numbers = column[~np.isnan(column)]
    return (
        np.unique(np.quantile(numbers, np.linspace(*SHARE, n_points))) if len(numbers) else numbers
    )


def _profiles(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean change (t,) in every cell for the two halves of the rows."""
    changes = np.abs(np.diff(outputs, axis=1)).mean(axis=2)  # (n, t)
    middle = len(changes) // 2
    return changes[:middle].mean(axis=0), changes[middle:].mean(axis=0)


def _local_means(profile: np.ndarray) -> np.ndarray:
    """Return the means (t,) over the cells within `REACH` of each cell."""
    window = np.ones(2 * REACH + 1)
    return np.convolve(profile, window, "same") / np.convolve(np.ones_like(profile), window, "same")
