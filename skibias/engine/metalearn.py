"""Bi-level optimisation of activation functions (P Algorithm 1), for many restarts at once.

The problem is that of docs, Eq. 3.

Notation
--------
S : restarts, each with functions psi of its own
M : networks that share the functions of one restart
R : S * M networks in one stack, restart by restart
P : weights of one network
t : last inner steps that the meta-gradient flows through

Both schedules are generators of `MetaState`: the caller decides when to print, stop or keep one,
and can go on later from one that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from skibias.engine.episodes import (
    Rows,
    SplitSampler,
    draw_rows,
    gather_batch,
    stream,
)
from skibias.engine.losses import Loss
from skibias.engine.networks import Functions, Model, draw_weights, outputs
from skibias.engine.optim import Optimizer, State
from skibias.engine.splines import Grid

Item = TypeVar("Item")


def never_elapsed() -> float:
    """Return the share of the allowed time that has passed where time is not limited."""
    return 0.0


class Task(NamedTuple):
    """One data set to learn on; several tasks share the functions, not the networks."""

    data: Rows
    split: SplitSampler
    model: Model  # its grid, if any, has one entry per restart (S,)
    loss: Loss
    chance: Tensor | None = None  # (n,) how often rows are drawn, see `chances`


class MetaSettings(NamedTuple):
    """How the functions are learned; tensors hold one number per restart."""

    outer_learning_rate: Tensor  # (S,)
    unroll_steps: Tensor  # (S,) int64, at least 1
    n_outer_steps: int
    horizon: int  # staggered: inner steps in the life of a network
    steps_between: int  # staggered: inner steps per outer step, at least every unroll_steps
    n_networks: int  # M; Algorithm 1 has 1
    optimizer: Optimizer
    learning_rate: float
    batch_size: int | None  # of training and validation batches; None: all rows
    max_norm: float = 1.0  # outer gradients longer than this are shortened to it
    normalize: bool = False  # and shorter ones lengthened
    patience: int = 1  # episodic: outer steps without improvement; 1 is Algorithm 1
    seed: int = 0
    first_restart: int = 0  # number of the first restart, where a stack is run in chunks
    elapsed: Callable[[], float] = never_elapsed  # share of the allowed time; 1 ends


class Population(NamedTuple):
    """The living networks of one task."""

    weights: Tensor  # (R, P)
    optimizer_state: State
    ages: tuple[int, ...]  # inner steps done by each network
    train_rows: tuple[Tensor, ...]
    validation_rows: tuple[Tensor, ...]
    generators: tuple[torch.Generator, ...]  # batches of each network's episode


class MetaState(NamedTuple):
    """The functions after one outer step, and the validation loss that this step followed.

    The fields from ``populations`` on are what the next step needs beside them. The generators
    in a population are drawn from by that step, so a state is to be copied before it is made.
    """

    step: int  # outer steps done
    functions: Functions  # (S, …)
    validation_loss: Tensor  # (S,), mean over the networks; nan for a restart that has ended
    diverged: Tensor  # (S,) bool
    stopped: Tensor  # (S,) bool: stopped early on validation
    populations: tuple[Population, ...] = ()  # staggered: the living networks of every task
    best: tuple[Tensor, ...] = ()  # episodic: lowest validation loss (S,) of every task
    waited: Tensor | None = None  # episodic: (S,) outer steps since the last improvement

    @property
    def has_ended(self) -> bool:
        """Whether every restart has diverged or stopped."""
        return bool((self.diverged | self.stopped).all())


def episodic_steps(
    tasks: Sequence[Task],
    functions: Functions,
    settings: MetaSettings,
    start: MetaState | None = None,
) -> Iterator[MetaState]:
    """Yield the states of P Algorithm 1, or those that follow the state ``start``.

    Outer step k draws a fresh split and fresh weights, makes k inner steps (docs, Eq. 6) and one
    gradient step on the functions; a restart stops for good when its validation loss has not
    improved for ``patience`` steps. With several tasks, step k is an episode of task k modulo
    their number, and its loss is compared with earlier ones of the same task.

    Differs from the paper: the gradient is clipped, which only matters when it explodes.
    """
    state = start or _first_state(functions, settings)._replace(
        best=tuple(_per_restart(settings, math.inf) for _ in tasks),
        waited=_per_restart(settings, 0),
    )
    while _goes_on(state, settings):
        state = _episodic_step(tasks, state, settings)
        yield state


def _episodic_step(tasks: Sequence[Task], state: MetaState, settings: MetaSettings) -> MetaState:
    """Make the outer step that follows a state."""
    assert state.waited is not None
    step = state.step + 1
    chosen = state.step % len(tasks)
    task = tasks[chosen]
    episodes = [(restart, step) for restart in _networks(settings)]
    population = new_population(task, episodes, settings)
    burn_in = step - min(step, int(settings.unroll_steps.max()))
    population = inner_steps(task, state.functions, population, burn_in, settings)
    ended = state.diverged | state.stopped
    functions, _, validation_loss, failed = outer_step(
        task, state.functions, population, step - burn_in, 1.0, ended, settings
    )
    diverged = state.diverged | failed
    improved = validation_loss < state.best[chosen]
    lowest = torch.where(improved, validation_loss, state.best[chosen])
    waited = torch.where(improved, 0, state.waited + 1)
    return MetaState(
        step,
        functions,
        validation_loss.masked_fill(ended, math.nan),
        diverged,
        state.stopped | (~ended & ~diverged & (waited >= settings.patience)),
        best=_replaced(state.best, chosen, lowest),
        waited=waited,
    )


def staggered_steps(
    tasks: Sequence[Task],
    functions: Functions,
    settings: MetaSettings,
    start: MetaState | None = None,
) -> Iterator[MetaState]:
    """Yield the states of a schedule that never retrains from scratch for one outer step.

    M networks of different ages live at once. Each outer step trains all of them for t steps,
    moves the functions along the mean gradient of their validation losses, and replaces (fresh
    weights, fresh split) those that have reached the horizon. The outer learning rate is annealed
    to zero, sooner where time is short: the last functions are fixed ones that a fresh network
    can be trained with. With ``start``, the states are those that follow it.

    Differs from the paper: Algorithm 1 spends k inner steps on outer step k, this one t.
    """
    state = start or _first_state(functions, settings)._replace(
        populations=tuple(
            new_population(
                task, [(restart, -1 - number) for restart in _networks(settings)], settings
            )._replace(ages=_ages(settings))
            for number, task in enumerate(tasks)
        )
    )
    while _goes_on(state, settings):
        state = _staggered_step(tasks, state, settings)
        yield state


def _staggered_step(tasks: Sequence[Task], state: MetaState, settings: MetaSettings) -> MetaState:
    """Make the outer step that follows a state."""
    chosen = state.step % len(tasks)
    task = tasks[chosen]
    functions, population, validation_loss, failed = outer_step(
        task,
        state.functions,
        state.populations[chosen],
        settings.steps_between,
        _annealing(state.step, settings),
        state.diverged,
        settings,
    )
    population = _replace_old(task, population, state.step + 1, settings)
    return MetaState(
        state.step + 1,
        functions,
        validation_loss.masked_fill(state.diverged, math.nan),
        state.diverged | failed,
        state.stopped,
        populations=_replaced(state.populations, chosen, population),
    )


def _annealing(step: int, settings: MetaSettings) -> float:
    """Return the factor on the outer learning rate after ``step`` steps, from 1 down to 0.

    The formula is docs, Eq. 7. What counts is the share of the steps, or that of the time where
    this is greater.
    The last step of all has a share of 1 - 1/n of the steps, and is given no more of the time.
    """
    time_share = min(settings.elapsed() - 1 / settings.n_outer_steps, 1.0)
    angle = max(math.pi * step / settings.n_outer_steps, math.pi * time_share)
    return 0.5 * (1 + math.cos(angle))


def _first_state(functions: Functions, settings: MetaSettings) -> MetaState:
    """Return the state before the first step."""
    unknown, no = _per_restart(settings, math.nan), _per_restart(settings, False)
    return MetaState(0, functions, unknown, diverged=no, stopped=no)


def _goes_on(state: MetaState, settings: MetaSettings) -> bool:
    """Whether another outer step is to follow a state."""
    return state.step < settings.n_outer_steps and not state.has_ended and settings.elapsed() < 1


def _per_restart(settings: MetaSettings, value: float | int | bool) -> Tensor:
    """Return the value once per restart (S,)."""
    dtype = torch.float32 if isinstance(value, float) else None
    return torch.full((len(settings.outer_learning_rate),), value, dtype=dtype)


def _replaced(items: tuple[Item, ...], number: int, new: Item) -> tuple[Item, ...]:
    return (*items[:number], new, *items[number + 1 :])


SCHEDULES = {"episodic": episodic_steps, "staggered": staggered_steps}


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
        weights.append(draw_weights(task.model.architecture, generator))
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
    weights, state = population.weights, population.optimizer_state
    for _ in range(n_steps):
        batch = draw_batch(task, population.train_rows, population, settings)
        weights.requires_grad_()
        predictions = outputs(model, weights, functions, batch.inputs, frozen=True)
        loss = task.loss(predictions, batch.targets, batch.weights)
        (gradient,) = torch.autograd.grad(loss.sum(), weights)
        with torch.no_grad():
            weights, state = settings.optimizer.update(
                weights, gradient, state, settings.learning_rate
            )
    ages = tuple(age + n_steps for age in population.ages)
    return population._replace(weights=weights.detach(), optimizer_state=state, ages=ages)


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
    parts = [part for part in leaves if part is not None]
    gradients = iter(torch.autograd.grad(objective, parts))
    tables = [None if part is None else next(gradients) for part in leaves]
    failed = ~(validation_loss.isfinite() & _all_finite(tables)).cpu() & ~ended
    rate = settings.outer_learning_rate * annealing
    rate = rate.masked_fill(ended | failed, 0.0)
    moved = [
        None if part is None or gradient is None else _move(part.detach(), gradient, rate, settings)
        for part, gradient in zip(leaves, tables, strict=True)
    ]
    # A step too large for the number format fails as well, and is not taken.
    overflown = ~_all_finite(moved).cpu() & ~ended
    kept = [
        None if new is None or old is None else select_restarts(overflown, old.detach(), new)
        for new, old in zip(moved, leaves, strict=True)
    ]
    ages = tuple(age + n_inner for age in population.ages)
    trained = population._replace(
        weights=weights.detach(), optimizer_state=tuple(s.detach() for s in state), ages=ages
    )
    return Functions(*kept), trained, validation_loss.cpu(), failed | overflown


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
    weights, state = population.weights.detach().requires_grad_(), population.optimizer_state
    for number, batch in enumerate(batches):
        if bool((steps_kept < len(batches)).any()) and number > 0:
            cut = steps_kept == len(batches) - number  # this restart's graph begins here
            weights, *state_parts = (
                torch.where(cut, part.detach(), part) for part in (weights, *state)
            )
            state = tuple(state_parts)
        predictions = outputs(model, weights, per_network, batch.inputs)
        loss = task.loss(predictions, batch.targets, batch.weights)
        (gradient,) = torch.autograd.grad(loss.sum(), weights, create_graph=True)
        weights, state = settings.optimizer.update(weights, gradient, state, settings.learning_rate)
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


def _replace_old(
    task: Task, population: Population, step: int, settings: MetaSettings
) -> Population:
    """Replace the networks that have reached the horizon, and those that are no longer finite."""
    finite = population.weights.isfinite().all(-1).tolist()
    old = [
        position
        for position, age in enumerate(population.ages)
        if age >= settings.horizon or not finite[position]
    ]
    if not old:
        return population
    numbers = _networks(settings)
    fresh = new_population(task, [(numbers[position], step) for position in old], settings)
    index = torch.tensor(old, device=population.weights.device)
    state = tuple(
        part.index_copy(0, index, new)
        for part, new in zip(population.optimizer_state, fresh.optimizer_state, strict=True)
    )
    lists = [
        list(getattr(population, name))
        for name in ("ages", "train_rows", "validation_rows", "generators")
    ]
    for number, position in enumerate(old):
        for kept, new in zip(lists, fresh[2:], strict=True):
            kept[position] = new[number]
    weights = population.weights.index_copy(0, index, fresh.weights)
    return Population(weights, state, *(tuple(kept) for kept in lists))


def _networks(settings: MetaSettings) -> list[int]:
    """Number the networks of this stack; a chunk of restarts keeps the numbers of the whole."""
    first = settings.first_restart * settings.n_networks
    count = len(settings.outer_learning_rate) * settings.n_networks
    return list(range(first, first + count))


def _ages(settings: MetaSettings) -> tuple[int, ...]:
    """Spread the ages of each restart's first networks evenly over the horizon."""
    ages = [settings.horizon * m // settings.n_networks for m in range(settings.n_networks)]
    return tuple(ages) * len(settings.outer_learning_rate)


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
    n_functions = table[0].numel() // _knots_of(table)
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


def _knots_of(table: Tensor) -> int:
    """K of an activation table (S, L, K) or of an input table (S, d, K, c)."""
    return table.shape[2]


def _all_finite(tables: Sequence[Tensor | None]) -> Tensor:
    """Whether all gradients of each restart (S,) are finite."""
    finite = [table.flatten(1).isfinite().all(1) for table in tables if table is not None]
    return torch.stack(finite).all(0)
