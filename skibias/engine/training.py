"""Training a stack of networks with their functions fixed, and predicting with them.

Notation
--------
R : networks trained at once
P : weights of one network
n, o : rows, outputs
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skibias.engine.episodes import Draw, Rows, draw_epoch, gather_shared
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model, outputs
from skibias.engine.optim import Optimizer, State

AVERAGED_STEPS = 50  # weights are judged and kept as the mean of the last 50 steps (P E.1)
PART_STEPS = 5  # of them that are added up at once
# Weights times rows of one network from which a step takes long enough for a thread of its own.
THREAD_WORK = 1 << 23
UPDATED_WEIGHTS = 1 << 16  # of one network, from which it takes an optimiser's step of its own
# Numbers held at once in the widest layer during prediction: more tear holes into the CPU's memory,
# fewer leave a GPU idle.
PREDICTED_VALUES = {"cpu": 1 << 20, "cuda": 1 << 24}


class StackRows(NamedTuple):
    """The rows of a stack; lists hold one entry that all networks share, or several in turn.

    With F entries, network r has entry r mod F, and networks with the same entry the same batches.
    """

    data: Rows
    train: Sequence[Tensor]  # row numbers
    validation: Sequence[Tensor]  # row numbers
    chance: Tensor | None = None  # (n,) how often rows are drawn, see `chances`


class TrainingSettings(NamedTuple):
    """How a stack is trained; the learning rate may differ from network to network."""

    optimizer: Optimizer
    loss: Loss
    learning_rate: Tensor  # (R, 1)
    batch_size: int
    n_steps: int
    judged_by: Loss | None = None  # on validation rows; None: the loss
    n_averaged: int = 1  # networks, one after the other, that are judged by their mean outputs
    evaluation_interval: int = AVERAGED_STEPS


class TrainingState(NamedTuple):
    """The stack at an evaluation; weights are running averages."""

    step: int
    averaged_weights: Tensor  # (R, P)
    validation_loss: Tensor  # (R / n_averaged,); inf where it is not finite


def training_steps(
    model: Model,
    functions: Functions,
    weights: Tensor,
    rows: StackRows,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> Iterator[TrainingState]:
    """Train networks (R, P) and yield a state at every evaluation."""
    state = settings.optimizer.init(weights)
    window = WeightWindow()
    batches = _epochs(rows, settings.batch_size, generator)
    validation = gather_shared(rows.data, _in_turn([*map(Draw, rows.validation)], len(weights)))
    for step in range(1, settings.n_steps + 1):
        batch = gather_shared(rows.data, _in_turn(next(batches), len(weights)))
        weights, state = training_step(model, functions, weights, state, batch, settings)
        window.add(weights)
        if step % settings.evaluation_interval == 0 or step == settings.n_steps:
            averaged = window.mean()
            losses = _validation_losses(model, averaged, functions, validation, settings)
            yield TrainingState(step, averaged, losses)


def training_step(
    model: Model,
    functions: Functions,
    weights: Tensor,
    state: State,
    batch: Rows,
    settings: TrainingSettings,
) -> tuple[Tensor, State]:
    """Make one gradient step of the whole stack."""
    weights = weights.detach().requires_grad_()
    predictions = outputs(model, weights, functions, batch.inputs, frozen=True)
    losses = settings.loss(predictions, batch.targets, batch.weights)
    (gradient,) = torch.autograd.grad(losses.sum(), weights)
    with torch.no_grad():
        return settings.optimizer.update(weights, gradient, state, settings.learning_rate)


Run = Callable[[Sequence[Callable[[], Tensor]]], Sequence[Tensor]]  # makes independent calls


def stack_outputs(
    model: Model, weights: Tensor, functions: Functions, inputs: Tensor, run: Run
) -> Tensor:
    """Return the outputs (E, n, o) of networks (E, P) that share functions and inputs (n, d).

    Large networks are evaluated, and differentiated, one by one through ``run``, which may make
    the calls on several threads. Whether they are depends on sizes only, so that the result does
    not depend on the number of threads.
    """
    evaluate = partial(_frozen_outputs, model, functions, inputs)
    if not _are_large(weights, inputs.shape[-2]):
        return evaluate(weights)
    result: Tensor = _NetworksApart.apply(weights, evaluate, run)
    return result


def _are_large(weights: Tensor, n_rows: int) -> bool:
    """Whether networks (E, P) are worth a thread each for a pass of so many rows."""
    n_networks, n_weights = weights.shape
    return n_networks > 1 and n_weights * n_rows >= THREAD_WORK and weights.device.type == "cpu"


def predict_apart(
    model: Model, weights: Tensor, functions: Functions, inputs: Tensor, run: Run
) -> Tensor:
    """Return what `predict` returns for networks (E, P); large ones are taken one by one."""
    if not _are_large(weights, inputs.shape[-2]):
        return predict(model, weights, functions, inputs)
    calls = [partial(predict, model, own, functions, inputs) for own in weights.split(1)]
    return torch.cat([*run(calls)])


def update_apart(
    optimizer: Optimizer,
    weights: Tensor,
    gradient: Tensor,
    states: Sequence[State],
    learning_rate: float,
    run: Callable[[Sequence[Callable[[], State]]], Sequence[State]],
) -> list[State]:
    """Make a step of networks (E, P) in place; states are those of `update_parts`."""
    parts = zip(update_parts(weights), update_parts(gradient), states, strict=True)
    return [*run([partial(_update, optimizer, learning_rate, *part) for part in parts])]


def update_parts(weights: Tensor) -> tuple[Tensor, ...]:
    """Return the parts of weights (E, P) that take an optimiser's step together.

    Large networks are taken one by one, also on one thread: what a step allocates on its way is
    then small enough to be used again.
    """
    is_large = weights.shape[1] >= UPDATED_WEIGHTS and weights.device.type == "cpu"
    return weights.split(1 if is_large else len(weights))


@torch.no_grad()  # here, since every thread has a mode of its own
def _update(
    optimizer: Optimizer, learning_rate: float, weights: Tensor, gradient: Tensor, state: State
) -> State:
    new, state = optimizer.update(weights, gradient, state, learning_rate)
    weights.copy_(new)
    return state


def _frozen_outputs(model: Model, functions: Functions, inputs: Tensor, weights: Tensor) -> Tensor:
    return outputs(model, weights, functions, inputs, frozen=True)


class _NetworksApart(torch.autograd.Function):
    """Evaluate every network of a stack in a graph of its own; differentiable once."""

    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, evaluate: Callable[[Tensor], Tensor], run: Run
    ) -> Tensor:
        ctx.run = run
        ctx.leaves = [part.detach().requires_grad_() for part in weights.split(1)]
        ctx.outputs = run([partial(_with_graph, evaluate, leaf) for leaf in ctx.leaves])
        return torch.cat([part.detach() for part in ctx.outputs])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        parts = zip(ctx.outputs, ctx.leaves, gradient.split(1), strict=True)
        gradients = ctx.run([partial(_gradient, *part) for part in parts])
        return torch.cat(list(gradients)), None, None


def _with_graph(evaluate: Callable[[Tensor], Tensor], weights: Tensor) -> Tensor:
    with torch.enable_grad():
        return evaluate(weights)


def _gradient(outputs: Tensor, weights: Tensor, upstream: Tensor) -> Tensor:
    return torch.autograd.grad(outputs, weights, upstream)[0]


class WeightWindow:
    """The mean of the weights after the last `AVERAGED_STEPS` steps (P E.1).

    Steps are added up in parts of `PART_STEPS`, which saves memory; the oldest part leaves as a
    whole, so that in the middle of a part the window is up to `PART_STEPS` - 1 steps shorter.
    """

    def __init__(self) -> None:
        self._parts: list[Tensor] = []  # sums; the last one is being filled
        self._count = 0

    def add(self, weights: Tensor) -> None:
        """Take in the weights after one more step."""
        if self._count % PART_STEPS == 0:
            self._parts.append(weights.detach().clone())
            del self._parts[: -AVERAGED_STEPS // PART_STEPS]
        else:
            self._parts[-1] += weights
        self._count += 1

    def keep(self, networks: Tensor) -> None:
        """Forget all but these networks, numbers (R,) along the first axis."""
        self._parts = [part[networks] for part in self._parts]

    def mean(self) -> Tensor:
        """Return the mean over the steps taken in, at most the last `AVERAGED_STEPS`."""
        n_filling = (self._count - 1) % PART_STEPS + 1
        n_steps = (len(self._parts) - 1) * PART_STEPS + n_filling
        # One by one: how ``Tensor.mean`` rounds over a first axis depends on the other networks.
        return sum(self._parts[1:], self._parts[0]) / n_steps


def _validation_losses(
    model: Model, weights: Tensor, functions: Functions, rows: Rows, settings: TrainingSettings
) -> Tensor:
    """Return the losses on all rows; inf, which is never best, where one is not finite."""
    predictions = predict(model, weights, functions, rows.inputs)
    if settings.n_averaged > 1:
        predictions = predictions.unflatten(0, (-1, settings.n_averaged)).mean(1)
    judge = settings.judged_by or settings.loss
    result = judge(predictions, rows.targets, rows.weights)
    return torch.where(result.isfinite(), result, math.inf)


@torch.no_grad()
def predict(model: Model, weights: Tensor, functions: Functions, inputs: Tensor) -> Tensor:
    """Return the outputs (*R, n, o) in blocks of rows whose size does not depend on n."""
    architecture = model.architecture
    widest = max(architecture.n_inputs, architecture.n_outputs, *architecture.hidden_layer_sizes, 1)
    block = max(1, PREDICTED_VALUES[inputs.device.type] // (widest * weights.shape[:-1].numel()))
    parts = [
        outputs(model, weights, functions, part, frozen=True) for part in inputs.split(block, -2)
    ]
    return torch.cat(parts, -2)


def _in_turn(draws: Sequence[Draw], n_networks: int) -> Sequence[Draw]:
    """Return the rows of every network where there are several sets; one set is shared."""
    if len(draws) == 1:
        return draws
    return [*draws] * (n_networks // len(draws))


def _epochs(
    rows: StackRows, batch_size: int, generator: torch.Generator
) -> Iterator[Sequence[Draw]]:
    """Yield the batches of every set of training rows for ever, epoch by epoch.

    Sets of rows of different sizes make the same number of steps per epoch.
    """
    counts = [len(own) for own in rows.train]
    n_batches = min(max(1, round(max(counts) / batch_size)), min(counts))
    while True:
        epochs = [draw_epoch(own, n_batches, generator, rows.chance) for own in rows.train]
        yield from zip(*epochs, strict=True)
