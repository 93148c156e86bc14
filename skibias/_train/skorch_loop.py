"""Final training of the chosen networks: the engine computes, skorch calls the callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from skibias._run.clock import Cut
from skibias._run.progress import progress_bar
from skibias._train.epoch_scores import HeldOutScores, epoch_scorings
from skibias._train.skorch_net import (
    FinalSettings,
    NetworkStack,
    compose_net,
    has_stopped_early,
    schedules,
)
from skibias.engine.episodes import Rows, chances
from skibias.engine.losses import LOSSES, STOPPING_LOSSES, training_loss
from skibias.engine.networks import Functions, Model
from skibias.engine.steps import Run
from skibias.engine.training import BestSoFar, StackRows, WeightWindow, count_batches, epochs


class FinalNetworks(NamedTuple):
    """What final training leaves behind."""

    weights: np.ndarray  # (E, P) float32, of the best epoch
    history: list[dict[str, Any]]  # one record per epoch
    diverged: bool  # no epoch came to a finite loss
    cut: Cut | None  # by the deadline


class TrainingProgress(NamedTuple):
    """What training goes on from after an epoch."""

    weights: Tensor  # (E, P)
    optimizer: dict[str, Any]
    generator: torch.Generator
    history: list[dict[str, Any]]
    window: WeightWindow
    best: BestSoFar
    best_weights: Tensor  # (E, P)
    schedules: list[dict[str, Any]]  # states of the learning rate's


def train_networks(
    model: Model,
    functions: Functions,
    weights: Tensor,
    train: Rows,
    validation: Rows | None,
    generator: torch.Generator,
    settings: FinalSettings,
    run: Run,
) -> FinalNetworks:
    """Train a stack of E networks (E, P) on the same batches.

    Weights are evaluated as the mean over the last steps. With validation rows, training stops
    after ``n_iter_no_change`` epochs without fewer errors (or a lower squared error) of the
    networks' mean outputs, and the best epoch's weights come back; without, it runs for
    ``max_epochs`` and the last ones do. ``run`` makes the calls that evaluate large networks. A
    deadline ends training in the middle of an epoch, whose weights are evaluated as well. Training
    that has left a state in the settings' stage goes on from there.
    """
    evaluation = _Evaluation(weights, validation, settings)
    callbacks = [("averaged_validation", evaluation)]
    scorings = epoch_scorings(settings.callbacks)
    if scorings:  # before callbacks that may monitor a score
        callbacks.append(("scores", HeldOutScores(scorings, evaluation, settings.encoding)))
    net = compose_net(NetworkStack(model, functions, weights, run), callbacks, settings)
    training = _Training(net, evaluation, train, generator, settings)
    training.run()
    weights = evaluation.best_weights.cpu()
    diverged = not bool(weights.isfinite().all()) or evaluation.was_never_finite
    return FinalNetworks(weights.numpy(), _records(net), diverged, training.cut)


class _Evaluation(Callback):
    """Evaluate the averaged weights on held-out rows after every epoch, and keep the best."""

    def __init__(self, weights: Tensor, validation: Rows | None, settings: FinalSettings) -> None:
        self.validation = validation
        self.loss = LOSSES[settings.encoding.loss]
        errors = STOPPING_LOSSES if settings.counts_errors else LOSSES
        self.error = errors[settings.encoding.loss]
        self.patience = settings.n_iter_no_change
        self.window = WeightWindow()
        self.best = BestSoFar.start(1)  # the networks together, as they will predict
        self.best_weights = weights

    @property
    def was_never_finite(self) -> bool:
        """Whether no epoch came to a finite loss on held-out rows."""
        return self.validation is not None and not bool(self.best.losses.isfinite())

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        averaged = self.window.mean()
        if self.validation is None:
            self.best_weights = averaged
            return
        inputs, targets, weights = self.validation
        predictions = net.module_.predict(averaged, inputs)
        self.outputs_ = predictions.mean(0)
        losses = self.loss(predictions, targets, weights)
        loss = float(losses.nan_to_num(nan=np.inf).mean())
        error = float(self.error(self.outputs_, targets, weights))
        found = torch.tensor([error if np.isfinite(loss) else np.inf], dtype=torch.float32)
        self.best = self.best.update(found, self.patience)
        is_best = bool(self.best.waited == 0)
        if is_best:
            self.best_weights = averaged
        lowest = min((epoch["valid_loss"] for epoch in net.history[:-1]), default=np.inf)
        net.history.record("valid_loss", loss)
        net.history.record("valid_loss_best", loss < lowest)
        net.history.record("valid_error", error)
        net.history.record("valid_error_best", is_best)


class _Training:
    """The loop over epochs, until the callbacks, the evaluation or the deadline end it."""

    def __init__(
        self,
        net: NeuralNet,
        evaluation: _Evaluation,
        train: Rows,
        generator: torch.Generator,
        settings: FinalSettings,
    ) -> None:
        numbers = torch.arange(len(train.targets))
        rows = StackRows(train, [numbers], [], chances(train.weights))
        self.net = net
        self.evaluation = evaluation
        self.train = train
        self.generator = generator
        self.settings = settings
        self.loss = training_loss(settings.encoding.loss, settings.label_smoothing)
        self.epochs = epochs(rows, settings.batch_size, 1, generator)
        self.n_batches = count_batches(rows.train, settings.batch_size)
        self.cut: Cut | None = None

    def run(self) -> None:
        """Train from the start, or from the state that an earlier training has left."""
        net, settings = self.net, self.settings
        progress: TrainingProgress | None = settings.stage.files.state()
        if progress is not None:
            self._take_up(progress)
        net.notify("on_train_begin", X=self.train, y=None)
        if progress is not None:
            _take_up_schedules(progress, net)
        label, done = settings.stage.stage.label, len(net.history)
        bar = progress_bar(self._steps(), settings.max_epochs, label, settings.verbose, done)
        try:
            for _ in bar:
                pass
        except KeyboardInterrupt:
            # skorch's own EarlyStopping ends training this way; Ctrl-C must not be swallowed.
            if not has_stopped_early(net):
                raise
        finally:
            net.notify("on_train_end", X=self.train, y=None)

    def _steps(self) -> Iterator[None]:
        """Train epoch by epoch; keep, now and then, what training could go on from."""
        keeper = self.settings.stage.files.keeper()
        while len(self.net.history) < self.settings.max_epochs:
            datasets = {"dataset_train": self.train, "dataset_valid": None}
            self.net.notify("on_epoch_begin", **datasets)
            self.net.run_single_epoch(
                self._batches(), training=True, prefix="train", step_fn=self._step
            )
            self.net.notify("on_epoch_end", **datasets)
            yield
            if self._is_over():
                return
            if keeper.is_due():
                keeper.keep(self._progress())

    def _batches(self) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
        """Yield an epoch's batches as (X, y); it ends early, not before its first, by deadline."""
        for number, batch in enumerate(next(self.epochs)):
            if number > 0 and self.settings.stage.deadline.has_passed():
                return
            yield batch.inputs, (batch.targets, batch.weights)

    def _step(self, batch: tuple[Tensor, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Make one step; callbacks see the gradient before it."""
        net, (inputs, target_and_weight) = self.net, batch
        slope = net.module_.slope(Rows(inputs, *target_and_weight), self.loss)
        net.module_.weights.grad = slope.gradient
        parameters = list(net.module_.named_parameters())
        net.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
        net.optimizer_.step()
        self.evaluation.window.add(net.module_.weights)
        return {"loss": slope.losses.sum(), "y_pred": slope.outputs}

    def _is_over(self) -> bool:
        """Whether no epoch is to follow; the last one may have been cut."""
        settings, history = self.settings, self.net.history
        is_whole = history[-1]["train_batch_count"] == self.n_batches
        if is_whole and self.evaluation.best.have_ended(settings.n_iter_no_change):
            return True
        n_whole = len(history) - (not is_whole)
        if n_whole < settings.max_epochs and settings.stage.deadline.has_passed():
            self.cut = settings.stage.cut(n_whole, settings.max_epochs, "epochs")
        return self.cut is not None

    def _progress(self) -> TrainingProgress:
        net, evaluation = self.net, self.evaluation
        return TrainingProgress(
            net.module_.weights.detach(),
            net.optimizer_.state_dict(),
            self.generator,
            _records(net),
            evaluation.window,
            evaluation.best,
            evaluation.best_weights,
            [schedule.state_dict() for schedule in schedules(net)],
        )

    def _take_up(self, progress: TrainingProgress) -> None:
        """Bring everything that training changes to where it was after an epoch."""
        net, evaluation = self.net, self.evaluation
        with torch.no_grad():
            net.module_.weights.copy_(progress.weights)
        net.optimizer_.load_state_dict(progress.optimizer)
        self.generator.set_state(progress.generator.get_state())
        net.history.extend({**record, "batches": []} for record in progress.history)
        evaluation.window = progress.window
        evaluation.best = progress.best
        evaluation.best_weights = progress.best_weights


def _take_up_schedules(progress: TrainingProgress, net: NeuralNet) -> None:
    """Bring schedules to where they were; making them has moved the learning rate."""
    for schedule, state in zip(schedules(net), progress.schedules, strict=False):
        schedule.load_state_dict(state)
    net.optimizer_.load_state_dict(progress.optimizer)


def _records(net: NeuralNet) -> list[dict[str, Any]]:
    """Return one record per epoch, without its batches."""
    return [
        {key: value for key, value in epoch.items() if key != "batches"} for epoch in net.history
    ]
