"""The learned functions as small curves, one panel each.

Notation: p points, c channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skibias._numbers import check_count
from skibias._transformer import IAFTransformer
from skibias.functions.category import CategoryActivation
from skibias.plots._estimators import (
    check_estimator,
    column_names,
    curve_arguments,
    function_names,
    functions_of,
    had_gaps,
    values_reaching,
)
from skibias.plots._figure import channel_colors, finish, panels, pyplot
from skibias.plots._levels import draw_counts, draw_levels, level_rows, panel_height

OWNER = "ActivationDisplay"
N_BINS = 40
N_COLUMNS = 4
PANEL_SIZE = (2.6, 1.9)  # inches
N_COLUMNS_BESIDE_NAMES = 3  # where names of levels stand at the left of panels
PANEL_WIDTH_WITH_NAMES = 3.4  # inches
MISSING_AT = 1.04  # in widths of a panel
TITLE_LETTERS = 26  # of a line of a title


@dataclass(eq=False, repr=False)
class ActivationDisplay:
    """Curves of activation functions and of functions of input columns; values of categories.

    Make one with `from_estimator` or `from_functions`. The constructor takes points that are
    ready to draw, and keeps all its parameters as attributes.

    A category has a row for each of its levels, with the largest value first. Of several channels,
    the position is that along the direction in which levels differ most from an unseen one, which
    is at 0; its share of their squared differences is given. At most 12 levels are shown: the most
    frequent ones where it is known what reaches the function, otherwise those that differ most
    from an unseen level. Where there are more, rare levels that share all values share a row.

    Parameters
    ----------
    arguments : list of ndarray of shape (n_points,)
        Increasing arguments, one array per function; lengths may differ. Of a category, its levels
        as objects.
    values : list of ndarray of shape (n_points, n_channels)
        The functions' values there.
    names : list of str
        Titles of the panels.
    reaching : list of ndarray or None, default=None
        Numbers or labels that reach each function, shown as a histogram behind its curve, or as
        bars behind its rows.
    missing : list of (ndarray of shape (n_channels,) or None) or None, default=None
        Values for missing numbers and labels; those of numbers are marked at the right of a panel.
        None marks none.
    unknown : list of (ndarray of shape (n_channels,) or None) or None, default=None
        Values for unseen labels; None where a function is one of numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : ndarray of matplotlib Axes, shape (n_functions,)
        Set by `plot`.

    Examples
    --------
    >>> from skibias import SplineActivation
    >>> from skibias.plots import ActivationDisplay
    >>> display = ActivationDisplay.from_functions([SplineActivation.hat()], names=["hat"])
    >>> display.arguments[0][[0, -1]]
    array([0., 2.])
    """

    arguments: Sequence[np.ndarray]
    values: Sequence[np.ndarray]
    names: Sequence[str]
    reaching: Sequence[np.ndarray] | None = None
    missing: Sequence[np.ndarray | None] | None = None
    unknown: Sequence[np.ndarray | None] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        feature_names: Sequence[str] | np.ndarray | None = None,
        max_features: int | None = 12,
        ax: Any = None,
    ) -> Self:
        """Draw the functions of a fitted estimator.

        Parameters
        ----------
        estimator : LearnedActivationMLPClassifier, LearnedActivationMLPRegressor or IAFTransformer
            Fitted. The activations of hidden layers come first, then the functions of input
            columns, if there are any, and those of the mean target by level of a category. Where
            every network has its own, those of the first network are drawn. Values for missing
            numbers are marked where training rows had such gaps.
        X : array-like or frame of shape (n_samples, n_features), default=None
            Rows that are passed through the first network. The numbers and labels that reach each
            function are counted behind it; where hidden layers share one function, it counts the
            numbers of all of them.
        feature_names : array-like of str, default=None
            Titles for the input columns; None takes ``feature_names_in_``, or x0, x1, ….
        max_features : int or None, default=12
            How many functions of input columns, and then of mean targets, are shown, from the first
            on; None shows all.
        ax : matplotlib Axes or array-like of them, default=None
            As in `plot`.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another kind, a pipeline for example.
        ValueError
            If the number of feature names is wrong, or there is no function to draw: no hidden
            layer, and columns that are only scaled.
        """
        check_estimator(estimator, OWNER, also=IAFTransformer)
        if max_features is not None:
            max_features = check_count("max_features", max_features, 0, OWNER)
        columns = column_names(estimator)
        feature_names = columns if feature_names is None else list(feature_names)
        _check_length("feature_names", feature_names, len(columns), "column")
        input_names = function_names(estimator, feature_names)
        hidden, inputs = functions_of(estimator)
        inputs = inputs[:max_features]
        if not hidden and not inputs:
            raise ValueError(
                f"The 'estimator' parameter of {OWNER} must have functions. Got one without hidden "
                "layers, whose columns are only scaled, instead."
            )
        hidden_names = [f"hidden layer {number}" for number in range(1, len(hidden) + 1)]
        if len(hidden) == 1:
            hidden_names = ["hidden activation"]
        display = cls._of(
            hidden + inputs,
            hidden_names + input_names[: len(inputs)],
            reaching=None if X is None else values_reaching(estimator, X, len(hidden), inputs),
        )
        gaps = [False] * len(hidden) + had_gaps(estimator, inputs)
        display.missing = [
            own if has_gaps else None
            for own, has_gaps in zip(display.missing or (), gaps, strict=True)
        ]
        return display.plot(ax=ax)

    @classmethod
    def from_functions(
        cls,
        functions: Sequence[Callable[[Any], Any]],
        *,
        names: Sequence[str] | None = None,
        ranges: Sequence[tuple[float, float]] | None = None,
        reaching: Sequence[ArrayLike] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw functions.

        Parameters
        ----------
        functions : list of callable
            `SplineActivation`, `CategoryActivation`, or any function of arrays, elementwise.
        names : list of str, default=None
            Titles; None takes f0, f1, ….
        ranges : list of (float, float), default=None
            First and last argument of every curve; None shows a `SplineActivation` over its
            knots and other functions over [-5, 5]. A category has none.
        reaching : list of array-like, default=None
            Numbers or labels that reach each function, for histograms within the ranges.
        ax : matplotlib Axes or array-like of them, default=None
            As in `plot`.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        ValueError
            If there is no function, or not one name, range and array for each.
        """
        functions = list(functions)
        count = len(functions)
        if not functions:
            raise ValueError(
                f"The 'functions' parameter of {OWNER} must hold at least one function. "
                "Got none instead."
            )
        names = [f"f{number}" for number in range(count)] if names is None else list(names)
        _check_length("names", names, count, "function")
        limits = [None] * count if ranges is None else ranges
        _check_length("ranges", limits, count, "function")
        if reaching is not None:
            _check_length("reaching", reaching, count, "function")
        return cls._of(functions, names, limits, reaching).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        functions: Sequence[Any],
        names: Sequence[str],
        limits: Sequence[tuple[float, float] | None] | None = None,
        reaching: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Evaluate functions where they are drawn."""
        arguments = list(map(curve_arguments, functions, limits or [None] * len(functions)))
        values = [
            np.asarray(function(points)).reshape(len(points), -1)
            for function, points in zip(functions, arguments, strict=True)
        ]
        return cls(
            arguments,
            values,
            names,
            None if reaching is None else list(map(_flat, reaching, functions)),
            missing=[_row(getattr(function, "missing", None)) for function in functions],
            unknown=[
                _row(function.unknown) if isinstance(function, CategoryActivation) else None
                for function in functions
            ],
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw one panel per function.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            One Axes gives its place to the panels; an array of them, one per function, is drawn
            on. None makes a new figure.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is not one Axes per function.
        """
        n_levels = [
            0 if self._unknown(number) is None else len(arguments)
            for number, arguments in enumerate(self.arguments)
        ]
        self.axes_ = _panels(ax, n_levels)
        self.figure_ = self.axes_[0].figure
        for number, panel in enumerate(self.axes_):
            title = fill(self.names[number], TITLE_LETTERS, break_long_words=False)
            # At a given height, it does not make way for the ticks that bars of counts hide.
            panel.set_title(title, fontsize="medium", y=1.0)
            if self._unknown(number) is None:
                self._draw_curve(panel, number)
            else:
                self._draw_category(panel, number)
            finish(panel)
        return self

    def _unknown(self, number: int) -> np.ndarray | None:
        """Return the value of unseen labels where a function is one of a category."""
        return None if self.unknown is None else self.unknown[number]

    def _draw_curve(self, panel: Any, number: int) -> None:
        points = self.arguments[number]
        _draw(panel, points, self.values[number])
        missing = None if self.missing is None else self.missing[number]
        if self.reaching is not None:
            _draw_histogram(panel, self.reaching[number], (points[0], points[-1]))
        if missing is not None:
            _mark_missing(panel, missing)

    def _draw_category(self, panel: Any, number: int) -> None:
        unknown = self._unknown(number)
        assert unknown is not None
        missing = None if self.missing is None else self.missing[number]
        rows = level_rows(
            list(self.arguments[number]),
            self.values[number],
            unknown if missing is None else missing,
            unknown,
            None if self.reaching is None else self.reaching[number],
        )
        draw_levels(panel, rows)
        if self.reaching is not None:
            draw_counts(panel, rows)


