"""Training the networks of the chosen candidate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._choose.candidates import all_diverged_message
from skibias._choose.plan import FitPlan, batch_rows
from skibias._choose.selection import Selection
from skibias._prepare.problem import Problem
from skibias._prepare.rows import take_rows
from skibias._run.clock import Cut
from skibias._run.parallel import worker_threads
from skibias._run.stages import FitRun, StageRun
from skibias._run.tensors import as_tensor
from skibias._train.fitted import FittedNetworks
from skibias.engine.episodes import stream
from skibias.engine.networks import Architecture, Model, add_to_outputs
from skibias.functions.fixed import network_activation


class TrainedNetworks(NamedTuple):
    """What the final training leaves behind."""

    networks: FittedNetworks
    history: list[dict[str, Any]]  # one record per epoch
    n_rows: int  # that networks were trained on
    cut: Cut | None


def train_selected(
    plan: FitPlan,
    problem: Problem,
    selection: Selection,
    run: FitRun,
    *,
    callbacks: list | None = None,
    verbose: int = 0,
) -> TrainedNetworks:
    """Train the networks of a selection from scratch, through skorch.

    Raises ValueError if no epoch comes to a finite loss.
    """
    from skibias._train.skorch_loop import train_networks

    stage = run.stage("training")
    encoder, activations = selection.encoder, selection.candidate.activations
    rows = problem.encoded(encoder, run.device)
    train = problem.train if plan.early_stopping else np.arange(problem.n_rows)
    architecture = encoder.architecture(
        plan.network.hidden_layer_sizes,
        problem.encoding.n_outputs,
        plan.network.spectral_normalization,
    )
    with worker_threads(min(run.n_threads, plan.n_estimators)) as run_calls:
        final = stage.result(
            lambda: train_networks(
                Model(architecture, network_activation(activations)),
                encoder.engine_functions(run.device),
                _first_weights(plan, problem, architecture),
                take_rows(rows, train),
                problem.validation_rows(rows) if plan.early_stopping else None,
                stream(problem.seed, "final batches"),
                _settings(plan, problem, selection, stage, len(train), run, callbacks, verbose),
                run_calls,
            )
        )
    if final.diverged:
        raise ValueError(all_diverged_message(plan.owner))
    networks = FittedNetworks.of(
        architecture,
        activations,
        final.weights,
        encoder,
        problem.encoding,
        problem.target_means,
    )
    return TrainedNetworks(networks, final.history, len(train), final.cut)


def _first_weights(plan: FitPlan, problem: Problem, architecture: Architecture) -> torch.Tensor:
    """Return the weights (E, P) that training starts from."""
    streams = [stream(problem.seed, "network", number) for number in range(plan.n_estimators)]
    weights = torch.stack([architecture.layout.draw(own) for own in streams])
    outputs = as_tensor(problem.encoding.start(plan.network.label_smoothing))
    return add_to_outputs(weights, architecture, outputs)


def _settings(
    plan: FitPlan,
    problem: Problem,
    selection: Selection,
    stage: StageRun,
    n_rows: int,
    run: FitRun,
    callbacks: list | None,
    verbose: int,
) -> Any:
    from skibias._train.skorch_loop import FinalSettings

    return FinalSettings(
        encoding=problem.encoding,
        label_smoothing=plan.network.label_smoothing,
        counts_errors=problem.rows.weigh_alike(),
        optimizer=plan.network.optimizer,
        learning_rate=plan.network.learning_rate / selection.candidate.prefactor,
        batch_size=batch_rows(plan.batch_size, n_rows),
        max_epochs=plan.max_iter,
        n_iter_no_change=plan.n_iter_no_change,
        callbacks=callbacks,
        verbose=verbose,
        device=run.device,
        stage=stage,
    )
