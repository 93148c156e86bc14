"""Untrained networks with the components whose effect on complexity is studied.

Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024 (NR).

Notation
--------
R : networks (any leading axes, also none)
n, d, h, o : points, inputs, units of a hidden layer, outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine.activations import Activation
from skibias.engine.networks import affine

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": torch.clone,
}
NORMALIZATION_EPSILON = 1e-5  # added to the variance, as torch.nn.LayerNorm does


class NetworkSettings(NamedTuple):
    """Sizes, magnitudes and components of a random network."""

    n_inputs: int = 2
    n_outputs: int = 1
    width: int = 64
    depth: int = 3  # hidden layers
    weight_magnitude: float = 1.0  # 1: weights as torch.nn.Linear draws them
    bias_magnitude: float = 1.0  # likewise
    residual: bool = False
    layer_normalization: bool = False
    gate: str | None = None  # one of GATES

    @property
    def hidden_shapes(self) -> list[tuple[int, int]]:
        """(inputs, units) of every hidden layer."""
        return list(pairwise([self.n_inputs] + [self.width] * self.depth))


class Affine(NamedTuple):
    """A linear layer."""

    matrix: Tensor  # (*R, inputs, outputs)
    bias: Tensor  # (*R, 1, outputs)


class RandomNetwork(NamedTuple):
    """The weights of a network; without gates, ``gates`` is empty."""

    hidden: list[Affine]
    last: Affine
    gates: list[Affine]


def draw_network(settings: NetworkSettings, generator: torch.Generator) -> RandomNetwork:
    """Draw one network; matrices and biases are U(±magnitude/sqrt(inputs)).

    Uniform numbers are drawn alike for all magnitudes, and those of the gates at last: networks
    of one seed that differ in magnitudes or components share all weights they both have.
    """

    def draw(n_in: int, n_out: int) -> Affine:
        uniform = torch.rand(n_in + 1, n_out, generator=generator, dtype=torch.float32)
        uniform = (2 * uniform - 1) / n_in**0.5
        return Affine(
            settings.weight_magnitude * uniform[:-1], settings.bias_magnitude * uniform[-1:]
        )

    hidden = [draw(*shape) for shape in settings.hidden_shapes]
    last = draw(hidden[-1].matrix.shape[1] if hidden else settings.n_inputs, settings.n_outputs)
    gates = [draw(*shape) for shape in settings.hidden_shapes] if settings.gate else []
    return RandomNetwork(hidden, last, gates)


def stack_networks(networks: Sequence[RandomNetwork]) -> RandomNetwork:
    """Stack networks of equal shapes along a new leading axis."""

    def stack(layers: Sequence[Affine]) -> Affine:
        return Affine(*(torch.stack(parts) for parts in zip(*layers, strict=True)))

    hidden, last, gates = zip(*networks, strict=True)
    return RandomNetwork(
        [stack(layers) for layers in zip(*hidden, strict=True)],
        stack(last),
        [stack(layers) for layers in zip(*gates, strict=True)],
    )


def network_outputs(
    network: RandomNetwork, settings: NetworkSettings, activation: Activation, x: Tensor
) -> Tensor:
    """Return the outputs (*R, n, o) at the points x (n, d)."""
    h = x.expand(*network.last.matrix.shape[:-2], *x.shape)  # (*R, n, d)
    for number, layer in enumerate(network.hidden):
        gate = network.gates[number] if settings.gate else None
        h = _hidden_layer(h, layer, gate, number, settings, activation)
    return affine(h, *network.last)


def _hidden_layer(
    h: Tensor,
    layer: Affine,
    gate: Affine | None,
    number: int,
    settings: NetworkSettings,
    activation: Activation,
) -> Tensor:
    """Return g(N(h W + b)) * s(h W' + b') + h (*R, n, h), with those parts that are switched on.

    Pre-activations are normalised (N), and the input is added where the widths agree.
    """
    z = affine(h, *layer)
    if settings.layer_normalization:
        z = normalize_layer(z)
    result = activation(z, number)
    if gate is not None:
        assert settings.gate is not None
        result = result * GATES[settings.gate](affine(h, *gate))
    if settings.residual and result.shape == h.shape:
        result = result + h
    return result


def normalize_layer(x: Tensor) -> Tensor:
    """Return x (*R, n, h) with mean 0 and variance 1 over the units of every point."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=NORMALIZATION_EPSILON)
