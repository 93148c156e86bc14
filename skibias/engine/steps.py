"""The gradient step of a stack of networks: the one that all training is made of.

Notation
--------
R : networks of the stack; E where they share functions and rows
P : weights of one network
n, o : rows, outputs

Large networks of a stack that shares its rows are taken one by one, through ``run``, which may make
the calls on several threads. Whether they are depends on sizes only, so that no result depends on
the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine.episodes import Rows
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model, outputs
from skibias.engine.optim import Optimizer, State

# Weights times rows of one network from which a pass takes long enough for a thread of its own.
THREAD_WORK = 1 << 23
# Weights of one network from which the optimiser updates it alone: what this allocates on its way
# is then small enough to be used again, on one thread, too.
UPDATED_WEIGHTS = 1 << 16

Run = Callable[[Sequence[Callable]], Sequence]  # makes independent calls


class Descent(NamedTuple):
    """How weights follow a gradient; the learning rate may differ from network to network."""

    optimizer: Optimizer
    loss: Loss
    learning_rate: Tensor | float  # (R, 1)


class Slope(NamedTuple):
    """The losses of a batch and their gradient."""

    losses: Tensor  # (R,)
    gradient: Tensor  # (R, P), of each network's own loss
    outputs: Tensor  # (R, n, o)


def gradient_step(
    model: Model,
    functions: Functions,
    weights: Tensor,
    state: State,
    batch: Rows,
    descent: Descent,
    differentiable: bool = False,
) -> tuple[Tensor, State]:
    """Return the weights (R, P) and the optimiser's state after a step.

    A differentiable step is one of a graph that begins at weights which need a gradient.
    """
    if not differentiable:
        weights = weights.detach()
    gradient = slope(model, functions, weights, batch, descent.loss, differentiable).gradient
    with torch.set_grad_enabled(differentiable):
        return descent.optimizer.update(weights, gradient, state, descent.learning_rate)


def slope(
    model: Model,
    functions: Functions,
    weights: Tensor,
    batch: Rows,
    loss: Loss,
    differentiable: bool = False,
) -> Slope:
    """Return the losses, their gradient with respect to the weights (R, P), and the outputs."""
    if not differentiable:
        weights = weights.detach().requires_grad_()
    predictions = outputs(model, weights, functions, batch.inputs, frozen=not differentiable)
    losses = loss(predictions, batch.targets, batch.weights)
    (gradient,) = torch.autograd.grad(losses.sum(), weights, create_graph=differentiable)
    return Slope(losses.detach(), gradient, predictions.detach())


def slope_apart(
    model: Model, functions: Functions, weights: Tensor, batch: Rows, loss: Loss, run: Run
) -> Slope:
    """Return what `slope` returns for networks (E, P) with the same functions and batch."""
    if not are_large(weights, len(batch.inputs)):
        return slope(model, functions, weights, batch, loss)
    calls = [partial(slope, model, functions, own, batch, loss) for own in weights.split(1)]
    return Slope(*(torch.cat(parts) for parts in zip(*run(calls), strict=True)))


def are_large(weights: Tensor, n_rows: int) -> bool:
    """Whether networks (E, P) are worth a thread each for a pass of so many rows."""
    n_networks, n_weights = weights.shape
    return n_networks > 1 and n_weights * n_rows >= THREAD_WORK and weights.device.type == "cpu"


def update_apart(
    optimizer: Optimizer,
    weights: Tensor,
    gradient: Tensor,
    states: Sequence[State],
    learning_rate: float,
    run: Run,
) -> list[State]:
    """Update networks (E, P) in place; states are those of `update_parts`."""
    parts = zip(update_parts(weights), update_parts(gradient), states, strict=True)
    return [*run([partial(_update, optimizer, learning_rate, *part) for part in parts])]


def update_parts(weights: Tensor) -> tuple[Tensor, ...]:
    """Return the parts of weights (E, P) that the optimiser updates together."""
    is_large = weights.shape[1] >= UPDATED_WEIGHTS and weights.device.type == "cpu"
    return weights.split(1 if is_large else len(weights))


@torch.no_grad()  # here, since every thread has a mode of its own
def _update(
    optimizer: Optimizer, learning_rate: float, weights: Tensor, gradient: Tensor, state: State
) -> State:
    new, state = optimizer.update(weights, gradient, state, learning_rate)
    weights.copy_(new)
    return state
