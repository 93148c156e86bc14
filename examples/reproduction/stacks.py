"""Networks with different activation functions, trained side by side and judged on the way.

Notation
--------
R : networks, each with its own activation, first weights, learning rate and weight decay
A : those of them that are still trained
n, d, o : rows, inputs, outputs; all networks see the same rows in the same order
P : weights of one network
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, repeat
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skibias import SplineActivation
from skibias.engine.activations import Activation
from skibias.engine.episodes import Rows, stream
from skibias.engine.losses import LOSSES
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS, Optimizer, State
from skibias.engine.steps import Descent, gradient_step
from skibias.engine.training import WeightWindow, predict
from skibias.functions.fixed import FixedActivation, network_activation

Predict = Callable[[Tensor], Tensor]  # inputs (n, d) -> outputs (A, n, o)
Scores = dict[str, Tensor]  # by name, one number per network (A,)


class Network(NamedTuple):
    """One network of a stack."""

    activations: tuple[FixedActivation | SplineActivation, ...]  # one shared, or one per layer
    seed: int  # of its first weights
    learning_rate: float
    weight_decay: float = 0.0
    scale: float = 1.0  # factor on its first weights


class Training(NamedTuple):
    """How a stack is trained."""

    hidden_layer_sizes: tuple[int, ...]
    n_steps: int
    interval: int  # steps between evaluations
    optimizer: str = "sgd"
    loss: str = "squared_error"
    batch_size: int | None = None  # None: all rows
    averages: bool = False  # judge the mean of the weights over the last 50 steps (P E.1)
    spectral_normalization: bool = False


class Evaluation(NamedTuple):
    """What the networks are worth after some steps."""

    step: int
    numbers: list[int]  # (A,) of the networks, in the order in which they were given
    scores: Scores  # (A,)
    weights: Tensor  # (A, P), as judged
    model: Model  # of these networks


def make_rows(X, targets) -> Rows:
    """Return rows for the engine; targets are class numbers (n,) or values (n,) or (n, o)."""
    targets = torch.as_tensor(np.asarray(targets))
    if targets.is_floating_point():
        targets = targets.float().reshape(len(targets), -1)
    inputs = torch.as_tensor(np.asarray(X), dtype=torch.float32)
    return Rows(inputs, targets, torch.ones(len(targets)))


def one_hot(y, n_classes) -> np.ndarray:
    """Return the one-hot code (n, n_classes) of class numbers."""
    return np.eye(n_classes, dtype=np.float32)[y]


def train(
    networks: Sequence[Network],
    rows: Rows,
    training: Training,
    judge: Callable[[Predict], Scores],
    is_finished: Callable[[Scores], Tensor] | None = None,
    seed: int = 0,
) -> Iterator[Evaluation]:
    """Train the networks from scratch; yield an evaluation before the first step and on the way.

    Parameters
    ----------
    networks : sequence of Network
        Equal activations are evaluated together where they follow one another.
    judge : callable
        Given a function from inputs to the outputs of all networks, it returns their scores.
    is_finished : callable, default=None
        Given scores, it tells which networks (A,) need no more steps; these leave the stack.
    seed : int, default=0
        Of the order of the rows; first weights follow from the networks' own seeds.
    """
    stack = _first_stack(networks, rows, training)
    batches = _batches(rows, training.batch_size, stream(seed, "batches"))
    for step in range(training.n_steps + 1):
        if step > 0:
            stack = _step(stack, next(batches))
        if step % training.interval and step != training.n_steps:
            continue
        weights = stack.window.mean() if stack.window and step > 0 else stack.weights
        scores = judge(partial(predict, stack.model, weights, Functions()))
        yield Evaluation(step, stack.numbers, scores, weights, stack.model)
        if is_finished is not None:
            stack = _without(stack, is_finished(scores), training)
        if not stack.numbers:
            return


class _Stack(NamedTuple):
    """The networks that are still trained."""

    networks: list[Network]
    numbers: list[int]
    model: Model
    descent: Descent
    weights: Tensor  # (A, P)
    state: State
    window: WeightWindow | None


def _first_stack(networks: Sequence[Network], rows: Rows, training: Training) -> _Stack:
    is_value = rows.targets.is_floating_point()
    architecture = Architecture(
        rows.inputs.shape[-1],
        training.hidden_layer_sizes,
        rows.targets.shape[-1] if is_value else int(rows.targets.max()) + 1,
        training.spectral_normalization,
    )
    weights = torch.stack(
        [
            network.scale * architecture.layout.draw(stream(network.seed, "weights"))
            for network in networks
        ]
    )
    descent = _descent(networks, training)
    return _Stack(
        list(networks),
        list(range(len(networks))),
        Model(architecture, mixed_activation([network.activations for network in networks])),
        descent,
        weights,
        descent.optimizer.init(weights),
        WeightWindow() if training.averages else None,
    )


def _step(stack: _Stack, batch: Rows) -> _Stack:
    """Make one step of all networks."""
    weights, state = gradient_step(
        stack.model, Functions(), stack.weights, stack.state, batch, stack.descent
    )
    if stack.window is not None:
        stack.window.add(weights)
    return stack._replace(weights=weights, state=state)


def _without(stack: _Stack, finished: Tensor, training: Training) -> _Stack:
    """Return the stack without the networks that are finished."""
    kept = (~finished).nonzero().flatten()
    if len(kept) == len(stack.numbers):
        return stack
    networks = [stack.networks[number] for number in kept]
    if stack.window is not None:
        stack.window.parts = [part[kept] for part in stack.window.parts]
    activation = mixed_activation([network.activations for network in networks])
    return _Stack(
        networks,
        [stack.numbers[number] for number in kept],
        stack.model._replace(activation=activation),
        _descent(networks, training),
        stack.weights[kept],
        tuple(part[kept] for part in stack.state),
        stack.window,
    )


def mixed_activation(activations: Sequence[tuple]) -> Activation:
    """Return the activation of a stack whose networks (A,) have different ones."""
    runs = [(own, len(list(same))) for own, same in groupby(activations)]
    functions = [network_activation(own) for own, _ in runs]
    sizes = [size for _, size in runs]
    if len(runs) == 1:
        return functions[0]

    def activation(z: Tensor, layer: int) -> Tensor:
        parts = zip(functions, z.split(sizes), strict=True)
        return torch.cat([function(part, layer) for function, part in parts])

    return activation


def _descent(networks: Sequence[Network], training: Training) -> Descent:
    rates = torch.tensor([network.learning_rate for network in networks])[:, None]
    decays = torch.tensor([network.weight_decay for network in networks])[:, None]
    optimizer = _with_decay(OPTIMIZERS[training.optimizer], decays)
    return Descent(optimizer, LOSSES[training.loss], rates)


def _with_decay(optimizer: Optimizer, decays: Tensor) -> Optimizer:
    """Return the optimizer with a gradient of ``decays * weights`` added, biases included."""
    if not decays.any():
        return optimizer

    def update(weights, gradient, state, learning_rate):
        return optimizer.update(weights, gradient + decays * weights, state, learning_rate)

    return Optimizer(optimizer.init, update)


def _batches(rows: Rows, size: int | None, generator: torch.Generator) -> Iterator[Rows]:
    """Yield batches without end, every row once per epoch; the last, smaller one is left out."""
    n_rows = len(rows.targets)
    if size is None or size >= n_rows:
        return repeat(rows)
    return _full_batches(rows, size, generator)


def _full_batches(rows: Rows, size: int, generator: torch.Generator) -> Iterator[Rows]:
    n_used = len(rows.targets) // size * size
    while True:
        order = torch.randperm(len(rows.targets), generator=generator)[:n_used]
        for numbers in order.to(rows.targets.device).split(size):
            yield Rows(*(part[numbers] for part in rows))


def accuracy(outputs: Tensor, y: Tensor) -> Tensor:
    """Return the share (A,) of rows whose greatest output is that of their class."""
    return (outputs.argmax(-1) == y).float().mean(-1)
