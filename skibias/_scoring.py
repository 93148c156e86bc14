"""Complexity of the function that a fitted estimator implements, as a scorer."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state

from skibias.engine.complexity import path_variation

RESPONSE_METHODS = ("decision_function", "predict_proba", "predict")


def tv_complexity(
    estimator, X, y=None, *, n_paths=200, n_points=100, response_method="auto", random_state=0
):
    """Total variation of a fitted estimator along straight paths between rows of X.

    The mean over paths of ``sum_i |f(x_{i+1}) - f(x_i)|`` after the straight line between the
    path's two end values has been subtracted (Teney et al., CVPR 2025, section 2.2 and App. F): a
    linear function scores 0, and the score grows with the number and height of the detours.
    The score scales with the outputs; it does not change when a constant is added to them.
    Compare models on one data set and one response only.

    Parameters
    ----------
    estimator : object
        Any fitted scikit-learn estimator.
    X : array-like or frame of shape (n_samples, n_features)
        Numeric columns; a frame's column names are kept.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The two ends of a path differ in y; without y, in X.
    n_paths : int, default=200
    n_points : int, default=100
        Points per path, ends included; at least 2.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        f. "auto" is the first of them, in this order, that the estimator has. Of several
        outputs or classes, one is drawn per path; of predicted labels, the drawn class's
        indicator is taken.
    random_state : int, RandomState instance or None, default=0

    Returns
    -------
    float
        At least 0, in units of the response.

    Raises
    ------
    ValueError
        If a parameter is unusable, X is not numeric or no two rows differ.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skibias import tv_complexity
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> tv_complexity(tree, X, y) > 0.5
    True
    >>> linear = LogisticRegression(max_iter=1000).fit(X, y)
    >>> round(tv_complexity(linear, X, y), 9)
    0.0
    """
    _check_count("n_paths", n_paths, 1)
    _check_count("n_points", n_points, 2)
    response = _response(estimator, response_method)
    random = check_random_state(random_state)
    columns = _numeric(X)
    start, end = _end_rows(columns if y is None else np.asarray(y), n_paths, random)
    step = np.linspace(0, 1, n_points)[:, None]  # (n_points, 1)
    points = columns[start][:, None] * (1 - step) + columns[end][:, None] * step
    outputs = response(_like(X, points.reshape(-1, columns.shape[1])))
    outputs = outputs.reshape(n_paths, n_points, -1)  # (n_paths, n_points, n_outputs)
    drawn = random.randint(outputs.shape[-1], size=n_paths)
    values = outputs[np.arange(n_paths), :, drawn]  # (n_paths, n_points)
    return float(path_variation(torch.from_numpy(values)).mean())


def _check_count(name, count, least) -> None:
    if not isinstance(count, Integral) or count < least:
        raise ValueError(
            f"The {name!r} parameter of tv_complexity must be an integer of at least {least}. "
            f"Got {count!r} instead."
        )


def _response(estimator, response_method):
    """Return the function points -> (n_points, n_outputs) that the estimator implements."""
    if response_method not in ("auto", *RESPONSE_METHODS):
        raise ValueError(
            "The 'response_method' parameter of tv_complexity must be 'auto' or one of "
            f"{RESPONSE_METHODS}. Got {response_method!r} instead."
        )
    names = RESPONSE_METHODS if response_method == "auto" else (response_method,)
    name = next((name for name in names if hasattr(estimator, name)), None)
    if name is None:
        raise ValueError(
            f"The 'estimator' parameter of tv_complexity must have one of the methods {names}. "
            f"Got {estimator!r} instead."
        )
    method = getattr(estimator, name)

    def response(points):
        outputs = method(points)
        if isinstance(outputs, list):  # one array of probabilities per output
            outputs = np.hstack(outputs)
        outputs = np.asarray(outputs)
        # Some regressors have the attribute, but empty.
        if name == "predict" and len(getattr(estimator, "classes_", ())):
            outputs = outputs[:, None] == np.asarray(estimator.classes_)
        return outputs.reshape(len(outputs), -1).astype(np.float64)

    return response


def _numeric(X) -> np.ndarray:
    """Return X as a float64 array (n, d)."""
    try:
        columns = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The 'X' parameter of tv_complexity must hold numeric columns only, since points "
            f"between two rows are evaluated. Got: {error}"
        ) from error
    if columns.ndim != 2:
        raise ValueError(
            "The 'X' parameter of tv_complexity must have two dimensions. "
            f"Got {columns.ndim} instead."
        )
    return columns


def _like(X, points):
    """Return the points with the column names of X, if X is a frame of pandas or polars."""
    if hasattr(X, "iloc"):
        return type(X)(points, columns=X.columns)
    if hasattr(X, "columns"):
        return type(X)(points, schema=list(X.columns))
    return points


def _end_rows(labels, n_paths, random):
    """Draw pairs of rows with different labels (n,) or (n, o); the first end is uniform."""
    _, group, size = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    if len(size) < 2:
        raise ValueError(
            "The rows given to tv_complexity must differ in y (without y, in X). "
            "Got equal ones only instead."
        )
    group = group.reshape(-1)
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    start = random.randint(len(group), size=n_paths)
    own = group[start]
    # A position among the rows of the other groups, which stand around the own group's block.
    position = (random.uniform(size=n_paths) * (len(group) - size[own])).astype(int)
    position += np.where(position >= first[own], size[own], 0)
    return start, by_group[position]