def _flat(values: Any, function: Any) -> np.ndarray:
    """Return numbers (n,), or the labels (n,) of a category as objects."""
    is_category = isinstance(function, CategoryActivation)
    return np.ravel(np.asarray(values, dtype=object) if is_category else values)


def _row(values: Any) -> np.ndarray | None:
    return None if values is None else np.atleast_1d(values)


def _check_length(name: str, given: Any, count: int, what: str) -> None:
    if len(given) != count:
        raise ValueError(
            f"The {name!r} parameter of {OWNER} must have one entry per {what} ({count}). "
            f"Got {len(given)} instead."
        )


def _panels(ax: Any, n_levels: Sequence[int]) -> np.ndarray:
    """Return Axes in a new figure, in the place of one Axes, or those given.

    One for every function; ``n_levels`` are those of its category, 0 for numbers.
    """
    plt = pyplot(OWNER)
    count = len(n_levels)
    if ax is not None and not hasattr(ax, "figure"):
        return np.array(panels(ax, count, OWNER), dtype=object)
    has_names = any(n_levels)
    n_columns = min(N_COLUMNS_BESIDE_NAMES if has_names else N_COLUMNS, count)
    width = PANEL_WIDTH_WITH_NAMES if has_names else PANEL_SIZE[0]
    heights = [panel_height(own) if own else PANEL_SIZE[1] for own in n_levels]
    by_row = [max(heights[k : k + n_columns]) for k in range(0, count, n_columns)]
    place: dict[str, Any] = {"height_ratios": by_row}
    if ax is None:
        size = (width * n_columns, sum(by_row) + 0.4)
        figure = plt.figure(figsize=size, layout="constrained")
    else:
        ax.set_axis_off()
        figure = ax.figure
        sides = zip(("left", "bottom", "right", "top"), ax.get_position().extents, strict=True)
        place |= dict(sides) | {"wspace": 1.0 if has_names else 0.35, "hspace": 0.7}
    grid = figure.add_gridspec(len(by_row), n_columns, **place)
    cells = [divmod(number, n_columns) for number in range(count)]
    return np.array([figure.add_subplot(grid[cell]) for cell in cells], dtype=object)


