"""The learned functions as small curves, one panel each.

Notation: p points, c channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skibias._numbers import check_count
from skibias._prepare.table import read_table
from skibias._run.settings import plain_settings
from skibias._transformer import IAFTransformer
from skibias.plots._estimators import check_estimator, column_names, curve_arguments
from skibias.plots._figure import COLOR_MAP, finish, panels, pyplot

OWNER = "ActivationDisplay"
N_BINS = 40
N_COLUMNS = 4
PANEL_SIZE = (2.6, 1.9)  # inches
COLOR_RANGE = (0.0, 0.9)  # of the colour map, whose end is too bright on white


@dataclass(eq=False, repr=False)
class ActivationDisplay:
    """Curves of activation functions and of functions of input columns.

    Make one with `from_estimator` or `from_functions`. The constructor takes points that are
    ready to draw, and keeps all its parameters as attributes.

    Parameters
    ----------
    arguments : list of ndarray of shape (n_points,)
        Increasing arguments, one array per function; lengths may differ.
    values : list of ndarray of shape (n_points, n_channels)
        The functions' values there.
    names : list of str
        Titles of the panels.
    reaching : list of ndarray or None, default=None
        Numbers that reach each function, shown as a histogram behind its curve.

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
            columns, if there are any. Where every network has its own, those of the first network
            are drawn.
        X : array-like of shape (n_samples, n_features), default=None
            Rows that are passed through the first network. The numbers that reach each function
            are shown as a histogram behind its curve; where hidden layers share one function, it
            counts the numbers of all of them.
        feature_names : array-like of str, default=None
            Titles for the input columns; None takes ``feature_names_in_``, or x0, x1, ….
        max_features : int or None, default=12
            How many input columns are shown, from the first on; None shows all.
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
        hidden, inputs = _functions(estimator)
        inputs = inputs[:max_features]
        if not hidden and not inputs:
            raise ValueError(
                f"The 'estimator' parameter of {OWNER} must have functions. Got one without hidden "
                "layers, whose columns are only scaled, instead."
            )
        hidden_names = [f"hidden layer {number}" for number in range(1, len(hidden) + 1)]
        if len(hidden) == 1:
            hidden_names = ["hidden activation"]
        return cls.from_functions(
            hidden + inputs,
            names=hidden_names + feature_names[: len(inputs)],
            reaching=None if X is None else _reaching(estimator, X, len(hidden), len(inputs)),
            ax=ax,
        )

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
            `SplineActivation`, or any function of arrays, elementwise.
        names : list of str, default=None
            Titles; None takes f0, f1, ….
        ranges : list of (float, float), default=None
            First and last argument of every curve; None shows a `SplineActivation` over its
            knots and other functions over [-5, 5].
        reaching : list of array-like, default=None
            Numbers that reach each function, for histograms within the ranges.
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
        histograms = None
        if reaching is not None:
            _check_length("reaching", reaching, count, "function")
            histograms = [np.ravel(numbers) for numbers in reaching]
        arguments = list(map(curve_arguments, functions, limits))
        values = [
            np.asarray(function(points)).reshape(len(points), -1)
            for function, points in zip(functions, arguments, strict=True)
        ]
        return cls(arguments, values, names, histograms).plot(ax=ax)

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
        self.axes_ = _panels(ax, len(self.names))
        self.figure_ = self.axes_[0].figure
        for number, panel in enumerate(self.axes_):
            points = self.arguments[number]
            _draw(panel, points, self.values[number], self.names[number])
            if self.reaching is not None:
                _draw_histogram(panel, self.reaching[number], (points[0], points[-1]))
        return self


def _functions(estimator: Any) -> tuple[list[Any], list[Any]]:
    """Return the functions of hidden layers and of input columns."""
    if isinstance(estimator, IAFTransformer):
        return [], list(estimator.activations_)
    hidden = estimator.activation_
    hidden = list(hidden) if isinstance(hidden, list) else [hidden]
    networks = estimator.networks_
    return hidden if networks.n_layers else [], list(networks.input_functions(0) or [])


def _reaching(estimator: Any, X: Any, n_hidden: int, n_inputs: int) -> list[np.ndarray]:
    """Return what reaches the functions of hidden layers, and those of input columns."""
    with plain_settings():
        X = read_table(estimator, X)
        hidden = []
        if n_hidden:
            hidden = [layer.ravel() for layer in estimator.networks_.pre_activations(X)]
        if n_hidden == 1:
            hidden = [np.concatenate(hidden)]
    return [*hidden, *X.T[:n_inputs]]


def _check_length(name: str, given: Any, count: int, what: str) -> None:
    if len(given) != count:
        raise ValueError(
            f"The {name!r} parameter of {OWNER} must have one entry per {what} ({count}). "
            f"Got {len(given)} instead."
        )


def _panels(ax: Any, count: int) -> np.ndarray:
    """Return ``count`` Axes: in a new figure, in the place of one Axes, or those given."""
    plt = pyplot(OWNER)
    if ax is not None and not hasattr(ax, "figure"):
        return np.array(panels(ax, count, OWNER), dtype=object)
    n_columns = min(N_COLUMNS, count)
    n_rows = -(-count // n_columns)
    place = {}
    if ax is None:
        size = (PANEL_SIZE[0] * n_columns, PANEL_SIZE[1] * n_rows + 0.4)
        figure = plt.figure(figsize=size, layout="constrained")
    else:
        ax.set_axis_off()
        figure = ax.figure
        sides = zip(("left", "bottom", "right", "top"), ax.get_position().extents, strict=True)
        place = dict(sides) | {"wspace": 0.35, "hspace": 0.7}
    grid = figure.add_gridspec(n_rows, n_columns, **place)
    cells = [divmod(number, n_columns) for number in range(count)]
    return np.array([figure.add_subplot(grid[cell]) for cell in cells], dtype=object)


def _draw(panel: Any, points: np.ndarray, values: np.ndarray, name: str) -> None:
    """Draw one function; several channels go from dark to bright."""
    from matplotlib import colormaps

    n_channels = values.shape[1]
    colors: Any = ["C0"]
    width = 1.5
    if n_channels > 1:
        colors, width = colormaps[COLOR_MAP](np.linspace(*COLOR_RANGE, n_channels)), 0.9
    for channel, color in zip(values.T, colors, strict=True):
        panel.plot(points, channel, color=color, linewidth=width)
    panel.set_title(name, fontsize="medium")
    finish(panel)


def _draw_histogram(panel: Any, numbers: np.ndarray, limits: tuple[float, float]) -> None:
    """Draw how often numbers occur behind the curve, on a scale of their own without ticks."""
    behind = panel.twinx()
    behind.hist(numbers, bins=N_BINS, range=limits, color="0.85")
    behind.set_axis_off()
    panel.set_zorder(behind.get_zorder() + 1)
    panel.patch.set_visible(False)
