"""Untrained networks with the components whose effect on complexity is studied.

Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024.

Notation
--------
R : networks
P : weights of one network
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine.networks import Architecture, Components


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
    gate: str | None = None  # one of the engine's GATES

    @property
    def architecture(self) -> Architecture:
        """The network in the engine's terms."""
        return Architecture(
            self.n_inputs,
            (self.width,) * self.depth,
            self.n_outputs,
            components=Components(self.residual, self.layer_normalization, self.gate),
        )


def draw_networks(settings: NetworkSettings, generators: Iterable[torch.Generator]) -> Tensor:
    """Draw networks (R, P); matrices and biases are U(±magnitude/sqrt(inputs)).

    Uniform numbers are drawn alike for all magnitudes, and those of the gates at last: networks
    of one seed that differ in magnitudes or components share all weights they both have.
    """
    layout = settings.architecture.layout
    weights = torch.stack([layout.draw(generator) for generator in generators])
    for name, part in layout.split(weights).items():
        part *= settings.bias_magnitude if name.endswith("bias") else settings.weight_magnitude
    return weights
