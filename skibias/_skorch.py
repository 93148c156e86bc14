"""Final training of the chosen network, through skorch.

A `NeuralNet` is composed, not subclassed, and does the loop: epochs, history, callbacks. What
it trains with is the engine: `forward`, the losses and the optimisers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, PrintLog
from torch import Tensor, nn
from tqdm import tqdm

from skibias._checkpoint import StageFiles
from skibias._epoch_scores import HeldOutScores, epoch_scorings
from skibias._numbers import check_index
from skibias._runtime import plain_settings
from skibias._targets import TargetEncoding
from skibias._time_limit import Cut, Deadline
from skibias.engine.episodes import Rows, chances, draw_epoch, gather_shared
from skibias.engine.losses import LOSSES, STOPPING_LOSSES, Loss, training_loss
from skibias.engine.networks import Functions, Model
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.training import (
    Run,
    WeightWindow,
    predict_apart,
    stack_outputs,
    update_apart,
    update_parts,
)


class FinalSettings(NamedTuple):
    """How the chosen network is trained."""

    encoding: TargetEncoding
    label_smoothing: float
    counts_errors: bool  # of classes, to judge by
    optimizer: str
    learning_rate: float
    batch_size: int
    max_epochs: int
    n_iter_no_change: int
    callbacks: list | None
    verbose: int
    device: torch.device
    deadline: Deadline = Deadline()
    stage: StageFiles = StageFiles()  # where states are kept


class FinalNetworks(NamedTuple):
    """What final training leaves behind."""

    weights: np.ndarray  # (E, P) float32, of the best epoch
    history: list[dict[str, Any]]  # one record per epoch
    diverged: bool  # no epoch came to a finite loss
    cut: Cut | None  # by the deadline


class Judgement(NamedTuple):
    """What is known of the averaged weights."""

    window: WeightWindow
    best_weights: Tensor  # (E, P)
    best: float  # the lowest error, or squared error
    never_finite: bool
    waited: int  # epochs without improvement


class TrainingProgress(NamedTuple):
    """What training goes on from after an epoch."""

    weights: Tensor  # (E, P)
    optimizer: dict[str, Any]
    generator: torch.Generator
    history: list[dict[str, Any]]
    judgement: Judgement
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

    Weights are judged as the mean over the last steps. With validation rows, training stops after
    ``n_iter_no_change`` epochs without fewer errors (or a lower squared error) of the networks'
    mean outputs, and the best epoch's weights come back; without, it runs for ``max_epochs`` and
    the last ones do. ``run`` makes the calls that evaluate large networks. A deadline ends
    training in the middle of an epoch, whose weights are judged as well. Training that has left
    a state in the settings' stage goes on from there.
    """
    averaging = _AveragedValidation(model, functions, validation, settings)
    stack = _NetworkStack(model, functions, weights, run)
    ending = _EndOfTraining(averaging, generator, settings)
    net = _compose_net(stack, averaging, ending, settings)
    net.initialize()
    progress = settings.stage.state()
    if progress is not None:
        _take_up(progress, net, averaging, ending)
    _run_epochs(net, train, settings.max_epochs - len(net.history))
    judgement = averaging.judgement_
    weights = judgement.best_weights.cpu()
    diverged = not bool(weights.isfinite().all()) or judgement.never_finite
    return FinalNetworks(weights.numpy(), _records(net), diverged, ending.cut_)


def _run_epochs(net, train: Rows, n_epochs: int) -> None:
    """Train for so many epochs, or until a callback ends it."""
    net.notify("on_train_begin", X=train, y=None)
    try:
        net.fit_loop(train, epochs=n_epochs)
    except _TrainingEndedError:
        pass
    except KeyboardInterrupt as interrupt:
        # skorch's own EarlyStopping ends training this way; Ctrl-C must not be swallowed.
        if not _raised_by_early_stopping(interrupt):
            raise
    finally:
        net.notify("on_train_end", X=train, y=None)


def _take_up(progress: TrainingProgress, net, averaging, ending) -> None:
    """Bring everything that training changes to where it was after an epoch."""
    with torch.no_grad():
        net.module_.weights.copy_(progress.weights)
    net.optimizer_.load_state_dict(progress.optimizer)
    ending.generator.set_state(progress.generator.get_state())
    net.history.extend({**record, "batches": []} for record in progress.history)
    averaging.start = progress.judgement
    ending.start = progress


def _records(net) -> list[dict[str, Any]]:
    """Return one record per epoch, without its batches."""
    return [
        {key: value for key, value in epoch.items() if key != "batches"} for epoch in net.history
    ]


