"""Complexity of what an estimator computes along paths, as scorers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from skibias._docstrings import shared_parts
from skibias._numbers import check_count
from skibias._run.settings import plain_settings
from skibias._run.tensors import as_tensor
from skibias._typing import Complexity, RandomState, ResponseMethod
from skibias.complexity._paths import Paths, draw_paths, values_along
from skibias.complexity._response import find_response
from skibias.complexity._summary import summarize
from skibias.engine.complexity import (
    Basis,
    beside_line,
    chebyshev_basis,
    legendre_basis,
    lz_phrases,
    path_frequency,
    path_order,
    path_variation,
    quantize,
)

BASES = {"chebyshev": chebyshev_basis, "legendre": legendre_basis}
N_LEVELS = 10


class PathMeasure(NamedTuple):
    """How a function is measured along a path."""

    least_points: int
    positions: Callable[[int], np.ndarray]  # of n_points points, in [0, 1]
    measure: Callable[[Tensor], Tensor]  # values (n_paths, n_points) -> (n_paths,)

    def at(self, n_points: int) -> np.ndarray:
        """Return the positions of so many points, in [0, 1]."""
        with plain_settings():
            return self.positions(n_points)

    def of(self, values: np.ndarray) -> Tensor:
        """Return the measure (n_paths,) of values (n_paths, n_points) at the positions."""
        with plain_settings():
            return self.measure(as_tensor(values))


def evenly_spaced(n_points: int) -> np.ndarray:
    """Return positions from 0 to 1, both included."""
    return np.linspace(0, 1, n_points)


def polynomial_measure(make_basis: Callable[[int], Basis]) -> PathMeasure:
    """Return the mean order in a basis of polynomials on [-1, 1], at the basis' nodes."""
    return PathMeasure(
        least_points=3,
        positions=lambda n_points: (make_basis(n_points).nodes.numpy() + 1) / 2,
        measure=lambda values: path_order(values, make_basis(values.shape[-1])),
    )


def phrase_measure(n_levels: int) -> PathMeasure:
    """Return the number of Lempel-Ziv phrases of values quantised beside the straight line."""

    def phrases(values: Tensor) -> Tensor:
        levels = quantize(beside_line(values), n_levels).tolist()
        return torch.tensor([lz_phrases(path) for path in levels], dtype=torch.float64)

    return PathMeasure(least_points=2, positions=evenly_spaced, measure=phrases)


class PathScorer(NamedTuple):
    """The parameters that all public functions of this file have, and what they do."""

    owner: str  # the function that its errors name
    n_paths: int
    n_points: int
    response_method: ResponseMethod
    random_state: RandomState

    def score(
        self, measure: PathMeasure, estimator: Any, X: Any, y: Any, with_error: bool
    ) -> Complexity:
        """Return the mean of a measure over paths, or the pair of it and its standard error."""
        n_points = check_count("n_points", self.n_points, measure.least_points, self.owner)
        response = find_response(estimator, self.response_method, self.owner)
        paths = draw_paths(X, y, self.n_paths, self.random_state, self.owner)
        values = values_along(paths, response, measure.at(n_points))
        return summarize(measure.of(values), with_error)


VARIATION = PathMeasure(least_points=2, positions=evenly_spaced, measure=path_variation)
# Two points are left to the transform, after the last one is dropped.
FREQUENCY = PathMeasure(least_points=3, positions=evenly_spaced, measure=path_frequency)

