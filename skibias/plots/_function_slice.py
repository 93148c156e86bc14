"""What an estimator implements along a line or over a plane through its inputs.

Notation: n rows, d columns, p points per direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skibias._docstrings import shared_parts
from skibias._numbers import check_count, check_index, is_whole
from skibias._typing import ResponseMethod
from skibias.complexity._paths import switched
from skibias.complexity._response import find_response
from skibias.complexity._tables import Container, read_rows
from skibias.plots._figure import ONE_PANEL, finish, panels, pyplot

OWNER = "FunctionSliceDisplay"
SHOWN_SHARE = (0.01, 0.99)  # quantiles of a column between which it is shown
PLANE_RANGE = (-0.25, 1.25)  # of the plane through three rows, in steps between them
SIZE = (4.3, 3.4)  # inches
COLOR_MAP = "Greys"  # as in Fig. 7c of Teney et al. 2025
POINT_COLOR = "C1"
RESPONSE_NAMES = {
    "decision_function": "decision function",
    "predict_proba": "probability",
    "predict": "prediction",
}


@shared_parts(**ONE_PANEL)
@dataclass(eq=False, repr=False)
class FunctionSliceDisplay:
    """Values of an estimator along a path, or over a plane, through rows of the data.

    The plane is that of Fig. 7c in Teney et al., CVPR 2025.

    Make one with `from_estimator`. The constructor takes what is ready to draw, and keeps all its
    parameters as attributes.

    Parameters
    ----------
    positions : list of one or two ndarray of shape (n_points,)
        Positions along the path, or along the two axes of the plane.
    values : ndarray of shape (n_points,) or (n_points, n_points)
        The response there; of a plane, the second axis comes first.
    marks : ndarray of shape (n_rows, 1) or (n_rows, 2)
        Where the rows lie that the slice goes through.
    labels : list of one or two str
        Names of the axes.
    response_name : str
        What the values are.

    {attributes}
    """

    positions: Sequence[np.ndarray]
    values: np.ndarray
    marks: np.ndarray
    labels: Sequence[str]
    response_name: str

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        rows: Sequence[int] = (0,),
        features: Sequence[int | str] = (0, 1),
        n_points: int = 200,
        response_method: ResponseMethod = "auto",
        output: int = -1,
        ax: Any = None,
    ) -> Self:
        """Evaluate a fitted estimator on a slice and draw it.

        Parameters
        ----------
        estimator : object
            Any fitted estimator, or a callable.
        X : array-like or frame of shape (n_samples, n_features)
            Numbers and categories, with missing values or without, as in `sample_paths`; the names
            and types of a frame's columns are kept.
        rows : tuple of int, default=(0,)
            Numbers of the rows that the slice goes through. One row: along ``features``, the other
            columns stay as they are. Two rows: the path from the first to the second, as those of
            `sample_paths`. Three rows: their plane; they must have the same categories, and the
            same missing values.
        features : tuple of one or two int or str, default=(0, 1)
            Columns of numbers, by number or name, that vary where one row is given; between the
            quantiles .01 and .99 of X. The row must have a number there.
        n_points : int, default=200
            Points along each direction.
        response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
            As in `tv_complexity`.
        output : int, default=-1
            Which output or class, where there are several.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        FunctionSliceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If there is no such row, column or output, a plane is asked of a single column, a
            column to vary holds categories or is missing in the row, or three rows differ in
            categories or in what is missing.
        """
        pyplot(OWNER)  # before any work
        n_points = check_count("n_points", n_points, 2, OWNER)
        response = find_response(estimator, response_method, OWNER)
        columns, container = read_rows(X, OWNER)
        rows = _checked_rows(rows, len(columns))
        if len(rows) == 1:
            features = _checked_features(X, features, columns.shape[1])
            _check_numbers(columns[rows[0]], features, container)
            positions, points = _along_columns(columns, rows[0], features, n_points)
            marks, labels = columns[rows][:, features], _column_names(X, features)
        else:
            positions, points = _between(columns[rows], n_points, container)
            marks = np.eye(3)[: len(rows), 1 : len(rows)]
            labels = [f"from row {rows[0]} to row {row}" for row in rows[1:]]
        outputs = response(container.hold(points.reshape(-1, columns.shape[1])))
        n_outputs = outputs.shape[1]
        output = check_index("output", output, -n_outputs, n_outputs - 1, OWNER)
        values = outputs[:, output]
        values = values.reshape(points.shape[:-1])
        name = RESPONSE_NAMES.get(response.method, "output")
        return cls(positions, values, marks, labels, name).plot(ax=ax)

    @shared_parts(**ONE_PANEL)
    def plot(self, ax: Any = None) -> Self:
        """Draw a curve, or the plane in grey.

        {drawing}
        """
        (self.ax_,) = panels(ax, 1, OWNER, SIZE)
        self.figure_ = self.ax_.figure
        if self.values.ndim == 1:
            self._draw_curve()
        else:
            self._draw_plane()
        self.ax_.set_xlabel(self.labels[0])
        finish(self.ax_)
        return self

    def _draw_curve(self) -> None:
        (positions,) = self.positions
        self.ax_.plot(positions, self.values, linewidth=1)
        marks = self.marks[:, 0]
        at_marks = np.interp(marks, positions, self.values)
        self.ax_.plot(marks, at_marks, "o", color=POINT_COLOR, markersize=5, clip_on=False)
        self.ax_.set_ylabel(self.response_name)

    def _draw_plane(self) -> None:
        image = self.ax_.pcolormesh(*self.positions, self.values, cmap=COLOR_MAP, rasterized=True)
        self.figure_.colorbar(image, ax=self.ax_, label=self.response_name)
        style = {"color": POINT_COLOR, "markersize": 5, "markeredgecolor": "white"}
        self.ax_.plot(*self.marks.T, "o", clip_on=False, zorder=5, **style)
        self.ax_.set_ylabel(self.labels[1])


def _checked_rows(rows: Any, n_rows: int) -> list[int]:
    """Return one to three row numbers."""
    rows = [rows] if isinstance(rows, Integral) else list(rows)
    if not 1 <= len(rows) <= 3 or not all(map(is_whole, rows)):
        raise ValueError(
            f"The 'rows' parameter of {OWNER} must hold one, two or three row numbers. "
            f"Got {rows!r} instead."
        )
    rows = [int(row) for row in rows]
    outside = [row for row in rows if not -n_rows <= row < n_rows]
    if outside or len({row % n_rows for row in rows}) < len(rows):
        raise ValueError(
            f"The 'rows' parameter of {OWNER} must hold different numbers below {n_rows}, the "
            f"number of rows. Got {rows!r} instead."
        )
    return rows


def _checked_features(X: Any, features: Any, n_columns: int) -> list[int]:
    """Return one or two column numbers."""
    features = [features] if isinstance(features, (Integral, str)) else list(features)
    names = list(getattr(X, "columns", ()))
    numbers = [names.index(own) if own in names else own for own in features]
    known = all(is_whole(own) and 0 <= own < n_columns for own in numbers)
    if not known or len(set(numbers)) != len(numbers) or len(numbers) not in (1, 2):
        raise ValueError(
            f"The 'features' parameter of {OWNER} must hold one column, or two different ones for "
            f"a plane, of the {n_columns} that X has. Got {features!r} instead."
        )
    return [int(own) for own in numbers]


def _along_columns(
    columns: np.ndarray, row: int, features: list[int], n_points: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return positions, and points (*p, d) that differ from a row in some columns."""
    shown = columns[:, features]
    gaps = np.isnan(shown).any()
    low, high = (np.nanquantile if gaps else np.quantile)(shown, SHOWN_SHARE, axis=0)
    low, high = np.minimum(low, columns[row, features]), np.maximum(high, columns[row, features])
    positions = [np.linspace(*ends, n_points) for ends in zip(low, high, strict=True)]
    mesh = np.meshgrid(*positions)  # (p,) or two of (p, p), the second direction first
    points = np.tile(columns[row], (*mesh[0].shape, 1))
    points[..., features] = np.stack(mesh, axis=-1)
    return positions, points


