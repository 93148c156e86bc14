"""Which of skorch's callbacks can be used in the final training, told before any work."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from fnmatch import fnmatch
from typing import Any

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

from skibias._errors import parameter_error
from skibias._numbers import is_whole
from skibias._train.skorch_net import EngineOptimizer

WEIGHTS = "weights"  # the one parameter of the module that is trained
# Of skorch's own callbacks and those of the final training.
TAKEN_NAMES = tuple(
    "epoch_timer train_loss valid_loss print_log averaged_validation scores".split()
)
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
EPOCH_RECORDS = (
    *"epoch train_batch_count dur train_loss train_loss_best".split(),
    *_HELD_OUT_RECORDS,
)
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
    names = [entry[0] for entry in callbacks if _is_pair(entry)]
    are_free = all(isinstance(name, str) and name not in TAKEN_NAMES for name in names)
    if not are_free or len(set(names)) < len(names):
        rule = f"name every callback differently, by a string that is none of {TAKEN_NAMES}"
        raise parameter_error("callbacks", owner, rule, names)
    made = [_made(entry, owner) for entry in callbacks]
    for callback in made:
        for rule in _broken_rules(callback, early_stopping):
            raise parameter_error("callbacks", owner, rule, callback)
    _check_monitored(made, owner)


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2


def _made(entry: Any, owner: str) -> Callback:
    """Return the callback of an entry; one of a class is made as skorch will make it."""
    callback = entry[1] if _is_pair(entry) else entry
    kind = callback if isinstance(callback, type) else type(callback)
    if not issubclass(kind, Callback):
        is_schedule = issubclass(kind, (WarmRestartLR, torch.optim.lr_scheduler.LRScheduler))
        hint = f" Pass LRScheduler(policy={kind.__name__})." if is_schedule else ""
        raise TypeError(
            f"The 'callbacks' parameter of {owner} must hold skorch callbacks. "
            f"Got {entry!r} instead.{hint}"
        )
    for refused, reason in REFUSED.items():
        if issubclass(kind, refused):
            rule = f"not hold {refused.__name__}: {reason}"
            raise parameter_error("callbacks", owner, rule, entry)
    if kind is not callback:
        return callback
    try:
        return kind()
    except TypeError as error:
        rule = f"hold classes only where they can be called without parameters ({error})"
        raise parameter_error("callbacks", owner, rule, entry) from error


def _broken_rules(callback: Callback, early_stopping: bool) -> Iterator[str]:
    """Yield what a callback breaks whose own parameters cannot be used, or do nothing."""
    keeps_or_stops = isinstance(callback, (Checkpoint, EarlyStopping))
    if keeps_or_stops and getattr(callback, "load_best", False):
        yield (
            "have load_best=False: the estimator itself goes back to its best epoch, with "
            "early_stopping=True"
        )
    if isinstance(callback, Checkpoint) and callback.f_pickle:
        yield "have f_pickle=None: pickle the fitted estimator instead"
    if isinstance(callback, LRScheduler):
        yield from _rules_of_schedule(callback)
    looks = keeps_or_stops or isinstance(callback, LRScheduler)
    if looks and not early_stopping and _monitor(callback) in _HELD_OUT_RECORDS:
        yield "monitor 'train_loss' where early_stopping=False holds out no rows"
    if isinstance(callback, ParamMapper):
        yield from _rules_of_mapper(callback)
    if isinstance(callback, PassthroughScoring) and not callback.on_train:
        yield f"have on_train=True: {_NO_BATCHES}"
    if isinstance(callback, EpochScoring):
        yield from _rules_of_scoring(callback, early_stopping)


def _rules_of_schedule(callback: LRScheduler) -> Iterator[str]:
    """Make the schedule once, for an optimiser like that of training."""
    weights = torch.zeros(1, dtype=torch.float32, device="cpu").requires_grad_()
    try:
        optimizer = EngineOptimizer([weights], lr=0.001, name="sgd", run=list)  # makes no step
        _policy(callback)(optimizer, **callback.kwargs)
    except (AttributeError, TypeError, ValueError) as error:
        yield f"hold schedules of the learning rate that can be made ({error})"


def _rules_of_mapper(callback: ParamMapper) -> Iterator[str]:
    patterns = callback.patterns
    patterns = patterns if isinstance(patterns, (list, tuple)) else [patterns]
    if not any(own(WEIGHTS) if callable(own) else fnmatch(WEIGHTS, own) for own in patterns):
        yield f"have a pattern that matches {WEIGHTS!r}, the one parameter that there is"
    if not callable(callback.at) and not (is_whole(callback.at) and callback.at > 0):
        yield "have the number of an epoch, from 1, or a function as 'at'"
    if callback.fn is freeze_parameter:
        yield f"not hold {type(callback).__name__} that freezes: {_ONE_PARAMETER}"


def _rules_of_scoring(callback: EpochScoring, early_stopping: bool) -> Iterator[str]:
    if callback.on_train:
        yield "have on_train=False: the held-out rows are scored, with averaged weights"
    if not early_stopping:
        yield "hold no EpochScoring where early_stopping=False holds out no rows"
    if isinstance(callback.scoring, str):
        try:
            get_scorer(callback.scoring)
        except ValueError as error:
            yield f"hold scores of scikit-learn ({error})"


def _check_monitored(callbacks: list[Callback], owner: str) -> None:
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


def _monitor(callback: Callback) -> Any:
    """Return what a callback looks at; a schedule does so only for a plateau."""
    if isinstance(callback, LRScheduler):
        waits_for_plateau = _policy(callback) is torch.optim.lr_scheduler.ReduceLROnPlateau
        return callback.monitor if waits_for_plateau else None
    return getattr(callback, "monitor", None)


def _policy(callback: LRScheduler) -> Any:
    """Return the class of a schedule, or the function that makes it."""
    by_name = isinstance(callback.policy, str)
    return callback._get_policy_cls() if by_name else callback.policy


def _records(callback: Callback) -> list[str]:
    """Return the names that a callback of skorch records of every epoch, or batch."""
    if isinstance(callback, EpochScoring):
        name = copy(callback).initialize().name_
    elif isinstance(callback, PassthroughScoring):
        name = callback.name
    else:
        event = getattr(callback, "event_name", None)
        return [] if event is None else [event]
    return [name] if callback.lower_is_better is None else [name, f"{name}_best"]
