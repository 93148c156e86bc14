"""Loss and complexity of the networks around a trained one.

Notation: T epochs, g and h points along the two directions, P weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length

from skibias._docstrings import shared_parts
from skibias._numbers import check_count, check_index, check_positive
from skibias._prepare.rows import engine_rows
from skibias._prepare.table import read_table
from skibias._prepare.targets import TargetEncoding
from skibias._run.parallel import side_by_side
from skibias._run.settings import plain_settings
from skibias._run.tensors import as_tensor
from skibias._sklearn_compat import random_generator
from skibias._train.fitted import OneNetwork
from skibias._typing import RandomState
from skibias.complexity import Paths, sample_paths
from skibias.complexity._tables import Container
from skibias.engine.landscape import (
    Measure,
    loss_measure,
    over_plane,
    principal_plane,
    random_plane,
    variation_measure,
)
from skibias.engine.losses import LOSSES
from skibias.plots._estimators import check_estimator
from skibias.plots._figure import COLOR_MAP, TWO_PANELS, finish, panels, pyplot

OWNER = "LandscapeDisplay"
MARGIN = 0.2  # around the trajectory, of its own range
LOG_RANGE = 30  # ratio of losses from which colours follow their logarithm


@shared_parts(**TWO_PANELS)
@dataclass(eq=False, repr=False)
class LandscapeDisplay:
    """Loss and TV complexity over a plane of weights (Teney et al., CVPR 2025, Fig. 7).

    Make one with `from_estimator`. The constructor takes what is ready to draw, and keeps all its
    parameters as attributes.

    Parameters
    ----------
    first, second : ndarray of shape (n_first,) and (n_second,)
        Steps along the two directions; the trained network is at (0, 0).
    loss : ndarray of shape (n_second, n_first)
        Log-loss, or squared error of the standardised target.
    complexity : ndarray of shape (n_second, n_first)
        Mean variation of the raw outputs along paths.
    trajectory : ndarray of shape (n_epochs + 1, 2) or None
        The weights after every epoch, projected on the plane.
    labels : tuple of two str
        Names of the two directions.

    {attributes}
    """

    first: np.ndarray
    second: np.ndarray
    loss: np.ndarray
    complexity: np.ndarray
    trajectory: np.ndarray | None
    labels: tuple[str, str]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        trajectory: Any = None,
        network: int = 0,
        extent: float = 1.0,
        n_steps: int = 50,
        n_rows: int = 1000,
        n_paths: int = 20,
        n_points: int = 50,
        random_state: RandomState = 0,
        ax: Any = None,
    ) -> Self:
        """Evaluate the networks of a plane through a trained one, and draw them.

        Parameters
        ----------
        estimator : LearnedActivationMLPClassifier or LearnedActivationMLPRegressor
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows on which the loss is taken and between which paths are drawn, as by
            `sample_paths`: categories and missing values switch in the middle.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        trajectory : WeightTrajectory or None, default=None
            The callback that the estimator was fitted with. The plane is then that of the first
            two principal components of the weights after every epoch, and covers the trajectory.
            None takes a random plane.
        network : int, default=0
            Number of the estimator's network through which the plane goes.
        extent : float, default=1.0
            Steps on a random plane go from -extent to extent. In every layer, a step of 1 is as
            long as the layer's weights.
        n_steps : int, default=50
            Networks along each direction.
        n_rows : int, default=1000
            Rows on which the loss is taken, drawn at random if X has more.
        n_paths, n_points : int, default=20 and 50
            Paths for the complexity, and points along each. The ends of a path differ in y.
        random_state : int, RandomState instance or None, default=0
            Draws the random plane, the rows and the paths.
        ax : array-like of two matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        LandscapeDisplay

        Raises
        ------
        TypeError
            If it is an estimator of another kind.
        ImportError
            If matplotlib is not installed.
        ValueError
            If a number is too small, X and y do not have as many rows, y holds other classes or
            another number of values per row, the trajectory is of another network, or there is
            no such network.
        """
        pyplot(OWNER)  # before any work
        check_estimator(estimator, OWNER)
        network = check_index("network", network, 0, len(estimator.weights_) - 1, OWNER)
        extent = check_positive("extent", extent, OWNER)
        n_steps = check_count("n_steps", n_steps, 2, OWNER)
        n_rows = check_count("n_rows", n_rows, 1, OWNER)
        n_paths = check_count("n_paths", n_paths, 1, OWNER)
        n_points = check_count("n_points", n_points, 2, OWNER)
        random = random_generator(random_state, OWNER)
        with plain_settings() as n_threads:
            X, y = read_table(estimator, X), np.asarray(y)
            networks = estimator.networks_
            _check_targets(networks.encoding, X, y)
            one = networks.one(network)
            if trajectory is None:
                plane = _random_plane(one, extent, n_steps, random)
            else:
                states = np.stack([epoch[network] for epoch in trajectory.trajectory_])
                plane = _principal_plane(one, states, n_steps)
            rows = random.permutation(len(X))[:n_rows]
            loss_of = _loss(networks.encoding, one, X[rows], y[rows])
            paths = sample_paths(X, y, n_paths=n_paths, random_state=random)
            categories = tuple(estimator.table_reader_.levels)  # as codes, which switch
            paths = replace(paths, container=Container(None, None, categories))
            variation_of = _variation(networks.encoding, one, paths, n_points)
            measured = [plane.measured(one, own) for own in (loss_of, variation_of)]
            loss, complexity = side_by_side(measured, n_threads)
        return cls(
            plane.first.numpy(),
            plane.second.numpy(),
            loss.numpy(),
            complexity.numpy(),
            plane.trajectory,
            plane.labels,
        ).plot(ax=ax)

    @shared_parts(**TWO_PANELS)
    def plot(self, ax: Any = None) -> Self:
        """Draw the loss and the complexity side by side.

        {drawing}
        """
        self.axes_ = panels(ax, 2, OWNER)
        from matplotlib.patheffects import Normal, Stroke

        self.figure_ = self.axes_[0].figure
        surfaces = {"loss": self.loss, "TV complexity": self.complexity}
        for panel, (name, values) in zip(self.axes_, surfaces.items(), strict=True):
            image = panel.pcolormesh(
                self.first, self.second, values, cmap=COLOR_MAP, norm=_norm(values), rasterized=True
            )
            self.figure_.colorbar(image, ax=panel)
            outlined = {
                "color": "white",
                "path_effects": [Stroke(linewidth=3, foreground="black"), Normal()],
            }
            if self.trajectory is not None:
                panel.plot(*self.trajectory.T, linewidth=1.2, **outlined)
            panel.plot(0, 0, marker="x", markeredgewidth=1.5, **outlined)
            panel.set(title=name, xlabel=self.labels[0], ylabel=self.labels[1])
            finish(panel)
        return self


class _Plane(NamedTuple):
    """Directions and steps along them."""

    directions: torch.Tensor  # (2, P)
    first: torch.Tensor  # (g,)
    second: torch.Tensor  # (h,)
    trajectory: np.ndarray | None  # (T, 2)
    labels: tuple[str, str]

    def measured(self, one: OneNetwork, measure: Measure) -> Callable[[], torch.Tensor]:
        """Return the call that evaluates a measure all over the plane through a network."""
        return partial(over_plane, measure, one.weights, self.directions, self.first, self.second)


def _check_targets(encoding: TargetEncoding, X: np.ndarray, y: np.ndarray) -> None:
    check_consistent_length(X, y)
    encoding.numbers(y)  # raises where a class is unknown
    if encoding.classes is None and y.size != len(y) * encoding.n_outputs:
        raise ValueError(
            f"The 'y' parameter of {OWNER} must hold {encoding.n_outputs} values per row. "
            f"Got an array of shape {y.shape} instead."
        )


def _random_plane(
    one: OneNetwork, extent: float, n_steps: int, random: np.random.RandomState
) -> _Plane:
    steps = torch.linspace(-extent, extent, n_steps, dtype=torch.float32)
    generator = torch.Generator().manual_seed(int(random.randint(2**31)))
    directions = random_plane(one.weights, one.model.architecture, generator)
    return _Plane(directions, steps, steps, None, ("random direction 1", "random direction 2"))


def _principal_plane(one: OneNetwork, epochs: np.ndarray, n_steps: int) -> _Plane:
    """Return the plane of the first two principal components of a network's weights (T, P)."""
    if epochs.shape[1] != len(one.weights):
        raise ValueError(
            f"The 'trajectory' parameter of {OWNER} must be that of this estimator, with "
            f"{len(one.weights)} weights. Got {epochs.shape[1]} instead."
        )
    states = as_tensor(epochs)
    directions, shares = principal_plane(states)
    path = ((states - one.weights) @ directions.T).numpy()
    first, second = (_steps_around(coordinates, n_steps) for coordinates in path.T)
    labels = [f"component {k + 1} ({share:.0%})" for k, share in enumerate(shares.tolist())]
    return _Plane(directions, first, second, path, (labels[0], labels[1]))


