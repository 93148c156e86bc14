"""From a learner's settings and prepared rows to learned functions, through the engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.model_selection import check_cv
from sklearn.utils import check_X_y

from skibias._checkpoint import Stage
from skibias._preprocessing import (
    WeightedRows,
    identity_values,
    knot_positions,
    quantile_knots,
    ramp_values,
)
from skibias._runtime import (
    count_workers,
    in_chunks,
    memory_budget,
    progress_bar,
    side_by_side,
)
from skibias._spline_activation import SplineActivation
from skibias._targets import TargetEncoding
from skibias._time_limit import Cut, Deadline, most_cut
from skibias.engine import splines
from skibias.engine.activations import Activation, fixed_activation
from skibias.engine.episodes import Rows, SplitSampler, listed_splits, random_split
from skibias.engine.losses import LOSSES
from skibias.engine.metalearn import SCHEDULES, MetaSettings, MetaState, Task, select_restarts
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS

ACTIVATION_KNOTS = 50  # P, App. C
ACTIVATION_OUTER_RATE = 0.2  # upper end of P, App. C: [0.01, 0.2]
INPUT_KNOTS = 65  # eight runs of eight cells
INPUT_OUTER_RATE = 0.01  # of normalised steps
# Arrays of the size of a batch's layers, and of the weights, that an unrolled step keeps: about a
# third more than what `examples/benchmarks/bench_meta_step.py` finds.
STORED_PASSES, STORED_VECTORS = 4, 6
SNAPSHOTS = 50  # states of the functions kept in a history, at most


class Conditions(NamedTuple):
    """How long learning may take, and where its states are kept."""

    deadline: Deadline = Deadline()
    stage: Stage = Stage()


UNLIMITED = Conditions()


class LearningData(NamedTuple):
    """Prepared rows of one data set, and how episodes split them."""

    rows: WeightedRows  # scaled columns; raw ones when input functions are learned
    encoding: TargetEncoding
    split: SplitSampler


class Learned(NamedTuple):
    """What one stacked run found."""

    functions: list[list[SplineActivation]]  # per restart: per layer, or per column
    diverged: np.ndarray  # (S,) bool
    history: dict[str, Any]
    cut: Cut | None = None  # by the deadline


def is_fraction(validation) -> bool:
    """Whether the rows of the outer loss are a share of the rows, drawn anew for every network."""
    return isinstance(validation, Real) and not isinstance(validation, Integral)


def is_splitter(validation) -> bool:
    """Whether the rows of the outer loss come from a splitter, or a number of folds."""
    return not is_fraction(validation) and not isinstance(validation, tuple)


def learning_data(learner, rows: WeightedRows, encoding, outside=None) -> LearningData:
    """Return rows with the splits that the learner's ``validation`` asks for.

    ``outside`` holds the prepared rows (X, y) of an explicit ``validation=(X, y)``.
    """
    n_rows = len(rows.X)
    if outside is not None:
        rows = rows.append(*outside)
        split = listed_splits([_index_split(np.arange(n_rows), np.arange(n_rows, len(rows.X)))])
    elif is_fraction(learner.validation):
        split = random_split(n_rows, learner.validation)
    else:
        splitter = check_cv(learner.validation, rows.y, classifier=encoding.classes is not None)
        splits = [_index_split(*parts) for parts in splitter.split(rows.X, rows.y)]
        _check_splits(splits, n_rows)
        split = listed_splits(splits)
    return LearningData(rows, encoding, split)


def _check_splits(splits, n_rows) -> None:
    """Raise ValueError where a splitter numbers rows that learning does not see."""
    highest = max(int(part.max()) for parts in splits for part in parts if len(part))
    if highest >= n_rows:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must split the rows that learning "
            f"sees, {n_rows} here: an estimator holds out others before. "
            f"Got a splitter that names row {highest} instead."
        )


def _index_split(train, validation):
    return torch.as_tensor(train), torch.as_tensor(validation)


def outside_rows(learner, transform: Callable, rows: WeightedRows, encoding):
    """Return the rows of an explicit ``validation=(X, y)``, prepared, or None.

    ``rows`` are those of the data set that it is to validate.

    Raises
    ------
    ValueError
        If it cannot be used: other columns or targets than the data set's, or a class that does
        not occur there.
    """
    if not isinstance(learner.validation, tuple):
        return None
    try:
        X, y = check_X_y(*learner.validation, dtype=np.float64, multi_output=True)
        _check_width("columns", X, rows.X)
        _check_width("targets of a row", y, rows.y)
        y = encoding.numbers(y) if encoding.classes is not None else y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must be a splitter, or a pair (X, y) "
            f"that fits the data set. {error}"
        ) from error
    return transform(X), y.reshape(len(y), *rows.y.shape[1:])


def _check_width(name, own, wanted) -> None:
    """Raise ValueError unless the rows of both arrays hold as many numbers."""
    if own[0].size != wanted[0].size:
        raise ValueError(
            f"The number of {name} must be {wanted[0].size}. Got {own[0].size} instead."
        )


def learn_activations(
    learner, datasets: list[LearningData], seed, device, conditions=UNLIMITED
) -> Learned:
    """Learn activation functions, one list of functions (one, or one per layer) per restart."""
    n_restarts = learner.n_restarts
    counts = per_restart(_resolve(learner.n_knots, ACTIVATION_KNOTS), n_restarts)
    grids = splines.stack_grids(
        [splines.uniform_grid(*map(float, learner.domain), int(count)) for count in counts]
    )
    n_hidden = len(learner.hidden_layer_sizes)
    n_functions = n_hidden if learner.sharing == "layer" else 1
    starts = per_restart(_resolve(learner.init, ("relu", "zeros")), n_restarts)
    knots = splines.grid_knots(grids, max(counts))
    values = torch.stack(
        [_start_values(start, own) for start, own in zip(starts, knots, strict=True)]
    )
    values = values[:, None].repeat(1, n_functions, 1)
    model = Model(Architecture(0, (), 0), grid=grids)
    n_rows = max(len(data.rows.X) for data in datasets)
    settings = meta_settings(learner, n_rows, seed, ACTIVATION_OUTER_RATE, normalize=False)
    tasks = [
        _task(learner, data, data.rows.X, model, data.rows.X.shape[1], device) for data in datasets
    ]
    functions = Functions(activation=values.float().to(device))
    final, diverged, history, cut = _run(
        learner, tasks, functions, settings, "activation", conditions
    )

    def activations(table):
        return [
            [
                SplineActivation(own_knots[:count], own_values[:count])
                for own_values in restart_values.double().numpy()
            ]
            for restart_values, own_knots, count in zip(table, knots.numpy(), counts, strict=True)
        ]

    history["functions"] = [activations(snapshot.activation) for snapshot in history["functions"]]
    return Learned(activations(final.activation), diverged, history, cut)


class InputSettings(NamedTuple):
    """What kind of input functions to learn."""

    n_channels: int
    scaling: str = "minmax"  # of the identity start
    activation: Activation | None = None  # of the network behind them; None: ReLU


def learn_inputs(
    learner, data: LearningData, X, settings: InputSettings, seed, device, conditions=UNLIMITED
) -> Learned:
    """Learn one function per column of ``data.rows.X`` (raw units), one list of them per restart.

    The functions start from a piecewise-linear encoding or the identity, with knots at the
    quantiles of X. That of a constant column stays as it is.
    """
    n_channels = settings.n_channels
    width = max(per_restart(_resolve(learner.n_knots, INPUT_KNOTS), learner.n_restarts))
    knots = quantile_knots(X, width)
    width = max(len(own) for own in knots)
    starts = per_restart(
        _resolve(learner.init, "ramps" if n_channels > 1 else "identity"), learner.n_restarts
    )
    values = np.stack([_input_start(start, knots, width, settings) for start in starts])
    model = Model(Architecture(0, (), 0), settings.activation or fixed_activation("relu"))
    meta = meta_settings(learner, len(data.rows.X), seed, INPUT_OUTER_RATE, normalize=True)
    positions = knot_positions(data.rows.X, knots)
    task = _task(learner, data, positions, model, len(knots) * n_channels, device)
    functions = Functions(inputs=torch.tensor(values, dtype=torch.float32, device=device))
    final, diverged, history, cut = _run(learner, [task], functions, meta, "inputs", conditions)
    is_constant = np.ptp(X, axis=0) == 0

    def input_functions(table):
        heights = np.where(is_constant[:, None, None], values, table.double().numpy())
        return [
            [
                SplineActivation(own, _drop_single_channel(column_heights[: len(own)]))
                for column_heights, own in zip(restart, knots, strict=True)
            ]
            for restart in heights
        ]

    history["functions"] = [input_functions(snapshot.inputs) for snapshot in history["functions"]]
    return Learned(input_functions(final.inputs), diverged, history, cut)


def meta_settings(learner, n_rows, seed, outer_rate, normalize):
    """Translate a learner's parameters for the engine."""
    n_restarts = learner.n_restarts
    rates = per_restart(_resolve(learner.outer_learning_rate, outer_rate), n_restarts)
    steps = per_restart(learner.unroll_steps, n_restarts)
    if learner.outer_step != "auto":
        normalize = learner.outer_step == "normalized"
    return MetaSettings(
        outer_learning_rate=torch.tensor(rates, dtype=torch.float32),
        unroll_steps=torch.tensor(steps, dtype=torch.int64),
        n_outer_steps=_resolve(learner.n_outer_steps, max(40, min(200, n_rows // 20))),
        horizon=learner.horizon,
        steps_between=max(steps),
        n_networks=_resolve(learner.n_networks, 2 if learner.schedule == "staggered" else 1),
        optimizer=OPTIMIZERS[learner.optimizer],
        learning_rate=learner.learning_rate,
        batch_size=learner.batch_size,
        normalize=normalize,
        smoothness=learner.smoothness,
        patience=learner.patience,
        seed=seed,
    )


def per_restart(setting, n_restarts):
    """Return one setting per restart; a sequence is repeated in turn."""
    choices = list(setting) if isinstance(setting, (list, tuple, np.ndarray)) else [setting]
    return [choices[restart % len(choices)] for restart in range(n_restarts)]


def engine_rows(X, targets, weights, device):
    """Return rows as the engine's float32 tensors."""
    targets = torch.as_tensor(targets)
    if targets.is_floating_point():
        targets = targets.float()
    inputs, weights = (torch.as_tensor(part, dtype=torch.float32) for part in (X, weights))
    return Rows(inputs, targets, weights).to(device)


class _Outcome(NamedTuple):
    """What the schedule found for the restarts of a stack."""

    functions: Functions  # (S, …)
    diverged: np.ndarray  # (S,) bool
    history: dict[str, Any]
    cut: Cut | None = None


def _run(learner, tasks, functions, settings, name, conditions: Conditions) -> _Outcome:
    """Run the schedule for all restarts, in stacks that fit into memory, and on all workers."""
    run = partial(_run_restarts, learner, tasks, functions, settings, name, conditions.stage)
    size = _affordable_restarts(tasks, settings)
    n_blocks = min(count_workers(), learner.n_restarts)
    blocks = np.array_split(np.arange(learner.n_restarts), n_blocks)
    calls = [
        partial(_run_block, run, block.tolist(), size, conditions.deadline) for block in blocks
    ]
    return _join_outcomes(list(chain.from_iterable(side_by_side(calls, n_threads=1))))


def _run_block(run, restarts, size, deadline: Deadline) -> list[_Outcome]:
    """Run the schedule for the restarts of one worker, one stack after the other."""
    stacks = [restarts[start : start + size] for start in range(0, len(restarts), size)]
    deadlines = deadline.parts([len(stack) for stack in stacks], 1)
    outcomes = [
        in_chunks(stack, partial(run, own), len(stack))
        for stack, own in zip(stacks, deadlines, strict=True)
    ]
    return list(chain.from_iterable(outcomes))


def _affordable_restarts(tasks, settings) -> int:
    """Return how many restarts can be stacked within the budget of memory, at least one.

    A network keeps, for every step that is unrolled, what its forward and backward pass computed,
    and several vectors of its size.
    """
    n_bytes = 0
    for task in tasks:
        n_rows = settings.batch_size or len(task.data.targets)
        units = sum(map(sum, task.model.architecture.layer_shapes))
        n_weights = task.model.architecture.n_weights
        n_steps = 1 + settings.steps_between
        n_bytes += 4 * n_steps * (STORED_PASSES * n_rows * units + STORED_VECTORS * n_weights)
    budget = memory_budget(tasks[0].data.inputs.device)
    return max(1, budget // (n_bytes * settings.n_networks))


def _run_restarts(learner, tasks, functions, settings, name, stage, deadline, restarts) -> _Outcome:
    """Run the schedule for some consecutive restarts, as one stack."""
    own = slice(restarts[0], restarts[-1] + 1)
    settings = settings._replace(
        outer_learning_rate=settings.outer_learning_rate[own],
        unroll_steps=settings.unroll_steps[own],
        first_restart=restarts[0],
        elapsed=deadline.from_now().elapsed,
    )
    tasks = [_task_of(task, own) for task in tasks]
    functions = functions.map(lambda table: table[own])
    part = stage.part(f"{restarts[0]}-{restarts[-1]}")
    return _run_stack(learner, tasks, functions, settings, name, part)


def _task_of(task: Task, restarts: slice) -> Task:
    """Return the task with the grids of some restarts only."""
    grid = task.model.grid
    if grid is None:
        return task
    grid = splines.Grid(*(part[restarts] for part in grid))
    return task._replace(model=task.model._replace(grid=grid))


def _join_outcomes(outcomes: list[_Outcome]) -> _Outcome:
    """Put the restarts of several stacks side by side.

    A stack all of whose restarts ended early has a shorter history: its losses are continued by
    nan, its functions by the last ones.
    """
    if len(outcomes) == 1:
        return outcomes[0]
    longest = max((outcome.history for outcome in outcomes), key=lambda own: len(own["functions"]))
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
    return _Outcome(functions, diverged, history, most_cut(outcome.cut for outcome in outcomes))


def _stack_functions(parts: list[Functions]) -> Functions:
    tables = zip(*parts, strict=True)
    return Functions(*(None if own[0] is None else torch.cat(own) for own in tables))


def _run_stack(learner, tasks, functions, settings, name, stage: Stage) -> _Outcome:
    """Run the schedule; return the functions, divergence and history of every restart."""
    recorder = _Recorder(functions, settings, learner.schedule == "staggered")
    state, recorder = stage.state() or (None, recorder)
    done = 0 if state is None else state.step
    steps = SCHEDULES[learner.schedule](tasks, functions, settings, state)
    keeper = stage.keeper()
    total = settings.n_outer_steps
    for state in progress_bar(steps, total, f"learning {name}", learner.verbose, done):
        recorder.add(state)
        if keeper.is_due():
            keeper.keep((state, recorder))
    best = recorder.best.map(torch.Tensor.cpu)
    cut = _learning_cut(name, state, total)
    return _Outcome(best, recorder.diverged.numpy(), recorder.history(), cut)


def _learning_cut(name, state: MetaState | None, n_outer_steps) -> Cut | None:
    """Return what is missing of the schedule; it ends early on its own where all restarts do."""
    done = 0 if state is None else state.step
    if done == n_outer_steps or (state is not None and state.has_ended):
        return None
    label = {"activation": "learning of activations", "inputs": "learning of input functions"}
    return Cut(label[name], done, n_outer_steps, "outer steps")


class _Recorder:
    """Keeps losses, snapshots, and each restart's functions before they got worse.

    Staggered networks differ in age, so their loss is judged by its mean over one life span: the
    functions with the lowest such mean are kept. Episodic runs stop by themselves; their last
    functions count, as in P Algorithm 1.
    """

    def __init__(self, functions, settings, keeps_best):
        self.best = functions
        self.diverged = torch.zeros(len(settings.outer_learning_rate), dtype=torch.bool)
        self._keeps_best = keeps_best
        self._window = max(1, settings.horizon // settings.steps_between)
        self._window = min(self._window, max(1, settings.n_outer_steps // 4))
        self._interval = max(1, settings.n_outer_steps // SNAPSHOTS)
        self._best_mean = torch.full(self.diverged.shape, torch.inf)
        self._losses = []
        self._steps, self._snapshots = [0], [functions.map(torch.Tensor.cpu)]

    def add(self, state: MetaState) -> None:
        """Take in one outer step."""
        self._losses.append(state.validation_loss)
        self.diverged = state.diverged
        mean = torch.stack(self._losses[-self._window :]).mean(0)
        full = len(self._losses) >= self._window
        better = (mean < self._best_mean) & full if self._keeps_best else ~state.diverged
        if self._keeps_best and not full:
            better = ~state.diverged
        else:
            self._best_mean = torch.where(better, mean, self._best_mean)
        self.best = Functions(
            *(
                None if new is None else select_restarts(better, new, old)
                for new, old in zip(state.functions, self.best, strict=True)
            )
        )
        if state.step % self._interval == 0:
            self._steps.append(state.step)
            self._snapshots.append(state.functions.map(torch.Tensor.cpu))

    def history(self):
        """Return losses (steps, S), and steps and functions of the snapshots."""
        n_restarts = len(self.diverged)
        losses = torch.stack(self._losses).numpy() if self._losses else np.empty((0, n_restarts))
        return {
            "validation_loss": losses,
            "snapshot_step": np.array(self._steps),
            "functions": self._snapshots,
        }


def _task(learner, data: LearningData, inputs, model, n_inputs, device):
    architecture = Architecture(
        n_inputs,
        tuple(learner.hidden_layer_sizes),
        data.encoding.n_outputs,
        learner.spectral_normalization,
    )
    targets = data.encoding.encode(data.rows.y)
    rows = engine_rows(inputs, targets, data.rows.weights, device)
    if model.grid is not None:
        model = model._replace(grid=model.grid.to(rows.inputs))
    model = model._replace(architecture=architecture)
    return Task(rows, data.split, model, LOSSES[data.encoding.loss])


def _start_values(start, knots):
    """Heights at the knots (K,) before learning: zeros, ReLU, or any function's."""
    if start == "zeros":
        return torch.zeros_like(knots)
    if start == "relu":
        return torch.relu(knots)
    return torch.tensor(start(knots.numpy()), dtype=knots.dtype)


def _input_start(start, knots, width, settings: InputSettings):
    if start == "ramps":
        return ramp_values(knots, width, settings.n_channels)
    return np.repeat(identity_values(knots, width, settings.scaling), settings.n_channels, axis=2)


def _drop_single_channel(values):
    return values[:, 0] if values.shape[1] == 1 else values


def _resolve(setting, default):
    return default if isinstance(setting, str) and setting == "auto" else setting
