"""Which of skorch's callbacks can be used in the final training, told before any work."""

from __future__ import annotations

from copy import copy
from fnmatch import fnmatch
from typing import NoReturn

import torch
from sklearn.metrics import get_scorer
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    Unfreezer,
    WarmRestartLR,
)
from skorch.utils import freeze_parameter

from skibias._numbers import is_whole
from skibias._train.skorch_net import EngineOptimizer

WEIGHTS = "weights"  # the one parameter of the module that is trained
# Of skorch's own callbacks and those of the final training.
TAKEN_NAMES = ("epoch_timer", "train_loss", "valid_loss", "print_log")
TAKEN_NAMES += ("averaged_validation", "scores")
_NO_BATCHES = (
    "held-out rows are predicted once per epoch, by averaged weights. Use EpochScoring, or "
    "'valid_loss' and 'valid_error' of history_"
)
_ONE_PARAMETER = (
    "all weights are one parameter, without which there is nothing to train. Use the 'activation' "
    "and 'input_activations' parameters for functions that are to stay as they are"
)
# What is recorded of every epoch before callbacks see its end, and of every batch.
_HELD_OUT_RECORDS = ("valid_loss", "valid_loss_best", "valid_error", "valid_error_best")
EPOCH_RECORDS = ("epoch", "train_batch_count", "dur", "train_loss", "train_loss_best")
EPOCH_RECORDS += _HELD_OUT_RECORDS
BATCH_RECORDS = ("train_loss", "train_batch_size")
REFUSED = {
    BatchScoring: _NO_BATCHES,
    Freezer: _ONE_PARAMETER,
    Unfreezer: _ONE_PARAMETER,
    LoadInitState: (
        "training starts from weights of its own. Use the 'checkpoint' parameter for a fit that "
        "goes on after an interruption"
    ),
    InputShapeSetter: "the network has as many inputs as the data have columns. Leave it out",
}


def check_callbacks(callbacks: list, owner: str, early_stopping: bool) -> None:
    """Raise TypeError or ValueError unless skorch takes all of them and they have an effect.

    Entries are callbacks, classes of them, or pairs (name, callback).
    """
    _check_names(callbacks, owner)
    checked = []
    for entry in callbacks:
        callback = entry[1] if _is_pair(entry) else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            _refuse_other(kind, entry, owner)
        for refused, reason in REFUSED.items():
            if issubclass(kind, refused):
                _refuse(owner, f"not hold {refused.__name__}: {reason}", entry)
        if kind is callback:
            callback = _made(kind, entry, owner)
        _check_settings(callback, owner, early_stopping)
        checked.append(callback)
    _check_monitored(checked, owner)


def _is_pair(entry) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2


def _refuse(owner, rule, entry) -> NoReturn:
    raise ValueError(f"The 'callbacks' parameter of {owner} must {rule}. Got {entry!r} instead.")


def _refuse_other(kind, entry, owner) -> NoReturn:
    """Raise TypeError for what is no callback; of a schedule it is said how to make it one."""
    hint = ""
    if issubclass(kind, (WarmRestartLR, torch.optim.lr_scheduler.LRScheduler)):
        hint = f" Pass LRScheduler(policy={kind.__name__})."
    raise TypeError(
        f"The 'callbacks' parameter of {owner} must hold skorch callbacks. Got {entry!r} instead."
        + hint
    )


def _check_names(callbacks, owner) -> None:
    names = [entry[0] for entry in callbacks if _is_pair(entry)]
    are_free = all(isinstance(name, str) and name not in TAKEN_NAMES for name in names)
    if not are_free or len(set(names)) < len(names):
        rule = f"name every callback differently, by a string that is none of {TAKEN_NAMES}"
        _refuse(owner, rule, names)


def _made(kind, entry, owner) -> Callback:
    """Return a callback of a class, as skorch will make it."""
    try:
        return kind()
    except TypeError as error:
        rule = f"hold classes only where they can be called without parameters ({error})"
        _refuse(owner, rule, entry)


def _check_settings(callback: Callback, owner, early_stopping) -> None:
    """Raise ValueError where a callback's own parameters cannot be used, or do nothing."""
    if isinstance(callback, (Checkpoint, EarlyStopping)):
        if getattr(callback, "load_best", False):
            rule = (
                "have load_best=False: the estimator itself goes back to its best epoch, with "
                "early_stopping=True"
            )
            _refuse(owner, rule, callback)
        _check_held_out(callback, owner, early_stopping)
    if isinstance(callback, Checkpoint) and callback.f_pickle:
        _refuse(owner, "have f_pickle=None: pickle the fitted estimator instead", callback)
    if isinstance(callback, LRScheduler):
        _check_schedule(callback, owner, early_stopping)
    if isinstance(callback, ParamMapper):
        _check_mapper(callback, owner)
    if isinstance(callback, PassthroughScoring) and not callback.on_train:
        _refuse(owner, f"have on_train=True: {_NO_BATCHES}", callback)
    if isinstance(callback, EpochScoring):
        _check_scoring(callback, owner, early_stopping)


