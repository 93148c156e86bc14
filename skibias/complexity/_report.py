"""All measures of several models on the same paths, as a table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from skibias._frames import import_pandas
from skibias._numbers import check_count, plain_numbers
from skibias._sequences import members
from skibias._typing import Frame, RandomState, ResponseMethod
from skibias.complexity._geometric import N_ROWS, STEP, sample_rows, squared_slopes
from skibias.complexity._measures import (
    BASES,
    FREQUENCY,
    N_LEVELS,
    VARIATION,
    phrase_measure,
    polynomial_measure,
)
from skibias.complexity._paths import Paths, draw_paths, values_along
from skibias.complexity._response import Response, common_method
from skibias.complexity._summary import mean_and_error

PATH_MEASURES = {
    "tv": VARIATION,
    "fourier": FREQUENCY,
    "polynomial": polynomial_measure(BASES["chebyshev"]),
    "lz": phrase_measure(N_LEVELS),
}
MEASURES = (*PATH_MEASURES, "geometric")
# Probabilities first: every classifier can be compared on them.
COMMON_METHODS = ("predict_proba", "decision_function", "predict")
OWNER = "complexity_report"


def complexity_report(
    estimators: Mapping[str, Any] | Sequence[tuple[str, Any]],
    X: ArrayLike | Paths,
    y: ArrayLike | None = None,
    *,
    measures: str | Sequence[str] = MEASURES,
    response_method: ResponseMethod = "auto",
    n_paths: int = 200,
    n_points: int = 100,
    random_state: RandomState = 0,
) -> Frame:
    """Complexity of several fitted estimators on one data set, as a table.

    All are evaluated on the same response, paths and rows, so that the numbers of a column can be
    compared.

    Parameters
    ----------
    estimators : dict or list of (str, object)
        Fitted estimators, functions of points or torch modules by name, as in `tv_complexity`.
    X : array-like or frame of shape (n_samples, n_features), or Paths
        Rows, of numbers and categories, with missing values or without; or what `sample_paths`
        returns, for measures along paths alone and without y.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The two ends of a path differ in y; without y, in X.
    measures : str or sequence of str, default=("tv", "fourier", "polynomial", "lz", "geometric")
        `tv_complexity`, `fourier_complexity`, `polynomial_complexity`, `lz_complexity` and
        `geometric_complexity`, with their defaults. The last one needs a column of numbers.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        "auto" is the first of ``predict_proba``, ``decision_function`` and ``predict`` that *all*
        estimators have, and the call if all are callables and there is none.
    n_paths : int, default=200
        Number of paths that are drawn.
    n_points : int, default=100
        Points per path; at least 3, or 2 for "tv" and "lz" alone.
    random_state : int, RandomState instance or None, default=0
        Draws the paths, and the rows of "geometric".

    Returns
    -------
    pandas.DataFrame
        One row per estimator. For every measure a column with its name and one with its standard
        error (``tv`` and ``tv_se``); with y, ``score`` of the estimators that have the method,
        on these rows. ``report.attrs["response_method"]`` is the response.

    Raises
    ------
    ImportError
        If pandas is not installed.
    NotFittedError
        If an estimator of scikit-learn is not fitted.
    ValueError
        If a parameter is unusable, or the estimators have no response in common.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skibias.complexity import complexity_report
    >>> X, y = load_iris(return_X_y=True)
    >>> models = {
    ...     "linear": LogisticRegression(max_iter=1000).fit(X, y),
    ...     "tree": DecisionTreeClassifier(random_state=0).fit(X, y),
    ... }
    >>> report = complexity_report(models, X, y, measures=["tv"])
    >>> report.columns.tolist()
    ['tv', 'tv_se', 'score']
    >>> bool(report.loc["linear", "tv"] < report.loc["tree", "tv"])
    True
    """
    pandas = import_pandas(OWNER)
    named = _named(estimators)
    measures = _checked_measures(measures, n_points)
    n_points = plain_numbers(n_points)
    if isinstance(X, Paths) and "geometric" in measures:
        raise ValueError(
            f"The 'measures' parameter of {OWNER} must be among {tuple(PATH_MEASURES)} where X "
            f"holds paths. Got {measures!r} instead."
        )
    models = list(named.values())
    method = common_method(
        models, response_method, OWNER, parameter="estimators", order=COMMON_METHODS
    )
    paths = draw_paths(X, y, n_paths, random_state, OWNER)
    sample = sample_rows(X, N_ROWS, STEP, random_state, OWNER) if "geometric" in measures else None
    rows = []
    for model in models:
        response = Response(model, method, OWNER)
        found = _path_values(response, paths, measures, n_points)
        if sample is not None:
            found["geometric"] = squared_slopes(response, sample)
        cells = {}
        for name in measures:  # in the order that was asked for
            cells[name], cells[f"{name}_se"] = mean_and_error(found[name])
        if y is not None and hasattr(model, "score"):
            cells["score"] = model.score(X, y)
        rows.append(cells)
    report = pandas.DataFrame(rows, index=pandas.Index(list(named), name="name"))
    report.attrs["response_method"] = method
    return report


def _named(estimators: Any) -> dict[str, Any]:
    """Return the estimators by name."""
    pairs = members(estimators.items() if isinstance(estimators, Mapping) else estimators)
    are_pairs = all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Hashable)
        for pair in pairs
    )
    if not pairs or not are_pairs or len({name for name, _ in pairs}) < len(pairs):
        raise ValueError(
            f"The 'estimators' parameter of {OWNER} must hold at least one estimator by name, "
            f"every name once, as a dict or a list of pairs. Got {estimators!r} instead."
        )
    return dict(pairs)


def _checked_measures(measures: Any, n_points: int) -> list[str]:
    names = [measures] if isinstance(measures, str) else members(measures)
    if not names or not all(isinstance(name, str) and name in MEASURES for name in names):
        raise ValueError(
            f"The 'measures' parameter of {OWNER} must hold names out of {MEASURES}. "
            f"Got {measures!r} instead."
        )
    for name in names:
        if name in PATH_MEASURES:
            check_count("n_points", n_points, PATH_MEASURES[name].least_points, OWNER)
    return names


def _path_values(
    response: Response, paths: Paths, measures: list[str], n_points: int
) -> dict[str, Tensor]:
    """Return every measure of paths (n_paths,); those at the same positions share the values."""
    values: dict[bytes, np.ndarray] = {}
    found = {}
    for name in measures:
        if name not in PATH_MEASURES:
            continue
        positions = PATH_MEASURES[name].at(n_points)
        key = positions.tobytes()
        if key not in values:
            values[key] = values_along(paths, response, positions)
        found[name] = PATH_MEASURES[name].of(values[key])
    return found
