"""Which activation is best on rows that learning has not seen: training all of them alike.

Notation
--------
F : folds (one held-out part, or several for cross-validation)
R : networks of a stack, one per candidate and fold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from skibias._fixed_activation import FixedActivation, LayerActivations, network_activation
from skibias._learning import engine_rows
from skibias._preprocessing import NetworkColumns, WeightedRows
from skibias._runtime import count_at_once, in_chunks, raise_if_cancelled, side_by_side
from skibias._targets import TargetEncoding
from skibias._tensors import as_tensor
from skibias._time_limit import Cut, Deadline, most_cut
from skibias.engine import splines
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import chances, stream
from skibias.engine.losses import LOSSES, STOPPING_LOSSES, training_loss
from skibias.engine.networks import (
    Architecture,
    Functions,
    Model,
    add_to_outputs,
    draw_weights,
)
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.training import (
    StackRows,
    TrainingSettings,
    training_steps,
)

PREFACTORS = (1.0, 2.0, 4.0, 8.0)
SCREENING_WIDTH = 64  # learned functions carry over to wider networks (Teney et al. 2025, 3.3)
# At the rate of wide networks, narrow ones are far from trained after so few steps, and the
# ranking would favour candidates that merely learn quickly.
NARROW_RATE = 3.0
SCREENING_STEPS = 500  # at most, and half of those of the final training
CONTEST_STEPS = 600  # at most: which columns and activation are better shows long before the end
SCREENING_PATIENCE = 4  # evaluations without any improvement that end the training of a stack
UNLIMITED = Deadline()


class Candidate(NamedTuple):
    """One way to build the network."""

    name: str
    activations: LayerActivations  # one shared, or one per hidden layer
    inputs: int | None = None  # number of the learned input functions; None: scaled columns
    prefactor: float = 1.0
    restart: int = -1  # of the learned activation; -1: fixed


class TrainingPlan(NamedTuple):
    """How the networks of a contest are trained."""

    hidden_layer_sizes: tuple[int, ...]
    spectral_normalization: bool
    optimizer: str
    learning_rate: float
    batch_size: int
    n_steps: int
    patience: int  # evaluations without any improvement that end the training of a stack
    counts_errors: bool = False  # classifiers are judged by their errors, not by their loss
    n_networks: int = 1  # per candidate, judged together
    label_smoothing: float = 0.0
    stage: str = "comparison of candidates"

    def screening(self) -> TrainingPlan:
        """The same plan for narrow networks and a short time."""
        sizes = tuple(min(size, SCREENING_WIDTH) for size in self.hidden_layer_sizes)
        is_narrower = sizes != self.hidden_layer_sizes
        return self._replace(
            hidden_layer_sizes=sizes,
            learning_rate=self.learning_rate * (NARROW_RATE if is_narrower else 1.0),
            n_steps=max(1, min(self.n_steps // 2, SCREENING_STEPS)),
            patience=min(self.patience, SCREENING_PATIENCE),
            counts_errors=False,  # the loss tells more after a short training
            n_networks=1,
            stage="screening of candidates",
        )

    def final(self) -> TrainingPlan:
        """The same plan for no longer than it takes to see which candidate is best."""
        return self._replace(n_steps=min(self.n_steps, CONTEST_STEPS))


class Contest(NamedTuple):
    """Rows and settings that all candidates share."""

    rows: WeightedRows
    encoding: TargetEncoding
    columns: Mapping[int | None, NetworkColumns]  # by the candidates' inputs
    folds: Sequence[tuple[np.ndarray, np.ndarray]]  # (training rows, validation rows)
    plan: TrainingPlan
    seed: int
    device: torch.device


def learner_plan(learner, n_rows: int) -> TrainingPlan:
    """Return the plan to train networks as they are while a learner learns."""
    return TrainingPlan(
        hidden_layer_sizes=tuple(learner.hidden_layer_sizes),
        spectral_normalization=learner.spectral_normalization,
        optimizer=learner.optimizer,
        learning_rate=learner.learning_rate,
        batch_size=learner.batch_size or n_rows,
        n_steps=learner.horizon,
        patience=learner.horizon,  # never: what is learned late counts as much
    )


def fixed_candidates(prefactors: Sequence[float]) -> list[Candidate]:
    """Return ReLU and tanh(prefactor * x) (Teney et al. 2025, section 3.3)."""
    relu = Candidate("relu", (FixedActivation("relu"),))
    return [relu] + [
        Candidate(f"tanh({prefactor:g}x)", (FixedActivation("tanh", prefactor),), None, prefactor)
        for prefactor in prefactors
    ]


def network_architecture(
    columns: NetworkColumns, hidden_layer_sizes, n_outputs, spectral_normalization
) -> Architecture:
    """Return the sizes of a network that reads these columns."""
    return Architecture(
        columns.n_inputs,
        tuple(hidden_layer_sizes),
        n_outputs,
        spectral_normalization,
        None if columns.tables is None else columns.tables.shape,
    )


def input_tables(columns: NetworkColumns, device) -> torch.Tensor | None:
    """Return the heights (d, K, c) from which trained input functions start."""
    if columns.tables is None:
        return None
    return as_tensor(columns.tables, torch.float32, device)


class Comparison(NamedTuple):
    """How candidates compare."""

    losses: np.ndarray  # (n_candidates,), means over the folds; inf for those that diverged
    cut: Cut | None = None  # the shortest of the trainings that the deadline ended


def compare(
    candidates: Sequence[Candidate],
    contest: Contest,
    n_threads: int = 1,
    deadline: Deadline = UNLIMITED,
) -> Comparison:
    """Train every candidate from scratch; return the best held-out losses.

    All start from the same weights and see the same batches, so that differences come from the
    candidates. A deadline ends training sooner; every candidate is then judged at least once.
    """
    losses = np.empty(len(candidates))
    groups: dict[tuple, list[int]] = {}
    for number, candidate in enumerate(candidates):
        groups.setdefault(_stack_key(candidate), []).append(number)
    stacks = [[candidates[number] for number in numbers] for numbers in groups.values()]
    deadlines = deadline.parts([len(stack) for stack in stacks], count_at_once(n_threads))
    calls = [
        partial(_compare_within_memory, stack, contest, own)
        for stack, own in zip(stacks, deadlines, strict=True)
    ]
    parts = side_by_side(calls, n_threads)
    for numbers, part in zip(groups.values(), parts, strict=True):
        losses[numbers] = part.losses
    return Comparison(losses, most_cut(part.cut for part in parts))


def _compare_within_memory(
    candidates: list[Candidate], contest: Contest, deadline: Deadline
) -> Comparison:
    """Compare candidates as one stack, or as several where memory does not suffice."""
    run = partial(_compare_stack, contest=contest, deadline=deadline)
    parts = in_chunks(candidates, run, len(candidates))
    losses = np.concatenate([part.losses for part in parts])
    return Comparison(losses, most_cut(part.cut for part in parts))


class Verdict(NamedTuple):
    """The outcome of a selection."""

    chosen: int
    losses: np.ndarray  # (n_candidates,); nan for those screened out, inf for diverged ones
    screening: np.ndarray  # (n_candidates,); nan where there was no screening
    cuts: tuple[Cut | None, ...] = ()  # of its stages, by a deadline


def candidate_table(
    candidates: Sequence[Candidate], verdict: Verdict, diverged: Sequence[Candidate] = ()
) -> dict[str, np.ndarray]:
    """Return the comparison as a dict of arrays, in the form of ``cv_results_``.

    ``diverged`` are restarts that diverged while they were learned; they come last.
    """
    rows = [*candidates, *diverged]
    gone = np.full(len(diverged), np.inf)
    losses = np.concatenate([verdict.losses, gone])
    screening = np.concatenate([verdict.screening, gone])
    failed = np.isinf(losses) | np.isinf(screening)
    is_chosen = np.arange(len(rows)) == verdict.chosen
    status = np.where(np.isnan(losses) & ~np.isnan(screening), "screened", "compared")
    status = np.select([is_chosen, failed], ["chosen", "diverged"], status)
    # The chosen one, then finalists by their loss, then those screened out by theirs.
    rank = np.empty(len(rows), dtype=int)
    rank[np.lexsort([screening, losses, failed, ~is_chosen])] = 1 + np.arange(len(rows))
    inputs = ["scaled" if row.inputs is None else f"learned {row.inputs}" for row in rows]
    return {
        "name": np.array([row.name for row in rows], dtype=object),
        "inputs": np.array(inputs, dtype=object),
        "prefactor": np.array([row.prefactor for row in rows]),
        "restart": np.array([row.restart for row in rows]),
        "screening_score": _scores(screening),
        "validation_score": _scores(losses),
        "rank": rank,
        "status": status.astype(object),
    }


def _scores(losses):
    """Return scores, greater being better; nan where there is none."""
    return np.where(np.isfinite(losses), -losses, np.nan)


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
    kind = first.name if isinstance(first, FixedActivation) else "learned"
    return (candidate.inputs, "given" if _is_given_spline(candidate) else kind)


def _is_given_spline(candidate: Candidate) -> bool:
    """Whether the activation is a user's spline, which may have any knots and extrapolation."""
    return candidate.restart < 0 and not isinstance(candidate.activations[0], FixedActivation)


