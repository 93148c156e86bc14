"""Geometric complexity: how steep a function is where the data are.

Notation: b rows of a block, d columns, q of them of numbers, o outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from skibias._numbers import check_count, check_positive
from skibias._run.settings import NUMPY_ERRORS, full_precision
from skibias._run.tensors import as_tensor
from skibias._sklearn_compat import random_generator
from skibias._typing import Complexity, RandomState, ResponseMethod
from skibias.complexity._response import (
    MODULE_ROWS,
    Response,
    find_response,
    in_evaluation_mode,
    module_inputs,
)
from skibias.complexity._summary import summarize
from skibias.complexity._tables import Container, read_rows

N_ROWS = 200
STEP = 0.01
BLOCK_VALUES = 2**23  # numbers in the moved points that are evaluated at once


def geometric_complexity(
    estimator: Any,
    X: ArrayLike,
    y: Any = None,
    *,
    n_rows: int = N_ROWS,
    response_method: ResponseMethod = "auto",
    step: float = STEP,
    random_state: RandomState = 0,
    return_standard_error: bool = False,
) -> Complexity:
    """Mean squared slope of a fitted estimator at the rows of X.

    The mean over rows of ``sum_{o,d} (df_o / dx_d)^2``, the squared Frobenius norm of the
    Jacobian of all outputs with respect to the inputs: the discrete Dirichlet energy of Dherin et
    al., "Why neural networks find simple solutions: the many regularizers of geometric
    complexity" (NeurIPS 2022). A linear function scores the squared norm of its matrix. Doubling
    the outputs quadruples the score; adding a constant to them changes nothing. The score depends
    on the units of the columns: a column with a small spread weighs most. Categories have no slope
    and do not count. The slope in a missing number counts as 0.

    Derivatives of a torch module are exact, by automatic differentiation, where it reaches the
    inputs. Those of everything else, skibias's own estimators included, are central differences:
    each column is moved up and down by ``step`` of its standard deviation, which smooths the
    function over that distance. Trees and nearest neighbours are constant in pieces: their slope is
    0 almost everywhere. Their score measures jumps and grows as the step shrinks, so compare such
    models at one step only.

    Parameters
    ----------
    estimator : object
        Any fitted scikit-learn estimator, function of points or torch module, as in
        `tv_complexity`. The outputs of a module must not mix rows.
    X : array-like or frame of shape (n_samples, n_features)
        Numbers and categories, with missing values or without, as in `sample_paths`; the names and
        types of a frame's columns are kept.
    y : Ignored
        There for use as a scorer.
    n_rows : int, default=200
        Rows that are drawn without replacement if X has more.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        f. "auto" is the first of them, in this order, that the estimator has, and the call if it
        has none. Predicted labels count as indicators of the classes.
    step : float, default=0.01
        Share of a column's standard deviation over all of X. A constant column moves by this
        share of its absolute value, or of 1 if that is larger. Exact derivatives need none.
    random_state : int, RandomState instance or None, default=0
        Draws the rows.
    return_standard_error : bool, default=False

    Returns
    -------
    float, or pair of floats with ``return_standard_error``
        At least 0, in squared units of the response per squared unit of the columns. The standard
        error is the standard deviation over rows divided by the root of their number.

    Raises
    ------
    NotFittedError
        If an estimator of scikit-learn is not fitted.
    ValueError
        If a parameter is unusable, X has no column of numbers, infinite numbers, or what are
        neither numbers nor categories, or an output is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.complexity import geometric_complexity
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(geometric_complexity(lambda points: points @ [3.0, 4.0], X), 6)
    25.0
    """
    response = find_response(estimator, response_method, "geometric_complexity")
    sample = sample_rows(X, n_rows, step, random_state, "geometric_complexity")
    return summarize(squared_slopes(response, sample), return_standard_error)


class RowSample(NamedTuple):
    """Rows at which slopes are measured."""

    rows: np.ndarray  # (n, d)
    moved: np.ndarray  # (q,) numbers of the columns that are moved
    steps: np.ndarray  # (q,), how far
    container: Container  # what the rows came in


def sample_rows(
    X: Any, n_rows: int, step: float, random_state: RandomState, owner: str
) -> RowSample:
    """Return up to n_rows rows of X, drawn without replacement if it has more."""
    n_rows = check_count("n_rows", n_rows, 1, owner)
    step = check_positive("step", step, owner)
    columns, container = read_rows(X, owner)
    moved = container.numeric(columns.shape[1], owner)
    is_all = len(moved) == columns.shape[1]
    steps = _column_steps(columns if is_all else columns[:, moved], step)
    rows = columns
    if len(columns) > n_rows:
        rows = columns[
            random_generator(random_state, owner).choice(len(columns), n_rows, replace=False)
        ]
    return RowSample(rows, moved, steps, container)


def _column_steps(columns: np.ndarray, step: float) -> np.ndarray:
    """Return how far (q,) each column is moved."""
    deviation, largest = columns.std(axis=0), np.abs(columns).max(axis=0)
    for number in np.flatnonzero(np.isnan(largest)):  # some numbers are missing
        own = columns[~np.isnan(columns[:, number]), number]
        deviation[number], largest[number] = (own.std(), np.abs(own).max()) if len(own) else (0, 0)
    # A column whose step is lost in its numbers' rounding is as good as constant.
    is_constant = step * deviation <= 4 * np.finfo(float).eps * largest
    return step * np.where(is_constant, np.maximum(largest, 1), deviation)


def squared_slopes(response: Response, sample: RowSample) -> Tensor:
    """Return the squared norm (n,) of the Jacobian at the rows, float64."""
    if response.is_module and not sample.container.categories:
        # Here as a whole, since a view that is made elsewhere has no derivative.
        with full_precision(), torch.inference_mode(False), torch.enable_grad():
            if _has_derivative(response, sample.rows[:1]):
                return _module_slopes(response, sample.rows)
    n_values = sample.rows.shape[1] * len(sample.moved)  # in the moved points of one row
    blocks = _blocks(sample.rows, BLOCK_VALUES // n_values)
    slopes = [_difference_slopes(response, sample._replace(rows=block)) for block in blocks]
    return as_tensor(np.concatenate(slopes))


def _blocks(rows: np.ndarray, n_block: int) -> Iterator[np.ndarray]:
    n_block = max(1, n_block)
    return (rows[start : start + n_block] for start in range(0, len(rows), n_block))


def _difference_slopes(response: Response, sample: RowSample) -> np.ndarray:
    """Return the squared norm (b,) of central differences at rows (b, d)."""
    n_rows, n_columns = sample.rows.shape
    n_moved = len(sample.moved)

    def moved(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the moved numbers (b, q) and the outputs (b, q, o) there."""
        points = np.repeat(sample.rows[:, None], n_moved, axis=1)  # (b, q, d)
        numbers = sample.rows[:, sample.moved] + distances
        points[:, np.arange(n_moved), sample.moved] = numbers
        outputs = response(sample.container.hold(points.reshape(-1, n_columns)))
        return numbers, outputs.reshape(n_rows, n_moved, -1)

    upper, upper_outputs = moved(sample.steps)
    lower, lower_outputs = moved(-sample.steps)
    distance = upper - lower  # what the columns were really moved by, after rounding
    distance[np.isnan(distance)] = np.inf  # a missing number is not moved
    with np.errstate(**NUMPY_ERRORS):  # the square of a small slope is 0
        slopes = (upper_outputs - lower_outputs) / distance[..., None]
        return (slopes**2).sum(axis=(1, 2))


