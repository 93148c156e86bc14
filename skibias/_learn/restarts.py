"""Running a schedule for all restarts: in stacks that fit into memory, and on all workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._run.clock import Cut, Deadline, most_cut
from skibias._run.memory import in_chunks, memory_budget
from skibias._run.parallel import count_workers, side_by_side
from skibias._run.progress import progress_bar
from skibias._run.stages import StageRun
from skibias.engine import splines
from skibias.engine.metalearn import Task, select_restarts
from skibias.engine.networks import Functions
from skibias.engine.schedules import MetaState, Schedule, ScheduleSettings, schedule_steps

# Arrays of the size of a batch's layers, and of the weights, that an unrolled step keeps: about a
# third more than what `examples/benchmarks/bench_meta_step.py` finds.
STORED_PASSES, STORED_VECTORS = 4, 6
# States of the functions that a history keeps, at most, and the bytes they may take; the first
# and the last one are kept whatever they take.
SNAPSHOTS, SNAPSHOT_BYTES = 50, 4 << 20


class Outcome(NamedTuple):
    """What the schedule found for the restarts of a stack."""

    functions: Functions  # (S, …)
    diverged: np.ndarray  # (S,) bool
    history: dict[str, Any]
    cut: Cut | None = None


def run_schedule(
    schedule: Schedule,
    tasks: Sequence[Task],
    functions: Functions,
    settings: ScheduleSettings,
    stage: StageRun,
    verbose: int = 0,
) -> Outcome:
    """Run the schedule for all restarts, in stacks that fit into memory, and on all workers."""
    run = partial(_run_restarts, schedule, tasks, functions, settings, stage, verbose)
    memory = stage.memory or memory_budget(tasks[0].data.inputs.device)
    size = max(1, memory // _bytes_per_restart(tasks, settings))
    n_restarts = settings.meta.n_restarts
    blocks = np.array_split(np.arange(n_restarts), min(count_workers(), n_restarts))
    calls = [partial(_run_block, run, block.tolist(), size, stage.deadline) for block in blocks]
    return join_outcomes(list(chain.from_iterable(side_by_side(calls, n_threads=1))))


def _run_block(
    run: Callable[..., Outcome], restarts: list[int], size: int, deadline: Deadline
) -> list[Outcome]:
    """Run the schedule for the restarts of one worker, one stack after the other."""
    stacks = [restarts[start : start + size] for start in range(0, len(restarts), size)]
    deadlines = deadline.parts([len(stack) for stack in stacks], 1)
    outcomes = [
        in_chunks(stack, partial(run, own), len(stack))
        for stack, own in zip(stacks, deadlines, strict=True)
    ]
    return list(chain.from_iterable(outcomes))


def _bytes_per_restart(tasks: Sequence[Task], settings: ScheduleSettings) -> int:
    """Return the memory that a restart takes.

    A network keeps, for every step that is unrolled, what its forward and backward pass computed,
    and several vectors of its size.
    """
    n_bytes = 0
    for task in tasks:
        n_rows = settings.meta.batch_size or len(task.data.targets)
        units = sum(map(sum, task.model.architecture.layer_shapes))
        n_weights = task.model.architecture.n_weights
        n_steps = 1 + settings.steps_between
        n_bytes += 4 * n_steps * (STORED_PASSES * n_rows * units + STORED_VECTORS * n_weights)
    return n_bytes * settings.meta.n_networks


def _run_restarts(
    schedule: Schedule,
    tasks: Sequence[Task],
    functions: Functions,
    settings: ScheduleSettings,
    stage: StageRun,
    verbose: int,
    deadline: Deadline,
    restarts: list[int],
) -> Outcome:
    """Run the schedule for some consecutive restarts, as one stack."""
    own = slice(restarts[0], restarts[-1] + 1)
    meta = settings.meta._replace(
        outer_learning_rate=settings.meta.outer_learning_rate[own],
        unroll_steps=settings.meta.unroll_steps[own],
        first_restart=restarts[0],
    )
    settings = settings._replace(meta=meta, elapsed=deadline.from_now().elapsed)
    tasks = [_task_of(task, own) for task in tasks]
    steps = snapshot_steps(settings.n_outer_steps, functions)  # those of all stacks are the same
    functions = functions.map(lambda table: table[own])
    files = stage.files.part(f"{restarts[0]}-{restarts[-1]}")
    state, recorder = files.state() or (
        None,
        _Recorder(functions, settings, schedule.keeps_best, steps),
    )
    done = 0 if state is None else state.step
    states = schedule_steps(schedule, tasks, functions, settings, state)
    keeper = files.keeper()
    total = settings.n_outer_steps
    for state in progress_bar(states, total, stage.stage.label, verbose, done):
        recorder.add(state)
        if keeper.is_due():
            keeper.keep((state, recorder))
    best = recorder.best.map(torch.Tensor.cpu)
    cut = _learning_cut(stage, state, total)
    return Outcome(best, recorder.diverged.numpy(), recorder.history(), cut)


def snapshot_steps(n_outer_steps: int, functions: Functions) -> np.ndarray:
    """Return the numbers of the outer steps after which functions are kept, evenly spaced."""
    n_bytes = sum(4 * table.numel() for table in functions if table is not None)
    n_snapshots = min(SNAPSHOTS, max(2, SNAPSHOT_BYTES // n_bytes), n_outer_steps + 1)
    return np.linspace(0, n_outer_steps, n_snapshots).round().astype(int)


def _task_of(task: Task, restarts: slice) -> Task:
    """Return the task with the grids of some restarts only."""
    grid = task.model.grid
    if grid is None:
        return task
    grid = splines.Grid(*(part[restarts] for part in grid))
    return task._replace(model=task.model._replace(grid=grid))


def join_outcomes(outcomes: list[Outcome]) -> Outcome:
    """Put the restarts of several stacks side by side.

    A stack all of whose restarts ended early has a shorter history: its losses are continued by
    nan, its functions by the last ones.
    """
    if len(outcomes) == 1:
        return outcomes[0]
    longest = max(
        (outcome.history for outcome in outcomes), key=lambda own: own["snapshot_step"][-1]
    )
    n_steps = max(len(outcome.history["validation_loss"]) for outcome in outcomes)
    losses = [
        np.pad(own, ((0, n_steps - len(own)), (0, 0)), constant_values=np.nan)
        for own in (outcome.history["validation_loss"] for outcome in outcomes)
    ]
    snapshots = [outcome.history["functions"] for outcome in outcomes]
    history = {
        "validation_loss": np.concatenate(losses, axis=1),
        "snapshot_step": longest["snapshot_step"],
        "functions": [
            _stack_functions([own[min(number, len(own) - 1)] for own in snapshots])
            for number in range(len(longest["functions"]))
        ],
    }
    functions = _stack_functions([outcome.functions for outcome in outcomes])
    diverged = np.concatenate([outcome.diverged for outcome in outcomes])
    return Outcome(functions, diverged, history, most_cut(outcome.cut for outcome in outcomes))


def _stack_functions(parts: list[Functions]) -> Functions:
    return parts[0].map(lambda *tables: torch.cat(tables), *parts[1:])


def _learning_cut(stage: StageRun, state: MetaState | None, n_outer_steps: int) -> Cut | None:
    """Return what is missing of the schedule; it ends early on its own where all restarts do."""
    done = 0 if state is None else state.step
    if done == n_outer_steps or (state is not None and state.has_ended):
        return None
    return stage.cut(done, n_outer_steps, "outer steps")


class _Recorder:
    """Keeps losses, snapshots, and each restart's functions before they got worse.

    A schedule that keeps the best functions has networks of different ages. What counts is their
    mean loss over one life span: the functions with the lowest one are kept. A schedule that does
    not stops by itself, and its last functions count (Teney et al. 2025, Algorithm 1).
    """

    def __init__(
        self,
        functions: Functions,
        settings: ScheduleSettings,
        keeps_best: bool,
        snapshot_steps: np.ndarray,
    ) -> None:
        self.best = functions
        self.diverged = torch.zeros(settings.meta.n_restarts, dtype=torch.bool)
        self._keeps_best = keeps_best
        self._window = max(1, settings.horizon // settings.steps_between)
        self._window = min(self._window, max(1, settings.n_outer_steps // 4))
        self._best_mean = torch.full(self.diverged.shape, torch.inf, dtype=torch.float32)
        self._losses: list[torch.Tensor] = []
        self._snapshot_steps = set(snapshot_steps.tolist())
        self._last = 0, functions
        self._steps, self._snapshots = [0], [functions.map(torch.Tensor.cpu)]

    def add(self, state: MetaState) -> None:
        """Take in one outer step."""
        self._losses.append(state.validation_loss)
        self.diverged = state.diverged
        better = ~state.diverged
        if self._keeps_best and len(self._losses) >= self._window:
            mean = torch.stack(self._losses[-self._window :]).mean(0)
            better = mean < self._best_mean
            self._best_mean = torch.where(better, mean, self._best_mean)
        self.best = state.functions.map(partial(select_restarts, better), self.best)
        self._last = state.step, state.functions
        if state.step in self._snapshot_steps:
            self._keep_last()

    def _keep_last(self) -> None:
        step, functions = self._last
        self._steps.append(step)
        self._snapshots.append(functions.map(torch.Tensor.cpu))

    def history(self) -> dict[str, Any]:
        """Return losses (steps, S), and steps and functions of the snapshots."""
        if self._steps[-1] != self._last[0]:  # learning ended early
            self._keep_last()
        n_restarts = len(self.diverged)
        losses = torch.stack(self._losses).numpy() if self._losses else np.empty((0, n_restarts))
        return {
            "validation_loss": losses,
            "snapshot_step": np.array(self._steps),
            "functions": self._snapshots,
        }
