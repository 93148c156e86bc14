"""Complexity of random networks with two inputs, for one setting and over all components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from skibias._frames import import_pandas
from skibias._numbers import check_count, plain_numbers
from skibias._run.progress import progress_bar
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
from skibias.engine.networks import GATES, forward
from skibias.functions.fixed import network_activation
from skibias.functions.spline import SplineActivation
from skibias.redshift._random_networks import NetworkSettings, draw_networks
from skibias.redshift._sweep import key_of, sweep_points, sweep_table
from skibias.redshift._validation import (
    check_activation,
    check_activations,
    check_factors,
    check_flag,
    check_magnitude,
    check_one_of,
    scaled_activation,
)

MEASURES = ("fourier", "chebyshev", "legendre", "lz")
GATE_LEVELS = ("none", *GATES)
# Of a `complexity_sweep`; the first level of a factor without order is its reference.
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
# The setting around which factors are changed. At PyTorch's own magnitude of 1, a network is
# nearly linear whatever its activation: there is little that an activation could change.
BASELINE = {
    "width": 64,
    "depth": 3,
    "weight_magnitude": 6.0,
    "bias_magnitude": 1.0,
    "prefactor": 1.0,
    "residual": False,
    "layer_normalization": False,
    "gate": "none",
}
# Numbers in one hidden layer of a stack: about what a core's cache holds.
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
    owner = "grid_complexity"
    n_points, n_levels = _checked_grid(n_points, n_levels, owner)
    with plain_settings():
        bases = _grid_bases(n_points)
        points = torch.cat([grid_points(basis) for basis in bases]).numpy()
    values = np.array(function(points), dtype=np.float64)
    if values.shape != points.shape[:1]:
        raise ValueError(
            f"The 'function' parameter of {owner} must return one value per point, shape "
            f"{points.shape[:1]}. Got shape {values.shape} instead."
        )
    with plain_settings():
        row = _measure(as_tensor(values)[None], bases, n_levels)[0]
    return dict(zip(MEASURES, row.tolist(), strict=True))


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
    n_networks : int, default=200
    width : int, default=64
        Units of every hidden layer.
    depth : int, default=3
        Hidden layers.
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
        Networks of one seed share the weights that they have in common, so differences between
        settings are best taken network by network.
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

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If a parameter is unusable.

    References
    ----------
    Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024.

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
    settings = {
        "activation": activation,
        "width": width,
        "depth": depth,
        "weight_magnitude": weight_magnitude,
        "bias_magnitude": bias_magnitude,
        "prefactor": prefactor,
        "residual": residual,
        "layer_normalization": layer_normalization,
        "gate": gate,
    }
    _check_settings(settings, owner)
    settings = {name: plain_numbers(value) for name, value in settings.items()}
    n_networks = check_count("n_networks", n_networks, 1, owner)
    n_points, n_levels = _checked_grid(n_points, n_levels, owner)
    seed = draw_seed(checked_random_state(random_state, owner))
    with plain_settings():
        sampler = _Sampler(n_networks, n_points, n_levels, seed)
        stacks = sampler.stacks(settings)
        stacks = progress_bar(stacks, len(stacks), "random networks", verbose)
        rows = [sampler.measure(settings, numbers) for numbers in stacks]
    return pandas.DataFrame({"network": np.arange(n_networks)} | _columns(np.concatenate(rows)))


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
    """Complexity of random networks over the levels of every component, one at a time.

    All other components stay at the defaults of `sample_network_complexity`.

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
        As in `sample_network_complexity`. The same networks are measured at all levels that
        leave the shapes of their layers alone.

    Returns
    -------
    pandas.DataFrame
        One row per factor, level, activation and network; columns "factor", "level",
        "activation", "network" and the four measures "fourier", "chebyshev", "legendre", "lz".

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If a parameter is unusable.

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
    n_networks = check_count("n_networks", n_networks, 1, owner)
    n_points, n_levels = _checked_grid(n_points, n_levels, owner)
    points = sweep_points(
        check_factors(factors, FACTORS, owner),
        check_activations(activations, owner),
        BASELINE,
        partial(_check_settings, owner=owner),
    )
    seed = draw_seed(checked_random_state(random_state, owner))
    # The baseline is a level of most factors: measured once.
    distinct = {key_of(settings): settings for *_, settings in points}
    measured = {key: [] for key in distinct}
    with plain_settings():
        sampler = _Sampler(n_networks, n_points, n_levels, seed)
        work = [(key, stack) for key in distinct for stack in sampler.stacks(distinct[key])]
        for key, numbers in progress_bar(work, len(work), "random networks", verbose):
            measured[key].append(sampler.measure(distinct[key], numbers))
    columns = {key: _columns(np.concatenate(rows)) for key, rows in measured.items()}
    return sweep_table(pandas, points, columns)


