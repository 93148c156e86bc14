"""Complexity of random networks with two inputs, for one setting and over all components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from skibias._docstrings import shared_parts
from skibias._frames import import_pandas
from skibias._numbers import check_count, plain_numbers
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._run.tensors import as_tensor
from skibias._sklearn_compat import checked_random_state
from skibias._typing import Frame, RandomState
from skibias.engine.complexity import (
    chebyshev_basis,
    cosine_basis,
    grid_frequency,
    grid_order,
    grid_phrases,
    grid_points,
    orthonormal_legendre_basis,
)
from skibias.engine.episodes import stream
from skibias.engine.networks import forward
from skibias.functions.spline import SplineActivation
from skibias.redshift._random_networks import GATE_LEVELS, NetworkSettings, draw_networks
from skibias.redshift._sweep import TABLE_NOTES, measure_each, sweep_points, sweep_table
from skibias.redshift._validation import check_activations, check_factors, hidden_activation

MEASURES = ("fourier", "chebyshev", "legendre", "lz")
# The levels of a `complexity_sweep`; the first one of a factor without order is its reference.
FACTORS = {
    "activation": ("relu", "gelu", "silu", "tanh", "sin", "gaussian", "hat"),
    "weight_magnitude": (1.5, 3.0, 6.0, 12.0),
    "bias_magnitude": (0.0, 0.25, 0.5, 1.0),
    "width": (16, 32, 64, 128),
    "depth": (1, 2, 3, 4, 5),
    "prefactor": (0.25, 0.5, 1.0, 2.0),
    "residual": (False, True),
    "layer_normalization": (False, True),
    "gate": GATE_LEVELS,
}
# Values in one hidden layer of a stack: about what a core's cache holds.
STACK_VALUES = 1 << 18


def grid_complexity(
    function: Callable[[np.ndarray], ArrayLike], *, n_points: int = 32, n_levels: int = 16
) -> dict[str, float]:
    """Four measures of the complexity of a function on the square [-1, 1]².

    Parameters
    ----------
    function : callable
        Maps an array of shape (n, 2) to values of shape (n,).
    n_points : int, default=32
        Points along each side of the grids, at least 2.
    n_levels : int, default=16
        Levels to which values are rounded for the Lempel-Ziv parsing, at least 2.

    Returns
    -------
    dict of str to float
        The measures that `sample_network_complexity` describes.

    Raises
    ------
    ValueError
        If a parameter is unusable or the values have another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.redshift import grid_complexity
    >>> round(grid_complexity(lambda x: np.cos(2 * np.pi * x[:, 0]))["fourier"], 6)
    2.0
    """
    with plain_settings():
        grids = _Grids(n_points, n_levels, "grid_complexity")
        points = grids.points.numpy()
    values = np.array(function(points), dtype=np.float64)
    if values.shape != points.shape[:1]:
        raise ValueError(
            "The 'function' parameter of grid_complexity must return one value per point, shape "
            f"{points.shape[:1]}. Got shape {values.shape} instead."
        )
    with plain_settings():
        row = grids.measure(as_tensor(values)[None])[0]
    return dict(zip(MEASURES, row.tolist(), strict=True))


@shared_parts(**TABLE_NOTES)
def sample_network_complexity(
    activation: str | SplineActivation = "relu",
    *,
    n_networks: int = 200,
    width: int = 64,
    depth: int = 3,
    weight_magnitude: float = 6.0,
    bias_magnitude: float = 1.0,
    prefactor: float = 1.0,
    residual: bool = False,
    layer_normalization: bool = False,
    gate: Literal["none", "tanh", "sigmoid", "linear"] = "none",
    n_points: int = 32,
    n_levels: int = 16,
    random_state: RandomState = None,
    verbose: int = 0,
) -> Frame:
    """Complexity of networks with random weights, two inputs on [-1, 1]² and one output.

    Parameters
    ----------
    activation : str or SplineActivation, default="relu"
        "relu", "leaky_relu", "gelu", "silu", "tanh", "sin", "gaussian" or "hat".
        A spline has one channel.
    n_networks : int, default=200
        How many networks are drawn.
    width : int, default=64
        Units of every hidden layer.
    depth : int, default=3
        Number of hidden layers.
    weight_magnitude, bias_magnitude : float, default=6.0 and 1.0
        Weights are U(-1, 1) / sqrt(inputs of the layer) times ``weight_magnitude``, biases
        likewise times ``bias_magnitude``; 1 and 1 are as ``torch.nn.Linear`` draws them.
    prefactor : float, default=1.0
        Multiplies the argument of the activation; positive.
    residual : bool, default=False
        Add a hidden layer's input to its output, from the second layer on.
    layer_normalization : bool, default=False
        Shift and scale the pre-activations of every point to mean 0 and variance 1.
    gate : {"none", "tanh", "sigmoid", "linear"}, default="none"
        Multiply the activation's output by this function of a second affine map of the layer's
        input.
    n_points : int, default=32
        Points along each side of the grids, at least 2.
    n_levels : int, default=16
        Levels to which values are rounded for the Lempel-Ziv parsing, at least 2.
    random_state : int, RandomState instance or None, default=None
        Networks of one seed have the same weights wherever their shapes agree, so differences
        between settings are best taken network by network.
    verbose : int, default=0
        Above 0, a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame of n_networks rows
        - network : its number.
        - fourier : mean frequency in cycles per width of the square, weighted by the magnitudes
          of the cosine transform.
        - chebyshev, legendre : mean total order, weighted by the magnitudes of the coefficients
          of products of polynomials (Legendre's with norm 1).
        - lz : phrases of the Lempel-Ziv parsing (1978) of the values, which are rounded to
          levels that occur equally often; mean over row-wise and column-wise reading.

        The constant part counts nowhere: the first three are 0 for a constant function.

    {raises_and_references}

    Examples
    --------
    >>> from skibias.redshift import sample_network_complexity
    >>> settings = {"n_networks": 20, "width": 32, "random_state": 0}
    >>> relu = sample_network_complexity("relu", **settings)
    >>> sine = sample_network_complexity("sin", **settings)
    >>> bool(sine["fourier"].mean() > 2 * relu["fourier"].mean())
    True
    """
    owner = "sample_network_complexity"
    pandas = import_pandas(owner)
    settings = NetworkSettings(
        activation=activation,
        width=width,
        depth=depth,
        weight_magnitude=weight_magnitude,
        bias_magnitude=bias_magnitude,
        prefactor=prefactor,
        residual=residual,
        layer_normalization=layer_normalization,
        gate=gate,
    )
    settings.check(owner)
    settings = NetworkSettings(*map(plain_numbers, settings))
    with plain_settings():
        sampler = _Sampler(n_networks, n_points, n_levels, random_state, owner)
        rows = sampler.measure_each([settings], verbose)[settings]
    columns = dict(zip(MEASURES, rows.T, strict=True))
    return pandas.DataFrame({"network": np.arange(len(rows))} | columns)


@shared_parts(**TABLE_NOTES)
def complexity_sweep(
    factors: Sequence[str] | Mapping[str, Sequence[Any]] | None = None,
    *,
    activations: Sequence[str | SplineActivation] = ("relu", "tanh"),
    n_networks: int = 200,
    n_points: int = 32,
    n_levels: int = 16,
    random_state: RandomState = None,
    verbose: int = 0,
) -> Frame:
    """Complexity of random networks while one component at a time changes.

    The other components stay at the defaults of `sample_network_complexity`.

    Parameters
    ----------
    factors : list of str, dict or None, default=None
        Components to change: names of `FACTORS`, or a dict from names to levels. None takes all,
        with the levels of `FACTORS`.
    activations : sequence of str or SplineActivation, default=("relu", "tanh")
        Every factor but "activation" is changed in networks of each of these.
    n_networks : int, default=200
        Networks per level.
    n_points, n_levels, random_state, verbose
        As in `sample_network_complexity`. Networks have the same weights at all levels that
        do not change the shapes of their layers.

    Returns
    -------
    pandas.DataFrame
        One row per factor, level, activation and network; columns "factor", "level",
        "activation", "network" and the four measures "fourier", "chebyshev", "legendre", "lz".

    {raises_and_references}

    See Also
    --------
    sweep_effects : Sums up what each factor does.

    Examples
    --------
    >>> from skibias.redshift import complexity_sweep
    >>> sweep = complexity_sweep({"depth": (1, 4)}, activations=["tanh"], n_networks=10,
    ...                          random_state=0)
    >>> means = sweep.groupby("level")["chebyshev"].mean()
    >>> bool(means[4] > means[1])
    True
    """
    owner = "complexity_sweep"
    pandas = import_pandas(owner)
    with plain_settings():
        sampler = _Sampler(n_networks, n_points, n_levels, random_state, owner)
        factors = check_factors(factors, FACTORS, owner)
        activations = check_activations(activations, owner)
        points = sweep_points(factors, activations, NetworkSettings, owner)
        found = sampler.measure_each([settings for _, settings in points], verbose)
    return sweep_table(pandas, points, found, MEASURES)


class _Grids:
    """The grids of the three bases, one after the other, and the measures of values on them."""

    def __init__(self, n_points: int, n_levels: int, owner: str) -> None:
        self.n_points = check_count("n_points", n_points, 2, owner)
        self.n_levels = check_count("n_levels", n_levels, 2, owner)
        bases = (cosine_basis, chebyshev_basis, orthonormal_legendre_basis)
        self.bases = [make(self.n_points) for make in bases]
        self.points = torch.cat([grid_points(basis) for basis in self.bases])  # (3 n_points², 2)

    def measure(self, values: torch.Tensor) -> torch.Tensor:
        """Return the measures (R, 4) of values (R, 3 n_points²)."""
        square = (self.n_points, self.n_points)
        cosine, chebyshev, legendre = (part.unflatten(-1, square) for part in values.chunk(3, -1))
        measures = [
            grid_frequency(cosine, self.bases[0]),
            grid_order(chebyshev, self.bases[1]),
            grid_order(legendre, self.bases[2]),
            grid_phrases(cosine, self.n_levels),
        ]
        return torch.stack(measures, -1)


class _Sampler:
    """Networks of one seed, measured on the same grids."""

    def __init__(
        self, n_networks: int, n_points: int, n_levels: int, random_state: RandomState, owner: str
    ) -> None:
        self.n_networks = check_count("n_networks", n_networks, 1, owner)
        self.grids = _Grids(n_points, n_levels, owner)
        self.points = self.grids.points.to(torch.float32)
        self.seed = draw_seed(checked_random_state(random_state, owner))

    def measure_each(
        self, settings: list[NetworkSettings], verbose: int
    ) -> dict[NetworkSettings, np.ndarray]:
        """Return the measures (n_networks, 4) of the networks of every setting."""
        size, measure = self._stack_size, self._measure
        return measure_each(settings, self.n_networks, size, measure, "random networks", verbose)

    def _stack_size(self, settings: NetworkSettings) -> int:
        return max(1, STACK_VALUES // (len(self.points) * settings.width))

    @torch.no_grad()
    def _measure(self, settings: NetworkSettings, numbers: range) -> np.ndarray:
        """Return the measures (R, 4) of the networks with these numbers."""
        streams = (stream(self.seed, "network", number) for number in numbers)
        weights = draw_networks(settings, streams)
        activation = hidden_activation(settings.activation, settings.prefactor)
        points = self.points.expand(len(weights), *self.points.shape)
        values = forward(weights, points, settings.architecture, activation)  # (R, n, 1)
        return self.grids.measure(values[..., 0]).numpy()