def _compare_stack(candidates: list[Candidate], contest: Contest, deadline: Deadline) -> Comparison:
    """Compare candidates that can be trained as one stack."""
    n_folds = len(contest.folds)
    assert n_folds == 1 or contest.plan.n_networks == 1
    n_copies = n_folds * contest.plan.n_networks
    columns = contest.columns[candidates[0].inputs]
    plan = contest.plan
    architecture = network_architecture(
        columns,
        plan.hidden_layer_sizes,
        contest.encoding.n_outputs,
        plan.spectral_normalization,
    )
    model, functions = _stack_model(candidates, n_copies, architecture, contest.device)
    functions = functions._replace(inputs=input_tables(columns, contest.device))
    targets = contest.encoding.encode(contest.rows.y)
    data = engine_rows(columns.values, targets, contest.rows.weights, contest.device)
    train, validation = (
        [as_tensor(part) for part in parts] for parts in zip(*contest.folds, strict=True)
    )
    stack = StackRows(data, train, validation, chances(data.weights))
    losses, cut = _train_stack(candidates, model, functions, stack, contest, deadline)
    judged_weight = contest.rows.weights[np.concatenate([part for _, part in contest.folds])].mean()
    losses = losses.reshape(len(candidates), n_folds).mean(1) / judged_weight
    return Comparison(losses.numpy(), cut)