def _between(
    ends: np.ndarray, n_points: int, container: Container
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return positions, and points (*p, d) on the path or the plane through two or three rows."""
    if len(ends) == 3:
        _check_common(ends, container)
    limits = (0.0, 1.0) if len(ends) == 2 else PLANE_RANGE
    positions = [np.linspace(*limits, n_points)] * (len(ends) - 1)
    shares = np.stack(np.meshgrid(*positions), axis=-1)
    points = ends[0] + shares @ (ends[1:] - ends[0])
    return positions, switched(points, shares[..., :1], ends[0], ends[1], container.categories)


def _check_numbers(row: np.ndarray, features: list[int], container: Container) -> None:
    """Raise ValueError unless a row can be moved along columns."""
    for number in features:
        place = container.place(number)
        if number in container.categories:
            raise ValueError(
                f"The 'features' parameter of {OWNER} must name columns of numbers, along which a "
                f"row can be moved. Got {place}, which holds categories, instead."
            )
        if np.isnan(row[number]):
            raise ValueError(
                f"The row that the 'rows' parameter of {OWNER} names must have a number in every "
                f"column that varies. Got one that is missing in {place} instead: choose another "
                "row or column."
            )


def _check_common(ends: np.ndarray, container: Container) -> None:
    """Raise ValueError where three rows differ in a category, or in what is missing."""
    differs = np.isnan(ends).any(axis=0) & ~np.isnan(ends).all(axis=0)
    categories = list(container.categories)
    differs[categories] = (ends[:, categories] != ends[0, categories]).any(axis=0)
    if differs.any():
        raise ValueError(
            f"The three rows that the 'rows' parameter of {OWNER} names must have the same "
            "categories, and numbers in the same columns: a plane through them goes straight. "
            f"Got rows that differ in {container.place(int(np.argmax(differs)))} instead: choose "
            "other rows, or two of them for a path, on which categories switch in the middle."
        )


def _column_names(X: Any, features: list[int]) -> list[str]:
    names = getattr(X, "columns", None)
    return [f"x{number}" if names is None else str(names[number]) for number in features]