def _steps_around(coordinates: np.ndarray, n_steps: int) -> torch.Tensor:
    """Return steps that cover the coordinates and the trained network at 0."""
    low, high = min(coordinates.min(), 0), max(coordinates.max(), 0)
    margin = MARGIN * (high - low)
    first, last = float(low - margin), float(high + margin)
    return torch.linspace(first, last, n_steps, dtype=torch.float32)


def _loss(encoding: TargetEncoding, one: OneNetwork, X: np.ndarray, y: np.ndarray) -> Measure:
    """Return the loss on these rows."""
    targets = encoding.encode(encoding.numbers(y))
    data = engine_rows(one.encode(X), targets, np.ones(len(X)), "cpu")
    return loss_measure(one.model, one.functions, data, LOSSES[encoding.loss])


def _variation(encoding: TargetEncoding, one: OneNetwork, paths: Paths, n_points: int) -> Measure:
    """Return the variation of raw outputs along paths."""
    points = one.encode(paths.points(np.linspace(0, 1, n_points)))
    drawn = as_tensor((paths.output_draw * encoding.n_outputs).astype(int))
    points = points.unflatten(0, (-1, n_points))
    return variation_measure(one.model, one.functions, points, drawn)


def _norm(values: np.ndarray) -> Any:
    """Return linear colours, or logarithmic ones for values that differ by orders of magnitude."""
    from matplotlib.colors import LogNorm, Normalize

    low, high = np.nanmin(values), np.nanmax(values)
    return LogNorm(low, high) if 0 < low * LOG_RANGE < high else Normalize(low, high)
