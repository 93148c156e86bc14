"""From a learner's settings and prepared rows to learned functions, through the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils import check_X_y

from skibias._columns import check_target_dates, numbers_only
from skibias._function_history import FunctionHistory
from skibias._numbers import is_real, is_whole
from skibias._preprocessing import (
    WeightedRows,
    identity_values,
    knot_positions,
    quantile_knots,
    ramp_values,
)
from skibias._spline_activation import SplineActivation
from skibias._stacks import UNLIMITED, run_schedule
from skibias._targets import TargetEncoding
from skibias._tensors import as_tensor
from skibias._time_limit import Cut
from skibias.engine import splines
from skibias.engine.activations import Activation, fixed_activation
from skibias.engine.episodes import Rows, SplitSampler, chances, listed_splits, random_split
from skibias.engine.losses import LOSSES
from skibias.engine.metalearn import MetaSettings, Task
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.schedules import SCHEDULES, ScheduleSettings

ACTIVATION_KNOTS = 50  # Teney et al. 2025, App. C
ACTIVATION_OUTER_RATE = 0.2  # upper end of [0.01, 0.2] in Teney et al. 2025, App. C
INPUT_KNOTS = 65  # eight runs of eight cells
INPUT_OUTER_RATE = 0.01  # of normalised steps


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
    return is_real(validation) and not is_whole(validation)


def is_splitter(validation) -> bool:
    """Whether the rows of the outer loss come from a splitter, or a number of folds."""
    return not is_fraction(validation) and not isinstance(validation, tuple)


def learning_data(learner, rows: WeightedRows, encoding, outside=None) -> LearningData:
    """Return rows with the splits that the learner's ``validation`` asks for.

    ``outside`` holds the prepared rows (X, y) of an explicit ``validation=(X, y)``.
    """
    n_rows = len(rows.X)
    groups = rows.groups
    if outside is not None:
        rows = rows.append(*outside)
        split = listed_splits([_index_split(np.arange(n_rows), np.arange(n_rows, len(rows.X)))])
    elif is_fraction(learner.validation):
        groups = None if groups is None else as_tensor(groups)
        split = random_split(n_rows, learner.validation, groups)
    else:
        splits = _splits(learner, rows, is_classification=encoding.classes is not None)
        _check_splits(splits, n_rows)
        split = listed_splits(splits)
    return LearningData(rows, encoding, split)


def _splits(learner, rows: WeightedRows, is_classification):
    """Return the splits of a splitter, or of so many folds; whole groups where there are any.

    Raises
    ------
    ValueError
        If the splitter cannot split these rows, say for want of groups.
    """
    validation = learner.validation
    if rows.groups is not None and is_whole(validation):
        kind = StratifiedGroupKFold if is_classification else GroupKFold
        splitter = kind(int(validation))
    else:
        splitter = check_cv(validation, rows.y, classifier=is_classification)
    try:
        splits = list(splitter.split(rows.X, rows.y, rows.groups))
    except ValueError as error:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must be able to split the rows; a "
            "splitter by group needs the 'groups' parameter of fit or learn. "
            f"Got {validation!r} instead, which says: {error}"
        ) from error
    return [_index_split(*parts) for parts in splits]


def _check_splits(splits, n_rows) -> None:
    """Raise ValueError where splits cannot be drawn from, or number rows that learning lacks."""
    if not splits or not all(len(part) for parts in splits for part in parts):
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must give at least one split, with "
            "training rows and validation rows in each. "
            f"Got {[tuple(map(len, parts)) for parts in splits]} rows instead."
        )
    highest = max(int(part.max()) for parts in splits for part in parts)
    if highest >= n_rows:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must split the rows that learning "
            f"sees, {n_rows} here: an estimator holds out others before. "
            f"Got a splitter that names row {highest} instead."
        )


def _index_split(train, validation):
    return _row_numbers(train), _row_numbers(validation)


def _row_numbers(part):
    """Return the rows of a part of a split, which may be given as a mask, as numbers."""
    part = np.asarray(part)
    return as_tensor(np.flatnonzero(part) if part.dtype == bool else part)


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
        with numbers_only(learner.validation[0], "validation"):
            X, y = check_X_y(*learner.validation, dtype=np.float64, multi_output=True)
        check_target_dates(y, encoding.classes is not None, "validation")
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
    final, diverged, history, cut = run_schedule(
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

    snapshots = np.stack([snapshot.activation.numpy() for snapshot in history["functions"]])
    own_knots = [
        [own[:count]] * n_functions for own, count in zip(knots.numpy(), counts, strict=True)
    ]
    history["functions"] = FunctionHistory(own_knots, snapshots)
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
    functions = Functions(inputs=as_tensor(values, torch.float32, device))
    final, diverged, history, cut = run_schedule(
        learner, [task], functions, meta, "inputs", conditions
    )
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

    snapshots = np.stack([snapshot.inputs.numpy() for snapshot in history["functions"]])
    snapshots = np.where(is_constant[:, None, None], np.float32(values), snapshots)
    snapshots = snapshots[..., 0] if n_channels == 1 else snapshots
    history["functions"] = FunctionHistory([knots] * learner.n_restarts, snapshots)
    return Learned(input_functions(final.inputs), diverged, history, cut)


def meta_settings(learner, n_rows, seed, outer_rate, normalize):
    """Translate a learner's parameters for the engine."""
    n_restarts = learner.n_restarts
    rates = per_restart(_resolve(learner.outer_learning_rate, outer_rate), n_restarts)
    steps = per_restart(learner.unroll_steps, n_restarts)
    if learner.outer_step != "auto":
        normalize = learner.outer_step == "normalized"
    schedule = SCHEDULES[learner.schedule]
    meta = MetaSettings(
        outer_learning_rate=torch.tensor(rates, dtype=torch.float32),
        unroll_steps=torch.tensor(steps, dtype=torch.int64),
        n_networks=_resolve(learner.n_networks, schedule.default_networks),
        optimizer=OPTIMIZERS[learner.optimizer],
        learning_rate=learner.learning_rate,
        batch_size=learner.batch_size,
        normalize=normalize,
        seed=seed,
    )
    return ScheduleSettings(
        meta,
        n_outer_steps=_resolve(learner.n_outer_steps, max(40, min(200, n_rows // 20))),
        horizon=learner.horizon,
        steps_between=max(steps),
        patience=learner.patience,
    )


def per_restart(setting, n_restarts):
    """Return one setting per restart; a sequence is repeated in turn."""
    choices = list(setting) if isinstance(setting, (list, tuple, np.ndarray)) else [setting]
    return [choices[restart % len(choices)] for restart in range(n_restarts)]


def engine_rows(X, targets, weights, device):
    """Return rows as the engine's float32 tensors."""
    targets = as_tensor(targets)
    if targets.is_floating_point():
        targets = targets.float()
    inputs, weights = (as_tensor(part, torch.float32) for part in (X, weights))
    return Rows(inputs, targets, weights).to(device)


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
    return Task(rows, data.split, model, LOSSES[data.encoding.loss], chances(rows.weights))


def _start_values(start, knots):
    """Heights at the knots (K,) before learning: zeros, ReLU, or any function's."""
    if start == "zeros":
        return torch.zeros_like(knots)
    if start == "relu":
        return torch.relu(knots)
    found = start(knots.numpy())
    try:
        heights = np.asarray(found, dtype=np.float64)
        is_usable = heights.shape == knots.shape and np.isfinite(heights).all()
    except (TypeError, ValueError):
        is_usable = False
    if not is_usable:
        raise ValueError(
            "The 'init' parameter of ActivationLearner must return a finite height for each of the "
            f"{len(knots)} knots that a function for it is called with. Got {found!r} instead."
        )
    return as_tensor(heights, knots.dtype)


def _input_start(start, knots, width, settings: InputSettings):
    if start == "ramps":
        return ramp_values(knots, width, settings.n_channels)
    return np.repeat(identity_values(knots, width, settings.scaling), settings.n_channels, axis=2)


def _drop_single_channel(values):
    return values[:, 0] if values.shape[1] == 1 else values


def _resolve(setting, default):
    return default if isinstance(setting, str) and setting == "auto" else setting