_PARTS = {
    "data_parameters": """estimator : object
    Any fitted scikit-learn estimator, or a callable without the methods below: a function of
    points (n, n_features), or a torch module. A module is called in evaluation mode, with a
    tensor of its parameters' type (float32 without parameters) and on their device.
X : array-like or frame of shape (n_samples, n_features), or Paths
    Numbers and categories, with missing values or without; the names and types of a frame's
    columns are kept. Categories, and numbers that are missing at an end of a path, switch in its
    middle, see `sample_paths`: the estimator then jumps there, also a linear one. With `Paths`
    (from `sample_paths`), y must be None, and ``n_paths`` and ``random_state`` are not used.
y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
    The two ends of a path differ in y; without y, in X.
n_paths : int, default=200
    Number of paths that are drawn.""",
    "response_parameters": """response_method : {"auto", "decision_function", "predict_proba", \
"predict"}, default="auto"
    The function f that is measured. "auto" is the first of them, in this order, that the
    estimator has, and the call if it has none. Of several outputs or classes, one is drawn per
    path; of predicted labels, the indicator of the drawn class is taken.
random_state : int, RandomState instance or None, default=0
    Draws the paths.
return_standard_error : bool, default=False
    Return the pair of the score and its standard error.""",
    "standard_error_and_raises": """The standard error is the standard deviation over paths divided
    by the root of their number: what drawing other paths would change.

Raises
------
NotFittedError
    If an estimator of scikit-learn is not fitted.
ValueError
    If a parameter is unusable, X holds infinite numbers, or what are neither numbers nor
    categories, no two rows differ, or an output is not a finite number.""",
}


