"""Fixed activation functions by name, and the spline activations of a stack of networks.

Every activation is a callable ``activation(z, layer)`` with z (*R, n, h), the pre-activations of
hidden layer number ``layer``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skibias.engine import splines

Activation = Callable[[Tensor, int], Tensor]


def hat(z: Tensor) -> Tensor:
    """Return the piecewise-linear B-spline bump: 0 at 0, 1 at 1, 0 from 2 on (RU)."""
    return torch.relu(1 - (z - 1).abs())


def gaussian(z: Tensor) -> Tensor:
    """Return exp(-z² / 2)."""
    return torch.exp(-0.5 * z * z)


FIXED_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "gaussian": gaussian,
    "hat": hat,
    "identity": torch.clone,
}


def fixed_activation(name: str, prefactor: float | Tensor = 1.0) -> Activation:
    """Return ``z -> g(prefactor * z)`` (P 3.3; docs, Eq. 9).

    A tensor (*R, 1, 1) gives each network its own prefactor.
    """
    function = FIXED_FUNCTIONS[name]
    if isinstance(prefactor, float) and prefactor == 1.0:
        return lambda z, layer: function(z)
    return lambda z, layer: function(prefactor * z)


def spline_activation(values: Tensor, grid: splines.Grid, frozen: bool = False) -> Activation:
    """Return the splines of a stack of networks.

    Parameters
    ----------
    values : Tensor of shape (*R, L, K)
        L = 1 shares one function among the layers; otherwise one per hidden layer.
    grid : Grid with leading axes (*R,)
    frozen : bool
        Take the fast path, differentiable once and in z only.
    """
    grid = grid.to(values)
    n_functions = values.shape[-2]
    tables = [splines.uniform_table(values[..., i, :], grid) for i in range(n_functions)]
    evaluate = splines.evaluate_frozen if frozen else splines.evaluate

    def activation(z: Tensor, layer: int) -> Tensor:
        table = tables[min(layer, n_functions - 1)]
        return evaluate(table, z, splines.uniform_cell(z, grid))

    return activation
