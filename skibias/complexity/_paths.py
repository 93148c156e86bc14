"""Straight paths between rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length

from skibias._numbers import check_count
from skibias._run.settings import NUMPY_ERRORS
from skibias._sklearn_compat import random_generator
from skibias._typing import RandomState, ResponseMethod
from skibias.complexity._response import Response, find_response
from skibias.complexity._tables import Container, read_rows

MIDDLE = 0.5  # from this position on, a column that switches is as at the end of the path


@dataclass(frozen=True, eq=False, repr=False)
class Paths:
    """Straight paths between rows, to compare models and measures on; see `sample_paths`.

    Attributes
    ----------
    start, end : ndarray of shape (n_paths, n_features)
        Of categories, the numbers that ``container`` has for their labels.
    output_draw : ndarray of shape (n_paths,)
        Numbers in [0, 1). Of n outputs, a path looks at number floor(n * draw).
    container : Container
        What the rows came in, its column names and its categories.
    """

    start: np.ndarray
    end: np.ndarray
    output_draw: np.ndarray
    container: Container

    def __repr__(self) -> str:
        return f"<{len(self.start)} paths in {self.start.shape[1]} dimensions>"

    def points(self, positions: ArrayLike) -> Any:
        """Return the points at positions along every path.

        Parameters
        ----------
        positions : array-like of shape (n_points,)
            In [0, 1]: 0 is the start of a path and 1 its end.

        Returns
        -------
        ndarray or frame of shape (n_paths * n_points, n_features)
            Path by path; a frame with the same columns where X was one. Its types are those of X,
            but numbers are floats.

        Raises
        ------
        ValueError
            If a position lies outside.
        """
        share = np.asarray(positions, dtype=np.float64)
        if share.ndim != 1 or not share.size or not ((share >= 0) & (share <= 1)).all():
            raise ValueError(
                "The 'positions' parameter of Paths must be a list of numbers in [0, 1]. "
                f"Got {positions!r} instead."
            )
        share = share[:, None]  # (n_points, 1)
        start, end = self.start[:, None], self.end[:, None]
        with np.errstate(**NUMPY_ERRORS):
            points = start * (1 - share) + end * share
        points = switched(points, share, start, end, self.container.categories)
        return self.container.hold(points.reshape(-1, points.shape[-1]))

    def evaluate(
        self, estimator: Any, positions: ArrayLike, response_method: ResponseMethod = "auto"
    ) -> np.ndarray:
        """Return one output of a fitted estimator or callable along every path.

        Parameters
        ----------
        estimator : object
        positions : array-like of shape (n_points,)
        response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
            As in `tv_complexity`.

        Returns
        -------
        ndarray of shape (n_paths, n_points), float64
        """
        response = find_response(estimator, response_method, "Paths.evaluate")
        return values_along(self, response, positions)


def sample_paths(
    X: ArrayLike, y: ArrayLike | None = None, *, n_paths: int = 200, random_state: RandomState = 0
) -> Paths:
    """Draw straight paths between rows of X.

    The start is any row; the end is any row with a different y, or without y a different X
    (Teney et al., CVPR 2025, App. F). The same paths can serve many models and measures.

    Numbers go straight from one end to the other. What cannot, switches once: up to the middle of
    the path it is as at the start, from the middle on as at the end. These are categories, and
    numbers that are missing at one end or at both.

    Parameters
    ----------
    X : array-like or frame of shape (n_samples, n_features)
        Numbers and categories, with missing values or without; the names and types of a frame's
        columns are kept. Categories are columns of text, of booleans in a frame, and of a type of
        categories; numbers that stand for categories need such a type.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
    n_paths : int, default=200
    random_state : int, RandomState instance or None, default=0

    Returns
    -------
    Paths

    Raises
    ------
    ValueError
        If ``n_paths`` is not positive, X holds infinite numbers, or what are neither numbers nor
        categories, X and y differ in length, or no two rows differ in y.

    Examples
    --------
    >>> from skibias.complexity import sample_paths
    >>> paths = sample_paths([[0.0], [1.0]], n_paths=3)
    >>> paths.evaluate(lambda points: points**2, [0, 0.5, 1]).shape
    (3, 3)
    """
    return draw_paths(X, y, n_paths, random_state, "sample_paths")


def draw_paths(X: Any, y: Any, n_paths: int, random_state: RandomState, owner: str) -> Paths:
    """Return `sample_paths` for a function that its errors name, or the paths that X holds."""
    if isinstance(X, Paths):
        if y is not None:
            raise ValueError(
                f"The 'y' parameter of {owner} must be None where X holds paths, which have "
                f"their ends. Got {type(y).__name__} instead."
            )
        return X
    n_paths = check_count("n_paths", n_paths, 1, owner)
    columns, container = read_rows(X, owner)
    labels = columns if y is None else np.asarray(y)
    check_consistent_length(columns, labels)
    random = random_generator(random_state, owner)
    start, end = _end_rows(labels, n_paths, random, owner)
    return Paths(columns[start], columns[end], random.uniform(size=n_paths), container)


def switched(
    points: np.ndarray,
    share: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    categories: tuple[int, ...],
) -> np.ndarray:
    """Return points (…, d) between two rows with what cannot go straight switched in the middle.

    These are the columns of categories, and numbers that are missing at an end.
    """
    switches = np.isnan(start) | np.isnan(end)
    switches[..., categories] = True
    if not switches.any():
        return points
    return np.where(switches, np.where(share < MIDDLE, start, end), points)


def values_along(paths: Paths, response: Response, positions: Any) -> np.ndarray:
    """Return the drawn output (n_paths, n_points) of a response along every path."""
    n_paths = len(paths.start)
    outputs = response(paths.points(positions))
    outputs = outputs.reshape(n_paths, len(positions), -1)  # (n_paths, n_points, n_outputs)
    drawn = (paths.output_draw * outputs.shape[-1]).astype(int)
    return outputs[np.arange(n_paths), :, drawn]


def _end_rows(
    labels: np.ndarray, n_paths: int, random: np.random.RandomState, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of rows with different labels (n,) or (n, o); the first end is uniform."""
    group, size = _groups(labels)
    if len(size) < 2:
        raise ValueError(
            f"The rows given to {owner} must differ in y (without y, in X). "
            "Got equal ones only instead."
        )
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    start = random.randint(len(group), size=n_paths)
    own = group[start]
    # A position among the rows of the other groups, which stand around the own group's block.
    position = (random.uniform(size=n_paths) * (len(group) - size[own])).astype(int)
    position += np.where(position >= first[own], size[own], 0)
    return start, by_group[position]


def _groups(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the group of equal labels of every row (n,), and the groups' sizes."""
    # Column by column first, since text cannot be compared row by row.
    columns = labels.reshape(len(labels), -1).T
    codes = np.stack([np.unique(column, return_inverse=True)[1] for column in columns], axis=1)
    _, group, size = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return group.reshape(-1), size