@shared_parts(**_PARTS)
def tv_complexity(
    estimator: Any,
    X: ArrayLike | Paths,
    y: ArrayLike | None = None,
    *,
    n_paths: int = 200,
    n_points: int = 100,
    response_method: ResponseMethod = "auto",
    random_state: RandomState = 0,
    return_standard_error: bool = False,
) -> Complexity:
    """Total variation of a fitted estimator along straight paths between rows of X.

    The mean over paths of ``sum_i |f(x_{i+1}) - f(x_i)|`` after the straight line between the
    path's two end values has been subtracted (Teney et al., CVPR 2025, section 2.2 and App. F): a
    linear function scores 0, and the score grows with the number and height of the detours.
    The score scales with the outputs; it does not change when a constant is added to them.
    Compare models on one data set and one response only.

    Parameters
    ----------
    {data_parameters}
    n_points : int, default=100
        Points per path, ends included; at least 2.
    {response_parameters}

    Returns
    -------
    float, or pair of floats with ``return_standard_error``
        At least 0, in units of the response.
        {standard_error_and_raises}

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
    scorer = PathScorer("tv_complexity", n_paths, n_points, response_method, random_state)
    return scorer.score(VARIATION, estimator, X, y, return_standard_error)


@shared_parts(**_PARTS)
def fourier_complexity(
    estimator: Any,
    X: ArrayLike | Paths,
    y: ArrayLike | None = None,
    *,
    n_paths: int = 200,
    n_points: int = 100,
    response_method: ResponseMethod = "auto",
    random_state: RandomState = 0,
    return_standard_error: bool = False,
) -> Complexity:
    """Mean frequency of a fitted estimator along straight paths between rows of X.

    The mean over paths of ``sum_k k |F_k| / sum_k |F_k|``, where F is the discrete Fourier
    transform of the values along the path and k >= 1 counts cycles per path (Teney et al., Neural
    Redshift, CVPR 2024, along paths instead of on a grid). The straight line between the end
    values is subtracted before, and the last point dropped, since the first one repeats it.
    Frequencies above ``(n_points - 1) / 2`` appear as lower ones. The score of a path does not
    change when the outputs are multiplied by a number other than 0, or a constant is added. A
    path on which nothing but a line is left, up to 1e-6 of the largest value, scores 0.

    Parameters
    ----------
    {data_parameters}
    n_points : int, default=100
        Points per path, ends included; at least 3.
    {response_parameters}

    Returns
    -------
    float, or pair of floats with ``return_standard_error``
        Cycles per path, in [1, (n_points - 1) / 2], or 0 on straight lines.
        {standard_error_and_raises}

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.complexity import fourier_complexity
    >>> def three_waves(points):
    ...     return np.sin(2 * np.pi * 3 * points)
    >>> round(fourier_complexity(three_waves, [[0.0], [1.0]]), 6)
    3.0
    """
    scorer = PathScorer("fourier_complexity", n_paths, n_points, response_method, random_state)
    return scorer.score(FREQUENCY, estimator, X, y, return_standard_error)


@shared_parts(**_PARTS)
def polynomial_complexity(
    estimator: Any,
    X: ArrayLike | Paths,
    y: ArrayLike | None = None,
    *,
    n_paths: int = 200,
    n_points: int = 100,
    basis: Literal["chebyshev", "legendre"] = "chebyshev",
    response_method: ResponseMethod = "auto",
    random_state: RandomState = 0,
    return_standard_error: bool = False,
) -> Complexity:
    """Mean polynomial order of a fitted estimator along straight paths between rows of X.

    The mean over paths of ``sum_k k |c_k| / sum_k |c_k|`` over k >= 2, where c are the
    coefficients of the values along the path in Chebyshev's or Legendre's polynomials (Teney et
    al., Neural Redshift, CVPR 2024, along paths instead of on a grid). Orders 0 and 1 are a
    straight line and do not count. The score of a path does not change when the outputs are
    multiplied by a number other than 0, or a constant is added. A path on which nothing but a
    line is left, up to 1e-6 of the largest value, scores 0.

    Parameters
    ----------
    {data_parameters}
    n_points : int, default=100
        Nodes of the basis, which are the points on a path and lie denser towards its ends; at
        least 3. Orders reach ``n_points - 1``.
    basis : {"chebyshev", "legendre"}, default="chebyshev"
    {response_parameters}

    Returns
    -------
    float, or pair of floats with ``return_standard_error``
        In [2, n_points - 1], or 0 on straight lines.
        {standard_error_and_raises}

    Examples
    --------
    >>> from skibias.complexity import polynomial_complexity
    >>> round(polynomial_complexity(lambda points: points**2 + points, [[0.0], [1.0]]), 6)
    2.0
    """
    if not isinstance(basis, str) or basis not in BASES:
        raise ValueError(
            "The 'basis' parameter of polynomial_complexity must be one of "
            f"{tuple(BASES)}. Got {basis!r} instead."
        )
    scorer = PathScorer("polynomial_complexity", n_paths, n_points, response_method, random_state)
    return scorer.score(polynomial_measure(BASES[basis]), estimator, X, y, return_standard_error)


@shared_parts(**_PARTS)
def lz_complexity(
    estimator: Any,
    X: ArrayLike | Paths,
    y: ArrayLike | None = None,
    *,
    n_paths: int = 200,
    n_points: int = 100,
    n_levels: int = N_LEVELS,
    response_method: ResponseMethod = "auto",
    random_state: RandomState = 0,
    return_standard_error: bool = False,
) -> Complexity:
    """Lempel-Ziv complexity of a fitted estimator along straight paths between rows of X.

    The mean over paths of the number of phrases into which Lempel and Ziv (1978) parse the path's
    string of symbols, an unfinished last one included: the size of the dictionary that
    compression builds (Teney et al., Neural Redshift, CVPR 2024, along paths instead of on a
    grid). The alphabet is 0 … ``n_levels - 1``. The straight line between the end values is
    subtracted, and the interval between the lowest and the highest value that are left on this
    path is cut into ``n_levels`` equally wide levels. So the score of a path does not change when
    the outputs are multiplied by a positive number or a constant is added (up to values that
    rounding moves to the next level). It depends on ``n_points`` and ``n_levels``. A path on
    which nothing but a line is left, up to 1e-6 of the largest value, is the repetition of one
    symbol and has the fewest phrases of its length, the smallest n with
    ``n (n + 1) / 2 >= n_points``: 14 for 100 points.

    Parameters
    ----------
    {data_parameters}
    n_points : int, default=100
        Points per path, ends included; at least 2.
    n_levels : int, default=10
        Symbols; at least 2.
    {response_parameters}

    Returns
    -------
    float, or pair of floats with ``return_standard_error``
        Phrases per path.
        {standard_error_and_raises}

    Examples
    --------
    >>> from skibias.complexity import lz_complexity
    >>> lz_complexity(lambda points: 2 * points, [[0.0], [1.0]])
    14.0
    """
    n_levels = check_count("n_levels", n_levels, 2, "lz_complexity")
    scorer = PathScorer("lz_complexity", n_paths, n_points, response_method, random_state)
    return scorer.score(phrase_measure(n_levels), estimator, X, y, return_standard_error)
