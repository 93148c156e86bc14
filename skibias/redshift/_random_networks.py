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

from skibias._numbers import check_count
from skibias.engine.networks import GATES, Architecture, Components
from skibias.redshift._validation import (
    ActivationLike,
    check_activation,
    check_flag,
    check_magnitude,
)

GATE_LEVELS = ("none", *GATES)


class NetworkSettings(NamedTuple):
    """What `sample_network_complexity` draws networks from.

    A sweep changes one field at a time; the others have these defaults.
    """

    activation: ActivationLike = "relu"
    width: int = 64
    depth: int = 3  # hidden layers
    # At magnitude 1, that of torch.nn.Linear, a network is nearly linear whatever its activation:
    # there is little that an activation could change.
    weight_magnitude: float = 6.0
    bias_magnitude: float = 1.0
    prefactor: float = 1.0
    residual: bool = False
    layer_normalization: bool = False
    gate: str = "none"  # one of GATE_LEVELS

    def check(self, owner: str) -> None:
        """Raise ValueError if a field is unusable."""
        check_activation(self.activation, owner)
        check_count("width", self.width, 1, owner)
        check_count("depth", self.depth, 1, owner)
        check_magnitude("weight_magnitude", self.weight_magnitude, owner)
        check_magnitude("bias_magnitude", self.bias_magnitude, owner)
        check_magnitude("prefactor", self.prefactor, owner)
        if self.prefactor == 0:
            raise ValueError(
                f"The 'prefactor' parameter of {owner} must be positive. Got 0 instead."
            )
        check_flag("residual", self.residual, owner)
        check_flag("layer_normalization", self.layer_normalization, owner)
        if self.gate not in GATE_LEVELS:
            raise ValueError(
                f"The 'gate' parameter of {owner} must be one of {GATE_LEVELS}. "
                f"Got {self.gate!r} instead."
            )

    @property
    def architecture(self) -> Architecture:
        """The network in the engine's terms."""
        gate = None if self.gate == "none" else self.gate
        return Architecture(
            n_inputs=2,
            hidden_layer_sizes=(self.width,) * self.depth,
            n_outputs=1,
            components=Components(self.residual, self.layer_normalization, gate),
        )


def draw_networks(settings: NetworkSettings, generators: Iterable[torch.Generator]) -> Tensor:
    """Draw networks (R, P); matrices and biases are U(±magnitude/sqrt(inputs)).

    The same uniform numbers are drawn for all magnitudes, and those of the gates come last. So
    networks of one seed that differ in magnitudes or components share all weights they both have.
    """
    layout = settings.architecture.layout
    weights = torch.stack([layout.draw(generator) for generator in generators])
    for name, part in layout.split(weights).items():
        part *= settings.bias_magnitude if name.endswith("bias") else settings.weight_magnitude
    return weights
