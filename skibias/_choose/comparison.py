"""Which candidate is best on rows that learning has not seen: training all of them alike.

Notation
--------
F : folds (one held-out part, or several for cross-validation)
R : networks of a stack, one or more per candidate and fold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skibias._choose.candidates import Candidate
from skibias._choose.plan import FitPlan, NetworkPlan, batch_rows
from skibias._prepare.columns import ColumnEncoder
from skibias._prepare.rows import WeightedRows, engine_rows
from skibias._prepare.targets import TargetEncoding
from skibias._run.clock import Cut, most_cut
from skibias._run.memory import in_chunks
from skibias._run.parallel import count_at_once, raise_if_cancelled, side_by_side
from skibias._run.stages import StageRun
from skibias._run.tensors import as_tensor
from skibias.engine import splines
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import Rows, chances, stream
from skibias.engine.losses import LOSSES, STOPPING_LOSSES, training_loss
from skibias.engine.networks import (
    Architecture,
    Functions,
    Model,
    add_to_outputs,
)
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.steps import Descent
from skibias.engine.training import (
    AVERAGED_STEPS,
    BestSoFar,
    StackRows,
    TrainingSettings,
    training_steps,
)
from skibias.functions.fixed import FixedActivation, network_activation

SCREENING_WIDTH = 64  # learned functions carry over to wider networks (Teney et al. 2025, 3.3)
# At the rate of wide networks, narrow ones are far from trained after so few steps, and the
# ranking would favour candidates that merely learn quickly.
NARROW_RATE = 3.0
SCREENING_STEPS = 500  # at most, and half of those of the final training
COMPARISON_STEPS = 600  # at most: which candidate is better shows long before the end
SCREENING_PATIENCE = 4  # evaluations without any improvement that end the training of a stack
# Networks of a finalist: averaging helps those with input functions of their own more than others.
COMPARISON_NETWORKS = 2


class TrainingPlan(NamedTuple):
    """How the networks of a comparison are trained."""

    network: NetworkPlan
    batch_size: int
    n_steps: int
    patience: int  # evaluations without any improvement that end the training of a stack
    counts_errors: bool = False  # classifiers are ranked by their errors, not by their loss
    n_networks: int = 1  # per candidate, which count by their mean outputs

    @classmethod
    def of_fit(cls, plan: FitPlan, n_rows: int, counts_errors: bool) -> TrainingPlan:
        """Train networks on so many rows as those of a fit will be."""
        batch_size = batch_rows(plan.batch_size, n_rows)
        steps_per_epoch = max(1, round(n_rows / batch_size))
        return cls(
            plan.network,
            batch_size,
            n_steps=plan.max_iter * steps_per_epoch,
            patience=max(1, plan.n_iter_no_change * steps_per_epoch // AVERAGED_STEPS),
            counts_errors=counts_errors,
            n_networks=min(COMPARISON_NETWORKS, plan.n_estimators),
        )

    @classmethod
    def of_learner(cls, learner: Any, n_rows: int) -> TrainingPlan:
        """Train networks on so many rows as they are while a learner learns."""
        network = NetworkPlan(
            tuple(learner.hidden_layer_sizes),
            learner.spectral_normalization,
            learner.optimizer,
            learner.learning_rate,
        )
        # All steps are made: what is learned late counts as much.
        return cls(network, learner.batch_size or n_rows, learner.horizon, learner.horizon)

    def narrow(self) -> TrainingPlan:
        """The same plan for narrow networks and a short time."""
        network = self.network
        sizes = tuple(min(size, SCREENING_WIDTH) for size in network.hidden_layer_sizes)
        factor = NARROW_RATE if sizes != network.hidden_layer_sizes else 1.0
        return self._replace(
            network=network._replace(
                hidden_layer_sizes=sizes, learning_rate=network.learning_rate * factor
            ),
            n_steps=max(1, min(self.n_steps // 2, SCREENING_STEPS)),
            patience=min(self.patience, SCREENING_PATIENCE),
            counts_errors=False,  # the loss tells more after a short training
            n_networks=1,
        )

    def short(self) -> TrainingPlan:
        """The same plan for no longer than it takes to see which candidate is best."""
        return self._replace(n_steps=min(self.n_steps, COMPARISON_STEPS))


Fold = tuple[np.ndarray, np.ndarray]  # numbers of training and of validation rows


class Comparison(NamedTuple):
    """Rows and settings that all candidates share."""

    encoders: Mapping[str, ColumnEncoder]  # by the candidates' inputs
    data: Mapping[str, Rows]  # as networks with these inputs read them
    encoding: TargetEncoding
    folds: Sequence[Fold]
    validation_weight: float  # mean over the validation rows of all folds
    plan: TrainingPlan
    seed: int

    @classmethod
    def on(
        cls,
        rows: WeightedRows,
        encoding: TargetEncoding,
        encoders: Mapping[str, ColumnEncoder],
        folds: Sequence[Fold],
        plan: TrainingPlan,
        seed: int,
        device: torch.device,
    ) -> Comparison:
        """Encode rows for every kind of inputs."""
        targets = encoding.encode(rows.y)
        data = {
            name: engine_rows(encoder.encode(rows.X), targets, rows.weights, device)
            for name, encoder in encoders.items()
        }
        weight = rows.weights[np.concatenate([part for _, part in folds])].mean()
        return cls(encoders, data, encoding, folds, float(weight), plan, seed)

    @property
    def n_copies(self) -> int:
        """Networks of every candidate."""
        return len(self.folds) * self.plan.n_networks


class Losses(NamedTuple):
    """How candidates compare."""

    values: np.ndarray  # (n_candidates,), means over the folds; inf for those that diverged
    cut: Cut | None = None  # the shortest of the trainings that the deadline ended


def compare(
    candidates: Sequence[Candidate], comparison: Comparison, stage: StageRun, n_threads: int = 1
) -> Losses:
    """Train every candidate from scratch; return the best losses on validation rows.

    All start from the same weights and see the same batches, so that differences come from the
    candidates. A deadline ends training sooner; every candidate is then evaluated at least once.
    """
    values = np.empty(len(candidates))
    groups: dict[tuple, list[int]] = {}
    for number, candidate in enumerate(candidates):
        groups.setdefault(_stack_key(candidate), []).append(number)
    stacks = [[candidates[number] for number in numbers] for numbers in groups.values()]
    deadlines = stage.deadline.parts([len(stack) for stack in stacks], count_at_once(n_threads))
    calls = [
        partial(_compare_within_memory, stack, comparison, stage._replace(deadline=own))
        for stack, own in zip(stacks, deadlines, strict=True)
    ]
    parts = side_by_side(calls, n_threads)
    for numbers, part in zip(groups.values(), parts, strict=True):
        values[numbers] = part.values
    return Losses(values, most_cut(part.cut for part in parts))


def _compare_within_memory(
    candidates: list[Candidate], comparison: Comparison, stage: StageRun
) -> Losses:
    """Compare candidates as one stack, or as several where memory does not suffice."""
    run = partial(_compare_stack, comparison=comparison, stage=stage)
    parts = in_chunks(candidates, run, len(candidates))
    values = np.concatenate([part.values for part in parts])
    return Losses(values, most_cut(part.cut for part in parts))


def _stack_key(candidate: Candidate) -> tuple:
    """Candidates with equal keys are one stack: same inputs, same kind of activation."""
    first = candidate.activations[0]
    name = first.name if isinstance(first, FixedActivation) else None
    return (candidate.inputs, candidate.kind, name)


def _compare_stack(candidates: list[Candidate], comparison: Comparison, stage: StageRun) -> Losses:
    """Compare candidates that can be trained as one stack."""
    n_folds = len(comparison.folds)
    assert n_folds == 1 or comparison.plan.n_networks == 1
    network = comparison.plan.network
    encoder = comparison.encoders[candidates[0].inputs]
    data = comparison.data[candidates[0].inputs]
    architecture = encoder.architecture(
        network.hidden_layer_sizes, comparison.encoding.n_outputs, network.spectral_normalization
    )
    device = data.weights.device
    build = STACK_MODELS[candidates[0].kind]
    model, functions = build(candidates, comparison.n_copies, architecture, device)
    functions = functions._replace(inputs=encoder.engine_functions(device).inputs)
    train, validation = (
        [as_tensor(part) for part in parts] for parts in zip(*comparison.folds, strict=True)
    )
    stack = StackRows(data, train, validation, chances(data.weights))
    losses, cut = _train_stack(candidates, model, functions, stack, comparison, stage)
    losses = losses.reshape(len(candidates), n_folds).mean(1) / comparison.validation_weight
    return Losses(losses.numpy(), cut)


def _train_stack(
    candidates: list[Candidate],
    model: Model,
    functions: Functions,
    stack: StackRows,
    comparison: Comparison,
    stage: StageRun,
) -> tuple[Tensor, Cut | None]:
    """Train the networks of every candidate and fold; return the best losses, and the cut."""
    plan, encoding = comparison.plan, comparison.encoding
    device = stack.data.weights.device
    settings = TrainingSettings(
        Descent(
            OPTIMIZERS[plan.network.optimizer],
            training_loss(encoding.loss, plan.network.label_smoothing),
            _learning_rates(candidates, comparison).to(device),
        ),
        plan.batch_size,
        plan.n_steps,
        (STOPPING_LOSSES if plan.counts_errors else LOSSES)[encoding.loss],
        plan.n_networks,
    )
    weights = _first_weights(len(candidates), model.architecture, comparison).to(device)
    generator = stream(comparison.seed, "candidate batches")
    best = BestSoFar.start(len(weights) // plan.n_networks)
    for state in training_steps(model, functions, weights, stack, settings, generator):
        raise_if_cancelled()
        best = best.update(state.validation_loss.cpu(), plan.patience)
        if best.have_ended(plan.patience) or state.step == plan.n_steps:
            break
        if stage.deadline.has_passed():
            return best.losses, stage.cut(state.step, plan.n_steps, "steps")
    return best.losses, None


def _first_weights(n_candidates: int, architecture: Architecture, comparison: Comparison) -> Tensor:
    """Return the weights (R, P) that training starts from, the same for every candidate."""
    starts = [
        architecture.layout.draw(stream(comparison.seed, "candidate", copy))
        for copy in range(comparison.n_copies)
    ]
    outputs = as_tensor(comparison.encoding.start(comparison.plan.network.label_smoothing))
    return add_to_outputs(torch.stack(starts * n_candidates), architecture, outputs)


def _learning_rates(candidates: list[Candidate], comparison: Comparison) -> Tensor:
    """Return the learning rate (R, 1) of every network."""
    prefactors = torch.tensor([own.prefactor for own in candidates], dtype=torch.float32)
    rates = comparison.plan.network.learning_rate / prefactors
    return rates.repeat_interleave(comparison.n_copies)[:, None]


StackModel = tuple[Model, Functions]  # candidate by candidate, each with all its copies


def _fixed_stack(
    candidates: list[Candidate], n_copies: int, architecture: Architecture, device: torch.device
) -> StackModel:
    """Return the model of one function by name with several prefactors."""
    first: Any = candidates[0].activations[0]
    own = [candidate.activations[0].prefactor for candidate in candidates]  # type: ignore[union-attr]
    prefactors = torch.tensor(own, dtype=torch.float32)
    prefactors = prefactors.repeat_interleave(n_copies)[:, None, None].to(device)
    return Model(architecture, fixed_activation(first.name, prefactors)), Functions()


def _given_stack(
    candidates: list[Candidate], n_copies: int, architecture: Architecture, device: torch.device
) -> StackModel:
    """Return the model of a user's splines, which may have any knots and extrapolation."""
    return Model(architecture, network_activation(candidates[0].activations)), Functions()


def _learned_stack(
    candidates: list[Candidate], n_copies: int, architecture: Architecture, device: torch.device
) -> StackModel:
    """Return the model of splines with evenly spaced knots, and their heights."""
    splines_of: list[Any] = [candidate.activations for candidate in candidates]
    width = max(len(own[0].knots) for own in splines_of)
    values = torch.zeros(len(candidates), len(splines_of[0]), width, dtype=torch.float32)
    grids = []
    for own_values, activations in zip(values, splines_of, strict=True):
        knots = activations[0].knots
        grids.append(splines.uniform_grid(float(knots[0]), float(knots[-1]), len(knots)))
        for layer, activation in enumerate(activations):
            own_values[layer, : len(knots)] = as_tensor(activation.values)
    grid = splines.stack_grids(grids)
    grid = splines.Grid(*(part.repeat_interleave(n_copies, 0) for part in grid))
    values = values.repeat_interleave(n_copies, 0).to(device)
    return Model(architecture, grid=grid.to(values)), Functions(activation=values)


STACK_MODELS = {"fixed": _fixed_stack, "given": _given_stack, "learned": _learned_stack}
