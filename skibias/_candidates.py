"""Which activation is best on rows that learning has not seen: training all of them alike.

Notation
--------
F : folds (one held-out part, or several for cross-validation)
R : networks of a stack, one per candidate and fold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._fixed_activation import FixedActivation, LayerActivations
from skibias._learning import engine_rows
from skibias._preprocessing import WeightedRows
from skibias._runtime import side_by_side
from skibias._targets import TargetEncoding
from skibias.engine import splines
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import stream
from skibias.engine.losses import LOSSES
from skibias.engine.networks import Architecture, Functions, Model, draw_weights
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.training import TrainingSettings, training_steps

PREFACTORS = (1.0, 2.0, 4.0, 8.0)
MAX_WIDTH = 64  # a ranking of activations carries over to wider networks (P 3.3)
MAX_STEPS = 1000
PATIENCE = 4  # evaluations without any improvement after which a stack is not trained further


class Candidate(NamedTuple):
    """One way to build the network."""

    name: str
    activations: LayerActivations  # one shared, or one per hidden layer
    inputs: int | None = None  # number of the learned input functions; None: scaled columns
    prefactor: float = 1.0
    restart: int = -1  # of the learned activation; -1: fixed


class Contest(NamedTuple):
    """Rows and settings that all candidates share."""

    columns: Mapping[int | None, np.ndarray]  # inputs -> (n, d') first layer's inputs
    targets: np.ndarray
    weights: np.ndarray
    folds: Sequence[tuple[np.ndarray, np.ndarray]]  # (training rows, validation rows)
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    loss: str
    optimizer: str
    learning_rate: float
    batch_size: int
    n_steps: int
    seed: int
    device: torch.device


def make_contest(
    rows: WeightedRows,
    encoding: TargetEncoding,
    settings: Any,
    *,
    columns: Mapping[int | None, np.ndarray],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
    n_steps: int,
    seed: int,
    device: torch.device,
) -> Contest:
    """Return a contest of networks as ``settings``, an estimator or a learner, describes them."""
    return Contest(
        columns=columns,
        targets=encoding.encode(rows.y),
        weights=rows.weights,
        folds=folds,
        hidden_layer_sizes=tuple(settings.hidden_layer_sizes),
        n_outputs=encoding.n_outputs,
        loss=encoding.loss,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        batch_size=batch_size,
        n_steps=min(n_steps, MAX_STEPS),
        seed=seed,
        device=device,
    )


def fixed_candidates(prefactors: Sequence[float]) -> list[Candidate]:
    """Return ReLU and tanh(prefactor * x) (P 3.3)."""
    relu = Candidate("relu", (FixedActivation("relu"),))
    return [relu] + [
        Candidate(f"tanh({prefactor:g}x)", (FixedActivation("tanh", prefactor),), None, prefactor)
        for prefactor in prefactors
    ]


def validation_losses(
    candidates: Sequence[Candidate], contest: Contest, n_threads: int = 1
) -> np.ndarray:
    """Train every candidate from scratch and return its best held-out loss, mean over folds.

    All start from the same weights and see the same batches, so that differences come from the
    candidates. A loss that is never finite comes out as inf.
    """
    losses = np.empty(len(candidates))
    groups: dict[tuple, list[int]] = {}
    for number, candidate in enumerate(candidates):
        groups.setdefault(_stack_key(candidate), []).append(number)
    stacks = [[candidates[number] for number in numbers] for numbers in groups.values()]
    results = side_by_side([partial(_stack_losses, stack, contest) for stack in stacks], n_threads)
    for numbers, result in zip(groups.values(), results, strict=True):
        losses[numbers] = result
    return losses


def candidate_table(candidates, losses, diverged=()) -> dict[str, np.ndarray]:
    """Return the comparison as a dict of arrays, in the form of ``cv_results_``.

    ``diverged`` lists candidates that never got as far as a comparison.
    """
    rows = [*candidates, *diverged]
    scores = np.concatenate([-np.asarray(losses, dtype=float), np.full(len(diverged), np.nan)])
    failed = ~np.isfinite(scores)
    scores[failed] = np.nan
    rank = np.empty(len(rows), dtype=int)
    rank[np.argsort(np.where(failed, np.inf, -scores), kind="stable")] = 1 + np.arange(len(rows))
    status = np.where(failed, "diverged", "compared").astype(object)
    status[np.argmin(rank)] = "chosen"
    return {
        "name": np.array([row.name for row in rows], dtype=object),
        "inputs": np.array(
            ["scaled" if row.inputs is None else f"learned {row.inputs}" for row in rows],
            dtype=object,
        ),
        "prefactor": np.array([row.prefactor for row in rows]),
        "restart": np.array([row.restart for row in rows]),
        "validation_score": scores,
        "rank": rank,
        "status": status,
    }


def all_diverged_message(owner) -> str:
    """Say that nothing usable came out, and what to try."""
    return (
        f"Every network of {owner} diverged: no loss stayed finite. Try a smaller 'learning_rate' "
        "(of the estimator or the learner), a smaller 'outer_learning_rate' of the learner, or "
        "another 'scaling'."
    )


def learned_candidates(learned, prefactor=1.0) -> list[Candidate]:
    """Return a candidate for every restart that has not diverged."""
    return [
        Candidate(
            f"learned {restart}",
            tuple(function.scale_argument(prefactor) for function in functions),
            None,
            prefactor,
            restart,
        )
        for restart, functions in enumerate(learned.functions)
        if not learned.diverged[restart]
    ]


def diverged_candidates(learned, inputs=None) -> list[Candidate]:
    """Return a row for every restart that has diverged, for the table of candidates."""
    return [
        Candidate(f"learned {restart}", (), inputs, 1.0, int(restart))
        for restart in np.flatnonzero(learned.diverged)
    ]


def _stack_key(candidate: Candidate) -> tuple:
    """Candidates with equal keys are one stack: same inputs, same kind of activation."""
    first = candidate.activations[0]
    return (candidate.inputs, first.name if isinstance(first, FixedActivation) else "spline")


def _stack_losses(candidates: list[Candidate], contest: Contest) -> np.ndarray:
    n_folds = len(contest.folds)
    X = contest.columns[candidates[0].inputs]
    sizes = tuple(min(size, MAX_WIDTH) for size in contest.hidden_layer_sizes)
    architecture = Architecture(X.shape[1], sizes, contest.n_outputs)
    model, functions = _stack_model(candidates, n_folds, architecture, contest.device)
    fold_weights = torch.stack(
        [
            draw_weights(architecture, stream(contest.seed, "candidate", fold))
            for fold in range(n_folds)
        ]
    ).to(contest.device)
    weights = fold_weights.repeat(len(candidates), 1)
    prefactors = torch.tensor([candidate.prefactor for candidate in candidates])
    rates = (contest.learning_rate / prefactors).repeat_interleave(n_folds)[:, None]
    settings = TrainingSettings(
        OPTIMIZERS[contest.optimizer],
        rates.to(contest.device),
        contest.batch_size,
        contest.n_steps,
    )
    train, validation = (
        [torch.as_tensor(part) for part in parts] for parts in zip(*contest.folds, strict=True)
    )
    if n_folds > 1:
        train, validation = train * len(candidates), validation * len(candidates)
    data = engine_rows(X, contest.targets, contest.weights, contest.device)
    best, waited = torch.full((len(weights),), torch.inf), 0
    for state in training_steps(
        model,
        functions,
        weights,
        data,
        train,
        validation,
        LOSSES[contest.loss],
        settings,
        stream(contest.seed, "candidate batches"),
    ):
        losses = state.validation_loss.cpu()
        waited = 0 if bool((losses < best).any()) else waited + 1
        best = torch.minimum(best, losses)
        if waited == PATIENCE:
            break
    return best.reshape(len(candidates), n_folds).mean(1).numpy()


def _stack_model(candidates, n_folds, architecture, device):
    """Return the model of a stack, candidate by candidate, each with all its folds."""
    first = candidates[0].activations[0]
    if isinstance(first, FixedActivation):
        prefactors = torch.tensor([c.activations[0].prefactor for c in candidates])
        prefactors = prefactors.repeat_interleave(n_folds)[:, None, None].to(device)
        return Model(architecture, fixed_activation(first.name, prefactors)), Functions()
    width = max(len(candidate.activations[0].knots) for candidate in candidates)
    values = torch.zeros(len(candidates), len(candidates[0].activations), width)
    grids = []
    for own_values, candidate in zip(values, candidates, strict=True):
        knots = candidate.activations[0].knots
        grids.append(splines.uniform_grid(float(knots[0]), float(knots[-1]), len(knots)))
        for layer, activation in enumerate(candidate.activations):
            own_values[layer, : len(knots)] = torch.tensor(activation.values)
    grid = splines.stack_grids(grids)
    grid = splines.Grid(*(part.repeat_interleave(n_folds, 0) for part in grid))
    values = values.repeat_interleave(n_folds, 0).to(device)
    return Model(architecture, grid=grid.to(values)), Functions(activation=values)
