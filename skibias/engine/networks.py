"""Fully connected networks as functions of one flat vector of weights.

Notation
--------
R : networks (any leading axes, also none)
n, d, h, o : rows, inputs, hidden units, outputs
P : weights of one network, in the segments of its `Layout`
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
INPUT_CHANGES = "input changes"  # segment of what training adds to their heights
GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": torch.clone,
}
NORMALIZATION_EPSILON = 1e-5  # added to the variance, as torch.nn.LayerNorm does

Parts = dict[str, Tensor]  # segments of weights by name, (*R, *shape)


class Segment(NamedTuple):
    """A part of the flat vector of weights."""

    name: str
    shape: tuple[int, ...]
    fan_in: int | None = None  # drawn from U(±1/sqrt(fan_in)), as torch.nn.Linear; None: zeros


class Layout(NamedTuple):
    """The segments of the flat vector of weights, one after the other."""

    segments: tuple[Segment, ...]

    @property
    def lengths(self) -> list[int]:
        """How many weights each segment holds; their sum is P."""
        return [math.prod(segment.shape) for segment in self.segments]

    def split(self, weights: Tensor) -> Parts:
        """Return the segments (*R, *shape) of weights (*R, P) by name, as views."""
        # One split for all segments: its backward is one concatenation.
        parts = zip(self.segments, weights.split(self.lengths, -1), strict=True)
        return {segment.name: part.unflatten(-1, segment.shape) for segment, part in parts}

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw the weights (P,) of one network."""
        return torch.cat([_draw_segment(segment, generator) for segment in self.segments])


def _draw_segment(segment: Segment, generator: torch.Generator) -> Tensor:
    length = math.prod(segment.shape)
    if segment.fan_in is None:
        return torch.zeros(length, dtype=torch.float32)
    uniform = torch.rand(length, generator=generator, dtype=torch.float32)
    return (2 * uniform - 1) / segment.fan_in**0.5


class Components(NamedTuple):
    """The parts of a hidden layer that can be switched on and off."""

    residual: bool = True  # add a layer's input to its output where their widths agree
    layer_normalization: bool = False  # of pre-activations
    gate: str | None = None  # one of GATES, by which the activation's values are multiplied


class Architecture(NamedTuple):
    """The sizes of a network; an empty ``hidden_layer_sizes`` is a linear model."""

    n_inputs: int  # what reaches the first layer: columns, or all channels of the input functions
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    spectral_normalization: bool = False
    trained_inputs: tuple[int, int, int] | None = None  # (d, K, c), trained with the weights
    components: Components = Components()

    @property
    def layer_shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every layer."""
        sizes = (self.n_inputs, *self.hidden_layer_sizes, self.n_outputs)
        return list(pairwise(sizes))

    @property
    def layout(self) -> Layout:
        """Where the flat vector holds what.

        Architectures that differ in components draw the same numbers for what they share.
        """
        segments = _affine_segments("layer", self.layer_shapes)
        if self.components.gate is not None:
            segments += _affine_segments("gate", self.layer_shapes[:-1])
        if self.trained_inputs is not None:
            segments.append(Segment(INPUT_CHANGES, self.trained_inputs))
        return Layout(tuple(segments))

    @property
    def n_layer_weights(self) -> int:
        """Weights before those changes of the input functions that are trained with them."""
        return self.n_weights - math.prod(self.trained_inputs or (0,))

    @property
    def n_weights(self) -> int:
        """Length P of the flat vector of weights."""
        return sum(self.layout.lengths)


def _affine_segments(name: str, shapes: list[tuple[int, int]]) -> list[Segment]:
    """Return the matrix and the bias of every linear layer."""
    return [
        Segment(f"{name} {number} {part}", (n_rows, n_out), n_in)
        for number, (n_in, n_out) in enumerate(shapes)
        for part, n_rows in (("matrix", n_in), ("bias", 1))
    ]


class Functions(NamedTuple):
    """The learned part of a model, psi in P Algorithm 1; None where nothing is learned."""

    activation: Tensor | None = None  # (*R, 1 or L, K)
    inputs: Tensor | None = None  # (*R, d, K, c)

    def map(self, transform: Callable[..., Tensor], *others: Functions) -> Functions:
        """Apply ``transform`` to each table there is, together with those of others."""
        tables = zip(self, *others, strict=True)
        return Functions(*(None if own[0] is None else transform(*own) for own in tables))


class Model(NamedTuple):
    """What stays fixed during learning: sizes, and the grid of a spline or a fixed activation."""

    architecture: Architecture
    activation: Activation | None = None  # fixed, used where Functions.activation is None
    grid: splines.Grid | None = None  # of Functions.activation


def add_to_outputs(weights: Tensor, architecture: Architecture, offset: Tensor) -> Tensor:
    """Return weights (*R, P) whose last bias is greater by ``offset`` (o,)."""
    moved = weights.clone()
    last_bias = f"layer {len(architecture.hidden_layer_sizes)} bias"
    architecture.layout.split(moved)[last_bias] += offset.to(weights)
    return moved


def unpack_layers(weights: Tensor, architecture: Architecture) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (matrix (*R, inputs, outputs), bias (*R, 1, outputs)) of every layer."""
    parts = architecture.layout.split(weights)
    for number in range(len(architecture.layer_shapes)):
        yield _affine_of(parts, f"layer {number}", architecture)


