"""Bi-level optimisation of activation functions (P Algorithm 1), for many restarts at once.

The problem is that of docs, Eq. 3.

Notation
--------
S : restarts, each with functions psi of its own
M : networks that share the functions of one restart
R : S * M networks in one stack, restart by restart
P : weights of one network
t : last inner steps that the meta-gradient flows through

Here is what one outer step is made of; `schedules` has the order of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from skibias.engine.episodes import Rows, SplitSampler, draw_rows, gather_batch, stream
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model, outputs
from skibias.engine.optim import Optimizer, State
from skibias.engine.splines import Grid
from skibias.engine.steps import Descent, gradient_step


class Task(NamedTuple):
    """One data set to learn on; several tasks share the functions, not the networks."""

    data: Rows
    split: SplitSampler
    model: Model  # its grid, if any, has one entry per restart (S,)
    loss: Loss
    chance: Tensor | None = None  # (n,) how often rows are drawn, see `chances`


class MetaSettings(NamedTuple):
    """How an outer step is made; tensors hold one number per restart."""

    outer_learning_rate: Tensor  # (S,)
    unroll_steps: Tensor  # (S,) int64, at least 1
    n_networks: int  # M; Algorithm 1 has 1
    optimizer: Optimizer
    learning_rate: float
    batch_size: int | None  # of training and validation batches; None: all rows
    max_norm: float = 1.0  # outer gradients longer than this are shortened to it
    normalize: bool = False  # and shorter ones lengthened
    seed: int = 0
    first_restart: int = 0  # number of the first restart, where a stack is run in chunks

    @property
    def n_restarts(self) -> int:
        """S, of this stack."""
        return len(self.outer_learning_rate)

    @property
    def networks(self) -> list[int]:
        """Numbers of the networks (R,); a chunk of restarts keeps the numbers of the whole."""
        first = self.first_restart * self.n_networks
        return list(range(first, first + self.n_restarts * self.n_networks))


class Population(NamedTuple):
    """The living networks of one task."""

    weights: Tensor  # (R, P)
    optimizer_state: State
    ages: tuple[int, ...]  # inner steps done by each network
    train_rows: tuple[Tensor, ...]
    validation_rows: tuple[Tensor, ...]
    generators: tuple[torch.Generator, ...]  # batches of each network's episode


def new_population(
    task: Task, episodes: Sequence[tuple[int, int]], settings: MetaSettings
) -> Population:
    """Draw one fresh network, split and stream of batches per (network, episode)."""
    weights, train_rows, validation_rows, generators = [], [], [], []
    for network, episode in episodes:
        generator = stream(settings.seed, "episode", network, episode)
        train, validation = task.split(generator)
        train_rows.append(train)
        validation_rows.append(validation)
        weights.append(task.model.architecture.layout.draw(generator))
        generators.append(generator)
    stacked = torch.stack(weights).to(task.data.weights)
    return Population(
        stacked,
        settings.optimizer.init(stacked),
        (0,) * len(episodes),
        tuple(train_rows),
        tuple(validation_rows),
        tuple(generators),
    )


def inner_steps(
    task: Task, functions: Functions, population: Population, n_steps: int, settings: MetaSettings
) -> Population:
    """Train the networks with the functions fixed; no meta-gradient is kept."""
    model, functions = _per_network(task.model, functions.map(Tensor.detach), settings)
    descent = Descent(settings.optimizer, task.loss, settings.learning_rate)
    weights, state = population.weights, population.optimizer_state
    for _ in range(n_steps):
        batch = draw_batch(task, population.train_rows, population, settings)
        weights, state = gradient_step(model, functions, weights, state, batch, descent)
    ages = tuple(age + n_steps for age in population.ages)
    return population._replace(weights=weights, optimizer_state=state, ages=ages)


def outer_step(
    task: Task,
    functions: Functions,
    population: Population,
    n_inner: int,
    annealing: float,
    ended: Tensor,
    settings: MetaSettings,
) -> tuple[Functions, Population, Tensor, Tensor]:
    """Make ``n_inner`` inner steps and one gradient step on the functions.

    Returns the functions, the trained population, the validation loss (S,) of each restart
    before the step, and which restarts (S,) failed: a loss or gradient that is not finite.
    Functions of restarts that have ended or failed stay as they are.
    """
    leaves = functions.map(lambda table: table.detach().requires_grad_())
    batches = [
        draw_batch(task, population.train_rows, population, settings) for _ in range(n_inner)
    ]
    validation = draw_batch(task, population.validation_rows, population, settings)
    loss, weights, state = unrolled_loss(task, leaves, population, batches, validation, settings)
    validation_loss = loss.detach().unflatten(0, (-1, settings.n_networks)).mean(-1)  # (S,)
    # Restarts share no function, so the gradient of the sum holds every restart's own gradient.
    objective = loss.sum() / settings.n_networks
    found = iter(torch.autograd.grad(objective, [part for part in leaves if part is not None]))
    gradients = leaves.map(lambda table: next(found))
    failed = ~(validation_loss.isfinite() & _all_finite(gradients)).cpu() & ~ended
    rate = settings.outer_learning_rate * annealing
    rate = rate.masked_fill(ended | failed, 0.0)
    functions = leaves.map(Tensor.detach)
    moved = functions.map(partial(_move, rate=rate, settings=settings), gradients)
    # A step too large for the number format fails as well, and is not taken.
    overflown = ~_all_finite(moved).cpu() & ~ended
    functions = functions.map(partial(select_restarts, overflown), moved)
    ages = tuple(age + n_inner for age in population.ages)
    trained = population._replace(
        weights=weights.detach(), optimizer_state=tuple(s.detach() for s in state), ages=ages
    )
    return functions, trained, validation_loss.cpu(), failed | overflown


def unrolled_loss(
    task: Task,
    functions: Functions,
    population: Population,
    batches: Sequence[Rows],
    validation: Rows,
    settings: MetaSettings,
) -> tuple[Tensor, Tensor, State]:
    """Return the validation loss (R,) after one inner step per batch, the weights and the state.

    The loss is differentiable with respect to the functions (S, …) through the last
    ``unroll_steps`` steps of each restart (P App. C; docs, Eq. 4).
    """
    model, per_network = _per_network(task.model, functions, settings)
    steps_kept = settings.unroll_steps.repeat_interleave(settings.n_networks)[:, None]
    steps_kept = steps_kept.to(population.weights.device)
    descent = Descent(settings.optimizer, task.loss, settings.learning_rate)
    weights, state = population.weights.detach().requires_grad_(), population.optimizer_state
    for number, batch in enumerate(batches):
        if bool((steps_kept < len(batches)).any()) and number > 0:
            cut = steps_kept == len(batches) - number  # this restart's graph begins here
            weights, *state_parts = (
                torch.where(cut, part.detach(), part) for part in (weights, *state)
            )
            state = tuple(state_parts)
        weights, state = gradient_step(
            model, per_network, weights, state, batch, descent, differentiable=True
        )
    predictions = outputs(model, weights, per_network, validation.inputs)
    return task.loss(predictions, validation.targets, validation.weights), weights, state


def draw_batch(
    task: Task, rows: Sequence[Tensor], population: Population, settings: MetaSettings
) -> Rows:
    """Draw a batch (R, b, …), each network from its own rows and with its own generator."""
    draws = [
        draw_rows(own_rows, settings.batch_size, generator, task.chance)
        for own_rows, generator in zip(rows, population.generators, strict=True)
    ]
    return gather_batch(task.data, draws)


def _per_network(
    model: Model, functions: Functions, settings: MetaSettings
) -> tuple[Model, Functions]:
    """Repeat the grid and the functions (S, …) of each restart for its M networks (R, …)."""

    def repeat(part: Tensor) -> Tensor:
        return part.repeat_interleave(settings.n_networks, 0)

    if model.grid is not None:
        model = model._replace(grid=Grid(*(repeat(part) for part in model.grid)))
    return model, functions.map(repeat)


def _move(table: Tensor, gradient: Tensor, rate: Tensor, settings: MetaSettings) -> Tensor:
    """Make a clipped (or normalised) step on the functions (S, …) of all restarts (docs, Eq. 5).

    Differs from the paper: its steps are plain gradient steps. Clipped steps stay bounded where
    gradients explode; the length of normalised ones does not depend on the scale of the gradient.
    """
    n_knots = table.shape[2]  # of an activation table (S, L, K), and of inputs (S, d, K, c)
    n_functions = table[0].numel() // n_knots
    # Length of the gradient per function, in the root mean square over a restart's functions.
    length = gradient.flatten(1).norm(dim=1) / n_functions**0.5
    if settings.normalize:
        scale = settings.max_norm / length.clamp(min=torch.finfo(length.dtype).tiny)
    else:
        scale = (settings.max_norm / length.clamp(min=settings.max_norm)).clamp(max=1.0)
    step = (rate.to(table) * scale)[(...,) + (None,) * (table.dim() - 1)] * gradient
    # A rate of zero must leave the table alone even where the gradient is not finite.
    return select_restarts(rate > 0, table - step, table)


def select_restarts(restarts: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    """Return the table (S, …) ``chosen`` for the restarts (S,) that are True, else ``other``."""
    mask = restarts.to(chosen.device)[(...,) + (None,) * (chosen.dim() - 1)]
    return torch.where(mask, chosen, other)


def _all_finite(tables: Sequence[Tensor | None]) -> Tensor:
    """Whether all gradients of each restart (S,) are finite."""
    finite = [table.flatten(1).isfinite().all(1) for table in tables if table is not None]
    return torch.stack(finite).all(0)
