"""How far a function changes at particular values of single columns, as trees do.

Notation: n rows, d columns, t cells between neighbouring values of a column.
"""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from skibias.complexity._response import find_response
from skibias.complexity._tables import check_count, container_of, numeric_columns

OWNER = "axis_sharpness"
SHARE = (0.01, 0.99)  # quantiles of a column between which it moves


def axis_sharpness(
    estimator,
    X,
    y=None,
    *,
    n_rows=100,
    n_points=100,
    response_method="auto",
    random_state=0,
):
    """How unevenly a function's changes are spread over the values of each column.

    Every column is moved through its quantiles in ``n_rows`` rows, whose other columns stay. Let
    p_t be the mean over rows and outputs of ``|f_{t+1} - f_t|`` in cell t. The score is the
    squared coefficient of variation of p over the cells, pooled over columns::

        sum_d T sum_t p_dt p'_dt / sum_d (sum_t p_dt) (sum_t p'_dt) - 1

    with p and p' from two halves of the rows, so that only what both halves share counts. It is 0
    for changes that are spread evenly, and grows where a function changes at the same values of a
    column whatever the other columns are. This is how trees split, and what functions of single
    columns can do; a network of smooth functions of all columns cannot, and the edges of nearest
    neighbours lie elsewhere in every row. So the score tells how close a model is to trees in
    this respect. It changes neither with the scale of the outputs, nor if a constant is added, nor
    with any increasing transformation of a column to which the model is fitted as well.

    Parameters
    ----------
    estimator : object
        Any fitted estimator, function of points or torch module, as in `tv_complexity`.
    X : array-like or frame of shape (n_samples, n_features)
        Numeric columns; a frame's column names are kept.
    y : Ignored
        There for use as a scorer.
    n_rows : int, default=100
        Rows per column, drawn at random without replacement if X has more; at least 2.
    n_points : int, default=100
        Quantiles of every column, from .01 to .99; equal ones count once. At least 3.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        As in `tv_complexity`.
    random_state : int, RandomState instance or None, default=0
        Draws the rows.

    Returns
    -------
    float
        0 for a function that is constant along all columns. By chance, slightly below 0 can occur.

    Raises
    ------
    NotFittedError
        If an estimator of scikit-learn is not fitted.
    ValueError
        If a parameter is unusable, X has fewer than two rows or is not finite and numeric.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.complexity import axis_sharpness
    >>> X = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> round(axis_sharpness(lambda points: points[:, 0], X), 1)
    0.0
    >>> round(axis_sharpness(lambda points: points[:, 0] > 0.5, X))
    98
    """
    check_count("n_rows", n_rows, 2, OWNER)
    check_count("n_points", n_points, 3, OWNER)
    response = find_response(estimator, response_method, OWNER)
    columns = numeric_columns(X, OWNER)
    if len(columns) < 2:
        raise ValueError(
            f"The 'X' parameter of {OWNER} must have at least two rows. Got one instead."
        )
    random = check_random_state(random_state)
    container = container_of(X)
    shared = total = 0.0
    for number in range(columns.shape[1]):
        rows = columns[random.permutation(len(columns))[:n_rows]]
        values = np.unique(np.quantile(columns[:, number], np.linspace(*SHARE, n_points)))
        if len(values) < 3:  # one cell is no profile
            continue
        points = np.repeat(rows[:, None], len(values), axis=1)  # (n, t + 1, d)
        points[:, :, number] = values
        outputs = response(container.hold(points.reshape(-1, columns.shape[1])))
        first, second = _profiles(outputs.reshape(len(rows), len(values), -1))
        shared += len(first) * (first @ second)
        total += first.sum() * second.sum()
    return float(shared / total - 1) if total > 0 else 0.0


def _profiles(outputs):
    """Return the mean change (t,) in every cell for the two halves of the rows."""
    changes = np.abs(np.diff(outputs, axis=1)).mean(axis=2)  # (n, t)
    middle = len(changes) // 2
    return changes[:middle].mean(axis=0), changes[middle:].mean(axis=0)
