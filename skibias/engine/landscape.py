"""Measures of networks over planes in the space of their weights.

Notation
--------
T : states of one network during training
P : weights of one network
R : networks evaluated at once
g, h : points along the first and the second direction of a plane
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skibias.engine.complexity import path_variation
from skibias.engine.episodes import Rows
from skibias.engine.losses import Loss
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.training import predict

Measure = Callable[[Tensor], Tensor]  # weights (R, P) -> (R,)

STACK_WEIGHTS = 1 << 25  # weights of all networks that are held at once


def principal_plane(states: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first two principal directions (2, P) of states (T, P), and their variance shares.

    Each direction points from the first state to the last one.
    """
    centered = states - states.mean(0)
    _, values, directions = torch.linalg.svd(centered, full_matrices=False)
    directions = directions[:2]
    forward = directions @ (states[-1] - states[0])
    directions = torch.where((forward < 0)[:, None], -directions, directions)
    return directions, values[:2] ** 2 / (values**2).sum()


def random_plane(weights: Tensor, architecture: Architecture, generator: torch.Generator) -> Tensor:
    """Return two random directions (2, P), in every matrix and bias as long as ``weights`` (P,).

    So that a step of one means the same in every layer (P Fig. 7).
    """
    directions = torch.randn(2, len(weights), generator=generator, dtype=torch.float32).to(weights)
    lengths = architecture.layout.lengths
    for part, own in zip(directions.split(lengths, 1), weights.split(lengths), strict=True):
        part *= own.norm() / part.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return directions


def over_plane(
    measure: Measure,
    center: Tensor,
    directions: Tensor,
    first: Tensor,
    second: Tensor,
    stack_weights: int = STACK_WEIGHTS,
) -> Tensor:
    """Return the measure (h, g) of the networks of a plane, in stacks of ``stack_weights`` numbers.

    These are center (P,) + first (g,) * directions[0] + second (h,) * directions[1].
    """
    steps = torch.cartesian_prod(second, first).flip(1).to(center)  # (h * g, 2)
    stacks = steps.split(max(1, stack_weights // len(center)))
    values = torch.cat([measure(center + stack @ directions) for stack in stacks])
    return values.reshape(len(second), len(first))


def loss_measure(model: Model, functions: Functions, rows: Rows, loss: Loss) -> Measure:
    """Return the loss of networks on rows."""

    def measure(weights: Tensor) -> Tensor:
        return loss(predict(model, weights, functions, rows.inputs), rows.targets, rows.weights)

    return measure


def variation_measure(model: Model, functions: Functions, points: Tensor, drawn: Tensor) -> Measure:
    """Return the mean variation of raw outputs along paths (P App. F).

    ``points`` (paths, m, d) are what the networks read along every path; ``drawn`` (paths,) is the
    output that is followed there.
    """

    def measure(weights: Tensor) -> Tensor:
        outputs = predict(model, weights, functions, points.flatten(0, 1))
        outputs = outputs.unflatten(-2, points.shape[:2])  # (R, paths, m, o)
        index = drawn[:, None, None].expand(*outputs.shape[:-1], 1)
        return path_variation(outputs.gather(-1, index).squeeze(-1)).mean(-1)

    return measure