def _train_stack(candidates, model, functions, stack: StackRows, contest: Contest, deadline):
    """Train the networks of every candidate and fold; return the best held-out losses, the cut."""
    plan = contest.plan
    n_copies = len(contest.folds) * plan.n_networks
    starts = [
        draw_weights(model.architecture, stream(contest.seed, "candidate", copy))
        for copy in range(n_copies)
    ]
    outputs = as_tensor(contest.encoding.start(plan.label_smoothing))
    weights = add_to_outputs(torch.stack(starts * len(candidates)), model.architecture, outputs)
    weights = weights.to(contest.device)
    prefactors = torch.tensor([own.prefactor for own in candidates], dtype=torch.float32)
    rates = (plan.learning_rate / prefactors).repeat_interleave(n_copies)[:, None]
    settings = TrainingSettings(
        OPTIMIZERS[plan.optimizer],
        training_loss(contest.encoding.loss, plan.label_smoothing),
        rates.to(contest.device),
        plan.batch_size,
        plan.n_steps,
        (STOPPING_LOSSES if plan.counts_errors else LOSSES)[contest.encoding.loss],
        plan.n_networks,
    )
    generator = stream(contest.seed, "candidate batches")
    best = torch.full((len(weights) // plan.n_networks,), torch.inf, dtype=torch.float32)
    waited = torch.zeros(len(best), dtype=torch.int64)
    for state in training_steps(model, functions, weights, stack, settings, generator):
        raise_if_cancelled()
        losses = state.validation_loss.cpu()
        # One that has waited too long has ended, whatever else is in the stack.
        improved = (losses < best) & (waited < plan.patience)
        best = torch.where(improved, losses, best)
        waited = torch.where(improved, 0, waited + 1)
        if bool((waited >= plan.patience).all()) or state.step == plan.n_steps:
            break
        if deadline.has_passed():
            return best, Cut(plan.stage, state.step, plan.n_steps, "steps")
    return best, None


def _stack_model(candidates, n_copies, architecture, device):
    """Return the model of a stack, candidate by candidate, each with all its copies."""
    first = candidates[0].activations[0]
    if isinstance(first, FixedActivation):
        own = [candidate.activations[0].prefactor for candidate in candidates]
        prefactors = torch.tensor(own, dtype=torch.float32)
        prefactors = prefactors.repeat_interleave(n_copies)[:, None, None].to(device)
        return Model(architecture, fixed_activation(first.name, prefactors)), Functions()
    if _is_given_spline(candidates[0]):
        return Model(architecture, network_activation(candidates[0].activations)), Functions()
    width = max(len(candidate.activations[0].knots) for candidate in candidates)
    shape = len(candidates), len(candidates[0].activations), width
    values = torch.zeros(shape, dtype=torch.float32)
    grids = []
    for own_values, candidate in zip(values, candidates, strict=True):
        knots = candidate.activations[0].knots
        grids.append(splines.uniform_grid(float(knots[0]), float(knots[-1]), len(knots)))
        for layer, activation in enumerate(candidate.activations):
            own_values[layer, : len(knots)] = as_tensor(activation.values)
    grid = splines.stack_grids(grids)
    grid = splines.Grid(*(part.repeat_interleave(n_copies, 0) for part in grid))
    values = values.repeat_interleave(n_copies, 0).to(device)
    return Model(architecture, grid=grid.to(values)), Functions(activation=values)