def _affine_of(parts: Parts, name: str, architecture: Architecture) -> tuple[Tensor, Tensor]:
    matrix, bias = parts[f"{name} matrix"], parts[f"{name} bias"]
    if architecture.spectral_normalization:
        matrix = matrix / _spectral_norm(matrix)
    return matrix, bias


def _spectral_norm(matrix: Tensor) -> Tensor:
    """Largest singular value (*R, 1, 1); finite also for a network that has diverged."""
    return torch.linalg.matrix_norm(torch.nan_to_num(matrix), 2, keepdim=True)


def representations(
    weights: Tensor, x: Tensor, architecture: Architecture, activation: Activation
) -> list[Tensor]:
    """Return x (n, d) or (*R, n, d) and what every hidden layer makes of it (*R, n, h)."""
    return _representations(architecture.layout.split(weights), x, architecture, activation)


def _representations(
    parts: Parts, x: Tensor, architecture: Architecture, activation: Activation
) -> list[Tensor]:
    found = [x]
    for number in range(len(architecture.hidden_layer_sizes)):
        found.append(_hidden_layer(parts, number, found[-1], architecture, activation))
    return found


def _hidden_layer(
    parts: Parts, number: int, x: Tensor, architecture: Architecture, activation: Activation
) -> Tensor:
    """Return g(N(x W + b)) * s(x W' + b') + x (*R, n, h), with the parts that are switched on.

    Pre-activations are normalised (N) and the values of the activation (g) are gated (s); the
    input is added where the widths agree (P E.2; docs, Eq. 2).
    """
    residual, layer_normalization, gate = architecture.components
    z = affine(x, *_affine_of(parts, f"layer {number}", architecture))
    if layer_normalization:
        z = normalize_layer(z)
    result = activation(z, number)
    if gate is not None:
        result = result * GATES[gate](affine(x, *_affine_of(parts, f"gate {number}", architecture)))
    if residual and x.shape[-1] == result.shape[-1]:
        result = result + x
    return result


def normalize_layer(x: Tensor) -> Tensor:
    """Return x (*R, n, h) with mean 0 and variance 1 over the units of every row."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=NORMALIZATION_EPSILON)


def forward(
    weights: Tensor, x: Tensor, architecture: Architecture, activation: Activation
) -> Tensor:
    """Return the raw outputs (*R, n, o) of the networks ``weights`` (*R, P) for x (n, d)."""
    return _forward(architecture.layout.split(weights), x, architecture, activation)


def _forward(parts: Parts, x: Tensor, architecture: Architecture, activation: Activation) -> Tensor:
    last = _affine_of(parts, f"layer {len(architecture.hidden_layer_sizes)}", architecture)
    return affine(_representations(parts, x, architecture, activation)[-1], *last)


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


def trained_functions(functions: Functions, parts: Parts) -> Functions:
    """Return the functions with those changes of the inputs (*R, d, K, c) that weights hold.

    Differs from the paper: its input functions (P 3.3) are meta-learned only. Training them on
    with the weights is worth more on tables than learning them first.
    """
    if INPUT_CHANGES not in parts:
        return functions
    assert functions.inputs is not None
    return functions._replace(inputs=functions.inputs + INPUT_RATE * parts[INPUT_CHANGES])


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
    parts = model.architecture.layout.split(weights)
    inputs = model_inputs(trained_functions(functions, parts), x)
    return _forward(parts, inputs, model.architecture, activation)
