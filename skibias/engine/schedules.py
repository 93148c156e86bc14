"""Schedules: which networks an outer step is made with, and when learning ends.

Notation
--------
S : restarts, each with functions psi of its own
M : networks that share the functions of one restart
R : S * M networks in one stack, restart by restart

A run is a generator of `MetaState`: the caller decides when to print, stop or keep one, and can go
on later from one that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from skibias.engine.metalearn import (
    MetaSettings,
    Population,
    Task,
    inner_steps,
    new_population,
    outer_step,
)
from skibias.engine.networks import Functions

Item = TypeVar("Item")


def never_elapsed() -> float:
    """Return the share of the allowed time that has passed where time is not limited."""
    return 0.0


class ScheduleSettings(NamedTuple):
    """How outer steps follow one another."""

    meta: MetaSettings  # how each is made
    n_outer_steps: int
    horizon: int  # staggered: inner steps in the life of a network
    steps_between: int  # staggered: inner steps per outer step, at least every unroll_steps
    patience: int = 1  # episodic: outer steps without improvement; 1 is Algorithm 1
    elapsed: Callable[[], float] = never_elapsed  # share of the allowed time; 1 ends


class MetaState(NamedTuple):
    """The functions after one outer step, and the validation loss that this step followed."""

    step: int  # outer steps done
    functions: Functions  # (S, …)
    validation_loss: Tensor  # (S,), mean over the networks; nan for a restart that has ended
    diverged: Tensor  # (S,) bool
    stopped: Tensor  # (S,) bool: stopped early on validation
    # What the schedule's next step needs beside them. That step draws from the generators in it,
    # so a state is to be copied before the step is made.
    progress: Any

    @property
    def has_ended(self) -> bool:
        """Whether every restart has diverged or stopped."""
        return bool((self.diverged | self.stopped).all())


class Schedule(NamedTuple):
    """An order of outer steps."""

    start: Callable[[Sequence[Task], ScheduleSettings], Any]  # progress before the first step
    step: Callable[[Sequence[Task], MetaState, ScheduleSettings], MetaState]
    default_networks: int  # M
    # Whether the functions with the lowest validation loss are kept, or the last ones.
    keeps_best: bool


def schedule_steps(
    schedule: Schedule,
    tasks: Sequence[Task],
    functions: Functions,
    settings: ScheduleSettings,
    start: MetaState | None = None,
) -> Iterator[MetaState]:
    """Yield the state after every outer step, or those that follow the state ``start``."""
    state = start or MetaState(
        0,
        functions,
        _per_restart(settings, math.nan),
        diverged=_per_restart(settings, False),
        stopped=_per_restart(settings, False),
        progress=schedule.start(tasks, settings),
    )
    while state.step < settings.n_outer_steps and not state.has_ended and settings.elapsed() < 1:
        state = schedule.step(tasks, state, settings)
        yield state


class _Patience(NamedTuple):
    """What the episodic schedule knows of earlier steps."""

    best: tuple[Tensor, ...]  # lowest validation loss (S,) of every task
    waited: Tensor  # (S,) outer steps since the last improvement


def _episodic_start(tasks: Sequence[Task], settings: ScheduleSettings) -> _Patience:
    best = tuple(_per_restart(settings, math.inf) for _ in tasks)
    return _Patience(best, _per_restart(settings, 0))


def _episodic_step(
    tasks: Sequence[Task], state: MetaState, settings: ScheduleSettings
) -> MetaState:
    """Make the step of P Algorithm 1 that follows a state.

    Outer step k draws a fresh split and fresh weights, makes k inner steps (docs, Eq. 6) and one
    gradient step on the functions; a restart stops for good when its validation loss has not
    improved for ``patience`` steps. With several tasks, step k is an episode of task k modulo
    their number, and its loss is compared with earlier ones of the same task.

    Differs from the paper: the gradient is clipped, which only matters when it explodes.
    """
    known: _Patience = state.progress
    step = state.step + 1
    chosen = state.step % len(tasks)
    task = tasks[chosen]
    episodes = [(network, step) for network in settings.meta.networks]
    population = new_population(task, episodes, settings.meta)
    burn_in = step - min(step, int(settings.meta.unroll_steps.max()))
    population = inner_steps(task, state.functions, population, burn_in, settings.meta)
    ended = state.diverged | state.stopped
    functions, _, validation_loss, failed = outer_step(
        task, state.functions, population, step - burn_in, 1.0, ended, settings.meta
    )
    diverged = state.diverged | failed
    improved = validation_loss < known.best[chosen]
    lowest = torch.where(improved, validation_loss, known.best[chosen])
    waited = torch.where(improved, 0, known.waited + 1)
    return MetaState(
        step,
        functions,
        validation_loss.masked_fill(ended, math.nan),
        diverged,
        state.stopped | (~ended & ~diverged & (waited >= settings.patience)),
        _Patience(_replaced(known.best, chosen, lowest), waited),
    )


def _staggered_start(tasks: Sequence[Task], settings: ScheduleSettings) -> tuple[Population, ...]:
    """Return the living networks of every task; ages of each restart's are spread evenly."""
    n_networks = settings.meta.n_networks
    ages = [settings.horizon * m // n_networks for m in range(n_networks)]
    ages *= settings.meta.n_restarts
    return tuple(
        new_population(
            task, [(network, -1 - number) for network in settings.meta.networks], settings.meta
        )._replace(ages=tuple(ages))
        for number, task in enumerate(tasks)
    )


def _staggered_step(
    tasks: Sequence[Task], state: MetaState, settings: ScheduleSettings
) -> MetaState:
    """Make the outer step that follows a state, with networks that live on.

    M networks of different ages live at once. Each outer step trains all of them for t steps,
    moves the functions along the mean gradient of their validation losses, and replaces (fresh
    weights, fresh split) those that have reached the horizon. The outer learning rate is annealed
    to zero, sooner where time is short: the last functions are fixed ones that a fresh network
    can be trained with.

    Differs from the paper: Algorithm 1 spends k inner steps on outer step k, this one t.
    """
    populations: tuple[Population, ...] = state.progress
    chosen = state.step % len(tasks)
    task = tasks[chosen]
    functions, population, validation_loss, failed = outer_step(
        task,
        state.functions,
        populations[chosen],
        settings.steps_between,
        _annealing(state.step, settings),
        state.diverged,
        settings.meta,
    )
    population = _replace_old(task, population, state.step + 1, settings)
    return MetaState(
        state.step + 1,
        functions,
        validation_loss.masked_fill(state.diverged, math.nan),
        state.diverged | failed,
        state.stopped,
        _replaced(populations, chosen, population),
    )


def _annealing(step: int, settings: ScheduleSettings) -> float:
    """Return the factor on the outer learning rate after ``step`` steps, from 1 down to 0.

    The formula is docs, Eq. 7. What counts is the share of the steps, or that of the time where
    this is greater. The last step of all has a share of 1 - 1/n of the steps, and is given no more
    of the time.
    """
    time_share = min(settings.elapsed() - 1 / settings.n_outer_steps, 1.0)
    angle = max(math.pi * step / settings.n_outer_steps, math.pi * time_share)
    return 0.5 * (1 + math.cos(angle))


def _replace_old(
    task: Task, population: Population, step: int, settings: ScheduleSettings
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
    numbers = settings.meta.networks
    fresh = new_population(task, [(numbers[position], step) for position in old], settings.meta)
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


def _per_restart(settings: ScheduleSettings, value: float | int | bool) -> Tensor:
    """Return the value once per restart (S,)."""
    dtype = torch.float32 if isinstance(value, float) else None
    return torch.full((settings.meta.n_restarts,), value, dtype=dtype)


def _replaced(items: tuple[Item, ...], number: int, new: Item) -> tuple[Item, ...]:
    return (*items[:number], new, *items[number + 1 :])


SCHEDULES = {
    "episodic": Schedule(_episodic_start, _episodic_step, default_networks=1, keeps_best=False),
    "staggered": Schedule(_staggered_start, _staggered_step, default_networks=2, keeps_best=True),
}