def _columns(rows) -> dict:
    """Return the measures (n,) of rows (n, 4) by name."""
    return dict(zip(MEASURES, rows.T, strict=True))


class _Sampler:
    """Networks of one seed, measured on one grid.

    Parameters
    ----------
    n_networks, n_points, n_levels, seed : int
    """

    def __init__(self, n_networks, n_points, n_levels, seed):
        self.n_networks, self.n_levels, self.seed = n_networks, n_levels, seed
        self.bases = _grid_bases(n_points)
        points = torch.cat([grid_points(basis) for basis in self.bases])
        self.points = points.to(torch.float32)  # (3 * n_points², 2)

    def stacks(self, settings) -> list:
        """Return ranges of network numbers, each of a size that fits into the cache."""
        size = max(1, STACK_VALUES // (len(self.points) * settings["width"]))
        starts = range(0, self.n_networks, size)
        return [range(start, min(start + size, self.n_networks)) for start in starts]

    @torch.no_grad()
    def measure(self, settings, numbers) -> np.ndarray:
        """Return the measures (R, 4) of the networks with these numbers."""
        network = _network_settings(settings)
        streams = (stream(self.seed, "network", number) for number in numbers)
        weights = draw_networks(network, streams)
        activation = scaled_activation(settings["activation"], settings["prefactor"])
        points = self.points.expand(len(weights), *self.points.shape)
        # (R, n, 1)
        values = forward(weights, points, network.architecture, network_activation([activation]))
        return _measure(values[..., 0], self.bases, self.n_levels).numpy()


def _network_settings(settings) -> NetworkSettings:
    same = {name: settings[name] for name in BASELINE if name not in ("prefactor", "gate")}
    gate = None if settings["gate"] == "none" else settings["gate"]
    return NetworkSettings(**same, gate=gate)


def _grid_bases(n_points) -> list:
    return [cosine_basis(n_points), chebyshev_basis(n_points), orthonormal_legendre_basis(n_points)]


def _measure(values, bases, n_levels) -> torch.Tensor:
    """Return the measures (R, 4) of values (R, n) on the grids of the three bases, in a row."""
    n_points = len(bases[0].nodes)
    grids = [part.unflatten(-1, (n_points, n_points)) for part in values.chunk(3, -1)]
    return torch.stack(
        [
            grid_frequency(grids[0], bases[0]),
            grid_order(grids[1], bases[1]),
            grid_order(grids[2], bases[2]),
            grid_phrases(grids[0], n_levels),
        ],
        -1,
    )


def _checked_grid(n_points, n_levels, owner) -> tuple[int, int]:
    n_points = check_count("n_points", n_points, 2, owner)
    return n_points, check_count("n_levels", n_levels, 2, owner)


def _check_settings(settings, owner) -> None:
    check_activation(settings["activation"], owner)
    for name in ("width", "depth"):
        check_count(name, settings[name], 1, owner)
    for name in ("weight_magnitude", "bias_magnitude", "prefactor"):
        check_magnitude(name, settings[name], owner)
    if settings["prefactor"] == 0:
        raise ValueError(f"The 'prefactor' parameter of {owner} must be positive. Got 0 instead.")
    for name in ("residual", "layer_normalization"):
        check_flag(name, settings[name], owner)
    check_one_of("gate", settings["gate"], GATE_LEVELS, owner)