def _draw(panel: Any, points: np.ndarray, values: np.ndarray) -> None:
    """Draw one function; several channels go from dark to bright."""
    width = 0.9 if values.shape[1] > 1 else 1.5
    for channel, color in zip(values.T, channel_colors(values.shape[1]), strict=True):
        panel.plot(points, channel, color=color, linewidth=width)


def _mark_missing(panel: Any, missing: np.ndarray) -> None:
    """Draw the values of missing numbers as dots at the right of the panel."""
    panel.scatter(
        np.full(len(missing), MISSING_AT),
        missing,
        s=8,
        color=channel_colors(len(missing)),
        transform=panel.get_yaxis_transform(),
        clip_on=False,
        zorder=3,
    )
    panel.annotate(
        "missing",
        (MISSING_AT, 0.5),
        xycoords="axes fraction",
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        rotation=90,
        fontsize="x-small",
        color="0.4",
    )


def _draw_histogram(panel: Any, numbers: np.ndarray, limits: tuple[float, float]) -> None:
    """Draw how often numbers occur behind the curve, on a scale of their own without ticks."""
    behind = panel.twinx()
    behind.hist(numbers[~np.isnan(numbers)], bins=N_BINS, range=limits, color="0.85")
    behind.set_axis_off()
    panel.set_zorder(behind.get_zorder() + 1)
    panel.patch.set_visible(False)