def _check_scoring(callback: EpochScoring, owner, early_stopping) -> None:
    if callback.on_train:
        rule = "have on_train=False: the held-out rows are scored, with averaged weights"
        _refuse(owner, rule, callback)
    if not early_stopping:
        rule = "hold no EpochScoring where early_stopping=False holds out no rows"
        _refuse(owner, rule, callback)
    if isinstance(callback.scoring, str):
        try:
            get_scorer(callback.scoring)
        except ValueError as error:
            _refuse(owner, f"hold scores of scikit-learn ({error})", callback)


def _check_held_out(callback, owner, early_stopping) -> None:
    if callback.monitor in _HELD_OUT_RECORDS and not early_stopping:
        rule = "monitor 'train_loss' where early_stopping=False holds out no rows"
        _refuse(owner, rule, callback)


def _check_monitored(callbacks: list[Callback], owner) -> None:
    """Raise ValueError where a callback monitors what nothing records before it.

    A user's own class may record anything.
    """
    if not all(type(own).__module__.split(".")[0] in ("skorch", "skibias") for own in callbacks):
        return
    scores = [name for own in callbacks if isinstance(own, EpochScoring) for name in _records(own)]
    of_epochs, of_batches = [*EPOCH_RECORDS, *scores], list(BATCH_RECORDS)
    for callback in callbacks:
        by_batch = getattr(callback, "step_every", "epoch") == "batch"
        known = of_batches if by_batch else of_epochs
        monitor = _monitor(callback)
        if isinstance(monitor, str) and monitor not in known:
            raise ValueError(
                f"The 'callbacks' parameter of {owner} must monitor what is recorded before in "
                f"every {'batch' if by_batch else 'epoch'}, one of {tuple(known)}. "
                f"Got monitor={monitor!r} of {type(callback).__name__} instead."
            )
        known += _records(callback)


def _monitor(callback: Callback):
    """Return what a callback looks at; a schedule does so only for a plateau."""
    if isinstance(callback, LRScheduler) and not _waits_for_plateau(callback):
        return None
    return getattr(callback, "monitor", None)


def _waits_for_plateau(callback: LRScheduler) -> bool:
    policy = callback.policy
    policy = callback._get_policy_cls() if isinstance(policy, str) else policy
    return policy is torch.optim.lr_scheduler.ReduceLROnPlateau


def _records(callback: Callback) -> list[str]:
    """Return the names that a callback of skorch records of every epoch, or batch."""
    if isinstance(callback, (EpochScoring, PassthroughScoring)):
        name = _score_name(callback)
        return [name] if callback.lower_is_better is None else [name, f"{name}_best"]
    event = getattr(callback, "event_name", None)
    return [] if event is None else [event]


def _score_name(callback: EpochScoring | PassthroughScoring) -> str:
    """Return the name of a score, as skorch will find it."""
    if isinstance(callback, PassthroughScoring):
        return callback.name
    return copy(callback).initialize().name_


def _check_schedule(callback: LRScheduler, owner, early_stopping) -> None:
    """Make the schedule once, for an optimiser like that of training."""
    weights = torch.zeros(1, dtype=torch.float32, device="cpu").requires_grad_()
    try:
        policy = callback.policy
        if isinstance(policy, str):
            policy = callback._get_policy_cls()
        policy(EngineOptimizer([weights], lr=0.001, name="sgd", run=None), **callback.kwargs)
    except (AttributeError, TypeError, ValueError) as error:
        rule = f"hold schedules of the learning rate that can be made ({error})"
        _refuse(owner, rule, callback)
    if _waits_for_plateau(callback):
        _check_held_out(callback, owner, early_stopping)


def _check_mapper(callback: ParamMapper, owner) -> None:
    patterns = callback.patterns
    patterns = patterns if isinstance(patterns, (list, tuple)) else [patterns]
    matches = [own(WEIGHTS) if callable(own) else fnmatch(WEIGHTS, own) for own in patterns]
    if not any(matches):
        rule = f"have a pattern that matches {WEIGHTS!r}, the one parameter that there is"
        _refuse(owner, rule, callback)
    if not callable(callback.at) and not (is_whole(callback.at) and callback.at > 0):
        _refuse(owner, "have the number of an epoch, from 1, or a function as 'at'", callback)
    if callback.fn is freeze_parameter:
        _refuse(
            owner, f"not hold {type(callback).__name__} that freezes: {_ONE_PARAMETER}", callback
        )