def _has_derivative(response: Response, row: np.ndarray) -> bool:
    """Whether automatic differentiation reaches from a torch module's outputs to its inputs."""
    inputs, outputs = _module_pass(response, row)
    if not outputs.requires_grad:
        return False
    return torch.autograd.grad(outputs.sum(), inputs, allow_unused=True)[0] is not None


def _module_slopes(response: Response, rows: np.ndarray) -> Tensor:
    """Return the squared norm (n,) of a torch module's derivatives at rows (n, d)."""
    slopes = []
    for block in _blocks(rows, MODULE_ROWS):
        inputs, outputs = _module_pass(response, block)
        # Rows do not mix, so that the gradient of a sum over rows is that of every row.
        gaps = inputs.detach().isnan()
        gradients = [
            torch.autograd.grad(total, inputs, retain_graph=True)[0].masked_fill(gaps, 0.0)
            for total in outputs.sum(dim=0)
        ]
        squares = [own.double().square().sum(1) for own in gradients]
        slopes.append(torch.stack(squares).sum(dim=0).cpu())
    return torch.cat(slopes)


def _module_pass(response: Response, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return inputs (b, d) that record what is done to them, and a module's outputs (b, o)."""
    module = response.estimator
    with in_evaluation_mode(module):
        inputs = module_inputs(module, rows).requires_grad_()
        outputs = module(inputs)
    response.checked(outputs, len(rows))
    return inputs, outputs.reshape(len(rows), -1)
