"""The learned functions as small curves, one panel each.

Notation: p points, c channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skibias._base_mlp import BaseLearnedActivationMLP
from skibias._numbers import check_count
from skibias._prepare.table import read_table
from skibias._run.settings import plain_settings
from skibias._transformer import IAFTransformer
from skibias.functions.spline import SplineActivation
from skibias.plots._figure import COLOR_MAP, finish, pyplot

DEFAULT_RANGE = (-5.0, 5.0)  # of functions without knots
N_POINTS = 201
N_BINS = 40
N_COLUMNS = 4
PANEL_SIZE = (2.6, 1.9)  # inches
COLOR_RANGE = (0.0, 0.9)  # of the colour map, whose end is too bright on white


class ActivationDisplay:
    """Curves of activation functions and of functions of input columns.

    Make one with `from_estimator` or `from_functions`; the constructor takes points that are
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

    def __init__(
        self,
        arguments: Sequence[np.ndarray],
        values: Sequence[np.ndarray],
        names: Sequence[str],
        reaching: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.arguments = arguments
        self.values = values
        self.names = names
        self.reaching = reaching

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
            Fitted. The activations of hidden layers come first, the functions of input columns
            follow, if there are any; where every network has its own, those of the first one.
        X : array-like of shape (n_samples, n_features), default=None
            Rows whose way through the (first) network is shown as histograms of what reaches each
            function: of all hidden layers, where they share one.
        feature_names : array-like of str, default=None
            Titles for the input columns; None takes ``feature_names_in_``, or x0, x1, ….
        max_features : int or None, default=12
            Input columns shown, from the first; None shows all.
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
        if not isinstance(estimator, (BaseLearnedActivationMLP, IAFTransformer)):
            raise TypeError(
                "The 'estimator' parameter of ActivationDisplay must be one of skibias's "
                f"estimators or an IAFTransformer. Got {type(estimator).__name__} instead; of a "
                "pipeline, pass the step."
            )
        check_is_fitted(estimator)
        if max_features is not None:
            max_features = check_count("max_features", max_features, 0, "ActivationDisplay")
        feature_names = _feature_names(estimator, feature_names)[:max_features]
        hidden, inputs = _functions(estimator)
        inputs = inputs[:max_features]
        if not hidden and not inputs:
            raise ValueError(
                "The 'estimator' parameter of ActivationDisplay must have functions. Got one "
                "without hidden layers, whose columns are only scaled, instead."
            )
        return cls.from_functions(
            hidden + inputs,
            names=_hidden_names(len(hidden)) + feature_names[: len(inputs)],
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
        if not functions:
            raise ValueError(
                "The 'functions' parameter of ActivationDisplay must hold at least one function. "
                "Got none instead."
            )
        names = [f"f{number}" for number in range(len(functions))] if names is None else list(names)
        ranges = [_own_range(function) for function in functions] if ranges is None else ranges
        _check_one_each("names", names, functions)
        _check_one_each("ranges", ranges, functions)
        if reaching is not None:
            _check_one_each("reaching", reaching, functions)
            reaching = [np.ravel(numbers) for numbers in reaching]
        arguments = [_arguments(*both) for both in zip(functions, ranges, strict=True)]
        values = [
            np.asarray(function(points)).reshape(len(points), -1)
            for function, points in zip(functions, arguments, strict=True)
        ]
        return cls(arguments, values, names, reaching).plot(ax=ax)

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
        curves = zip(self.axes_, self.arguments, self.values, self.names, strict=True)
        for panel, points, values, name in curves:
            _draw(panel, points, values, name)
        if self.reaching is not None:
            for panel, points, numbers in zip(
                self.axes_, self.arguments, self.reaching, strict=True
            ):
                _draw_histogram(panel, numbers, (points[0], points[-1]))
        return self


def _functions(estimator) -> tuple[list, list]:
    """Return the functions of hidden layers and of input columns."""
    if isinstance(estimator, IAFTransformer):
        return [], list(estimator.activations_)
    hidden = estimator.activation_
    hidden = list(hidden) if isinstance(hidden, list) else [hidden]
    networks = estimator.networks_
    return hidden if networks.n_layers else [], list(networks.input_functions(0) or [])


def _reaching(estimator, X, n_hidden, n_inputs) -> list[np.ndarray]:
    """Return what reaches the functions of hidden layers, and those of input columns."""
    with plain_settings():
        X = read_table(estimator, X)
        hidden = []
        if n_hidden:
            by_layer = [layer.ravel() for layer in estimator.networks_.pre_activations(X)]
            hidden = [np.concatenate(by_layer)] if n_hidden == 1 else by_layer
    return [*hidden, *X.T[:n_inputs]]


def _hidden_names(count) -> list[str]:
    if count == 1:
        return ["hidden activation"]
    return [f"hidden layer {number}" for number in range(1, count + 1)]


def _feature_names(estimator, feature_names) -> list[str]:
    n_features = estimator.n_features_in_
    if feature_names is None:
        default = [f"x{number}" for number in range(n_features)]
        return list(getattr(estimator, "feature_names_in_", default))
    feature_names = list(feature_names)
    if len(feature_names) != n_features:
        raise ValueError(
            "The 'feature_names' parameter of ActivationDisplay must hold one name per column "
            f"({n_features}). Got {len(feature_names)} instead."
        )
    return feature_names


def _check_one_each(name, given, functions) -> None:
    if len(given) != len(functions):
        raise ValueError(
            f"The {name!r} parameter of ActivationDisplay must have one entry per function "
            f"({len(functions)}). Got {len(given)} instead."
        )


def _own_range(function) -> tuple[float, float]:
    if isinstance(function, SplineActivation):
        return float(function.knots[0]), float(function.knots[-1])
    return DEFAULT_RANGE


def _arguments(function, limits):
    """Return arguments (p,), the knots among them: straight lines between them are exact."""
    first, last = map(float, limits)
    points = np.linspace(first, last, N_POINTS)
    if not isinstance(function, SplineActivation):
        return points
    inside = (function.knots > first) & (function.knots < last)
    return np.union1d(points, function.knots[inside])


def _panels(ax, count) -> np.ndarray:
    """Return ``count`` Axes: in a new figure, in the place of one Axes, or those given."""
    plt = pyplot("ActivationDisplay")
    if ax is not None and not hasattr(ax, "figure"):
        axes = np.asarray(ax, dtype=object).reshape(-1)
        if len(axes) != count:
            raise ValueError(
                "The 'ax' parameter of ActivationDisplay must be one Axes, or one per function "
                f"({count}). Got {len(axes)} instead."
            )
        return axes
    n_columns = min(N_COLUMNS, count)
    n_rows = -(-count // n_columns)
    if ax is None:
        width, height = PANEL_SIZE
        figure = plt.figure(
            figsize=(width * n_columns, height * n_rows + 0.4), layout="constrained"
        )
        grid = figure.add_gridspec(n_rows, n_columns)
    else:
        ax.set_axis_off()
        figure = ax.figure
        left, bottom, right, top = ax.get_position().extents
        grid = figure.add_gridspec(
            n_rows,
            n_columns,
            left=left,
            bottom=bottom,
            right=right,
            top=top,
            wspace=0.35,
            hspace=0.7,
        )
    places = [divmod(number, n_columns) for number in range(count)]
    return np.array([figure.add_subplot(grid[place]) for place in places], dtype=object)


def _draw(panel, points, values, name) -> None:
    """Draw one function; several channels go from dark to bright."""
    from matplotlib import colormaps

    n_channels = values.shape[1]
    if n_channels == 1:
        colors, width = ["C0"], 1.5
    else:
        colors, width = colormaps[COLOR_MAP](np.linspace(*COLOR_RANGE, n_channels)), 0.9
    for channel, color in zip(values.T, colors, strict=True):
        panel.plot(points, channel, color=color, linewidth=width)
    panel.set_title(name, fontsize="medium")
    finish(panel)


def _draw_histogram(panel, numbers, limits) -> None:
    """Draw shares of the numbers behind the curve, on a scale of their own without ticks."""
    behind = panel.twinx()
    behind.hist(numbers, bins=N_BINS, range=limits, color="0.85")
    behind.set_axis_off()
    panel.set_zorder(behind.get_zorder() + 1)
    panel.patch.set_visible(False)
