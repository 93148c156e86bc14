"""Gradient steps as functions: weights and state in, weights and state out.

Every step is differentiable, so that a meta-gradient can flow through it. Weights are (*R, P);
learning rates are broadcast, (R, 1) gives each network its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Rate = Tensor | float  # of learning
Updated = tuple[Tensor, State]  # the weights and the state after a step
Update = Callable[[Tensor, Tensor, State, Rate], Updated]

MOMENTUM = 0.9
RMSPROP_DECAY = 0.99
ADAM_DECAYS = (0.9, 0.999)
# Inside the square root: outside, a zero gradient would make the meta-gradient NaN.
SQUARE_EPSILON = 1e-10


class Optimizer(NamedTuple):
    """An update rule; ``init(weights)`` returns its state before the first step."""

    init: Callable[[Tensor], State]
    update: Update  # (weights, gradient, state, learning_rate) -> (weights, state)


def _sgd_update(weights: Tensor, gradient: Tensor, state: State, rate: Rate) -> Updated:
    """w - lr * g."""
    return weights - rate * gradient, ()


def _momentum_update(weights: Tensor, gradient: Tensor, state: State, rate: Rate) -> Updated:
    """m <- 0.9 m + g;  w - lr * m."""
    velocity = MOMENTUM * state[0] + gradient
    return weights - rate * velocity, (velocity,)


def _rmsprop_update(weights: Tensor, gradient: Tensor, state: State, rate: Rate) -> Updated:
    """v <- 0.99 v + 0.01 g²;  w - lr * g / sqrt(v + eps)."""
    square = torch.lerp(gradient * gradient, state[0], RMSPROP_DECAY)
    return weights - rate * gradient * (square + SQUARE_EPSILON).rsqrt(), (square,)


def _adam_update(weights: Tensor, gradient: Tensor, state: State, rate: Rate) -> Updated:
    """Bias-corrected first moment over the root of the bias-corrected second moment."""
    first_decay, second_decay = ADAM_DECAYS
    step = state[2] + 1  # one count per network, since networks of a stack differ in age
    first = torch.lerp(gradient, state[0], first_decay)
    second = torch.lerp(gradient * gradient, state[1], second_decay)
    corrected_first = first / (1 - first_decay**step)
    corrected_second = second / (1 - second_decay**step)
    direction = corrected_first * (corrected_second + SQUARE_EPSILON).rsqrt()
    return weights - rate * direction, (first, second, step)


def _zeros(count: int) -> Callable[[Tensor], State]:
    return lambda weights: tuple(torch.zeros_like(weights) for _ in range(count))


def _adam_init(weights: Tensor) -> State:
    return (*_zeros(2)(weights), torch.zeros_like(weights[..., :1]))


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_zeros(0), _sgd_update),
    "momentum": Optimizer(_zeros(1), _momentum_update),
    "rmsprop": Optimizer(_zeros(1), _rmsprop_update),
    "adam": Optimizer(_adam_init, _adam_update),
}