def _compose_net(module, averaging, ending, settings: FinalSettings) -> NeuralNet:
    """Return skorch's net around the engine's parts."""
    callbacks = [("averaged_validation", averaging)]
    scorings = epoch_scorings(settings.callbacks)
    if scorings:  # before other callbacks, which may monitor a score
        callbacks.append(("scores", HeldOutScores(scorings, averaging, settings.encoding)))
    callbacks += settings.callbacks or []
    if settings.verbose:
        callbacks.append(("progress", _ProgressBar()))
    # Last, so that every other callback has seen the end of the epoch.
    callbacks.append(("ending", ending))
    return NeuralNet(
        module,
        criterion=_MeanLoss,
        criterion__loss=training_loss(settings.encoding.loss, settings.label_smoothing),
        optimizer=EngineOptimizer,
        optimizer__name=settings.optimizer,
        optimizer__run=module.run,
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train=_ShuffledBatches,
        iterator_train__generator=ending.generator,
        iterator_train__is_over=settings.deadline.has_passed,
        dataset=_identity,
        train_split=None,
        callbacks=callbacks,
        callbacks__valid_loss=None,
        callbacks__print_log=None,
        verbose=int(_prints(settings.callbacks)),
        device=settings.device,
    )


def _prints(callbacks: list | None) -> bool:
    """Whether the user has asked for a log, which skorch prints only if the net is verbose."""
    found = [entry[1] if isinstance(entry, tuple) else entry for entry in callbacks or []]
    return any(own is PrintLog or isinstance(own, PrintLog) for own in found)


class WeightTrajectory(Callback):
    """skorch callback that keeps the weights after every epoch.

    Attributes
    ----------
    trajectory_ : list of ndarray of shape (n_estimators, n_weights), float32
        The start first, then one entry per epoch; each network as the flat vector that the
        estimator's ``weights_`` holds, followed by the changes of the input functions it trains.
    """

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Keep the weights that training starts from."""
        self.trajectory_ = [_module_weights(net)]

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Keep this epoch's weights."""
        self.trajectory_.append(_module_weights(net))

    def estimator_at(self, estimator: Any, epoch: int) -> Any:
        """Return a copy of the fitted estimator as it was after an epoch.

        Parameters
        ----------
        estimator : LearnedActivationMLPClassifier or LearnedActivationMLPRegressor
            The one that was fitted with this callback.
        epoch : int
            0 is the start, 1 the end of the first epoch, -1 that of the last.

        Returns
        -------
        The same class
            Fitted; shares all but the weights with the estimator.

        Raises
        ------
        ValueError
            If there is no such epoch, or the weights are of other networks.
        """
        n_states = len(self.trajectory_)
        epoch = check_index("epoch", epoch, -n_states, n_states - 1, "estimator_at")
        other = copy(estimator)
        with plain_settings():
            other.networks_ = estimator.networks_.with_weights(self.trajectory_[epoch])
        return other


class _TrainingEndedError(Exception):
    """Raised at the end of the epoch after which training is to stop."""


class _NetworkStack(nn.Module):
    """E networks as one module with one parameter, the flat weights (E, P)."""

    def __init__(self, model: Model, functions: Functions, weights: Tensor, run: Run) -> None:
        super().__init__()
        self.run = run
        self.model = model
        self.functions = functions
        self.weights = nn.Parameter(weights.detach().clone())

    def forward(self, X: Tensor) -> Tensor:
        return stack_outputs(self.model, self.weights, self.functions, X, self.run)


class _MeanLoss(nn.Module):
    """Sum over the networks of their mean losses, so that each is trained as if alone."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, predictions: Tensor, target_and_weight: tuple[Tensor, Tensor]) -> Tensor:
        return self.loss(predictions, *target_and_weight).sum()


def _undecorated(method: Any) -> Any:
    """Return a method without the decorator that imports torch's compiler, which takes a second."""
    return getattr(method, "__wrapped__", method)


class EngineOptimizer(torch.optim.Optimizer):
    """The engine's update rules behind torch's interface: the same steps as in meta-learning."""

    add_param_group = _undecorated(torch.optim.Optimizer.add_param_group)
    zero_grad = _undecorated(torch.optim.Optimizer.zero_grad)

    def __init__(self, parameters: Any, lr: float, name: str, run: Run) -> None:
        self._optimizer = OPTIMIZERS[name]
        self._run = run
        super().__init__(parameters, {"lr": lr})

    def step(self, closure: Any = None) -> Tensor:  # type: ignore[override]
        """Make one step; skorch passes the closure that computes loss and gradients."""
        loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                weights = parameter.detach()
                states = self.state[parameter].get("states")
                states = states or [self._optimizer.init(own) for own in update_parts(weights)]
                self.state[parameter]["states"] = update_apart(
                    self._optimizer, weights, parameter.grad, states, group["lr"], self._run
                )
        return loss


class _ShuffledBatches:
    """Batches of `Rows` by index, in a new order each epoch; in place of a DataLoader.

    An epoch ends early, though not before its first batch, once ``is_over()``.
    """

    def __init__(
        self,
        dataset: Rows,
        batch_size: int,
        generator: torch.Generator,
        is_over: Callable[[], bool],
    ) -> None:
        self._rows = dataset
        self._chance = chances(dataset.weights)
        self._n_batches = _count_batches(dataset, batch_size)
        self._generator = generator
        self._is_over = is_over

    def __len__(self) -> int:
        return self._n_batches

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
        numbers = torch.arange(len(self._rows.targets))
        draws = draw_epoch(numbers, self._n_batches, self._generator, self._chance)
        for number, draw in enumerate(draws):
            if number > 0 and self._is_over():
                return
            inputs, targets, weights = gather_shared(self._rows, [draw])
            yield inputs, (targets, weights)


