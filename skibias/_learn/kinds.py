"""What can be learned, and learning it: activations, and functions of input columns.

Notation
--------
S : restarts
F : functions of a restart: one per hidden layer, or per column
K, c : heights and channels of a function
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from skibias._learn.column_starts import column_supports, is_constant, start_heights
from skibias._learn.restarts import run_schedule
from skibias._prepare.columns import Categories, ColumnEncoder, TrainedFunctions
from skibias._prepare.rows import engine_rows
from skibias._prepare.splits import LearningRows
from skibias._run.clock import Cut
from skibias._run.stages import StageRun
from skibias._run.tensors import as_tensor
from skibias.engine import splines
from skibias.engine.activations import Activation, fixed_activation
from skibias.engine.episodes import chances
from skibias.engine.losses import LOSSES
from skibias.engine.metalearn import MetaSettings, Task
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.schedules import SCHEDULES, ScheduleSettings
from skibias.functions.history import FunctionHistory
from skibias.functions.supports import KnotSupport, Support


class Start(NamedTuple):
    """What learning begins with."""

    supports: list[list[Support]]  # (S, F), of at most K heights each
    heights: np.ndarray  # (S, F, K) or (S, F, K, c)
    is_kept: np.ndarray  # (F,) bool, functions that stay as they are
    grid: splines.Grid | None = None  # (S,) of activations
    activation: Activation | None = None  # behind input functions

    def functions(self, heights: np.ndarray) -> list[list[Any]]:
        """Return the functions (S, F) of heights like those at the start."""
        return [
            [own.function(values) for own, values in zip(supports, own_heights, strict=True)]
            for supports, own_heights in zip(self.supports, self.learned(heights), strict=True)
        ]

    def learned(self, heights: np.ndarray) -> np.ndarray:
        """Return heights (…, F, K[, c]) without those of functions that stay as they are."""
        is_kept = self.is_kept.reshape(-1, *[1] * (self.heights.ndim - 2))
        heights = np.where(is_kept, self.heights.astype(heights.dtype), heights)
        is_single = self.heights.ndim == 4 and heights.shape[-1] == 1
        return heights[..., 0] if is_single else heights


class FunctionKind:
    """Base of the kinds of functions: their defaults, and what learning starts from."""

    part: ClassVar[str]  # of the engine's `Functions`; also the stage of a fit
    outer_learning_rate: ClassVar[float]
    normalizes: ClassVar[bool]  # outer steps have one length

    def start(self, learner: Any) -> Start:
        """Return what learning begins with."""
        raise NotImplementedError

    def encoder(self, data: LearningRows, start: Start) -> ColumnEncoder:
        """Return how networks read the rows while the functions are learned."""
        raise NotImplementedError


@dataclass(frozen=True)
class Activations(FunctionKind):
    """Functions of hidden units on [-5, 5] or another domain, from ReLU, zeros or a function."""

    part: ClassVar[str] = "activation"
    outer_learning_rate: ClassVar[float] = 0.2  # upper end of [0.01, 0.2], Teney et al. 2025, C
    normalizes: ClassVar[bool] = False
    n_knots: ClassVar[int] = 50  # Teney et al. 2025, App. C

    def start(self, learner: Any) -> Start:
        n_restarts = learner.n_restarts
        counts = per_restart(_resolve(learner.n_knots, self.n_knots), n_restarts)
        low, high = map(float, learner.domain)
        grid = splines.stack_grids(
            [splines.uniform_grid(low, high, int(count)) for count in counts]
        )
        starts = per_restart(_resolve(learner.init, ("relu", "zeros")), n_restarts)
        knots = splines.grid_knots(grid, max(counts))
        values = torch.stack(
            [_start_values(start, own) for start, own in zip(starts, knots, strict=True)]
        )
        n_functions = len(learner.hidden_layer_sizes) if learner.sharing == "layer" else 1
        supports = [
            KnotSupport(own[:count]) for own, count in zip(knots.numpy(), counts, strict=True)
        ]
        return Start(
            [[own] * n_functions for own in supports],
            values[:, None].repeat(1, n_functions, 1).numpy(),
            np.zeros(n_functions, dtype=bool),
            grid=grid,
        )

    def encoder(self, data: LearningRows, start: Start) -> ColumnEncoder:
        return data.scaled


@dataclass(frozen=True)
class InputFunctions(FunctionKind):
    """Functions of columns: of numbers with knots at the quantiles, of categories by level.

    That of a constant column stays as it is.
    """

    X: np.ndarray  # (n, d) with all rows whose quantiles count, in the units of the columns
    n_channels: int
    scaling: str = "minmax"  # of the identity as start
    activation: Activation | None = None  # of the networks behind them; None: ReLU
    categories: Categories | None = None  # of each column; None: all hold numbers

    part: ClassVar[str] = "inputs"
    outer_learning_rate: ClassVar[float] = 0.01  # of normalised steps
    normalizes: ClassVar[bool] = True
    n_knots: ClassVar[int] = 65  # eight runs of eight cells

    def start(self, learner: Any) -> Start:
        n_restarts = learner.n_restarts
        n_knots = max(per_restart(_resolve(learner.n_knots, self.n_knots), n_restarts))
        supports = column_supports(self.X, self.categories, n_knots)
        default = "ramps" if self.n_channels > 1 else "identity"
        starts = per_restart(_resolve(learner.init, default), n_restarts)
        return Start(
            [supports] * n_restarts,
            np.stack(
                [start_heights(own, supports, self.n_channels, self.scaling) for own in starts]
            ),
            is_constant(self.X),
            activation=self.activation or fixed_activation("relu"),
        )

    def encoder(self, data: LearningRows, start: Start) -> ColumnEncoder:
        return TrainedFunctions(start.supports[0], start.heights[0])


class LearnedFunctions(NamedTuple):
    """What learning has found."""

    functions: list[list[Any]]  # (S, F)
    supports: list[list[Support]]  # (S, F)
    diverged: np.ndarray  # (S,) bool
    history: dict[str, Any]
    cut: Cut | None = None  # by the deadline

    @property
    def usable(self) -> list[int]:
        """Numbers of the restarts that have not diverged."""
        return np.flatnonzero(~self.diverged).tolist()


def learn(
    kind: FunctionKind,
    learner: Any,
    datasets: Sequence[LearningRows],
    seed: int,
    device: torch.device,
    stage: StageRun,
) -> LearnedFunctions:
    """Learn functions of one kind, by the settings of an `ActivationLearner`."""
    start = kind.start(learner)
    n_rows = max(len(data.rows.X) for data in datasets)
    settings = schedule_settings(learner, kind, n_rows, seed)
    tasks = [_task(learner, kind, data, start, device) for data in datasets]
    tables = Functions(**{kind.part: as_tensor(start.heights, torch.float32, device)})
    schedule = SCHEDULES[learner.schedule]
    outcome = run_schedule(schedule, tasks, tables, settings, stage, learner.verbose)
    final = getattr(outcome.functions, kind.part).double().numpy()
    snapshots = [getattr(own, kind.part).numpy() for own in outcome.history["functions"]]
    history = FunctionHistory(start.supports, start.learned(np.stack(snapshots)))
    return LearnedFunctions(
        start.functions(final),
        start.supports,
        outcome.diverged,
        {**outcome.history, "functions": history},
        outcome.cut,
    )


def schedule_settings(learner: Any, kind: FunctionKind, n_rows: int, seed: int) -> ScheduleSettings:
    """Translate a learner's parameters for the engine."""
    n_restarts = learner.n_restarts
    rate = _resolve(learner.outer_learning_rate, kind.outer_learning_rate)
    steps = per_restart(learner.unroll_steps, n_restarts)
    step = _resolve(learner.outer_step, "normalized" if kind.normalizes else "clipped")
    schedule = SCHEDULES[learner.schedule]
    meta = MetaSettings(
        outer_learning_rate=torch.tensor(per_restart(rate, n_restarts), dtype=torch.float32),
        unroll_steps=torch.tensor(steps, dtype=torch.int64),
        n_networks=_resolve(learner.n_networks, schedule.default_networks),
        optimizer=OPTIMIZERS[learner.optimizer],
        learning_rate=learner.learning_rate,
        batch_size=learner.batch_size,
        normalize=step == "normalized",
        seed=seed,
    )
    return ScheduleSettings(
        meta,
        n_outer_steps=_resolve(learner.n_outer_steps, max(40, min(200, n_rows // 20))),
        horizon=learner.horizon,
        steps_between=max(steps),
        patience=learner.patience,
    )


def per_restart(setting: Any, n_restarts: int) -> list:
    """Return one setting per restart; a sequence is repeated in turn."""
    choices = list(setting) if isinstance(setting, (list, tuple, np.ndarray)) else [setting]
    return [choices[restart % len(choices)] for restart in range(n_restarts)]


def _task(
    learner: Any, kind: FunctionKind, data: LearningRows, start: Start, device: torch.device
) -> Task:
    encoder = kind.encoder(data, start)
    targets = data.encoding.encode(data.rows.y)
    rows = engine_rows(encoder.encode(data.rows.X), targets, data.rows.weights, device)
    architecture = Architecture(
        encoder.n_inputs,
        tuple(learner.hidden_layer_sizes),
        data.encoding.n_outputs,
        learner.spectral_normalization,
    )
    grid = None if start.grid is None else start.grid.to(rows.inputs)
    model = Model(architecture, start.activation, grid)
    return Task(rows, data.split, model, LOSSES[data.encoding.loss], chances(rows.weights))


def _start_values(start: Any, knots: torch.Tensor) -> torch.Tensor:
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


def _resolve(setting: Any, default: Any) -> Any:
    return default if isinstance(setting, str) and setting == "auto" else setting
