"""Fully connected networks as functions of one flat vector of weights.

Notation
--------
R : networks (any leading axes, also none)
n, d, h, o : rows, inputs, hidden units, outputs
P : weights and biases of one network, all layers one after the other; then, where there are any,
    the changes of input functions that are trained with them
L : hidden layers
K, c : knots and channels of the input functions
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine import splines
from skibias.engine.activations import Activation, spline_activation

# Input functions that are trained with the weights move at this share of their learning rate.
INPUT_RATE = 0.3


class Architecture(NamedTuple):
    """The sizes of a network; an empty ``hidden_layer_sizes`` is a linear model."""

    n_inputs: int  # what reaches the first layer: columns, or all channels of the input functions
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    spectral_normalization: bool = False
    trained_inputs: tuple[int, int, int] | None = None  # (d, K, c), trained with the weights

    @property
    def layer_shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every layer."""
        sizes = (self.n_inputs, *self.hidden_layer_sizes, self.n_outputs)
        return list(pairwise(sizes))

    @property
    def n_layer_weights(self) -> int:
        """Weights and biases of the layers."""
        return sum((n_in + 1) * n_out for n_in, n_out in self.layer_shapes)

    @property
    def n_weights(self) -> int:
        """Length P of the flat vector of weights."""
        return self.n_layer_weights + math.prod(self.trained_inputs or (0,))


class Functions(NamedTuple):
    """The learned part of a model, psi in P Algorithm 1; None where nothing is learned."""

    activation: Tensor | None = None  # (*R, 1 or L, K)
    inputs: Tensor | None = None  # (*R, d, K, c)

    def map(self, transform: Callable[[Tensor], Tensor]) -> Functions:
        """Apply ``transform`` to each table there is."""
        return Functions(*(None if part is None else transform(part) for part in self))


class Model(NamedTuple):
    """What stays fixed during learning: sizes, and the grid of a spline or a fixed activation."""

    architecture: Architecture
    activation: Activation | None = None  # fixed, used where Functions.activation is None
    grid: splines.Grid | None = None  # of Functions.activation


def draw_weights(architecture: Architecture, generator: torch.Generator) -> Tensor:
    """Draw the weights (P,) of one network as ``torch.nn.Linear`` does: U(±1/sqrt(inputs)).

    Trained input functions start without any change.
    """
    parts = []
    for n_in, n_out in architecture.layer_shapes:
        uniform = torch.rand((n_in + 1) * n_out, generator=generator, dtype=torch.float32)
        parts.append((2 * uniform - 1) / n_in**0.5)
    n_changes = architecture.n_weights - architecture.n_layer_weights
    parts.append(torch.zeros(n_changes, dtype=torch.float32))
    return torch.cat(parts)


def add_to_outputs(weights: Tensor, architecture: Architecture, offset: Tensor) -> Tensor:
    """Return weights (*R, P) whose last bias is greater by ``offset`` (o,)."""
    end = architecture.n_layer_weights
    moved = weights.clone()
    moved[..., end - architecture.n_outputs : end] += offset.to(weights)
    return moved


def unpack_layers(weights: Tensor, architecture: Architecture) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (matrix (*R, inputs, outputs), bias (*R, 1, outputs)) of every layer."""
    shapes = architecture.layer_shapes
    sizes = [size for n_in, n_out in shapes for size in (n_in * n_out, n_out)]
    # One split for all layers: its backward is one concatenation.
    sizes.append(weights.shape[-1] - sum(sizes))
    parts = iter(weights.split(sizes, -1))
    for n_in, n_out in shapes:
        matrix = next(parts).unflatten(-1, (n_in, n_out))
        if architecture.spectral_normalization:
            matrix = matrix / _spectral_norm(matrix)
        yield matrix, next(parts).unsqueeze(-2)


def _spectral_norm(matrix: Tensor) -> Tensor:
    """Largest singular value (*R, 1, 1); finite also for a network that has diverged."""
    return torch.linalg.matrix_norm(torch.nan_to_num(matrix), 2, keepdim=True)


def hidden_layers(
    layers: list[tuple[Tensor, Tensor]], x: Tensor, activation: Activation
) -> list[Tensor]:
    """Return x (*R, n, d) and the representation (*R, n, h) after every hidden layer.

    A layer's input is added to its output where their widths agree (P E.2; docs, Eq. 2).
    """
    representations = [x]
    for number, (matrix, bias) in enumerate(layers):
        previous = representations[-1]
        current = activation(affine(previous, matrix, bias), number)
        if previous.shape[-1] == current.shape[-1]:
            current = current + previous
        representations.append(current)
    return representations


def forward(
    weights: Tensor, x: Tensor, architecture: Architecture, activation: Activation
) -> Tensor:
    """Return the raw outputs (*R, n, o) of the networks ``weights`` (*R, P) for x (n, d)."""
    *hidden, last = unpack_layers(weights, architecture)
    return affine(hidden_layers(hidden, x, activation)[-1], *last)


def affine(x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Return x @ matrix + bias (*R, n, h).

    Rounded alike in stacks of any size where hidden widths are multiples of 4. Otherwise MKL's
    kernel depends on how each matrix lies in memory, and the last bit on its place in the stack.
    """
    if matrix.shape[-1] == 1:
        # A matrix product with one column may round differently in stacks of different sizes.
        return (x * matrix.transpose(-1, -2)).sum(-1, keepdim=True) + bias
    return torch.matmul(x, matrix) + bias


def model_inputs(functions: Functions, x: Tensor) -> Tensor:
    """Return what reaches the first layer: x itself, or its learned input functions."""
    return x if functions.inputs is None else splines.evaluate_features(functions.inputs, x)


def trained_functions(model: Model, weights: Tensor, functions: Functions) -> Functions:
    """Return the functions with those changes of the inputs (*R, d, K, c) that weights hold.

    Differs from the paper: its input functions (P 3.3) are meta-learned only. Training them on
    with the weights is worth more on tables than learning them first.
    """
    shape = model.architecture.trained_inputs
    if shape is None:
        return functions
    assert functions.inputs is not None
    change = weights[..., model.architecture.n_layer_weights :].unflatten(-1, shape)
    return functions._replace(inputs=functions.inputs + INPUT_RATE * change)


def model_activation(model: Model, functions: Functions, frozen: bool = False) -> Activation:
    """Return the activation of the hidden layers."""
    if functions.activation is None:
        assert model.activation is not None
        return model.activation
    assert model.grid is not None
    return spline_activation(functions.activation, model.grid, frozen)


def outputs(
    model: Model, weights: Tensor, functions: Functions, x: Tensor, frozen: bool = False
) -> Tensor:
    """Return the raw outputs (*R, n, o) of the whole model, f of P Algorithm 1."""
    activation = model_activation(model, functions, frozen)
    functions = trained_functions(model, weights, functions)
    return forward(weights, model_inputs(functions, x), model.architecture, activation)