def _count_batches(rows: Rows, batch_size: int) -> int:
    return max(1, round(len(rows.targets) / batch_size))


class _AveragedValidation(Callback):
    """Judge the averaged weights after every epoch, keep the best, stop when they stay worse."""

    def __init__(self, model, functions, validation, settings: FinalSettings):
        self.model = model
        self.functions = functions
        self.validation = validation
        self.loss = LOSSES[settings.encoding.loss]
        judges = STOPPING_LOSSES if settings.counts_errors else LOSSES
        self.judge = judges[settings.encoding.loss]
        self.start: Judgement | None = None  # of training that goes on

    def on_train_begin(self, net, **kwargs):
        self.judgement_ = self.start or Judgement(
            WeightWindow(),
            best_weights=net.module_.weights.detach().clone(),
            best=np.inf,
            never_finite=self.validation is not None,
            waited=0,
        )

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.judgement_.window.add(net.module_.weights.detach())

    def on_epoch_end(self, net, **kwargs):
        averaged = self.judgement_.window.mean()
        if self.validation is None:
            self.judgement_ = self.judgement_._replace(best_weights=averaged)
            return
        rows = self.validation
        predictions = predict_apart(
            self.model, averaged, self.functions, rows.inputs, net.module_.run
        )
        self.outputs_ = predictions.mean(0)
        losses = self.loss(predictions, rows.targets, rows.weights)
        validation_loss = float(losses.nan_to_num(nan=np.inf).mean())
        # The networks are judged together, as they will predict.
        judged = self.judge(self.outputs_, rows.targets, rows.weights)
        improved = np.isfinite(validation_loss) and float(judged) < self.judgement_.best
        lowest = min((epoch["valid_loss"] for epoch in net.history[:-1]), default=np.inf)
        net.history.record("valid_loss", validation_loss)
        net.history.record("valid_loss_best", validation_loss < lowest)
        net.history.record("valid_error", float(judged))
        net.history.record("valid_error_best", improved)
        if improved:
            window = self.judgement_.window
            self.judgement_ = Judgement(
                window, averaged, float(judged), never_finite=False, waited=0
            )
        else:
            self.judgement_ = self.judgement_._replace(waited=self.judgement_.waited + 1)


class _EndOfTraining(Callback):
    """End training once the averaged weights have stayed worse for long enough or time is over.

    Otherwise keep, now and then, what training could go on from.
    """

    def __init__(self, averaging, generator, settings: FinalSettings):
        self.averaging = averaging
        self.generator = generator
        self.settings = settings
        self.cut_: Cut | None = None
        self.start: TrainingProgress | None = None  # of training that goes on
        self._keeper = settings.stage.keeper()

    def on_train_begin(self, net, **kwargs):
        """Bring schedules to where they were; making them has moved the learning rate."""
        if self.start is not None:
            for schedule, state in zip(_schedules(net), self.start.schedules, strict=False):
                schedule.load_state_dict(state)
            net.optimizer_.load_state_dict(self.start.optimizer)

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        settings = self.settings
        n_batches = _count_batches(dataset_train, settings.batch_size)
        is_whole = net.history[-1]["train_batch_count"] == n_batches
        if is_whole and self.averaging.judgement_.waited >= settings.n_iter_no_change:
            raise _TrainingEndedError
        n_whole = len(net.history) - (not is_whole)
        if n_whole < settings.max_epochs and settings.deadline.has_passed():
            self.cut_ = Cut("training", n_whole, settings.max_epochs, "epochs")
            raise _TrainingEndedError
        if self._keeper.is_due():
            self._keeper.keep(self._progress(net))

    def _progress(self, net) -> TrainingProgress:
        return TrainingProgress(
            net.module_.weights.detach(),
            net.optimizer_.state_dict(),
            self.generator,
            _records(net),
            self.averaging.judgement_,
            [schedule.state_dict() for schedule in _schedules(net)],
        )


class _ProgressBar(Callback):
    """One bar over the epochs, on stderr."""

    def on_train_begin(self, net, **kwargs):
        done = len(net.history)
        self.bar_ = tqdm(total=net.max_epochs, initial=done, desc="training", file=sys.stderr)

    def on_epoch_end(self, net, **kwargs):
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()


def _identity(X, y=None):
    """skorch's ``dataset``: the rows are one already."""
    return X


def _schedules(net) -> list:
    """Return the schedules of the learning rate among a net's callbacks."""
    return [own.lr_scheduler_ for _, own in net.callbacks_ if isinstance(own, LRScheduler)]


def _module_weights(net) -> np.ndarray:
    return net.module_.weights.detach().cpu().numpy().copy()


def _raised_by_early_stopping(interrupt: BaseException) -> bool:
    """Whether the exception started in a method of skorch's EarlyStopping."""
    frame = interrupt.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and isinstance(frame.tb_frame.f_locals.get("self"), EarlyStopping)
