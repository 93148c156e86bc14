"""Training a stack of networks with their functions fixed, and predicting with them.

Notation
--------
R : networks trained at once
P : weights of one network
n, o : rows, outputs
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine.episodes import Draw, Rows, draw_epoch, gather_shared
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model, outputs
from skibias.engine.steps import Descent, Run, are_large, gradient_step

# Weights are evaluated, and kept, as their mean over the last 50 steps (P E.1).
AVERAGED_STEPS = 50
PART_STEPS = 5  # of them that are added up at once
# Numbers held at once in the widest layer during prediction. On a CPU, larger blocks are given back
# to the system after each use and have to be asked for again; a GPU idles with smaller ones.
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
    """How a stack is trained."""

    descent: Descent
    batch_size: int
    n_steps: int
    validation_loss: Loss | None = None  # None: the loss of the descent
    n_averaged: int = 1  # networks, one after the other, whose mean outputs are evaluated
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
    state = settings.descent.optimizer.init(weights)
    window = WeightWindow()
    batches = chain.from_iterable(epochs(rows, settings.batch_size, len(weights), generator))
    validation = gather_shared(rows.data, _in_turn([*map(Draw, rows.validation)], len(weights)))
    for step, batch in enumerate(islice(batches, settings.n_steps), 1):
        weights, state = gradient_step(model, functions, weights, state, batch, settings.descent)
        window.add(weights)
        if step % settings.evaluation_interval == 0 or step == settings.n_steps:
            averaged = window.mean()
            losses = _validation_losses(model, averaged, functions, validation, settings)
            yield TrainingState(step, averaged, losses)


def epochs(
    rows: StackRows, batch_size: int, n_networks: int, generator: torch.Generator
) -> Iterator[Iterator[Rows]]:
    """Yield epochs for ever, each as the batches for a stack of networks.

    Every set of training rows comes in a new random order. Sets of different sizes make the same
    number of steps per epoch. The numbers of an epoch are drawn when it begins. Batches differ in
    size by one row at most.
    """
    n_batches = count_batches(rows.train, batch_size)
    while True:
        draws = [draw_epoch(own, n_batches, generator, rows.chance) for own in rows.train]
        yield (
            gather_shared(rows.data, _in_turn(batch, n_networks))
            for batch in zip(*draws, strict=True)
        )


def count_batches(train: Sequence[Tensor], batch_size: int) -> int:
    """Return the number of batches in an epoch over sets of row numbers."""
    counts = [len(own) for own in train]
    return min(max(1, round(max(counts) / batch_size)), min(counts))


class BestSoFar(NamedTuple):
    """The lowest validation losses up to now, and how long none was lower.

    A loss belongs to a network, or to several that are evaluated together.
    """

    losses: Tensor  # (C,); inf where none was finite
    waited: Tensor  # (C,) evaluations since

    @classmethod
    def start(cls, count: int) -> BestSoFar:
        """Return what is known of so many losses before the first evaluation."""
        losses = torch.full((count,), math.inf, dtype=torch.float32)
        return cls(losses, torch.zeros(count, dtype=torch.int64))

    def update(self, losses: Tensor, patience: int) -> BestSoFar:
        """Take in an evaluation (C,).

        Those that have waited for ``patience`` evaluations have ended, whatever goes on beside
        them. A loss that is not finite is never the lowest.
        """
        improved = (losses < self.losses) & (self.waited < patience)
        return BestSoFar(
            torch.where(improved, losses, self.losses), torch.where(improved, 0, self.waited + 1)
        )

    def have_ended(self, patience: int) -> bool:
        """Whether all have waited for so many evaluations."""
        return bool((self.waited >= patience).all())


class WeightWindow:
    """The mean of the weights after the last `AVERAGED_STEPS` steps (P E.1).

    Steps are added up in parts of `PART_STEPS`, which saves memory; the oldest part leaves as a
    whole, so that in the middle of a part the window is up to `PART_STEPS` - 1 steps shorter.
    """

    def __init__(self) -> None:
        self.parts: list[Tensor] = []  # sums; the last one is being filled
        self.count = 0

    def add(self, weights: Tensor) -> None:
        """Take in the weights after one more step."""
        if self.count % PART_STEPS == 0:
            self.parts.append(weights.detach().clone())
            del self.parts[: -AVERAGED_STEPS // PART_STEPS]
        else:
            self.parts[-1] += weights.detach()
        self.count += 1

    def mean(self) -> Tensor:
        """Return the mean over the steps taken in, at most the last `AVERAGED_STEPS`."""
        n_filling = (self.count - 1) % PART_STEPS + 1
        n_steps = (len(self.parts) - 1) * PART_STEPS + n_filling
        # One by one: how ``Tensor.mean`` rounds over a first axis depends on the other networks.
        return sum(self.parts[1:], self.parts[0]) / n_steps


def _validation_losses(
    model: Model, weights: Tensor, functions: Functions, rows: Rows, settings: TrainingSettings
) -> Tensor:
    """Return the losses on all rows; inf, which is never best, where one is not finite."""
    predictions = predict(model, weights, functions, rows.inputs)
    if settings.n_averaged > 1:
        predictions = predictions.unflatten(0, (-1, settings.n_averaged)).mean(1)
    loss = settings.validation_loss or settings.descent.loss
    result = loss(predictions, rows.targets, rows.weights)
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


def predict_apart(
    model: Model, weights: Tensor, functions: Functions, inputs: Tensor, run: Run
) -> Tensor:
    """Return what `predict` returns for networks (E, P); large ones are taken one by one."""
    if not are_large(weights, inputs.shape[-2]):
        return predict(model, weights, functions, inputs)
    calls = [partial(predict, model, own, functions, inputs) for own in weights.split(1)]
    return torch.cat([*run(calls)])


def _in_turn(draws: Sequence[Draw], n_networks: int) -> Sequence[Draw]:
    """Return the rows of every network where there are several sets; one set is shared."""
    if len(draws) == 1:
        return draws
    return [*draws] * (n_networks // len(draws))
